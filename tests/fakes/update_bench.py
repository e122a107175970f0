"""A machine that can be updated: real slots and scripts below a temporary root, a daemon that pretends."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes.releases import TARGET, make_quick_pip, make_release
from fakes.slots import SCRIPTS, Slots

from kiosk import bundle
from kiosk.bundle import Header
from kiosk.update.course import Course, Wishes
from kiosk.update.judging import Standing
from kiosk.update.places import Places
from kiosk.update.record import Papers, Record

DPKG = """#!/bin/sh
case $1 in
--print-architecture) echo {arch} ;;
*) exit 0 ;;
esac
"""


class Cut(BaseException):
    """The power is cut."""


@dataclass
class UpdateBench:
    """Version 1.0 runs from slot a; releases are signed by a key that the machine knows."""

    root: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        self.slots = Slots(self.root)
        self.state = self.root / "var/lib/pana-kiosk"
        etc = self.root / "etc/pana-kiosk"
        scripts = self.root / "usr/lib/pana-kiosk"
        self.bin = self.root / "bin"
        for folder in (self.state, etc, scripts, self.bin):
            folder.mkdir(parents=True)
        for name in ("slot", "install-slot"):
            (scripts / name).symlink_to(SCRIPTS / name)
        codename, _, arch = TARGET.partition("-")
        (self.root / "etc/os-release").write_text(f'ID=debian\nVERSION_CODENAME="{codename}"\n')
        (etc / "owner.pub").write_bytes(bundle.public_pem(self.key.public_key()))
        self.tool("dpkg", DPKG.format(arch=arch))
        for name in ("dpkg-query", "dpkg-deb"):
            self.tool(name, "#!/bin/sh\nexit 1\n")
        self.tool("systemctl", "#!/bin/sh\nexit 0\n")
        self.pip = make_quick_pip(self.root / "pip")

    def tool(self, name: str, text: str) -> None:
        file = self.bin / name
        file.write_text(text)
        file.chmod(0o755)

    @property
    def path(self) -> str:
        return f"{self.bin}:{os.environ['PATH']}"

    def release(
        self, version: str, *, fault: str = "", name: str = "", voice: Mapping[str, bytes] | None = None
    ) -> Path:
        """Make a signed release; give its file."""
        folder = self.root / f"made-{version}{name}"
        make_release(folder, version, self.pip, fault=fault, voice=voice)
        files = {
            str(path.relative_to(folder)): path
            for path in folder.rglob("*") if path.is_file() and path.name != "MANIFEST"
        }  # fmt: skip
        header = Header(kind="release", version=version, made_at="2026-11-27T01:00:00Z")
        path = self.root / f"pana-release-{version}{name}.tar"
        bundle.write(path, header, files, self.key.sign)  # type: ignore[arg-type]
        shutil.rmtree(folder)
        return path

    def first(self, version: str = "1.0") -> None:
        """Let a version run at first; its command says that it cannot judge a configuration."""
        command = self.slots.make("a", version) / "bin/kiosk"
        command.parent.mkdir()
        command.write_text("#!/bin/sh\nexit 1\n")
        command.chmod(0o755)
        self.slots.do("switch", "a")


def stands(version: str, **changes: object) -> Standing:
    fields = {"state": "armed", "up": ("mqtt", "sms")} | changes
    return Standing(version=version, **fields)  # type: ignore[arg-type]


@dataclass
class PretendDaemon:
    """What runs after each restart; `ill` says what is wrong with a version."""

    bench: UpdateBench
    ill: dict[str, str] = field(default_factory=dict)
    alarms: int = 0  # as often an incident is open
    asked: int = 0
    restarts: int = 0
    interrupted: int = 0  # restarts in the middle of an incident
    running: str = ""
    drills: list[str] = field(default_factory=list)

    def restart(self) -> None:
        """Start as systemd does: the guard first, again and again while it ends at once."""
        self.restarts += 1
        self.interrupted += bool(self.alarms)
        for _ in range(6):
            self.bench.slots.do("guard")
            self.running = self._current()
            if self.ill.get(self.running) != "crash":
                return

    def _current(self) -> str:
        file = self.bench.slots.base / "slots" / self.bench.slots.current / "VERSION"
        return file.read_text().strip()

    def standing(self) -> Standing | None:
        self.asked += 1
        wrong = self.ill.get(self.running, "")
        if wrong == "hangs":
            return None
        if self.alarms:
            self.alarms -= 1
            return stands(self.running, open=True, state="alerting")
        up = ("sms",) if wrong == "link" else ("mqtt", "sms")
        return stands(self.running, up=up)

    def is_absent(self) -> bool:
        return False

    def drill(self) -> str | None:
        self.drills.append(self.running)
        return "mqtt" if self.ill.get(self.running) == "drill" else ""


class BenchCourse(Course):
    """A course whose time is virtual and whose power may be cut before or after any of its steps."""

    cut_at: int = 0
    steps: int = 0
    clock_s: float = 0.0
    hand_made: Slots | None = None  # lays slots by hand: where the installation itself is not what is tested

    def _install(self, record: Record, verified: object) -> None:  # type: ignore[override]
        if self.hand_made is None:
            super()._install(record, verified)  # type: ignore[arg-type]
            return
        self.hand_made.make(record.slot, record.version, complete=False)
        self.cut()
        self.hand_made.make(record.slot, record.version)

    def cut(self) -> None:
        self.steps += 1
        if self.steps == self.cut_at:
            raise Cut

    def _do(self, *args: object) -> object:  # type: ignore[override]
        self.cut()
        event = super()._do(*args)  # type: ignore[arg-type]
        self.cut()
        return event


def course(
    bench: UpdateBench,
    daemon: PretendDaemon,
    *,
    cut_at: int = 0,
    by_hand: bool = False,
    wishes: Wishes | None = None,
    said: Callable[[str, str], None] = lambda _what, _of: None,
) -> BenchCourse:
    made = BenchCourse(
        places=Places(bench.root), papers=Papers(Places(bench.root), bench.state), daemon=daemon,  # type: ignore[arg-type]
        config=bench.root / "site.toml", say=said, wishes=wishes or Wishes(),
    )  # fmt: skip
    made.cut_at = cut_at
    made.hand_made = bench.slots if by_hand else None
    made.now = lambda: made.clock_s

    def sleep(seconds: float) -> None:
        made.clock_s += max(seconds, 70.0)

    made.sleep = sleep
    made.system.restart = daemon.restart  # type: ignore[method-assign]
    return made
