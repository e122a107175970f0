"""Kiosks out of a spreadsheet's CSV: every fault with its line, and all of it written or nothing.

The first line names the columns. `number` may be empty: the next free one is taken. A sheet is judged without
the database's write lock, which the core needs for every alert, and written as a whole in a moment.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from kiosk.monitor.store import audit, locks, names, registry
from kiosk.monitor.store.drafts import NUMBER_MAX, PLACE_WORDS, Draft, RegistryError, columns, draft
from kiosk.monitor.store.names import NameTaken
from kiosk.monitor.store.rows import Values

LINES_MAX = 100_000
WORDS = tuple(f"{what}_{language}" for what in PLACE_WORDS for language in ("kk", "ru"))
NEEDED = ("kiosk_id", *WORDS, "lat", "lon", "accuracy_m", "kato")
OPTIONAL = ("number", "phone", "imei", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What an import writes: rows of kiosks that are new, of changes and of the record in the order of lines.

    `seen` is `registry.changes` of what it was judged against.
    """

    created: Sequence[Values]
    changed: Sequence[Values]
    record: Sequence[tuple[str, str, str]]
    seen: tuple[Any, ...]


def judge(db: Connection, text: str, own: Collection[str] = ()) -> Judged:
    """Check every line against the registry, which is only read; raises RegistryError with every fault.

    `own` are the names of the centre's configuration.
    """
    seen = registry.changes(db)
    book = Book(registry.everyone(db), names.barred(db, own))
    faults: list[str] = []
    for line, row in _rows(text):
        try:
            book.put(_draft(book, row))
        except RegistryError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        more = f"\nand {len(faults) - 50} more" if len(faults) > 50 else ""
        raise RegistryError("\n".join(faults[:50]) + more)
    return Judged(created=tuple(book.created.values()), changed=book.changed, record=book.record, seen=seen)


def write(db: Connection, judged: Judged, *, who: str, now_ms: int) -> None:
    """Write all that was judged: alerts wait meanwhile. Raises RegistryError when it holds no longer."""
    locks.take(db, locks.Lock.NAMES)
    names.demand_all_free(db, (str(row["kiosk_id"]) for row in judged.created))
    if registry.changes(db) != judged.seen:
        raise RegistryError("somebody else changed the registry meanwhile; nothing is written, import again")
    try:
        registry.write_many(db, judged.created, judged.changed, now_ms=now_ms)
    except IntegrityError as error:
        raise RegistryError(
            "somebody else took an id or a number; nothing is written, import again"
        ) from error
    audit.write_many(db, judged.record, at_ms=now_ms, who=who)


class Book:
    """The registry as it is after each line.

    Changes keep their order, for one kiosk may take the number that another one gave up. New kiosks are
    written after all of them, as they are in the end.
    """

    def __init__(self, drafts: Iterable[Draft], barred: Collection[str]) -> None:
        self.drafts = {old.kiosk_id: old for old in drafts}
        self.created: dict[str, Values] = {}
        self.changed: list[Values] = []
        self.record: list[tuple[str, str, str]] = []
        self._barred = barred
        self._holders = {old.number: old.kiosk_id for old in self.drafts.values()}
        self._highest = max(self._holders, default=0)
        self._gaps = (number for number in range(1, NUMBER_MAX) if number not in self._holders)

    def put(self, new: Draft) -> None:
        """Register a kiosk, or change it where it exists; raises RegistryError as `check`."""
        self.check(new)
        old = self.drafts.get(new.kiosk_id)
        if old == new:
            return
        row = columns(new) | {"kiosk_id": new.kiosk_id}
        if old is None:
            self.record.append(("kiosk_added", new.kiosk_id, ""))
        else:
            self.record.append(("kiosk_changed", new.kiosk_id, " ".join(registry.differing(old, new))))
            del self._holders[old.number]
        if old is None or new.kiosk_id in self.created:
            self.created[new.kiosk_id] = row
        else:
            self.changed.append(row)
        self.drafts[new.kiosk_id] = new
        self._holders[new.number] = new.kiosk_id
        self._highest = max(self._highest, new.number)

    def check(self, new: Draft) -> None:
        """Raise RegistryError when its number is taken, NameTaken for a name of the centre."""
        if new.kiosk_id in self._barred and new.kiosk_id not in self.drafts:
            raise NameTaken(new.kiosk_id)
        holder = self._holders.get(new.number, new.kiosk_id)
        if holder != new.kiosk_id:
            raise RegistryError(f"number {new.number} belongs to {holder}; choose another")

    def next_number(self) -> int:
        """Give what `registry.next_number` would give after the lines before; raises RegistryError."""
        number = self._highest + 1 if self._highest < NUMBER_MAX else next(self._gaps, None)
        if number is None:
            raise RegistryError("the registry is full: every number is taken")
        return number


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        heads = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = heads
        missing = [name for name in NEEDED if name not in heads]
        unknown = [name for name in heads if name not in (*NEEDED, *OPTIONAL)]
        if missing or unknown:
            wrong = [f"lacks {', '.join(missing)}"] * bool(missing)
            wrong += [f"has unknown columns {', '.join(unknown)}"] * bool(unknown)
            raise RegistryError(f"line 1: {'; '.join(wrong)}")
        for row in reader:
            if reader.line_num > LINES_MAX:
                raise RegistryError(f"line {reader.line_num}: at most {LINES_MAX} lines are read")
            if None in row or None in row.values():
                raise RegistryError(f"line {reader.line_num}: {len(heads)} columns are expected")
            yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except csv.Error as error:
        raise RegistryError(f"line {reader.line_num}: not CSV: {error}") from error


def _draft(book: Book, row: Mapping[str, str]) -> Draft:
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
    old = book.drafts.get(checked.kiosk_id)
    return msgspec.structs.replace(checked, number=old.number if old else book.next_number())


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
