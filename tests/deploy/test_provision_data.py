"""The data partition: whose state it holds, whatever was on it before, and what removal leaves of it."""

from pathlib import Path

import pytest
from deploy.live_board import COPIES, DATA, DEVICE, KIOSK, STATE, LiveBoard, beside_partition_of

pytestmark = pytest.mark.real
STORAGE = "55-storage"


@pytest.fixture
def board(tmp_path: Path) -> LiveBoard:
    board = LiveBoard(tmp_path / "board")
    board.options(PANA_DATA_DEVICE=DEVICE)
    return board


def journal(board: LiveBoard) -> str:
    return board.read("var/lib/pana-kiosk/journal.sqlite")


def of_mark(board: LiveBoard, mark: str) -> bool:
    """Tell whether all that the kiosk would start from is of this mark."""
    site = board.read("etc/pana-kiosk/site.toml").endswith(f"# {mark}\n")
    return site and board.read("opt/pana-kiosk/current/VERSION") == f"{mark}\n" and journal(board) == mark


def provisioned(board: LiveBoard) -> LiveBoard:
    done = board.step(STORAGE)
    assert done.returncode == 0, done.stderr
    assert board.names("bound") == set(COPIES.values())
    return board


def test_what_was_laid_is_copied_before_the_mounts_are_enabled(board: LiveBoard) -> None:
    board.know("fails", DATA)
    broken = board.step(STORAGE)
    assert broken.returncode == 1
    assert "data partition" in broken.stderr
    assert not (board.root / "etc/systemd/system/local-fs.target.wants").exists()
    board.know("fails")
    assert of_mark(provisioned(board), "first")
    assert len(list((board.root / "etc/systemd/system/local-fs.target.wants").iterdir())) == 4
    assert not list((board.root / "srv/pana").glob("*.part"))


def test_a_mount_whose_source_is_missing_is_left_out_at_a_start(board: LiveBoard) -> None:
    """An image, or a card whose power went while the program was copied, arms from the card."""
    board.bash("is_live() { return 1; }\n" + f'run_step "$HERE/steps/{STORAGE}"')
    for unit, copy in COPIES.items():
        text = board.read(f"etc/systemd/system/{unit}")
        assert f"\nConditionPathIsDirectory=/srv/pana/{copy}\n\n[Mount]\n" in text
    board.start_mounts()
    assert board.names("bound") == set()
    assert of_mark(board, "first")
    assert of_mark(provisioned(board), "first")  # the run on the board itself


def test_a_second_run_keeps_the_live_state(board: LiveBoard) -> None:
    board = provisioned(board)
    board.write("var/lib/pana-kiosk/journal.sqlite", "alarms since")
    again = board.step(STORAGE)
    assert (again.returncode, again.stdout) == (0, f"{STORAGE}: ok\n")
    assert journal(board) == "alarms since"


def test_an_older_installation_without_a_note_keeps_its_live_state(board: LiveBoard) -> None:
    board = provisioned(board)
    made = board.root / STATE / "made"
    made.write_text(
        "".join(line for line in made.read_text().splitlines(keepends=True) if "data " not in line)
    )
    (board.root / "srv/pana/.pana-data").unlink()
    board.write("var/lib/pana-kiosk/journal.sqlite", "alarms since")
    assert board.step(STORAGE).stdout == f"{STORAGE}: ok\n"
    assert journal(board) == "alarms since"
    board.shut_down()  # and from now on it is known
    board.step(STORAGE)
    assert journal(board) == "alarms since"


@pytest.mark.parametrize("mark", ["marked", "never marked"])
def test_a_partition_of_another_root_is_set_aside(board: LiveBoard, tmp_path: Path, mark: str) -> None:
    old = provisioned(board)
    old.write("var/lib/pana-kiosk/journal.sqlite", "the other kiosk's")
    new = beside_partition_of(old, tmp_path / "new")
    if mark == "never marked":
        (new.partition / ".pana-data").unlink()
    new.options(PANA_DATA_DEVICE=DEVICE)
    new.lay("second")
    done = new.step(STORAGE)
    assert done.returncode == 0, done.stderr
    assert of_mark(new, "second")
    assert "/srv/pana/_etc_pana-kiosk.before-1" in done.stdout
    aside = new.root / "srv/pana/_var_lib_pana-kiosk.before-1/journal.sqlite"
    assert aside.read_text() == "the other kiosk's"
    assert not list((new.root / "srv/pana").glob("_opt*.before-*"))  # a program is no record, and large


def test_a_partition_of_another_kiosk_in_this_board_is_set_aside(board: LiveBoard, tmp_path: Path) -> None:
    provisioned(board).shut_down()
    other = LiveBoard(tmp_path / "other")
    other.options(PANA_DATA_DEVICE=DEVICE)
    other.lay("other")
    provisioned(other).shut_down()
    board.partition.rename(tmp_path / "away")
    other.partition.rename(board.partition)
    assert board.step(STORAGE).returncode == 0
    assert of_mark(board, "first")


def test_a_partition_that_comes_back_wins_and_the_run_says_that_it_must_be_repeated(board: LiveBoard) -> None:
    board = provisioned(board)
    board.write("var/lib/pana-kiosk/journal.sqlite", "alarms since")
    board.shut_down()
    board.lay("laid on the card")  # started without the partition
    back = board.step(STORAGE)
    assert back.returncode == 1
    assert "Run the same command again" in back.stderr
    assert journal(board) == "alarms since"
    board.lay("laid on the partition")  # the next run
    assert board.step(STORAGE).returncode == 0
    assert of_mark(board, "laid on the partition")


def test_a_state_that_differs_after_the_mounts_fails_loudly(board: LiveBoard) -> None:
    board = provisioned(board)
    board.write("etc/pana-kiosk/site.toml", "of somebody else")
    differs = board.step(STORAGE)
    assert differs.returncode == 1
    assert "Run the same command again" in differs.stderr


def test_a_kiosk_that_runs_is_stopped_for_the_copy_while_no_alarm_is_open(board: LiveBoard) -> None:
    board.know("active", KIOSK)
    board.says(incidents=1)
    alarm = board.step(STORAGE)
    assert alarm.returncode == 1
    assert "An alarm is open" in alarm.stderr
    assert board.names("bound") == set()
    assert KIOSK in board.names("active")
    board.says()
    assert board.calls
    provisioned(board)
    jobs = [line for line in board.calls if line.endswith(".mount") or KIOSK in line]
    begin = next(place for place, line in enumerate(jobs) if line.startswith("systemctl stop kiosk.service"))
    end = jobs.index(f"systemctl start {KIOSK}")
    assert [line for line in jobs[begin:end] if ".mount" in line] == [
        f"systemctl start {unit}" for unit in COPIES
    ]
    assert KIOSK in board.names("active")


def test_a_kiosk_that_was_stopped_runs_again_when_the_mounts_fail(board: LiveBoard) -> None:
    board.know("active", KIOSK)
    board.know("fails", *COPIES)
    board.says()
    assert board.step(STORAGE).returncode == 1
    assert KIOSK in board.names("active")


def test_a_bundle_without_the_partition_is_refused_while_it_is_in_use(board: LiveBoard) -> None:
    board = provisioned(board)
    board.options()
    refused = board.step(STORAGE)
    assert refused.returncode == 1
    assert "--remove" in refused.stderr
    assert board.names("bound") == set(COPIES.values())
    board.shut_down()
    assert board.step(STORAGE).returncode == 0
    assert not (board.root / "etc/systemd/system" / DATA).exists()


def test_removal_clears_the_partition_and_the_next_kiosk_is_its_own(board: LiveBoard) -> None:
    board = provisioned(board)
    partition = board.root / "srv/pana"
    (partition / "_etc_pana-kiosk.before-1").mkdir()
    (partition / "others").mkdir()
    removed = board.remove()
    assert removed.returncode == 0, removed.stderr
    assert not board.is_mounted
    assert [path.name for path in board.partition.iterdir()] == ["others"]
    board.lay("second")
    assert of_mark(provisioned(board), "second")


def test_removal_mounts_the_partition_to_clear_it_and_tells_when_it_cannot(board: LiveBoard) -> None:
    provisioned(board).shut_down()
    board.know("fails", DATA)
    told = board.bash('DRY=yes\n. "$HERE/lib/remove.sh"\nremove_all')
    assert told.returncode == 0
    assert "data partition" in told.stdout
    board.know("fails")
    assert board.remove().returncode == 0
    assert list(board.partition.iterdir()) == []


def test_removal_may_leave_the_record_of_alarms_on_the_partition(board: LiveBoard) -> None:
    board = provisioned(board)
    assert board.remove("KEEP_STATE=yes").returncode == 0
    assert [path.name for path in board.partition.iterdir()] == ["_var_lib_pana-kiosk"]


def test_removal_is_refused_where_the_root_is_an_overlay_in_memory(board: LiveBoard) -> None:
    board = provisioned(board)
    refused = board.remove("findmnt() { echo overlay; }")
    assert refused.returncode == 3
    assert "read-only now" in refused.stderr
    assert board.names("bound") == set(COPIES.values())
