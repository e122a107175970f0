"""The systemd units: what systemd itself says of them, and the pitfalls that they must not fall into."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.commands.options import SITE, Glance
from kiosk.config import Paths

UNITS = Path(__file__).parents[2] / "systemd"
NAMES = ("kiosk.service", "kiosk-monitor.service")
EXPOSURE_MAX = {"kiosk.service": 1.5, "kiosk-monitor.service": 1.2}
ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def lines(name: str) -> list[str]:
    text = (UNITS / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def values(name: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in lines(name) if line.partition("=")[0] == key]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Put the units where every program that they name exists."""
    for name in NAMES:
        text = (UNITS / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE)
        )
    return tmp_path


@needs_analyze
@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_nothing_wrong_with_a_unit(installed: Path, name: str) -> None:
    command = [str(ANALYZE), "verify", "--man=no", str(installed / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_analyze
@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_as_shut_as_its_devices_allow(installed: Path, name: str) -> None:
    command = [str(ANALYZE), "security", "--offline=yes", "--no-pager", str(installed / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE_MAX[name]


def test_a_modem_plugged_in_later_is_let_in() -> None:
    """Pitfall 42: a name of a module that is not loaded yet is dropped; a major number is not."""
    allowed = values("kiosk.service", "DeviceAllow")
    assert {"char-188 rw", "char-166 rw", "char-116 rw"} <= set(allowed)
    assert not [entry for entry in allowed if "tty" in entry or "alsa" in entry]


def test_pins_sound_and_the_boards_figures_stay_reachable() -> None:
    """Pitfall 43."""
    assert "char-gpiochip rw" in values("kiosk.service", "DeviceAllow")
    assert values("kiosk.service", "PrivateDevices") == []
    assert values("kiosk.service", "ProcSubset") == []
    assert {"gpio", "audio", "dialout"} <= set(values("kiosk.service", "SupplementaryGroups")[0].split())


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_is_started_again_for_ever_after_a_fixed_pause(name: str) -> None:
    """Pitfall 44: systemd 252 ignores growing pauses, and its limit would end the restarts."""
    assert values(name, "StartLimitIntervalSec") == ["0"]
    assert values(name, "Restart") == ["always"]
    assert values(name, "RestartSec") == ["2"]
    assert not [line for line in lines(name) if line.startswith(("RestartSteps", "RestartMaxDelaySec"))]


def test_nothing_gates_the_button() -> None:
    """Pitfall 45."""
    order = [line for line in lines("kiosk.service") if re.match(r"(After|Wants|Requires|BindsTo)=", line)]
    assert order == []


def test_the_watchdog_is_fed_by_the_loop_and_the_count_of_starts_outlasts_a_crash() -> None:
    """Pitfall 37: alive but hung; reboot loops."""
    assert values("kiosk.service", "Type") == ["notify"]
    assert 2 <= int(values("kiosk.service", "WatchdogSec")[0]) <= 15
    assert values("kiosk.service", "RuntimeDirectoryPreserve") == ["restart"]


def test_what_the_units_name_is_what_the_programs_expect() -> None:
    start = values("kiosk.service", "ExecStart")[0]
    assert start.endswith(f"kiosk run --config {SITE}")
    assert f"/run/{values('kiosk.service', 'RuntimeDirectory')[0]}" == Paths().run == str(Glance().run)
    assert f"/var/lib/{values('kiosk.service', 'StateDirectory')[0]}" == Paths().state == str(Glance().state)
