"""A small tree that stands for a board's root, and a signed bundle for it: for provision.sh on any computer.

Everything is real (dpkg, systemctl, openssl, tar, sha256sum) but what would have to run inside the tree: a
stand-in for chroot installs packages by unpacking them and makes slots without their programs.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk import bundle
from kiosk.bundle import keys

HERE = Path(__file__).resolve().parents[2]
SCRIPT = HERE / "provisioning" / "provision.sh"
KIOSK_ID = "almaty-0017"
VERSION = "0.1.0"
TARGET = "trixie-arm64"
SECRET_TOKEN = "tok-never-in-a-log"
SECRET_SMS = "5a" * 32
OPTIONS = {
    "PANA_SSH": "off", "PANA_READ_ONLY_ROOT": "no", "PANA_DATA_DEVICE": "", "PANA_UPDATES_HOUR": "3",
    "PANA_HOSTNAME": KIOSK_ID, "PANA_TIMEZONE": "Asia/Almaty", "PANA_WIFI_POWERSAVE": "off",
}  # fmt: skip
BASE_PACKAGES = (
    "dpkg", "espeak-ng", "nftables", "openssl", "python3", "python3-venv", "systemd-timesyncd",
    "unattended-upgrades",
)  # fmt: skip
# What it changes at every run or is random by nature.
UNSTEADY = ("/var/log/pana-provision.log", "/etc/machine-id", "/var/lib/pana-provision/board")


def deb(folder: Path, name: str, version: str, files: Mapping[str, Path | str], arch: str = "all") -> bytes:
    """Build a real Debian package."""
    root = folder / f"{name}.root"
    for path, content in files.items():
        at = root / path
        at.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copy(content, at)
        else:
            at.write_text(content)
    (root / "DEBIAN").mkdir(parents=True)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: x <x@x.invalid>\n"
    (root / "DEBIAN/control").write_text(f"{control}Description: part of a test\n")
    root.chmod(0o755)
    for folder_in in root.rglob("*"):
        folder_in.chmod(folder_in.stat().st_mode | (0o755 if folder_in.is_dir() else 0o644))
    out = folder / f"{name}.deb"
    build = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(out)]
    subprocess.run(build, check=True, capture_output=True)
    shutil.rmtree(root)
    return out.read_bytes()


def system_part(folder: Path, version: str = VERSION) -> bytes:
    """Build pana-kiosk out of this tree's units and slot scripts."""
    units = {f"usr/lib/systemd/system/{path.name}": path for path in (HERE / "systemd").glob("kiosk*.*")}
    scripts = {
        f"usr/lib/pana-kiosk/{name}": HERE / "provisioning" / name for name in ("slot", "install-slot")
    }
    return deb(folder, "pana-kiosk", version, {**units, **scripts, "usr/bin/kiosk": "#!/bin/sh\n"})


def site_toml(kiosk: str = KIOSK_ID, more: str = "") -> bytes:
    text = (HERE / "provisioning/site.example.toml").read_text()
    return (text.replace('id = "almaty-0017"', f'id = "{kiosk}"') + more).encode()


@dataclass
class Desk:
    """The owner's desk: a key, a release, and bundles for kiosks."""

    folder: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "owner.pub").write_bytes(keys.public_pem(self.key.public_key()))

    @property
    def kiosk_file(self) -> Path:
        return self.folder / f"{KIOSK_ID}.pana.tar"

    @property
    def release_file(self) -> Path:
        return self.folder / f"pana-release-{VERSION}.tar"

    def make_release(self, *, version: str = VERSION, more: Mapping[str, bytes] | None = None) -> str:
        files: dict[str, bundle.Content] = {
            f"deb/pana-kiosk_{version}_all.deb": system_part(self.folder, version),
            f"app/pana_kiosk-{version}-py3-none-any.whl": b"the program",
            f"wheels/{TARGET}/click-8.1.0-py3-none-any.whl": b"a library",
            f"requirements/{TARGET}.txt": b"click==8.1.0\n",
            "wheels/bookworm-armhf/other-1.0-py3-none-any.whl": b"not for this board",
            "pip/pip-25.0-py3-none-any.whl": b"pip",
            f"debs/{TARGET}/alsa-utils_1.2_arm64.deb": deb(
                self.folder, "alsa-utils", "1.2", {"usr/bin/aplay": "#!/bin/sh\n"}, "arm64"
            ),
            "voice/manifest.json": b'{"clips":[],"v":1}',
            "voice/pressed_kk-1.wav": b"RIFF",
        }
        header = bundle.Header(kind="release", version=version, made_at="2026-11-27T01:00:00Z")
        path = self.folder / f"pana-release-{version}.tar"
        return bundle.write(path, header, files | dict(more or {}), self.key.sign, durable=False)

    def make_kiosk(
        self,
        release: str,
        *,
        kiosk: str = KIOSK_ID,
        number: int = 17,
        options: Mapping[str, str] | None = None,
        more: Mapping[str, bytes] | None = None,
        key: Ed25519PrivateKey | None = None,
        version: str = VERSION,
    ) -> Path:
        env = "".join(f"{name}='{value}'\n" for name, value in (OPTIONS | dict(options or {})).items())
        files: dict[str, bundle.Content] = {
            "site.toml": site_toml(kiosk), "ca.pem": b"a CA\n", "token": SECRET_TOKEN.encode() + b"\n",
            "sms.key": SECRET_SMS.encode() + b"\n", "door": b"127.0.0.1:9\n", "options.toml": b"",
            "options.env": env.encode(), "voice/cover_kk-1.wav": b"RIFF2",
            "voice/manifest.json": b'{"clips":[],"v":1}\n',
        }  # fmt: skip
        header = bundle.Header(
            kind="kiosk", version=version, made_at="2026-11-27T01:00:00Z", kiosk=kiosk, number=number,
            release=release,
        )  # fmt: skip
        signer = key or self.key
        bundle.write(self.kiosk_file, header, files | dict(more or {}), signer.sign, durable=False)
        return self.kiosk_file

    def make(self, **options: str) -> Path:
        return self.make_kiosk(self.make_release(), options=options)


def plant(root: Path, *, uid: int | None = None) -> None:
    """Make the tree of a board as its image left it."""
    own = f"{os.getuid()}:{os.getgid()}" if uid is None else f"{uid}:{uid}"
    files = {
        "etc/passwd": f"root:x:{own}:root:/root:/bin/sh\n", "etc/group": f"root:x:{own.split(':')[1]}:\n",
        "etc/os-release": "ID=debian\nVERSION_CODENAME=trixie\n", "etc/hostname": "raspberrypi\n",
        "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 raspberrypi\n", "etc/machine-id": "0" * 32 + "\n",
        "etc/timezone": "Europe/London\n", "usr/share/zoneinfo/Asia/Almaty": "TZ",
        "usr/lib/systemd/system/avahi-daemon.service": "[Install]\nWantedBy=multi-user.target\n",
        "usr/lib/systemd/system/ssh.service": "[Install]\nWantedBy=multi-user.target\n",
        "usr/lib/systemd/system/systemd-timesyncd.service": "[Install]\nWantedBy=sysinit.target\n",
        "usr/lib/systemd/system/apt-daily.timer": "[Install]\nWantedBy=timers.target\n",
        "usr/lib/systemd/system/apt-daily-upgrade.timer": "[Install]\nWantedBy=timers.target\n",
        "etc/cloud/cloud.cfg.d/05_logging.cfg": "", "var/lib/dpkg/available": "", "var/lib/apt/x": "",
        "var/log/x": "", "usr/bin/x": "", "usr/local/bin/x": "", "opt/x": "", "srv/x": "", "usr/lib/x": "",
    }  # fmt: skip
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/London")
    stanza = "Package: {}\nStatus: install ok installed\nArchitecture: arm64\nVersion: 99\n\n"
    (root / "var/lib/dpkg/status").write_text("".join(stanza.format(name) for name in BASE_PACKAGES))
    for folder in ("info", "updates"):
        (root / "var/lib/dpkg" / folder).mkdir()
    wanted = root / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir(parents=True)
    for unit in ("avahi-daemon.service", "ssh.service"):
        (wanted / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")


def picture(root: Path, *, leave: Sequence[str] = ()) -> dict[str, str]:
    """Give every path of a tree with its kind, mode and content."""
    seen = {}
    for path in sorted(root.rglob("*")):
        name = f"/{path.relative_to(root)}"
        if name.startswith(tuple(leave)) and leave:
            continue
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            seen[name] = f"link {path.readlink()}"
        elif path.is_dir():
            seen[name] = f"dir {mode:o}"
        elif name.endswith("/made"):
            seen[name] = " ".join(sorted(path.read_text().split("\n")))
        else:
            seen[name] = f"file {mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return seen


@dataclass
class Board:
    """A tree, and provision.sh run on it."""

    root: Path
    stand_ins: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stand_ins.mkdir(parents=True, exist_ok=True)
        chroot = self.stand_ins / "chroot"
        inside = HERE / "tests/fakes/inside_tree.py"
        chroot.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{inside}" "$@"\n')
        chroot.chmod(0o755)

    def run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
        paths = f"{self.stand_ins}:{os.environ['PATH']}:/usr/sbin:/sbin"
        env = {**plain, "LANG": "en_US.UTF-8", "PATH": paths, **self.environ, **environ}
        env["TMPDIR"] = str(self.stand_ins)
        command = [str(SCRIPT), *words, "--root", str(self.root)]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=100)

    def provision(self, file: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return self.run("--bundle", str(file), *words, **environ)

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()


def planted(folder: Path) -> Board:
    """Make a board whose tree is as its image left it."""
    (folder / "root").mkdir(parents=True)
    plant(folder / "root")
    return Board(folder / "root", folder / "stand-ins")
