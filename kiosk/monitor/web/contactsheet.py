"""The owner's list of contacts as CSV: text -> contacts, or which line is wrong and why. Pure.

All or nothing: one wrong line, and there are no contacts.
"""

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.monitor import sheets
from kiosk.monitor.store.contacts import KINDS, Contact

COLUMNS = (
    "contact_id", "kind", "name_kk", "name_ru", "phone", "address_kk", "address_ru", "kato", "lat", "lon",
    "hours",
)  # fmt: skip
LINES_MAX = 5000
ERRORS_MAX = 100
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
PHONE = re.compile(r"[+0-9][0-9 ()-]{1,23}")
KATO = re.compile(r"([0-9]{9})?")
FIGURE = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that cannot be taken: its number from 1 (0: the whole file) and the word that says why."""

    line: int
    word: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file holds: contacts, or at most ERRORS_MAX lines that are wrong."""

    contacts: tuple[Contact, ...]
    wrong: tuple[Wrong, ...]


def read(content: bytes) -> Sheet:
    """Read a file."""
    try:
        return _read(sheets.read(content.decode("utf-8-sig")))
    except UnicodeDecodeError:
        return Sheet((), (Wrong(0, "why_utf8"),))
    except csv.Error:
        return Sheet((), (Wrong(0, "why_table"),))


def _read(lines: list[tuple[int, list[str]]]) -> Sheet:
    if not lines:
        return Sheet((), (Wrong(0, "why_empty"),))
    if len(lines) > LINES_MAX + 1:
        return Sheet((), (Wrong(0, "why_many"),))
    number, header = lines[0]
    header = [name.lower() for name in header]
    if sorted(header) != sorted(COLUMNS):
        return Sheet((), (Wrong(number, "why_header"),))
    found: dict[str, Contact] = {}
    wrong: list[Wrong] = []
    for number, row in lines[1:]:
        if len(row) != len(header):
            wrong.append(Wrong(number, "why_cells"))
            continue
        cells = {name: _plain(text) for name, text in zip(header, row, strict=True)}
        why = problem(cells) or ("why_repeated" if cells["contact_id"] in found else "")
        if why:
            wrong.append(Wrong(number, why))
        else:
            found[cells["contact_id"]] = _contact(cells)
    if not found and not wrong:
        return Sheet((), (Wrong(0, "why_empty"),))
    return Sheet(() if wrong else tuple(found.values()), tuple(wrong[:ERRORS_MAX]))


def _plain(text: str) -> str:
    """Take the quote away again that our own export puts before what looks like a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in sheets.FORMULA else text


def problem(cells: Mapping[str, str]) -> str:
    """Name the word that says what is wrong with a line; empty when nothing is."""
    checks = (
        ("why_contact_id", bool(ID.fullmatch(cells["contact_id"]))),
        ("why_kind", cells["kind"] in KINDS),
        ("why_name", _fits(cells["name_kk"], 1, 120) and _fits(cells["name_ru"], 1, 120)),
        ("why_phone", bool(PHONE.fullmatch(cells["phone"]))),
        ("why_address", _fits(cells["address_kk"], 0, 200) and _fits(cells["address_ru"], 0, 200)),
        ("why_kato", bool(KATO.fullmatch(cells["kato"]))),
        ("why_place", _placed(cells["lat"], cells["lon"])),
        ("why_hours", _fits(cells["hours"], 0, 60)),
    )
    return next((word for word, good in checks if not good), "")


def _fits(text: str, least: int, most: int) -> bool:
    return least <= len(text) <= most and text.isprintable()


def _placed(lat: str, lon: str) -> bool:
    if not lat and not lon:
        return True
    north, east = _degrees(lat), _degrees(lon)
    return north is not None and east is not None and abs(north) <= 90 and abs(east) <= 180


def _degrees(text: str) -> float | None:
    plain = text.replace(",", ".")
    value = float(plain) if FIGURE.fullmatch(plain) else None
    return value if value is not None and math.isfinite(value) else None


def _contact(cells: Mapping[str, str]) -> Contact:
    return Contact(
        contact_id=cells["contact_id"],
        kind=cells["kind"],
        name_kk=cells["name_kk"],
        name_ru=cells["name_ru"],
        phone=cells["phone"],
        address_kk=cells["address_kk"],
        address_ru=cells["address_ru"],
        kato=cells["kato"],
        lat=_degrees(cells["lat"]),
        lon=_degrees(cells["lon"]),
        hours=cells["hours"],
    )
