"""The centre's SMS to people: one segment in the officer's language, whatever the place is called. Pure.

Owns the shortening of a place until the text fits; the words are the locale files'.
"""

import re
from dataclasses import dataclass
from typing import Literal

from kiosk.bodies import Kind, Place
from kiosk.prompts import Catalogue
from kiosk.sms_text import GSM7, LANGUAGE, Script, fits, local_time

LATIN = dict(zip("абвгдезийклмнопрстуфхцыэәғқңөұүһі", "abvgdeziyklmnoprstufhcyeagqnouuhi", strict=True)) | {
    "ё": "yo",
    "ж": "zh",
    "ч": "ch",
    "ш": "sh",
    "щ": "sh",
    "ю": "yu",
    "я": "ya",
    "ъ": "",
    "ь": "",
}
QUOTES = str.maketrans({"«": '"', "»": '"', "“": '"', "”": '"', "–": "-", "—": "-", "№": "#"})
HOUSE = re.compile(r"(.*\S)\s+(\S*[0-9].*)")
WORD: dict[Kind, str] = {"press": "alert", "drill": "drill", "tamper": "tamper"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What one SMS tells; `number` is how people call the kiosk, `pressed_ms` UTC."""

    kind: Kind
    number: str
    place: Place
    code: str
    pressed_ms: int


def compose(words: Catalogue, script: Script, occasion: Occasion) -> str:
    """Write the text with as much of the place as one segment holds."""
    wordings = _places(script, occasion.place)
    for place in wordings:
        text = _text(words, script, occasion, place)
        if fits(text):
            return text
    street, house = _street_and_house(wordings[-1])  # the house number is worth more than a long street
    while not fits(text) and (street or house):
        street, house = (street[:-1].rstrip(" ,."), house) if street else ("", house[:-1])
        text = _text(words, script, occasion, f"{street} {house}".strip())
    return text


def _places(script: Script, place: Place) -> tuple[str, ...]:
    """Word a place from the longest to the shortest: the address matters most, its town least."""
    language: Literal["kk", "ru"] = "kk" if script == "kk" else "ru"
    name, address, entrance = (
        getattr(words, language) for words in (place.name, place.address, place.entrance)
    )
    parts = address.split(", ")
    shorter = [", ".join(parts[start:]) for start in range(max(1, len(parts) - 1))]
    wordings = (f"{name}, {address}, {entrance}", f"{name}, {address}", f"{address}, {entrance}", *shorter)
    return tuple(latin(text) for text in wordings) if script == "latin" else wordings


def _street_and_house(address: str) -> tuple[str, str]:
    """Split an address before its house number, which stands behind a comma or, as in Kazakh, a space."""
    street, _, house = address.rpartition(", ")
    found = None if any(letter.isdigit() for letter in street) else HOUSE.fullmatch(house)
    return (found[1], found[2]) if found else (street, house)


def _text(words: Catalogue, script: Script, occasion: Occasion, place: str) -> str:
    return words.word(
        LANGUAGE[script],
        "sms",
        WORD[occasion.kind],
        number=occasion.number,
        place=place,
        time=local_time(occasion.pressed_ms),
        code=occasion.code,
        where=f"{occasion.place.lat:.5f},{occasion.place.lon:.5f}",
    )


def latin(text: str) -> str:
    """Write Cyrillic in plain Latin letters; what GSM-7 does not know becomes a space."""
    letters: list[str] = []
    for letter in text.translate(QUOTES):
        plain = LATIN.get(letter.lower())
        if plain is not None:
            letters.append(plain.capitalize() if letter.isupper() else plain)
        else:
            letters.append(letter if letter in GSM7 else " ")
    return " ".join("".join(letters).split())


def mask(number: str) -> str:
    """Write a phone number so that it names nobody: its first two and last two letters."""
    return f"{number[:2]}***{number[-2:]}" if len(number) > 6 else "***"
