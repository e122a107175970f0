"""A board that runs, for single steps of provision.sh; stand_ins.sh plays what needs a running system."""

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fakes.board_tree import HERE, plant, site_toml

DEVICE = "/dev/disk/by-label/pana-data"
KIOSK = "kiosk.service"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STATE = "var/lib/pana-provision"
DATA = "srv-pana.mount"
COPIES = {
    r"opt-pana\x2dkiosk.mount": "_opt_pana-kiosk",
    r"etc-pana\x2dkiosk.mount": "_etc_pana-kiosk",
    r"var-lib-pana\x2dkiosk.mount": "_var_lib_pana-kiosk",
}
PRELUDE = 'set -euo pipefail\numask 077\n. "$1/tests/deploy/stand_ins.sh"\n'


@dataclass
class LiveBoard:
    """A tree on which the live branches of the steps run; `world` is what the stand-ins go by."""

    folder: Path

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True)
        plant(self.root)
        for path in (
            "work",
            *(f"world/{name}" for name in ("active", "fails", "bound", "tables", "partition")),
        ):
            (self.folder / path).mkdir(parents=True)
        for name, tail in (("group", f"x:{os.getgid()}:"), ("passwd", f"x:{os.getuid()}:{os.getgid()}:::")):
            self.write(f"etc/{name}", f"{self.read(f'etc/{name}')}pana-kiosk:{tail}\n")
        self.write("dev/disk/by-label/pana-data", "")
        self.write("usr/bin/kiosk", f'#!/bin/sh\ncat "{self.folder}/status.json"\n')
        (self.root / "usr/bin/kiosk").chmod(0o755)
        self.write("usr/lib/pana-kiosk/slot", f'rm "{self.root}/opt/pana-kiosk/trial"\n')
        self.lay("first")
        self.options()

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def world(self) -> Path:
        return self.folder / "world"

    @property
    def partition(self) -> Path:
        """Give where the data partition lies now."""
        return self.root / "srv/pana" if self.is_mounted else self.world / "partition"

    @property
    def is_mounted(self) -> bool:
        return (self.world / "mounted").exists()

    def names(self, kind: str) -> set[str]:
        return {path.name for path in (self.world / kind).iterdir()}

    def know(self, kind: str, *names: str) -> None:
        """Let these, and no others, be active or fail."""
        shutil.rmtree(self.world / kind)
        (self.world / kind).mkdir()
        for name in names:
            (self.world / kind / name).touch()

    @property
    def calls(self) -> list[str]:
        """Give what was asked of the stand-ins since the last look."""
        log = self.world / "calls"
        found = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    def lay(self, mark: str) -> None:
        """Lay what the steps before have made: program, site and state, all of this mark."""
        site = site_toml(more=f"# {mark}\n")
        (self.folder / "work/site.toml").write_bytes(site)
        self.write("etc/pana-kiosk/site.toml", site.decode())
        self.write("opt/pana-kiosk/current/VERSION", f"{mark}\n")
        self.write("var/lib/pana-kiosk/journal.sqlite", mark)

    def options(self, **values: str) -> None:
        text = "".join(f"{name}='{value}'\n" for name, value in values.items())
        (self.folder / "work/options.env").write_text(text)

    def says(self, *, version: str = "first", incidents: int = 0) -> None:
        """Let the daemon answer so."""
        answer = {
            "state": "armed", "incidents": [{}] * incidents, "faults": [], "heartbeat": {"version": version},
        }  # fmt: skip
        (self.folder / "status.json").write_text(json.dumps(answer))

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def step(self, *names: str, before: str = "") -> "subprocess.CompletedProcess[str]":
        """Run steps as one run of provision.sh does; `before` is shell that comes first."""
        return self.bash("\n".join([before, *(f'run_step "$HERE/steps/{name}"' for name in names)]))

    def remove(self, before: str = "") -> "subprocess.CompletedProcess[str]":
        return self.bash(f'{before}\n. "$HERE/lib/remove.sh"\nremove_all')

    def bash(self, script: str) -> "subprocess.CompletedProcess[str]":
        folders = map(str, (HERE, self.root, self.folder / "work", self.world))
        command = ["bash", "-c", PRELUDE + script, "-", *folders]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)

    def start_mounts(self) -> None:
        """Let systemd do what it does by itself at a start of the board."""
        self.bash(f"systemctl start {DATA} {' '.join(map(shlex.quote, COPIES))}").check_returncode()

    def shut_down(self) -> None:
        self.bash(f"systemctl stop {' '.join(map(shlex.quote, COPIES))} {DATA}").check_returncode()
        self.know("active")
        self.know("tables")


def beside_partition_of(old: LiveBoard, folder: Path) -> LiveBoard:
    """Give a board whose root was written anew, with the data partition of another one."""
    old.shut_down()
    board = LiveBoard(folder)
    board.partition.rmdir()
    shutil.copytree(old.partition, board.partition)
    return board
