"""Kiosks out of a spreadsheet's CSV: every fault with its line, and all of it written or nothing.

The first line names the columns. `number` may be empty: the next free one is taken.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection

from kiosk.monitor.store import registry
from kiosk.monitor.store.drafts import PLACE_WORDS, Draft, RegistryError, draft

LINES_MAX = 100_000
WORDS = tuple(f"{what}_{language}" for what in PLACE_WORDS for language in ("kk", "ru"))
NEEDED = ("kiosk_id", *WORDS, "lat", "lon", "accuracy_m", "kato")
OPTIONAL = ("number", "phone", "imei", "note")


@dataclass(frozen=True, slots=True)
class Counted:
    """What an import did."""

    created: int
    changed: int


def load(db: Connection, text: str, *, who: str, now_ms: int) -> Counted:
    """Register each line's kiosk, or change it where it exists; raises RegistryError with every fault."""
    created = changed = 0
    faults: list[str] = []
    for line, row in _rows(text):
        try:
            new = _draft(db, row)
            old = registry.get(db, new.kiosk_id)
            if old is None:
                registry.create(db, new, who=who, now_ms=now_ms)
                created += 1
            elif registry.change(db, new, who=who, now_ms=now_ms).draft != old.draft:
                changed += 1
        except RegistryError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        more = f"\nand {len(faults) - 50} more" if len(faults) > 50 else ""
        raise RegistryError("\n".join(faults[:50]) + more)
    return Counted(created, changed)


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        missing = [name for name in NEEDED if name not in names]
        unknown = [name for name in names if name not in (*NEEDED, *OPTIONAL)]
        if missing or unknown:
            wrong = [f"lacks {', '.join(missing)}"] * bool(missing)
            wrong += [f"has unknown columns {', '.join(unknown)}"] * bool(unknown)
            raise RegistryError(f"line 1: {'; '.join(wrong)}")
        for row in reader:
            if reader.line_num > LINES_MAX:
                raise RegistryError(f"line {reader.line_num}: at most {LINES_MAX} lines are read")
            if None in row or None in row.values():
                raise RegistryError(f"line {reader.line_num}: {len(names)} columns are expected")
            yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except csv.Error as error:
        raise RegistryError(f"line {reader.line_num}: not CSV: {error}") from error


def _draft(db: Connection, row: Mapping[str, str]) -> Draft:
    place: dict[str, Any] = {
        what: {language: row[f"{what}_{language}"] for language in ("kk", "ru")} for what in PLACE_WORDS
    }
    place |= {"lat": _number(row, "lat"), "lon": _number(row, "lon"), "kato": row["kato"]}
    place["accuracy_m"] = _whole(row, "accuracy_m")
    place["phone"] = row.get("phone") or None
    data: dict[str, Any] = {"kiosk_id": row["kiosk_id"], "place": place}
    data |= {name: row[name] for name in ("imei", "note") if row.get(name)}
    if row.get("number"):
        return draft(data | {"number": _whole(row, "number")})
    checked = draft(data | {"number": 1})
    old = registry.get(db, checked.kiosk_id)
    return msgspec.structs.replace(checked, number=old.number if old else registry.next_number(db))


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        return float(row[name].replace(",", "."))
    except ValueError as error:
        raise RegistryError(f"{name}: a number of degrees is expected, like 43.23815") from error


def _whole(row: Mapping[str, str], name: str) -> int:
    text = row[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise RegistryError(f"{name}: a whole number is expected")
    return int(text)
