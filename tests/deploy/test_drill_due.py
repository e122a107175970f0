"""When a drill may begin: in its timer's hours, by a clock that is right, whatever the clock did before."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).parents[2]
TIMER = (ROOT / "systemd/kiosk-drill.timer").read_text(encoding="utf-8")
OURS = re.findall(r"^OnCalendar=(.+)$", TIMER, flags=re.MULTILINE)
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"),
]


@dataclass
class Clock:
    """A kiosk's mark of its time service, and a systemd that tells of its timer what a real one does."""

    root: Path
    zone: str = "Asia/Almaty"

    def mark(self) -> None:
        (self.root / "run/systemd/timesync").mkdir(parents=True)
        (self.root / "run/systemd/timesync/synchronized").touch()

    def spy(self, name: str, text: str) -> None:
        spies = self.root / "spies"
        spies.mkdir(exist_ok=True)
        (spies / name).write_text(f"#!/bin/sh\n{text}\n")
        (spies / name).chmod(0o755)

    def timer(self, *calendar: str, delay: str = "1h") -> None:
        entries = "".join(
            f"{{ OnCalendar={each} ; next_elapse=Tue 2026-12-01 10:17:23 +05 }}\n" for each in calendar
        )
        self.spy(
            "systemctl",
            f"""[ "$1 $3 $4" = 'show --value kiosk-drill.timer' ] || exit 1
case $2 in
--property=TimersCalendar) printf '{entries}' ;;
--property=RandomizedDelayUSec) echo {delay} ;;
esac""",
        )

    def due(self, local: str) -> subprocess.CompletedProcess[str]:
        """Ask at a local time."""
        at_s = int(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(self.zone)).timestamp())
        env = {
            **os.environ,
            "PANA_ROOT": str(self.root),
            "PATH": f"{self.root / 'spies'}:{os.environ['PATH']}",
            "TZ": self.zone,
        }
        command = [str(ROOT / "systemd/libexec/drill-due"), str(at_s)]
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock that is right, beside our own timer."""
    made = Clock(tmp_path)
    made.mark()
    made.timer(*OURS)
    made.spy("timedatectl", "echo no")
    return made


@pytest.mark.parametrize(
    ("local", "code"),
    [
        ("2026-12-01T09:59:59", 1),
        ("2026-12-01T10:00:00", 0),
        ("2026-12-01T10:59:59", 0),
        ("2026-12-01T11:03:00", 0),  # the last kiosk's minute, on a busy board
        ("2026-12-01T11:06:00", 1),
        ("2026-12-01T14:00:00", 1),  # the power came back
        ("2026-12-02T10:30:00", 1),
        ("2026-12-05T03:00:00", 1),
    ],
)
def test_a_drill_begins_within_its_hour_only(clock: Clock, local: str, code: int) -> None:
    done = clock.due(local)
    assert (done.returncode, bool(done.stderr)) == (code, code == 1), done.stderr


def test_no_drill_begins_by_a_clock_that_nobody_set(clock: Clock) -> None:
    """The clock that a power cut left behind may well say Tuesday, ten o'clock."""
    shutil.rmtree(clock.root / "run")
    done = clock.due("2026-12-01T10:30:00")
    assert (done.returncode, done.stderr) == (1, "drill: not now, the clock was not set yet\n")
    clock.spy("timedatectl", "[ \"$*\" = 'show --property=NTPSynchronized --value' ] && echo yes")
    assert clock.due("2026-12-01T10:30:00").returncode == 0, "another time service has set it"


def test_the_hours_are_those_that_a_site_gave_its_timer(clock: Clock) -> None:
    clock.timer("Wed *-*-* 08:30:00", "Sat *-*-* 12:00:00", delay="1h 30min")
    given = {
        "2026-12-01T10:30:00": 1,
        "2026-12-02T09:59:00": 0,
        "2026-12-02T10:06:00": 1,
        "2026-12-05T12:00:01": 0,
    }
    assert {local: clock.due(local).returncode for local in given} == given
    clock.timer("Wed *-*-* 08:30:00", delay="0")
    assert clock.due("2026-12-02T08:31:00").returncode == 0
    assert clock.due("2026-12-02T08:36:00").returncode == 1


def test_the_hours_are_those_of_the_sites_zone(tmp_path: Path) -> None:
    clock = Clock(tmp_path, zone="UTC")
    clock.mark()
    clock.timer(*OURS)
    assert clock.due("2026-12-01T10:30:00").returncode == 0
    assert clock.due("2026-12-01T05:30:00").returncode == 1


def test_a_timer_without_hours_or_a_systemd_that_is_silent_gives_no_drill(clock: Clock) -> None:
    clock.timer()
    assert clock.due("2026-12-01T10:30:00").returncode == 1
    clock.timer("Tue 2020-01-07 10:00:00")
    assert clock.due("2026-12-01T10:30:00").returncode == 1
    clock.spy("systemctl", "exit 1")
    assert "systemd does not tell" in clock.due("2026-12-01T10:30:00").stderr
