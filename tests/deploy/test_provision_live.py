"""The steps on a board that runs: a failure is not forgotten by the next run, and no alarm is disturbed."""

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.live_board import BOOT_ID, DEVICE, KIOSK, STATE, LiveBoard

pytestmark = pytest.mark.real
START = "90-start"
LAID = 'STEP=45-site\nchanged /etc/pana-kiosk/site.toml\nSTEP=""'
DUE = f"{STATE}/restart-due"
TIMERS = ("apt-daily.timer", "apt-daily-upgrade.timer", "pana-reboot.timer")


@pytest.fixture
def board(tmp_path: Path) -> LiveBoard:
    board = LiveBoard(tmp_path / "board")
    board.says()
    board.know("active", KIOSK)
    return board


@pytest.fixture
def daemon() -> Iterator[Path]:
    """Give the folder of a socket that takes connections; its name has room for 107 bytes only."""
    with tempfile.TemporaryDirectory(prefix="pana-") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/kiosk.sock")
        server.listen(1000)
        yield Path(folder)


def restarts(board: LiveBoard) -> int:
    return sum(line == f"systemctl restart {KIOSK}" for line in board.calls)


def test_a_restart_that_an_alarm_held_up_is_made_by_the_next_run(board: LiveBoard) -> None:
    board.says(incidents=1)
    held = board.step(START, before=LAID)
    assert held.returncode == 1
    assert "An alarm is open" in held.stderr
    assert restarts(board) == 0
    assert board.read(DUE) == BOOT_ID.read_text()
    board.says()
    assert board.step(START).returncode == 0
    assert restarts(board) == 1
    assert not (board.root / DUE).exists()
    assert board.step(START).returncode == 0
    assert restarts(board) == 0


@pytest.mark.parametrize(
    "step", ["25-system-part", "30-application", "45-site", "50-voice", "55-storage", "85-enrol"]
)
def test_a_restart_is_due_before_what_needs_it_is_done(board: LiveBoard, step: str) -> None:
    board.bash(f"STEP={step}\nchanged what\nkill -KILL $$")
    assert board.step(START).returncode == 0
    assert restarts(board) == 1


def test_no_restart_is_due_for_another_step_nor_in_a_dry_run_nor_in_an_image(board: LiveBoard) -> None:
    board.bash("STEP=60-time\nchanged what")
    board.bash("DRY=yes\nSTEP=45-site\nchanged what || :")
    board.bash("is_live() { return 1; }\nSTEP=45-site\nchanged what")
    assert not (board.root / DUE).exists()


def test_a_start_of_the_board_serves_as_the_restart(board: LiveBoard) -> None:
    board.write(DUE, "of a start before\n")
    board.says(incidents=1)
    assert board.step(START).returncode == 0
    assert restarts(board) == 0
    assert not (board.root / DUE).exists()


def test_only_the_version_that_runs_is_confirmed(board: LiveBoard) -> None:
    trial = board.root / "opt/pana-kiosk/trial"
    trial.write_text("slot b\n")
    board.says(version="older")
    other = board.step(START)
    assert other.returncode == 1
    assert "older" in other.stderr
    assert trial.exists()
    assert restarts(board) == 1  # it was due, whoever forgot it
    board.says(version="first")
    assert board.step(START).returncode == 0
    assert not trial.exists()


def test_a_daemon_that_does_not_answer_is_not_quiet(board: LiveBoard, daemon: Path) -> None:
    (board.folder / "status.json").unlink()
    board.write("etc/pana-kiosk/site.toml", f'[paths]\nrun = "{daemon}"\n')
    silent = board.step(START, before=LAID)
    assert silent.returncode == 1
    assert "does not answer" in silent.stderr
    calls = board.calls
    assert f"systemctl restart {KIOSK}" not in calls
    assert calls.count("sleep 5") > 1


def test_a_daemon_is_away_when_nobody_is_at_its_socket(board: LiveBoard, tmp_path: Path) -> None:
    (board.folder / "status.json").unlink()
    board.write("etc/pana-kiosk/site.toml", f'[paths]\nrun = "{tmp_path}"\n')
    script = '. "$HERE/lib/running.sh"\nwait_for_quiet'
    assert board.bash(script).returncode == 0
    board.know("active")
    board.write("etc/pana-kiosk/site.toml", "damaged")
    assert board.bash(script).returncode == 0


def test_a_firewall_that_did_not_load_fails_the_next_run_too(board: LiveBoard) -> None:
    board.know("fails", "pana-firewall.service")
    for _ in range(2):
        failed = board.step("70-network")
        assert failed.returncode == 1
        assert "firewall" in failed.stderr
    board.know("fails")
    assert board.step("70-network").stdout == "70-network: ok\n"
    assert board.names("tables") == {"pana"}
    assert board.step("70-network", before="nft() { return 1; }").returncode == 1


def test_an_ssh_server_that_did_not_start_fails_the_next_run_too(board: LiveBoard) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tech@desk"
    board.options(PANA_SSH="key", PANA_SSH_KEY=key)
    status = "Package: openssh-server\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1\n\n"
    board.write("var/lib/dpkg/status", board.read("var/lib/dpkg/status") + status)
    board.know("fails", "ssh.service")
    for _ in range(2):
        failed = board.step("75-access")
        assert failed.returncode == 1
        assert "SSH" in failed.stderr
    board.know("fails")
    assert board.step("75-access").stdout == "75-access: ok\n"
    assert "ssh.service" in board.names("active")


def test_a_read_only_root_has_no_upgrades_by_night(board: LiveBoard) -> None:
    wants = board.root / "etc/systemd/system/timers.target.wants"
    assert board.step("80-upgrades").returncode == 0
    assert {path.name for path in wants.iterdir()} == set(TIMERS)
    assert set(TIMERS) <= board.names("active")
    board.options(PANA_DATA_DEVICE=DEVICE, PANA_READ_ONLY_ROOT="yes")
    told = board.step("80-upgrades")
    assert told.returncode == 0, told.stderr
    assert "security upgrades" in told.stdout
    assert not wants.exists() or not list(wants.iterdir())
    assert not set(TIMERS) & board.names("active")
    assert board.step("80-upgrades").stdout == "80-upgrades: ok\n"
    board.options()
    assert board.step("80-upgrades").returncode == 0
    assert set(TIMERS) <= board.names("active")
    assert board.remove().returncode == 0  # as they were before the first of all these runs
    assert not wants.exists() or not list(wants.iterdir())


def test_the_root_becomes_read_only_after_everything_else(board: LiveBoard) -> None:
    conf = board.root / "etc/overlayroot.local.conf"
    board.options(PANA_DATA_DEVICE=DEVICE, PANA_READ_ONLY_ROOT="yes")
    assert board.step("55-storage", START).returncode == 0
    assert not conf.exists()
    told = board.step("92-read-only")
    assert "from the next start on" in told.stdout
    assert stat.S_IMODE(conf.stat().st_mode) == 0o644
    assert board.step("92-read-only").stdout == "92-read-only: ok\n"
    board.options(PANA_DATA_DEVICE=DEVICE)
    assert board.step("92-read-only").returncode == 0
    assert not conf.exists()
