"""The SIM's PIN and the mark that a refusal leaves."""

from pathlib import Path

import pytest

from kiosk.net.pin import MARK, CardPin


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pin"
    path.write_text("4711\n")
    return path


def refused(file: Path, state: Path) -> None:
    pin = CardPin(str(file), state)
    assert pin.offer() == "4711"
    pin.refuse()


def test_a_refusal_outlives_the_process(file: Path, tmp_path: Path) -> None:
    refused(file, tmp_path)
    later = CardPin(str(file), tmp_path)
    assert later.offer() is None
    assert later.is_withheld


def test_a_mark_of_another_pin_withholds_nothing(file: Path, tmp_path: Path) -> None:
    refused(file, tmp_path)
    file.write_text("4712")
    later = CardPin(str(file), tmp_path)
    assert later.offer() == "4712"
    assert not later.is_withheld


def test_the_mark_is_for_its_owner_only_and_two_of_one_pin_are_unlike(file: Path, tmp_path: Path) -> None:
    marks = []
    for name in ("one", "two"):
        state = tmp_path / name
        state.mkdir()
        refused(file, state)
        assert (state / MARK).stat().st_mode & 0o077 == 0
        marks.append((state / MARK).read_bytes())
    assert marks[0] != marks[1]
    assert all(b"4711" not in mark for mark in marks)


def test_a_card_that_opened_forgets_the_refusal(file: Path, tmp_path: Path) -> None:
    """It has all its tries again, or is another card; and a start that found it open must not lock it out."""
    refused(file, tmp_path)
    pin = CardPin(str(file), tmp_path)
    assert pin.offer() is None
    pin.forget()
    assert pin.offer() == "4711"
    assert CardPin(str(file), tmp_path).offer() == "4711"


@pytest.mark.parametrize("torn", [b"", b"short", b"\0" * 48])
def test_a_torn_mark_withholds_nothing(file: Path, tmp_path: Path, torn: bytes) -> None:
    (tmp_path / MARK).write_bytes(torn)
    assert CardPin(str(file), tmp_path).offer() == "4711"


def test_without_a_state_folder_a_refusal_holds_for_this_life(file: Path, tmp_path: Path) -> None:
    for state in (None, tmp_path / "nowhere"):
        pin = CardPin(str(file), state)
        assert pin.offer() == "4711"
        pin.refuse()
        assert pin.offer() is None
        pin.forget()
        assert pin.offer() == "4711"
