"""The site's file is judged while a kiosk runs, and what it runs with is kept for the next start."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.wired import site_file

from kiosk.arming import COPY, Armed, arm
from kiosk.site_check import keep_copy, look
from kiosk.words import load_catalogue

WORDS = load_catalogue()


@pytest.fixture
def armed(tmp_path: Path) -> Iterator[Armed]:
    made = arm(site_file(tmp_path), allow_mock=True)
    yield made
    made.inputs.close()


def copy_of(armed: Armed) -> Path:
    return Path(armed.config.paths.state) / COPY


def test_while_the_file_can_be_used_what_the_kiosk_runs_with_is_its_copy(armed: Armed) -> None:
    assert look(armed, WORDS) == ""
    copy = copy_of(armed)
    assert copy.read_text(encoding="utf-8") == armed.text
    assert copy.stat().st_mode & 0o777 == 0o600
    before = copy.stat().st_ino
    assert look(armed, WORDS) == ""
    assert copy.stat().st_ino == before, "a card is not written to for nothing"


def test_beside_a_file_that_was_put_in_place_meanwhile_nothing_is_kept(armed: Armed) -> None:
    """Set-up took the copy away, and the daemon of the kiosk that this was before still runs."""
    armed.site_file.write_text(armed.text + "# another kiosk's\n", encoding="utf-8")
    assert look(armed, WORDS) == ""
    assert not copy_of(armed).exists()


@pytest.mark.parametrize("damage", ["", "[kiosk\n", None])
def test_a_file_that_no_start_can_use_is_told_and_leaves_the_copy(armed: Armed, damage: str | None) -> None:
    look(armed, WORDS)
    if damage is None:
        armed.site_file.unlink()
    else:
        armed.site_file.write_text(damage)
    assert "site.toml" in look(armed, WORDS)
    assert copy_of(armed).read_text(encoding="utf-8") == armed.text


def test_a_file_that_breaks_a_rule_between_keys_is_told(armed: Armed) -> None:
    armed.site_file.write_text(f"{armed.text}\n[tamper]\npin = 17\n", encoding="utf-8")
    assert "17" in look(armed, WORDS)
    assert not copy_of(armed).exists()


def test_a_kiosk_that_runs_with_its_copy_says_so_until_it_is_restarted(armed: Armed) -> None:
    by_copy = replace(armed, wrong="site.toml: line 3")
    assert "restart" in look(by_copy, WORDS)
    assert not copy_of(armed).exists()


def test_a_copy_that_cannot_be_written_stops_nothing(armed: Armed) -> None:
    copy_of(armed).mkdir()
    assert look(armed, WORDS) == ""


def test_a_copy_that_was_torn_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / f".{COPY}.new").write_text("torn")
    (tmp_path / COPY).write_bytes(b"\xff")
    keep_copy(tmp_path, "whole")
    assert (tmp_path / COPY).read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == [COPY]
