"""Containers of Debian releases with a real systemd: a tree made once, a package, a probe, one boot."""

import os
import shutil
import subprocess
from pathlib import Path

from deploy.packages import ROOT, build, run

PARTS = Path(__file__).parent / "container"
SUITES = ("bookworm", "trixie")
INCLUDED = "systemd-sysv,udev,dbus,python3,openssl"
PROBE = """[Unit]
Description=What the tests ask
[Service]
Type=exec
ExecStart=/bin/sh /probe.sh
[Install]
WantedBy=multi-user.target
"""


def base(suite: str) -> Path:
    """Give a minimal tree of a Debian release, made once."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pana-guest"
    tree = home / f"container-{suite}-1"
    if not tree.exists():
        home.mkdir(parents=True, exist_ok=True)
        part = home / f"{tree.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={INCLUDED}", suite, str(part)]
        subprocess.run(command, check=True, timeout=800)
        part.rename(tree)
    return tree


OTHER = {
    "control": """Package: pana-other
Version: 1
Architecture: all
Maintainer: nobody <nobody@example.invalid>
Description: does in its script what packages of Debian's do
""",
    "postinst": """#!/bin/sh
set -e
printf 'u pana-other -\\n' | systemd-sysusers -
chown root:pana-other /usr/lib/pana-other/tool
chmod 4755 /usr/lib/pana-other/tool
ldconfig
systemd-tmpfiles --create pana-kiosk.conf
systemctl daemon-reload
""",
}


def build_other(folder: Path) -> Path:
    """Build a package with a set-uid program, a user, a group and a script that does what Debian's do."""
    tree = folder / "pana-other"
    for name, text in {
        **{f"DEBIAN/{key}": text for key, text in OTHER.items()},
        "usr/lib/pana-other/tool": "",
    }.items():
        file = tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    run("dpkg-deb", "--root-owner-group", "--build", tree, folder / "pana-other.deb")
    shutil.rmtree(tree)
    return folder / "pana-other.deb"


class Container:
    """One machine with one of the packages, a stand-in for its program in slot a, and questions to ask."""

    def __init__(self, folder: Path, suite: str, package: str) -> None:
        self.tree, self._folder = folder / "tree", folder
        subprocess.run(["cp", "-a", "--reflink=auto", base(suite), self.tree], check=True, timeout=300)
        shutil.copy(build(ROOT, folder)[package], self.tree / f"opt/{package}.deb")
        self._run = ["systemd-nspawn", "--quiet", f"--directory={self.tree}", "--keep-unit"]
        self._run += ["--register=no", "--private-network"]
        # What a centre's package wants besides is not asked here.
        run(*self._run, "--as-pid2", "dpkg", "--force-depends", "--install", f"/opt/{package}.deb")
        self._slot = self.tree / "opt" / package / "slots/a"

    def lay(self, program: str, probe: str) -> None:
        """Put the stand-in into its slot and the probe where the boot runs it."""
        (self._slot / "bin").mkdir(parents=True)
        shutil.copy(PARTS / program, self._slot / "bin/kiosk")
        (self._slot / "bin/kiosk").chmod(0o755)
        (self._slot / "VERSION").write_text("0.1.0\n")
        (self._slot / "complete").touch()
        self._slot.parents[1].joinpath("current").symlink_to("slots/a")
        shutil.copy(PARTS / probe, self.tree / "probe.sh")
        self.unit("probe.service", PROBE)

    def unit(self, name: str, text: str) -> None:
        """Add a unit of the test's own."""
        (self.tree / "etc/systemd/system" / name).write_text(text)
        self.enable(name)

    def enable(self, *names: str) -> None:
        """Enable units as provisioning does."""
        run("systemctl", f"--root={self.tree}", "enable", *names)

    def boot(self) -> dict[str, str]:
        """Boot once, until the probe ends it; gives what it told."""
        with (self._folder / "boot.log").open("wb") as log:
            subprocess.run([*self._run, "--boot"], stdout=log, stderr=log, check=False, timeout=600)
        lines = (self.tree / "told").read_text().splitlines()
        return {key: value for key, _, value in (line.partition("=") for line in lines)}

    def close(self) -> None:
        """Throw the tree away."""
        shutil.rmtree(self.tree, ignore_errors=True)
