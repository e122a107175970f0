"""provision.sh in whole trees of arm64 and armhf, whose own programs run by qemu-user: `make guest-full`."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes.board_tree import HERE, KIOSK_ID, SCRIPT, picture, site_toml

from kiosk import __version__, bundle
from kiosk.bundle import load_signing_key

pytestmark = [
    pytest.mark.real,
    pytest.mark.guest,
    pytest.mark.timeout(3600),
]
FOREIGN = Path(__file__).with_name("foreign.sh")
PROGRAMS = ("mmdebstrap", "qemu-aarch64-static", "qemu-arm-static", "arch-test", "arm-linux-gnueabihf-gcc")
BASE = "systemd-sysv,udev,kmod,dbus,libexpat1,iproute2,netbase,tzdata,ca-certificates"
# Trees and releases are of the suite's last point release: lists of updates change by the hour, and on some
# mirrors for one architecture before another.
NO_UPDATES = """--setup-hook=sed -i '/-updates\\|-security/d' "$1/etc/apt/sources.list\""""
OURS = ("etc", "opt", "usr/local", "var/lib/pana-kiosk", "var/lib/pana-provision")
UNSTEADY = re.compile(
    r"__pycache__|direct_url\.json|RECORD$|/etc/(ld\.so\.cache|machine-id|.*-$)|/before/|/apt/"
)
# Users and groups of packages stay, as Debian wants it: what a removed one owned must not become another's.
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
CUT_AFTER_S = (8, 25, 60, 120)
QUIET = {"LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}


@pytest.fixture(scope="module", autouse=True)
def namespace() -> None:
    """Skip where programs of another architecture cannot be run apart from the machine's own."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(f"please install first: {' '.join(missing)}")
    if os.geteuid() != 0 or subprocess.run([str(FOREIGN), "true"], check=False).returncode != 0:
        pytest.skip("needs root and Linux 6.7 for a binfmt_misc of its own")


def kept(name: str, made_of: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """Give a folder of the cache, built anew when what it is made of changed."""
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(made_of))).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pana-trees"
    folder, part = cache / f"{name}-{key}", cache / f"{name}.part"
    if not folder.exists():
        shutil.rmtree(part, ignore_errors=True)
        for old in cache.glob(f"{name}-*"):
            shutil.rmtree(old)
        part.mkdir(parents=True)
        build(part)
        part.rename(folder)
    return folder


def fleet(*words: str | Path) -> None:
    command = [sys.executable, "-m", "kiosk", "fleet", *map(str, words)]
    subprocess.run(command, check=True, cwd=HERE, timeout=3000)


def sources() -> list[Path]:
    found = [path for tree in ("kiosk", "systemd", "debian") for path in (HERE / tree).rglob("*")]
    found += [
        HERE / name for name in ("requirements/pi.txt", "provisioning/slot", "provisioning/install-slot")
    ]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def base(arch: str) -> Path:
    """Give a tarball of a configured minimal system, made once."""

    def build(folder: Path) -> None:
        command = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--architectures={arch}", "--quiet"]
        made = [*command, NO_UPDATES, f"--include={BASE}", "trixie", str(folder / "tree.tar")]
        subprocess.run([str(FOREIGN), *made], check=True, timeout=3000)

    return kept(f"base-{arch}", [FOREIGN], build) / "tree.tar"


def stick(target: str, folder: Path) -> Path:
    """Give one kiosk's bundle, the release that `kiosk fleet` made for this target beside it."""

    def build(out: Path) -> None:
        keys = ("--key", out / "owner.key")
        fleet("key", "create", *keys, "--pub", out / "owner.pub")
        fleet("release", "build", "--no-updates", "--source", HERE, "--target", target, "--out", out, *keys)

    made = kept(f"release-{target}", sources(), build)
    folder.mkdir()
    for file in (*made.glob("*.tar"), made / "owner.pub"):
        shutil.copy(file, folder)
    (tar,) = folder.glob("pana-release-*.tar")
    key = load_signing_key(made / "owner.key")
    seen = bundle.verify(tar, key.public_key(), kind="release")
    header = bundle.Header(
        kind="kiosk", version=__version__, made_at="2026-11-27T01:00:00Z", kiosk=KIOSK_ID, number=17,
        release=seen.id,
    )  # fmt: skip
    files: dict[str, bytes | Path] = {
        "site.toml": site_toml(), "ca.pem": b"a CA\n", "token": b"a token\n", "sms.key": b"5a" * 32 + b"\n",
        "door": b"127.0.0.1:9\n", "options.env": b"PANA_SSH=off\n", "options.toml": b"",
    }  # fmt: skip
    bundle.write(folder / f"{KIOSK_ID}.pana.tar", header, files, key.sign)
    return folder / f"{KIOSK_ID}.pana.tar"


class Tree:
    """A whole system of another architecture, in a folder."""

    def __init__(self, folder: Path, tarball: Path) -> None:
        self.root = folder
        folder.mkdir()
        subprocess.run(["tar", "-xf", str(tarball), "-C", str(folder), "--exclude=./dev/*"], check=True)

    def inside(self, *command: str | Path, cut_after_s: float | None = None) -> "tuple[int, str]":
        """Run a command in the namespace, the tree's /proc and /dev mounted; cut it short as power would."""
        words = [str(word) for word in command]
        mounts = 'mount --bind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec "$@"'
        child = subprocess.Popen(
            [str(FOREIGN), "bash", "-c", mounts, str(self.root), *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**QUIET, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
        try:
            said, _ = child.communicate(timeout=cut_after_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            said, _ = child.communicate()
        return child.returncode, said

    def provision(self, file: Path, *more: str, cut_after_s: float | None = None) -> "tuple[int, str]":
        line = (SCRIPT, "--bundle", file, "--root", self.root, "--lang", "en", *more)
        return self.inside(*line, cut_after_s=cut_after_s)

    def run(self, *command: str) -> str:
        code, said = self.inside("chroot", self.root, *command)
        assert code == 0, said
        return said

    def accounts(self) -> dict[str, set[str]]:
        """Give each user and group with its numbers; who is a member of a group comes last and may change."""
        return {
            name: {line.rpartition(":")[0] for line in (self.root / name[1:]).read_text().splitlines()}
            for name in ACCOUNTS
        }

    def picture(self) -> dict[str, str]:
        """Give what is ours: other packages' caches and clocks differ from run to run."""
        return {
            f"/{part}{name}": what
            for part in OURS
            for name, what in picture(self.root / part).items()
            if not UNSTEADY.search(f"/{part}{name}")
        }


@pytest.mark.parametrize("arch", ["arm64", "armhf"])
def test_a_tree_becomes_a_kiosk_through_power_cuts_and_is_undone(arch: str, tmp_path: Path) -> None:
    target = f"trixie-{arch}"
    file = stick(target, tmp_path / "stick")
    tree = Tree(tmp_path / "cut", base(arch))
    empty = tree.picture()
    accounts = tree.accounts()
    for seconds in CUT_AFTER_S:
        tree.provision(file, cut_after_s=seconds)
    started = time.monotonic()
    code, said = tree.provision(file)
    assert code == 0, said
    print(f"{target}: the last run took {time.monotonic() - started:.0f} s\n{said}")  # noqa: T201
    code, said = tree.provision(file)
    assert code == 0, said
    assert said.splitlines()[-1] == "0 changed"

    assert tree.run("/usr/bin/kiosk", "--version").split()[-1] == __version__
    assert "ok, hash" in tree.run("/usr/bin/kiosk", "config", "check")
    libraries = "gpiod, gammu, gpiozero, scipy, cryptography"
    tree.run("/opt/pana-kiosk/current/bin/python", "-c", f"import {libraries}")
    assert tree.run("dpkg", "--audit") == ""

    whole = Tree(tmp_path / "whole", base(arch))
    assert whole.provision(file)[0] == 0
    assert tree.picture() == whole.picture()

    code, said = tree.provision(file)
    assert code == 0, said
    code, said = tree.inside(SCRIPT, "--remove", "--root", tree.root, "--lang", "en")
    assert code == 0, said
    left = tree.picture()
    gone = ("etc/pana-kiosk", "opt/pana-kiosk", "var/lib/pana-kiosk", "var/lib/pana-provision")
    assert not [name for name in gone if (tree.root / name).exists()]
    changed = {name for name, what in empty.items() if left.get(name) != what}
    assert changed <= set(accounts), changed - set(accounts)
    kept_accounts = tree.accounts()
    assert all(those <= kept_accounts[name] for name, those in accounts.items())


def test_what_is_wrong_with_a_bundle_leaves_a_whole_tree_as_it_was(tmp_path: Path) -> None:
    file = stick("trixie-arm64", tmp_path / "stick")
    tree = Tree(tmp_path / "tree", base("arm64"))
    before = tree.picture()
    (release,) = file.parent.glob("pana-release-*.tar")
    content = bytearray(release.read_bytes())
    content[len(content) // 2] ^= 1
    release.write_bytes(content)
    code, said = tree.provision(file)
    assert (code, said.splitlines()[0].endswith("Copy it again.")) == (3, True), said
    other = Ed25519PrivateKey.generate()
    (file.parent / "owner.pub").write_bytes(bundle.public_pem(other.public_key()))
    code, said = tree.provision(file)
    assert (code, "not signed with this owner's key" in said) == (3, True), said
    code, said = tree.provision(file, "--kiosk", "astana-0001")
    assert code == 3
    assert tree.picture() == before
