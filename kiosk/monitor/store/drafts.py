"""What people write about a kiosk: its fields, their limits, and their columns. Never reads the database."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import RowMapping

from kiosk.bodies import END, Place, Words
from kiosk.messages import KioskError

NUMBER_MAX = 0xFFFFFF  # three bytes of a signed SMS
ACCURACY_MAX_M = 10_000
PLACE_WORDS = ("name", "address", "entrance")

Name = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9-]{2,31}" + END, description="3 to 32 of a-z 0-9 -, no - first"),
]
Imei = Annotated[
    str, Meta(pattern=r"^([0-9]{14,16})?" + END, description="the 14 to 16 digits of an IMEI, or nothing")
]


class RegistryError(KioskError):
    """The registry cannot hold this; the message says what and why."""


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people write about a kiosk: `kiosk_id` is its certificate's CN and MQTT user."""

    kiosk_id: Name
    number: Annotated[int, Meta(ge=1, le=NUMBER_MAX)]
    place: Place
    imei: Imei = ""
    note: Annotated[str, Meta(max_length=280)] = ""


def draft(data: dict[str, Any]) -> Draft:
    """Check plain data; raises RegistryError that says which field is wrong and what is allowed."""
    try:
        checked = msgspec.convert(data, Draft)
    except msgspec.ValidationError as error:
        raise RegistryError(f"kiosk: {error}") from error
    if checked.place.accuracy_m > ACCURACY_MAX_M:
        raise RegistryError(f"kiosk: place.accuracy_m: at most {ACCURACY_MAX_M} m")
    if not all(text.isprintable() for text in (checked.note, *_words(checked.place).values())):
        raise RegistryError("kiosk: a text holds a control character; write one line without tabs")
    return checked


def columns(new: Draft) -> dict[str, Any]:
    """Give what stands in the table beside the id."""
    place = new.place
    return _words(place) | {
        "number": new.number,
        "lat": place.lat,
        "lon": place.lon,
        "accuracy_m": place.accuracy_m,
        "kato": place.kato,
        "phone": place.phone or "",
        "imei": new.imei,
        "note": new.note,
    }


def from_row(row: RowMapping) -> Draft:
    """Read a row of the table."""
    return Draft(
        kiosk_id=row["kiosk_id"],
        number=row["number"],
        place=place_of(row),
        imei=row["imei"],
        note=row["note"],
    )


def place_of(row: RowMapping) -> Place:
    """Read where a kiosk stands out of a row of the table."""
    name, address, entrance = (Words(kk=row[f"{what}_kk"], ru=row[f"{what}_ru"]) for what in PLACE_WORDS)
    return Place(
        name=name,
        address=address,
        entrance=entrance,
        lat=row["lat"],
        lon=row["lon"],
        accuracy_m=row["accuracy_m"],
        kato=row["kato"],
        phone=row["phone"] or None,
    )


def _words(place: Place) -> dict[str, str]:
    both = {what: getattr(place, what) for what in PLACE_WORDS}
    return {f"{what}_{lang}": getattr(words, lang) for what, words in both.items() for lang in ("kk", "ru")}
