"""SMS to people and from people: one segment out, a code and a word in. Pure.

Owns the length rule (GSM-7 <= 160, UCS-2 <= 70, never two segments) and what counts as a person's answer.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from kiosk.bodies import Kind
from kiosk.config import Config
from kiosk.messages import Language
from kiosk.prompts import Catalogue
from kiosk.wire import bounded_utc_ms

Script = Literal["kk", "ru", "latin"]
GSM7_MAX = 160
UCS2_MAX = 70
LOCAL_OFFSET_MS = 5 * 3_600_000  # Kazakhstan is one zone, UTC+5, since 2024-03-01
LOCAL = timezone(timedelta(milliseconds=LOCAL_OFFSET_MS))
LANGUAGE: dict[Script, Language] = {"kk": "kk", "ru": "ru", "latin": "en"}
WORST_UTC_MS = 1_700_000_000_000
# GSM 03.38 basic set, as far as it is ASCII and costs one septet each (no ` [ ] { } \\ ^ ~ |).
GSM7 = frozenset("@$_!\"#%&'()*+,-./:;<=>? 0123456789\n\r") | frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
REPLY = re.compile(r"^\s*([^\W\d_]+)[\s:.,#-]*([0-9]{4})[\s.!]*$")
NUMBER = re.compile(r"[+]?[0-9][0-9 ()-]{4,22}")
# Letters that a hurried thumb on a two-script keyboard mixes.
LOOK_ALIKE = str.maketrans("асеокрхум", "aceokpxym")


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What an SMS must tell of one alert."""

    kind: Kind
    button: str
    code: str
    pressed_utc_ms: int


@dataclass(frozen=True, slots=True)
class PersonSaid:
    """A person's answer, with the code of the alert that it is about."""

    stage: Literal["accepted", "en_route"]
    code: str


def fits(text: str) -> bool:
    """Tell whether a text is one segment."""
    if all(letter in GSM7 for letter in text):
        return len(text) <= GSM7_MAX
    return len(text.encode("utf-16-be")) // 2 <= UCS2_MAX


def local_time(utc_ms: int) -> str:
    """Write a wall time (ms since 1970) as people in Kazakhstan read their clocks, HH:MM; total."""
    return datetime.fromtimestamp(bounded_utc_ms(utc_ms) // 1000, tz=UTC).astimezone(LOCAL).strftime("%H:%M")


def compose(words: Catalogue, config: Config, script: Script, occasion: Occasion) -> str:
    """Write the text to a person in one script."""
    site = config.site
    place = {"kk": site.short.kk, "ru": site.short.ru, "latin": site.short.latin}[script]
    if len(config.buttons) > 1:
        place = f"{place} {occasion.button}"
    return words.word(
        LANGUAGE[script],
        "sms",
        {"press": "alert", "drill": "drill", "tamper": "tamper"}[occasion.kind],
        number=config.kiosk.number,
        place=place,
        time=local_time(occasion.pressed_utc_ms),
        code=occasion.code,
        where=f"{site.lat:.5f},{site.lon:.5f}",
    )


def parse_reply(words: Catalogue, text: str) -> PersonSaid | None:
    """Read a person's answer: a known word and four digits, case, spaces and look-alikes forgiven."""
    found = REPLY.match(unicodedata.normalize("NFKC", text[:80].replace("№", "#")))
    if found is None:
        return None
    word = _folded(found[1])
    for language in LANGUAGE.values():
        if word in _list(words, language, "accept"):
            return PersonSaid("accepted", found[2])
        if word in _list(words, language, "going"):
            return PersonSaid("en_route", found[2])
    return None


def _list(words: Catalogue, language: Language, key: str) -> list[str]:
    return [_folded(word.strip()) for word in words.word(language, "sms", key).split(",")]


def _folded(word: str) -> str:
    return word.casefold().translate(LOOK_ALIKE)


def digits(number: str) -> str:
    """Reduce a phone number to its international digits; a domestic 8 becomes 7.

    Empty for a name: a bulk sender may call itself anything, even by a number with a letter behind it.
    """
    if not NUMBER.fullmatch(number):
        return ""
    found = "".join(letter for letter in number if letter.isdigit())
    return "7" + found[1:] if len(found) == 11 and number.startswith("8") else found


def listed(number: str, numbers: tuple[str, ...]) -> bool:
    """Tell whether a sender is one of these numbers."""
    return digits(number) in {digits(known) for known in numbers} - {""}


def check(config: Config, words: Catalogue) -> list[str]:
    """Compose the longest text of every kind, script and button; name those that are not one segment."""
    problems: list[str] = []
    machine = "A1:" + 45 * "A"
    # Tamper and drills stand in the text by their own names, as the alarm opens them.
    named: list[tuple[Kind, str]] = [("press", button.name) for button in config.buttons]
    named += [("drill", "drill"), ("tamper", "tamper")]
    for kind, name in named:
        for script in LANGUAGE:
            occasion = Occasion(kind=kind, button=name, code="0000", pressed_utc_ms=WORST_UTC_MS)
            text = compose(words, config, script, occasion)
            if script == "latin":
                text = f"{text} {machine}"
            if not fits(text):
                problems.append(
                    f"site.short.{script}: the {kind} SMS for button {name!r} has {len(text)} letters, "
                    f"more than one segment ({GSM7_MAX} plain Latin, {UCS2_MAX} else); shorten "
                    "site.short or the button's name"
                )
    return problems
