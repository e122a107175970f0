"""The centre's registry as rows of a sheet come to be: judged as it was read, written as a whole in a moment.

Nothing is held of its database while rows are judged: the core writes there for every alert.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from kiosk.fleet.plan import Unfit
from kiosk.fleet.sheet import PLACE_WORDS, Fault, Row, Sheet
from kiosk.fleet.sources import NEEDED, Secrets
from kiosk.monitor.sms_keys import SmsKeys
from kiosk.monitor.store import audit, locks, names, registry, tokens
from kiosk.monitor.store.drafts import Draft, RegistryError, draft
from kiosk.monitor.store.imports import Book
from kiosk.monitor.store.names import NameTaken

REVOKED = "is revoked; reinstate it at the centre first"
CHANGED = "was changed at the centre meanwhile; make it again"


@dataclass(frozen=True, slots=True)
class _Good:
    """A row whose bundle can be made: what the registry will hold, and the token that goes with it."""

    row: Row
    wanted: Draft
    token: str


class _Read:
    """The registry at one moment, then as it is after each row. `own` are names of the centre itself."""

    def __init__(self, db: Connection, own: Collection[str]) -> None:
        self.seen = registry.changes(db)  # first: what changes after it is judged again
        self.book = Book(registry.everyone(db), names.barred(db, own))
        self.known = dict(self.book.drafts)
        self.revoked = frozenset(registry.revoked_names(db))


class Centre:
    """Completes rows and makes tokens, kept by `write` only; rows with a place are registered or changed."""

    def __init__(self, db: Connection, keys: SmsKeys | None, own: Collection[str]) -> None:
        self._keys = keys
        self._own = own
        self._read = _Read(db, own)
        self._wanted: dict[str, Draft] = {}
        self._good: list[_Good] = []

    def complete(self, sheet: Sheet, row: Row) -> Row:
        """Give the row with what the registry will hold of it."""
        known = self._read.known.get(row.kiosk)
        if any(row[name] for name in NEEDED):
            wanted = self._draft(sheet, row, known)
        elif known is None:
            what = "is not in the registry; give its place in this sheet, or register it there"
            raise Unfit([sheet.fault(row, "kiosk_id", what)])
        else:
            wanted = known
        if row.kiosk in self._read.revoked:
            raise Unfit([sheet.fault(row, "kiosk_id", REVOKED)])
        if row["number"] not in ("", str(wanted.number)):
            what = f"the registry has number {wanted.number}; leave the cell empty or mend one of them"
            raise Unfit([sheet.fault(row, "number", what)])
        self._wanted[row.kiosk] = wanted
        return replace(row, cells={**row.cells, **cells_of(wanted)})

    def secrets(self, sheet: Sheet, row: Row, *, sms: bool) -> Secrets:
        """Make a token (older unused ones die) and derive the SMS key."""
        if sms and self._keys is None:
            what = "the centre has no [sms] with a master key, so a kiosk with a modem gets no key"
            raise Unfit([sheet.fault(row, "fleet.toml sms", what)])
        good = _Good(row, self._wanted[row.kiosk], tokens.text_of(secrets.token_bytes(tokens.TOKEN_BYTES)))
        self._read.book.put(good.wanted)
        self._good.append(good)
        return Secrets(good.token, self._keys.of(row.kiosk).hex() if sms and self._keys else "")

    def write(
        self, db: Connection, sheet: Sheet, *, who: str, now_ms: int, life_h: int, strict: bool
    ) -> list[Fault]:
        """Register, change and keep tokens: alerts wait meanwhile. Give faults of rows that are wrong by now.

        Those are not written, and with `strict` nothing is then. Raises RegistryError; nothing is kept then.
        """
        locks.take(db, locks.Lock.NAMES)
        book, faults = self._read.book, list[Fault]()
        if not self._holds(db):
            book, faults = self._again(db, sheet)
        if strict and faults:
            return faults
        bad = {fault.kiosk for fault in faults}
        made = {good.row.kiosk: good.token for good in self._good if good.row.kiosk not in bad}
        try:
            registry.write_many(db, tuple(book.created.values()), book.changed, now_ms=now_ms)
        except IntegrityError as error:
            raise RegistryError("somebody took an id or a number; nothing is made, run it again") from error
        audit.write_many(db, book.record, who=who, at_ms=now_ms)
        tokens.keep_many(db, made, who=who, now_ms=now_ms, life_h=life_h)
        return faults

    def _holds(self, db: Connection) -> bool:
        try:
            names.demand_all_free(db, self._read.book.created)
        except NameTaken:
            return False
        return registry.changes(db) == self._read.seen

    def _again(self, db: Connection, sheet: Sheet) -> tuple[Book, list[Fault]]:
        """Judge what the registry says to the good rows anew, as it is now."""
        now = _Read(db, self._own)
        faults = []
        for good in self._good:
            row, kiosk = good.row, good.row.kiosk
            if kiosk in now.revoked:
                faults.append(sheet.fault(row, "kiosk_id", REVOKED))
            elif now.known.get(kiosk) != self._read.known.get(kiosk):
                faults.append(sheet.fault(row, "kiosk_id", CHANGED))
            else:
                try:
                    now.book.put(good.wanted)
                except RegistryError as error:
                    faults.append(_refusal(sheet, row, error))
        return now.book, faults

    def _draft(self, sheet: Sheet, row: Row, known: Draft | None) -> Draft:
        empty = [sheet.fault(row, name, "is empty") for name in NEEDED if not row[name]]
        if empty:
            raise Unfit(empty)
        number = row["number"] or str(known.number if known else self._read.book.next_number())
        try:
            wanted = draft(_data(row, number, known))
        except RegistryError as error:
            raise Unfit([sheet.fault(row, column_of(str(error)), str(error))]) from error
        try:
            self._read.book.check(wanted)
        except RegistryError as error:
            raise Unfit([_refusal(sheet, row, error)]) from error
        return wanted


def _refusal(sheet: Sheet, row: Row, error: RegistryError) -> Fault:
    return sheet.fault(row, "kiosk_id" if isinstance(error, NameTaken) else "number", str(error))


def cells_of(known: Draft) -> Mapping[str, str]:
    """Write what the registry knows as cells of a sheet."""
    place = known.place
    words = {
        f"{what}_{lang}": getattr(getattr(place, what), lang) for what in PLACE_WORDS for lang in ("kk", "ru")
    }
    rest = {"lat": place.lat, "lon": place.lon, "accuracy_m": place.accuracy_m, "number": known.number}
    return (
        words
        | {name: str(value) for name, value in rest.items()}
        | {"kato": place.kato, "phone": place.phone or ""}
    )


def column_of(message: str) -> str:
    """Find the column that a message of the registry means: it names the field as `$.place.kato`."""
    found = re.search(r"\$\.(?:place\.)?([a-z_]+)(?:\.(kk|ru))?", message)
    if found is None:
        return "kiosk_id"
    return f"{found[1]}_{found[2]}" if found[2] else found[1]


def _data(row: Row, number: str, known: Draft | None) -> dict[str, Any]:
    place: dict[str, Any] = {
        what: {lang: row[f"{what}_{lang}"] for lang in ("kk", "ru")} for what in PLACE_WORDS
    }
    place |= {
        "lat": _figure(row["lat"]),
        "lon": _figure(row["lon"]),
        "accuracy_m": _figure(row["accuracy_m"]),
    }
    place |= {"kato": row["kato"], "phone": row["phone"] or None}
    kept = {"imei": known.imei, "note": known.note} if known else {}
    written = {name: row[name] for name in ("imei", "note") if row[name]}
    return {"kiosk_id": row.kiosk, "number": _figure(number), "place": place} | kept | written


def _figure(text: str) -> float | int | str:
    """Read a figure; what is none stays text, and the registry says that it is not what it should be."""
    try:
        return int(text) if text.isdigit() else float(text.replace(",", "."))
    except ValueError:
        return text
