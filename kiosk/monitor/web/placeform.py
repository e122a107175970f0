"""The form of a kiosk in the registry: text as people type it -> a Draft, or what is wrong where. Pure.

Limits are those of the types that travel (`kiosk.bodies.Place`); nothing that was typed is lost.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from kiosk.bodies import Kato, Lat, Lon, Phone, Words
from kiosk.monitor.store.drafts import ACCURACY_MAX_M, NUMBER_MAX, Draft, Imei, Name, RegistryError, draft

WORDS = tuple(f"{what}_{language}" for what in ("name", "address", "entrance") for language in ("kk", "ru"))
FIELDS = ("kiosk_id", "number", *WORDS, "lat", "lon", "accuracy_m", "kato", "phone", "imei", "note")
TYPED_MAX = 400
NOTE_MAX = 280
WORDS_MAX = 60
ACCURACY_USUAL_M = 20


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """Give what was typed, trimmed and not beyond what a page should carry back."""
    return {name: form.get(name, "").strip()[:TYPED_MAX] for name in FIELDS}


def of_draft(known: Draft) -> dict[str, str]:
    """Fill the form with what is kept."""
    place = known.place
    both: dict[str, Words] = {"name": place.name, "address": place.address, "entrance": place.entrance}
    return {
        "kiosk_id": known.kiosk_id,
        "number": str(known.number),
        **{f"{what}_{lang}": getattr(words, lang) for what, words in both.items() for lang in ("kk", "ru")},
        "lat": _degrees(place.lat),
        "lon": _degrees(place.lon),
        "accuracy_m": str(place.accuracy_m),
        "kato": place.kato,
        "phone": place.phone or "",
        "imei": known.imei,
        "note": known.note,
    }


def _degrees(value: float) -> str:
    return f"{value:.7f}".rstrip("0").rstrip(".")  # 1e-7 is a centimetre


def check(fields: Mapping[str, str]) -> tuple[Draft | None, dict[str, str]]:
    """Give the draft, or the fields that are wrong, each with the word that says what is allowed."""
    wrong: dict[str, str] = {}
    for name in FIELDS:
        if not _fits(name, fields[name]):
            wrong[name] = "words" if name in WORDS else name
    if wrong:
        return None, wrong
    try:
        return draft(_plain(fields)), {}
    except RegistryError:
        return None, {"kiosk_id": "whole"}


def _fits(name: str, text: str) -> bool:
    if not text.isprintable():
        return False
    return FITS[name](text) if name in FITS else 1 <= len(text) <= WORDS_MAX


def _is(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def is_phone(text: str) -> bool:
    """Tell whether a text is an international number."""
    return _is(text, Phone)


def _whole(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most


def _decimal(text: str) -> float | None:
    """Read degrees, with a comma as people here write it; None for what is no figure, like nan."""
    plain = text.replace(",", ".")
    if not plain.isascii() or not plain.lstrip("+-").replace(".", "", 1).isdigit():
        return None
    return float(plain)


def phone(text: str) -> str:
    """Take spaces, hyphens and brackets out of a phone number."""
    return "".join(letter for letter in text if letter not in " -()\u00a0")


def imei(text: str) -> str:
    """Take spaces and hyphens out of an IMEI."""
    return "".join(letter for letter in text if letter not in " -\u00a0")


FITS: dict[str, Callable[[str], bool]] = {
    "kiosk_id": lambda text: _is(text, Name),
    "number": lambda text: _whole(text, 1, NUMBER_MAX),
    "lat": lambda text: _is(_decimal(text), Lat),
    "lon": lambda text: _is(_decimal(text), Lon),
    "accuracy_m": lambda text: _whole(text, 0, ACCURACY_MAX_M),
    "kato": lambda text: _is(text, Kato),
    "phone": lambda text: not text or is_phone(phone(text)),
    "imei": lambda text: _is(imei(text), Imei),
    "note": lambda text: len(text) <= NOTE_MAX,
}


def _plain(fields: Mapping[str, str]) -> dict[str, Any]:
    place: dict[str, Any] = {
        what: {language: fields[f"{what}_{language}"] for language in ("kk", "ru")}
        for what in ("name", "address", "entrance")
    }
    place |= {"lat": _decimal(fields["lat"]), "lon": _decimal(fields["lon"])}
    place |= {"accuracy_m": int(fields["accuracy_m"]), "kato": fields["kato"]}
    place["phone"] = phone(fields["phone"]) or None
    return {
        "kiosk_id": fields["kiosk_id"],
        "number": int(fields["number"]),
        "place": place,
        "imei": imei(fields["imei"]),
        "note": fields["note"],
    }
