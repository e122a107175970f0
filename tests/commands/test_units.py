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
EXPOSURE_MAX = {
    "kiosk.service": 1.5,
    "kiosk-drill.service": 0.8,
    "kiosk-errands.service": 1.2,
    "kiosk-update.service": 3.2,  # dpkg as root
    "kiosk-update-resume.service": 3.2,
    "kiosk-monitor.service": 1.2,
    "kiosk-monitor-backup.service": 1.2,
    "pana-crl.service": 2.0,
    "pana-alarm@.service": 2.0,
}
UNIT_FILES = sorted(path.name for path in UNITS.iterdir() if path.is_file())
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
    for name in UNIT_FILES:
        text = (UNITS / name).read_text(encoding="utf-8")
        exists = re.sub(r"^(Exec\w+)=([-+]*)/\S+", r"\1=\2/bin/true", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(exists)
    return tmp_path


@needs_analyze
@pytest.mark.real
def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    command = [str(ANALYZE), "verify", "--man=no", *(str(installed / name) for name in UNIT_FILES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_analyze
@pytest.mark.real
@pytest.mark.parametrize("name", sorted(EXPOSURE_MAX))
def test_a_unit_is_as_shut_as_its_devices_allow(installed: Path, name: str) -> None:
    command = [str(ANALYZE), "security", "--offline=yes", "--no-pager", str(installed / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE_MAX[name]


def test_every_service_is_judged() -> None:
    assert sorted(EXPOSURE_MAX) == [name for name in UNIT_FILES if name.endswith(".service")]


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
    """Pitfall 45. A mount that fails must not hold it up either, as StateDirectory= on it would."""
    ties = r"(After|Wants|Requires|BindsTo|Requisite|RequiresMountsFor|StateDirectory|Condition|Assert)\w*="
    assert [line for line in lines("kiosk.service") if re.match(ties, line)] == [
        "After=var-lib-pana\\x2dkiosk.mount etc-pana\\x2dkiosk.mount opt-pana\\x2dkiosk.mount"
    ]


def test_a_missing_folder_file_or_slot_script_does_not_keep_it_from_starting() -> None:
    assert all(path.startswith("-/") for path in values("kiosk.service", "ReadWritePaths")[0].split())
    assert all(program.startswith("-+/") for program in values("kiosk.service", "ExecStartPre"))
    loaded = {value.partition(":")[0] for value in values("kiosk.service", "LoadCredential")}
    assert loaded == {value.partition(":")[0] for value in values("kiosk.service", "SetCredential")}


def test_the_owners_alarm_can_write_the_spools_of_mail_and_sms() -> None:
    """They belong to other users, and a set-gid program gets no rights here: root's own must suffice."""
    name = "pana-alarm@.service"
    assert values(name, "ReadWritePaths") == ["-/var/spool -/var/mail"]
    assert values(name, "CapabilityBoundingSet") == ["CAP_DAC_OVERRIDE"]
    assert values(name, "ProtectSystem") == ["strict"]


def test_a_version_of_the_centre_that_runs_is_kept_without_a_person() -> None:
    """Only a kiosk has an updater that confirms: the centre's fourth start brought the old version back."""
    script = "-+/usr/lib/pana-monitor/slot"
    assert values("kiosk-monitor.service", "ExecStartPre") == [f"{script} guard"]
    assert values("kiosk-monitor.service", "ExecStartPost") == [f"{script} prove $MAINPID"]
    assert not [line for line in lines("kiosk.service") if " prove " in line]


def test_the_deaths_of_a_kiosks_version_are_counted_and_a_centres_are_not() -> None:
    """An older centre cannot read a newer one's store, and a database that is away is no version's fault."""
    script = "-+/usr/lib/pana-kiosk/slot"
    assert values("kiosk.service", "ExecStartPost") == [f"{script} ready"]
    assert values("kiosk.service", "ExecStopPost") == [f"{script} ended"]
    assert values("kiosk-monitor.service", "ExecStopPost") == []


@pytest.mark.parametrize("name", [*NAMES, "kiosk-update.service", "kiosk-update-resume.service"])
def test_a_child_that_the_kernel_kills_for_memory_takes_nothing_else_with_it(name: str) -> None:
    """systemd's default is `stop`. A rendering is chosen to be killed first, and its parent sees its end."""
    assert values(name, "OOMPolicy") == ["continue"]


def test_a_drill_that_the_clock_brings_about_at_another_hour_does_not_begin() -> None:
    """A timer that a clock's step leaves behind elapses at once, however long ago its hour was."""
    assert values("kiosk-drill.service", "ExecCondition") == ["+/usr/lib/pana-kiosk/drill-due"]


def test_no_file_that_the_daemon_replaces_is_a_credential() -> None:
    """A credential is a copy made at the start: after a renewal it would be the old one."""
    loaded = " ".join(values("kiosk.service", "LoadCredential"))
    assert not re.search(r"kiosk\.(key|pem)|sms\.key|ca\.pem", loaded)


def test_a_rendering_may_give_way() -> None:
    """Without the call `nice` goes on with the button's own priority; no capability lets anybody raise it."""
    filters = values("kiosk.service", "SystemCallFilter")
    assert filters.index("setpriority") > filters.index("~@privileged @resources")
    assert values("kiosk.service", "CapabilityBoundingSet") == [""]


def test_a_helper_never_takes_the_daemons_folder_away() -> None:
    """systemd removes a RuntimeDirectory when its unit ends; the daemon's socket is in there."""
    for name in ("kiosk-drill.service", "kiosk-errands.service"):
        assert values(name, "RuntimeDirectory") == values(name, "RemoveIPC") == []


def test_the_daemons_installer_neither_spins_nor_gives_up() -> None:
    for name in ("kiosk-update.service", "kiosk-update-resume.service"):
        assert values(name, "StartLimitIntervalSec") == ["0"]
        assert (values(name, "Restart"), values(name, "RestartSec")) == (["on-failure"], ["60"])


def test_what_a_kiosk_needs_is_enabled_by_enabling_its_daemon() -> None:
    also = set(values("kiosk.service", "Also")[0].split())
    installable = {name for name in UNIT_FILES if re.match(r"kiosk(-drill|-errands|-update)", name)}
    assert also == {name for name in installable if values(name, "WantedBy")}


def test_the_watchdog_is_fed_by_the_loop_and_the_count_of_starts_outlasts_a_crash() -> None:
    """Pitfall 37: alive but hung; reboot loops."""
    assert values("kiosk.service", "Type") == ["notify"]
    assert 2 <= int(values("kiosk.service", "WatchdogSec")[0]) <= 15
    assert values("kiosk.service", "RuntimeDirectoryPreserve") == ["restart"]


def test_what_the_units_name_is_what_the_programs_expect() -> None:
    start = values("kiosk.service", "ExecStart")[0]
    assert start.endswith(f"kiosk run --config {SITE}")
    assert f"/run/{values('kiosk.service', 'RuntimeDirectory')[0]}" == Paths().run == str(Glance().run)
    assert Paths().state == str(Glance().state) == values("kiosk.service", "ReadWritePaths")[0].split()[0][1:]
