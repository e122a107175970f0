"""The kiosks that exist: created, changed, revoked, found.

Each change is recorded in the same transaction. Never says how a kiosk is: that is the fleet's.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import Connection, RowMapping, Select, bindparam, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from kiosk.bodies import KioskId, Place
from kiosk.monitor.records import Registered
from kiosk.monitor.store import audit, certificates, locks, names
from kiosk.monitor.store.bulk import run_many
from kiosk.monitor.store.certificates import Reason
from kiosk.monitor.store.drafts import NUMBER_MAX, Draft, RegistryError, columns, from_row, place_of
from kiosk.monitor.store.rows import Values
from kiosk.monitor.store.schema import registry

PAGE = 200
REASONS: tuple[Reason, ...] = get_args(Reason)
SEARCHED = ("kiosk_id", "name_kk", "name_ru", "address_kk", "address_ru", "imei")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One kiosk of the registry; times are UTC ms; `revoked_ms` None while it may speak."""

    draft: Draft
    created_ms: int
    changed_ms: int
    revoked_ms: int | None = None

    @property
    def kiosk_id(self) -> str:
        """Give its id: its certificate's CN and MQTT user."""
        return self.draft.kiosk_id

    @property
    def number(self) -> int:
        """Give its number in signed SMS."""
        return self.draft.number

    @property
    def place(self) -> Place:
        """Say where it stands."""
        return self.draft.place


class Stale(RegistryError):
    """The kiosk was changed after the time that a change was made from."""


def create(db: Connection, new: Draft, *, who: str, now_ms: int, own: Collection[str] = ()) -> Entry:
    """Register a kiosk; raises RegistryError when its id or number is taken, NameTaken for a centre's name.

    `own` are the names of the centre's configuration.
    """
    locks.take(db, locks.Lock.NAMES)
    names.demand_free(db, new.kiosk_id, own)
    row = columns(new) | {"created_ms": now_ms, "changed_ms": now_ms}
    try:
        with db.begin_nested():
            db.execute(insert(registry).values(kiosk_id=new.kiosk_id, **row))
    except IntegrityError as error:
        raise _taken(db, new) from error
    audit.write(db, who=who, what="kiosk_added", subject=new.kiosk_id, at_ms=now_ms)
    return Entry(draft=new, created_ms=now_ms, changed_ms=now_ms)


def change(db: Connection, new: Draft, *, who: str, now_ms: int, seen_ms: int) -> Entry:
    """Write what is known of a kiosk anew, as seen at its `changed_ms`.

    Raises RegistryError when there is none or its number is taken, Stale when it was changed since.
    """
    old = get(db, new.kiosk_id)
    if old is None:
        raise RegistryError(f"no kiosk {new.kiosk_id} in the registry")
    changed = differing(old.draft, new)
    if not changed:
        return old
    changed_ms = max(now_ms, seen_ms + 1)
    wanted = update(registry).where(registry.c.kiosk_id == new.kiosk_id, registry.c.changed_ms == seen_ms)
    try:
        with db.begin_nested():
            done = db.execute(wanted.values(changed_ms=changed_ms, **columns(new))).rowcount
    except IntegrityError as error:
        raise _taken(db, new) from error
    if not done:
        raise Stale(f"kiosk {new.kiosk_id} was changed meanwhile")
    _record_change(db, new.kiosk_id, " ".join(changed), who, now_ms)
    return Entry(draft=new, created_ms=old.created_ms, changed_ms=changed_ms, revoked_ms=old.revoked_ms)


def correct_imei(db: Connection, kiosk_id: str, imei: str, *, now_ms: int) -> None:
    """Write the IMEI that a kiosk tells of itself, and nothing else of its row."""
    wanted = update(registry).where(registry.c.kiosk_id == kiosk_id, registry.c.imei != imei)
    if db.execute(wanted.values(imei=imei, changed_ms=_later(now_ms))).rowcount:
        _record_change(db, kiosk_id, "imei", kiosk_id, now_ms)


def _record_change(db: Connection, kiosk_id: str, detail: str, who: str, now_ms: int) -> None:
    audit.write(db, who=who, what="kiosk_changed", subject=kiosk_id, detail=detail, at_ms=now_ms)


def write_many(db: Connection, created: Sequence[Values], changed: Sequence[Values], *, now_ms: int) -> None:
    """Write rows that were judged before, changes first and in order; raises IntegrityError, records nothing.

    Each row is a kiosk's columns and id.
    """
    fields = [name for row in changed[:1] for name in row if name != "kiosk_id"]
    wanted = update(registry).where(registry.c.kiosk_id == bindparam("b_kiosk_id"))
    wanted = wanted.values(changed_ms=_later(now_ms), **{name: bindparam(f"b_{name}") for name in fields})
    run_many(db, wanted, [{f"b_{name}": value for name, value in row.items()} for row in changed])
    new: dict[str, Any] = {name: bindparam(name) for row in created[:1] for name in row}
    run_many(db, insert(registry).values(created_ms=now_ms, changed_ms=now_ms, **new), created)


def revoke(db: Connection, kiosk_id: str, reason: Reason, *, who: str, now_ms: int) -> int:
    """Shut a kiosk out with all its certificates and tokens; give how many certificates that were.

    Raises RegistryError when there is no such kiosk. Repeating it is harmless.
    """
    wanted = update(registry).where(registry.c.kiosk_id == kiosk_id)
    wanted = wanted.values(revoked_ms=func.coalesce(registry.c.revoked_ms, now_ms), changed_ms=_later(now_ms))
    if db.execute(wanted).rowcount != 1:
        raise RegistryError(f"no kiosk {kiosk_id} in the registry")
    count = certificates.revoke_all(db, kiosk_id, reason, now_ms=now_ms)
    detail = f"reason={reason} certificates={count}"
    audit.write(db, who=who, what="kiosk_revoked", subject=kiosk_id, detail=detail, at_ms=now_ms)
    return count


def reinstate(db: Connection, kiosk_id: str, *, who: str, now_ms: int) -> None:
    """Let a revoked kiosk enrol again; its old certificates stay revoked. Raises RegistryError."""
    wanted = update(registry).where(registry.c.kiosk_id == kiosk_id)
    if db.execute(wanted.values(revoked_ms=None, changed_ms=_later(now_ms))).rowcount != 1:
        raise RegistryError(f"no kiosk {kiosk_id} in the registry")
    audit.write(db, who=who, what="kiosk_reinstated", subject=kiosk_id, at_ms=now_ms)


def get(db: Connection, kiosk_id: str) -> Entry | None:
    """Give one kiosk."""
    row = db.execute(select(registry).where(registry.c.kiosk_id == kiosk_id)).mappings().first()
    return None if row is None else _entry(row)


def by_number(db: Connection, number: int) -> Entry | None:
    """Give the kiosk that signs its SMS with this number."""
    row = db.execute(select(registry).where(registry.c.number == number)).mappings().first()
    return None if row is None else _entry(row)


def find(
    db: Connection, *, text: str = "", region: str = "", after: str = "", limit: int = PAGE
) -> Sequence[Entry]:
    """Give kiosks in the order of ids, those after `after`; `region` is the beginning of a KATO code."""
    query = _matching(select(registry), text, region).where(registry.c.kiosk_id > after)
    rows = db.execute(query.order_by(registry.c.kiosk_id).limit(limit)).mappings()
    return [_entry(row) for row in rows]


def count(db: Connection, *, text: str = "", region: str = "") -> int:
    """Count the kiosks that `find` would give."""
    found: int = db.execute(_matching(select(func.count()).select_from(registry), text, region)).scalar_one()
    return found


def everyone(db: Connection) -> Sequence[Draft]:
    """Give what people wrote about every kiosk."""
    return [from_row(row) for row in db.execute(select(registry)).mappings()]


def plan(db: Connection) -> tuple[Registered, ...]:
    """Give every kiosk as the fleet needs it, in the order of their numbers."""
    rows = db.execute(select(registry).order_by(registry.c.number)).mappings()
    return tuple(
        Registered(
            kiosk_id=KioskId(row["kiosk_id"]),
            number=row["number"],
            place=place_of(row),
            revoked=row["revoked_ms"] is not None,
        )
        for row in rows
    )


def changes(db: Connection) -> tuple[Any, ...]:
    """Give what is another value after each change: every one makes its row's time later, and rows stay."""
    count, times = func.count(), func.sum(registry.c.changed_ms)
    return tuple(db.execute(select(count, times).select_from(registry)).one())


def revoked_names(db: Connection) -> Sequence[str]:
    """Give the ids of all kiosks that are shut out."""
    query = select(registry.c.kiosk_id).where(registry.c.revoked_ms.is_not(None))
    return db.execute(query.order_by(registry.c.kiosk_id)).scalars().all()


def next_number(db: Connection) -> int:
    """Give the number after the highest, or the first gap once that is used; raises RegistryError."""
    highest = db.execute(select(func.max(registry.c.number))).scalar() or 0
    if highest < NUMBER_MAX:
        return highest + 1
    taken = set(db.execute(select(registry.c.number)).scalars())
    for number in range(1, NUMBER_MAX):
        if number not in taken:
            return number
    raise RegistryError("the registry is full: every number is taken")


def _matching(query: Select[Any], text: str, region: str) -> Select[Any]:
    text = text.replace("\0", "")  # which PostgreSQL does not take
    if text:
        query = query.where(or_(*(registry.c[name].icontains(text, autoescape=True) for name in SEARCHED)))
    if region:
        query = query.where(registry.c.kato.startswith(region, autoescape=True))
    return query


def _later(now_ms: int) -> Any:
    """Date a change after the row's last one, whatever the clock says: `changes` counts on it."""
    return case((registry.c.changed_ms < now_ms, now_ms), else_=registry.c.changed_ms + 1)


def _taken(db: Connection, new: Draft) -> RegistryError:
    holder = by_number(db, new.number)
    if holder is not None and holder.kiosk_id != new.kiosk_id:
        return RegistryError(f"number {new.number} belongs to {holder.kiosk_id}; choose another")
    return RegistryError(f"kiosk {new.kiosk_id} is in the registry already")


def differing(old: Draft, new: Draft) -> list[str]:
    """Name the columns that a change writes anew."""
    before, after = columns(old), columns(new)
    return [name for name in after if after[name] != before[name]]


def _entry(row: RowMapping) -> Entry:
    return Entry(
        draft=from_row(row),
        created_ms=row["created_ms"],
        changed_ms=row["changed_ms"],
        revoked_ms=row["revoked_ms"],
    )
