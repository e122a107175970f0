"""The words of the pages, their times and the keys of long lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.messages import ConfigError
from kiosk.monitor.web import paging, times, words

EVEN = {"a.kk.toml": 'x = "{n} бар"', "a.ru.toml": 'x = "есть {n}"', "a.en.toml": 'x = "{n} there"'}


def test_the_packages_own_words_are_complete_in_every_language() -> None:
    found = words.load()
    assert found.word("kk", "board.do_accept") == "Қабылдау"
    assert found.has("board.drill")
    assert not found.has("board.nothing_like_it")


def test_placeholders_are_filled() -> None:
    assert words.parse(EVEN).word("ru", "a.x", n=3) == "есть 3"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"a.kk.toml": 'y = "1"'}, "no text in"),
        ({"a.ru.toml": 'x = "есть {m}"'}, "differ in their placeholders"),
        ({"a.en.toml": "x = 3"}, "must be a text"),
        ({"a.en.toml": 'x = ""'}, "must be a text"),
        ({"a.en.toml": "x = "}, "a.en.toml"),
        ({"a.en.toml": 'x = "{"'}, "a.x"),
        ({"a.de.toml": 'x = "{n}"'}, "must be <page>"),
    ],
)
def test_uneven_words_are_refused_by_file_and_key(changed: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        words.parse({**EVEN, **changed})


def test_times_are_shown_at_utc_plus_five() -> None:
    assert times.local(1_780_000_000_000) == "29.05.2026 01:26:40"
    assert times.clock(1_780_000_000_000) == "01:26:40"
    assert times.day(1_780_000_000_000) == "2026-05-29"
    assert times.local(None) == times.clock(None) == ""
    begins = times.day_begins("2026-05-29")
    assert begins is not None
    assert times.local(begins) == "29.05.2026 00:00:00"
    assert times.of_wire("2026-05-28T20:26:40.000Z") == 1_780_000_000_000
    assert times.of_wire("yesterday") is None


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("0001-01-01T00:00:00Z", "01.01.1 05:00:00"),
        ("9999-12-31T18:59:59.999Z", "31.12.9999 23:59:59"),
        ("9999-12-31T19:00:00Z", "31.12.9999 23:59:59"),
        ("9999-12-31T23:59:59.9999Z", "31.12.9999 23:59:59"),
    ],
)
def test_a_time_at_the_end_of_the_calendar_is_shown_as_the_nearest_that_can_be(told: str, shown: str) -> None:
    assert times.local(times.of_wire(told)) == shown


@given(st.integers())
def test_no_time_breaks_a_page(utc_ms: int) -> None:
    assert times.local(utc_ms)
    assert times.clock(utc_ms)
    assert times.day(utc_ms)


@given(st.text())
def test_no_text_for_a_day_breaks_anything(text: str) -> None:
    assert times.day_begins(text) is None or isinstance(times.day_begins(text), int)


@given(st.integers(min_value=-(2**53), max_value=2**53), st.text(max_size=60))
def test_a_key_comes_back_as_it_was(number: int, text: str) -> None:
    written = paging.write(number, text)
    if len(written) <= paging.LONGEST:
        assert paging.read(written, tuple[int, str]) == (number, text)


@given(st.text())
def test_a_forged_key_begins_at_the_front(text: str) -> None:
    found = paging.read(text, tuple[int, str])
    assert found is None or isinstance(found[0], int)
