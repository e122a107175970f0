"""Where a kiosk's registry row, token and SMS key come from: the centre's store, or the sheet alone.

With the centre, everything happens in one transaction of its store: what is not made leaves no trace there.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import Connection

from kiosk.fleet.plan import Unfit
from kiosk.fleet.sheet import PLACE, PLACE_WORDS, Row, Sheet
from kiosk.monitor.sms_keys import HEX, SmsKeys
from kiosk.monitor.store import registry, tokens
from kiosk.monitor.store.drafts import Draft, RegistryError, draft

TOKEN = re.compile(r"[A-Z2-7]{4}(-[A-Z2-7]{1,4}){4,19}", re.ASCII)
NEEDED = tuple(name for name in PLACE if name != "phone")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only this kiosk may have; nothing here is a private key."""

    token: str
    sms_key: str  # hex; empty where the site has no modem


class Source(Protocol):
    """Completes rows and gives secrets. Both raise Unfit."""

    def complete(self, sheet: Sheet, row: Row) -> Row:
        """Give the row with its place and number."""

    def secrets(self, sheet: Sheet, row: Row, *, sms: bool) -> Secrets:
        """Give its token, and its SMS key where there is a modem."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A desk without the centre's store: the sheet must say everything."""

    keys: SmsKeys | None = None  # by the centre's master key, where the desk may hold it

    def complete(self, sheet: Sheet, row: Row) -> Row:
        """Demand a whole row."""
        faults = [
            sheet.fault(row, name, "is empty, and without --centre nobody else knows it")
            for name in ("number", *NEEDED)
            if not row[name]
        ]
        if faults:
            raise Unfit(faults)
        return row

    def secrets(self, sheet: Sheet, row: Row, *, sms: bool) -> Secrets:
        """Take them out of the row; the SMS key may come from the master key."""
        if not TOKEN.fullmatch(row["token"]):
            what = "is no token; make one at the centre: kiosk monitor registry token " + row.kiosk
            raise Unfit([sheet.fault(row, "token", what)])
        key = row["sms_key"] or (self.keys.of(row.kiosk).hex() if self.keys else "")
        if sms and not HEX.fullmatch(key):
            what = "needs 32 to 128 hex digits (kiosk monitor sms-key), or give --sms-master"
            raise Unfit([sheet.fault(row, "sms_key", what)])
        return Secrets(row["token"], key if sms else "")


@dataclass(frozen=True, slots=True)
class Centre:
    """The centre's store, within one transaction. Rows with a place are registered or changed there."""

    db: Connection
    who: str
    now_ms: int
    life_h: int
    keys: SmsKeys | None

    def complete(self, sheet: Sheet, row: Row) -> Row:
        """Register or change the kiosk where the row says its place; give what the registry then holds."""
        known = registry.get(self.db, row.kiosk)
        if any(row[name] for name in NEEDED):
            entry = self._write(sheet, row, known)
        elif known is None:
            what = "is not in the registry; give its place in this sheet, or register it there"
            raise Unfit([sheet.fault(row, "kiosk_id", what)])
        else:
            entry = known
        if entry.revoked_ms is not None:
            raise Unfit([sheet.fault(row, "kiosk_id", "is revoked; reinstate it at the centre first")])
        if row["number"] not in ("", str(entry.number)):
            what = f"the registry has number {entry.number}; leave the cell empty or mend one of them"
            raise Unfit([sheet.fault(row, "number", what)])
        return replace(row, cells={**row.cells, **cells_of(entry.draft)})

    def secrets(self, sheet: Sheet, row: Row, *, sms: bool) -> Secrets:
        """Make a token (older unused ones die) and derive the SMS key."""
        if sms and self.keys is None:
            what = "the centre has no [sms] with a master key, so a kiosk with a modem gets no key"
            raise Unfit([sheet.fault(row, "fleet.toml sms", what)])
        chance = secrets.token_bytes(tokens.TOKEN_BYTES)
        made = tokens.make(self.db, row.kiosk, chance, who=self.who, now_ms=self.now_ms, life_h=self.life_h)
        return Secrets(made, self.keys.of(row.kiosk).hex() if sms and self.keys else "")

    def _write(self, sheet: Sheet, row: Row, known: registry.Entry | None) -> registry.Entry:
        number = row["number"] or str(known.number if known else registry.next_number(self.db))
        empty = [sheet.fault(row, name, "is empty") for name in NEEDED if not row[name]]
        if empty:
            raise Unfit(empty)
        try:
            wanted = draft(_data(row, number, known.draft if known else None))
        except RegistryError as error:
            raise Unfit([sheet.fault(row, column_of(str(error)), str(error))]) from error
        act = {"who": self.who, "now_ms": self.now_ms}
        try:
            return (registry.change if known else registry.create)(self.db, wanted, **act)  # type: ignore[arg-type]
        except RegistryError as error:
            raise Unfit([sheet.fault(row, "number", str(error))]) from error


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
