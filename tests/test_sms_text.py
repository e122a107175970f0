"""SMS to and from people: one segment out, a word and a code in."""

from itertools import product
from typing import Any, get_args

import pytest
from fakes.virtual_kiosk import UTC_MS, WORDS, example_config

from kiosk.bodies import Kind
from kiosk.config import Button
from kiosk.sms_text import GSM7_MAX, UCS2_MAX, Occasion, Script, check, compose, fits, parse_reply

SCRIPTS: tuple[Script, ...] = get_args(Script)
KINDS: tuple[Kind, ...] = get_args(Kind)


def text(script: Script, kind: Kind = "press", **changes: Any) -> str:
    occasion = Occasion(kind=kind, button="counter", code="4711", pressed_utc_ms=UTC_MS)
    return compose(WORDS, example_config(**changes), script, occasion)


@pytest.mark.parametrize(("script", "kind"), list(product(SCRIPTS, KINDS)))
def test_every_text_is_one_segment(script: Script, kind: Kind) -> None:
    """Pitfall 29."""
    assert fits(text(script, kind))
    assert len(text(script, kind)) <= (GSM7_MAX if script == "latin" else UCS2_MAX)


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_alarm_tells_which_point_where_when_and_the_code(script: Script) -> None:
    """The contract; pitfall 25: the code tells copies of one alert apart from another alert."""
    alarm = text(script)
    place = {"kk": "Абай 10", "ru": "Абая 10", "latin": "Abay 10"}[script]
    for part in ("17", place, "counter", "4711", "43.23815,76.94551", "SOS" if script != "kk" else "Көмек"):
        assert part in alarm


def test_the_time_is_that_of_kazakhstan_whatever_the_boards_zone() -> None:
    """Pitfall 33: UTC+5 since 2024-03-01, though old tzdata says +06. It was 14:13 UTC."""
    assert "19:13" in text("ru")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_drill_says_so_in_its_first_word(script: Script) -> None:
    assert text(script, "drill").startswith(("TEST", "ТЕСТ"))
    assert "SOS" not in text(script, "drill")


def test_a_site_with_one_button_does_not_name_it() -> None:
    assert "counter" not in text("ru", buttons=(Button(name="counter", pin=17),))


@pytest.mark.parametrize(
    ("letters", "one"),
    [("a" * 160, True), ("a" * 161, False), ("ы" * 70, True), ("ы" * 71, False), ("a" * 70 + "«", False),
     ("😀" * 35, True), ("😀" * 36, False)],
)  # fmt: skip
def test_a_segment_is_160_plain_or_70_other_letters(letters: str, one: bool) -> None:
    """Pitfall 29: one letter outside GSM-7 makes all of them cost two bytes."""
    assert fits(letters) is one


# ---- what people answer


@pytest.mark.parametrize(
    "said",
    ["OK 4711", "ok 4711", " Ok  4711 ", "OK4711", "ОК 4711", "оk 4711", "Ok. 4711!", "OK №4711",
     "OK: 4711.", "ok, 4711", "OK\n4711", "принял 4711", "ПРИНЯЛА 4711", "Қабылдадым 4711", "ＯＫ ４７１１"],
)  # fmt: skip
def test_an_acceptance_forgives_case_spaces_and_scripts(said: str) -> None:
    answer = parse_reply(WORDS, said)
    assert answer is not None
    assert (answer.stage, answer.code) == ("accepted", "4711")


@pytest.mark.parametrize(
    "said", ["GO 4711", "еду 4711", "ЕДУ 4711", "БАРАМЫН 4711", "барамын4711", "edu 4711"]
)
def test_going_is_understood_in_three_languages(said: str) -> None:
    answer = parse_reply(WORDS, said)
    assert answer is not None
    assert answer.stage == "en_route"


@pytest.mark.parametrize(
    "said",
    ["", "OK", "4711", "OK 471", "OK 47110", "not OK 4711", "OK 4711 OK 4712", "NO 4711", "CLOSE 4711",
     "restart 4711", "OK ٤٧١١", "A1R 4711 accepted AAAAAAAAAA", "OK" + 80 * " " + "4711", "o_k 4711"],
)  # fmt: skip
def test_everything_else_is_no_answer(said: str) -> None:
    """Pitfall 30: it may accept, never command."""
    assert parse_reply(WORDS, said) is None


# ---- the check at load time


def test_the_example_site_fits() -> None:
    assert check(example_config(), WORDS) == []


def test_a_text_that_would_be_two_segments_is_named_by_key_kind_and_button() -> None:
    problems = check(example_config(site__short__ru="А" * 24), WORDS)
    assert problems
    assert all(problem.startswith("site.short.ru: ") for problem in problems)
    assert any("'counter'" in problem and "press" in problem for problem in problems)


def test_tamper_is_checked_by_the_name_that_it_will_carry() -> None:
    """A name of one letter must not let "tamper" through unseen."""
    buttons = (Button(name="a", pin=17), Button(name="b", pin=27))
    for length in range(1, 25):
        config = example_config(buttons=buttons, site__short__kk="Ә" * length, kiosk__number=0xFFFFFF)
        occasion = Occasion(kind="tamper", button="tamper", code="9999", pressed_utc_ms=UTC_MS)
        if not fits(compose(WORDS, config, "kk", occasion)):
            assert check(config, WORDS)
