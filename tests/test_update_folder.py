"""The paper between daemon and installer: whole or not there, never by a link, never too large."""

import time
from pathlib import Path

import pytest
from msgspec import structs

from kiosk import update_folder
from kiosk.messages import DeviceError, KioskEvent, UpdateSeen
from kiosk.update_folder import OUTCOME, REQUEST, UpdateFolder
from kiosk.updates import UpdateOutcome, UpdateRequest

ORDER = UpdateRequest(command_id="c1", release="ab" * 32, version="0.2.0")
DONE = UpdateOutcome(update_id="u1", ending="succeeded", version="0.2.0", command_id="c1")


def looked(state: Path) -> UpdateSeen:
    seen: list[KioskEvent] = []
    UpdateFolder(state, seen.append).look()
    assert isinstance(seen[0], UpdateSeen)
    return seen[0]


def ordered(state: Path) -> Path:
    UpdateFolder(state, lambda _: None).request(ORDER)
    return state / "update"


def test_an_order_lies_where_the_installer_looks(tmp_path: Path) -> None:
    assert looked(tmp_path) == UpdateSeen(ordered=False)
    folder = ordered(tmp_path)
    order = update_folder.read(folder, REQUEST, UpdateRequest)
    assert order is not None
    assert structs.replace(order, boot_id="", boot_s=0.0) == ORDER
    assert looked(tmp_path) == UpdateSeen(ordered=True)
    assert [path.name for path in folder.iterdir()] == [REQUEST]
    assert (folder / REQUEST).stat().st_mode & 0o007 == 0


def test_an_order_says_when_it_was_laid_down_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot_id = update_folder.BOOT_ID.read_text().strip()
    assert boot_id
    for now_s in (7.5, 9.0):
        monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: now_s}.get)
        order = update_folder.read(ordered(tmp_path), REQUEST, UpdateRequest)
        assert order == structs.replace(ORDER, boot_id=boot_id, boot_s=now_s)


def test_a_kernel_that_names_no_boot_keeps_no_order_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_folder, "BOOT_ID", tmp_path / "missing")
    order = update_folder.read(ordered(tmp_path), REQUEST, UpdateRequest)
    assert order is not None
    assert order.boot_id == ""


def test_an_outcome_is_found_and_forgotten_by_its_name(tmp_path: Path) -> None:
    folder = ordered(tmp_path)
    update_folder.write(folder, OUTCOME, DONE)
    update_folder.remove(folder, REQUEST)
    assert looked(tmp_path) == UpdateSeen(ordered=False, outcome=DONE)
    desk = UpdateFolder(tmp_path, lambda _: None)
    desk.forget("another")
    assert looked(tmp_path).outcome == DONE
    desk.forget("u1")
    desk.forget("u1")
    assert looked(tmp_path) == UpdateSeen(ordered=False)


def test_a_new_order_takes_the_old_outcome_away(tmp_path: Path) -> None:
    update_folder.write(ordered(tmp_path), OUTCOME, DONE)
    ordered(tmp_path)
    assert looked(tmp_path) == UpdateSeen(ordered=True)


@pytest.mark.parametrize("text", ["", "{}", "nonsense", "[" * 5000, '{"update_id": "' + "x" * 5000 + '"}'])
def test_what_cannot_be_read_is_not_there(tmp_path: Path, text: str) -> None:
    (ordered(tmp_path) / OUTCOME).write_text(text)
    assert looked(tmp_path).outcome is None


def test_no_link_is_followed(tmp_path: Path) -> None:
    """The folder is the daemon's, the installer is root."""
    folder = ordered(tmp_path)
    secret = tmp_path / "secret"
    update_folder.write(folder, OUTCOME, DONE)
    (folder / OUTCOME).rename(secret)
    (folder / OUTCOME).symlink_to(secret)
    assert update_folder.read(folder, OUTCOME, UpdateOutcome) is None
    update_folder.write(folder, OUTCOME, DONE)
    assert not (folder / OUTCOME).is_symlink()
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeviceError, match=OUTCOME):
        update_folder.write(folder, OUTCOME, DONE)
    with pytest.raises(DeviceError, match=OUTCOME):
        update_folder.remove(folder, OUTCOME)


def test_what_a_cut_left_half_written_is_in_nobodys_way(tmp_path: Path) -> None:
    folder = ordered(tmp_path)
    (folder / f".{OUTCOME}.new").write_text("half")
    update_folder.write(folder, OUTCOME, DONE)
    assert looked(tmp_path).outcome == DONE


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be written"):
        UpdateFolder(tmp_path / "missing", lambda _: None).request(ORDER)
