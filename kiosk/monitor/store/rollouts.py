"""Roll-outs and how each kiosk stands in them, with what the fleet says of itself. Decides nothing.

Every change that a person makes is recorded in its transaction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, insert, literal, or_, select, update

from kiosk.bodies import Event
from kiosk.monitor.rollout import Mark, Rollout, RolloutState, Seen, Word
from kiosk.monitor.store import audit
from kiosk.monitor.store.locks import Lock, take
from kiosk.monitor.store.schema import alerts, events, kiosks, registry, rollout_kiosks, rollouts

ACTIVE = ("running", "paused")
PAGE = 1000
OUTCOMES = {"update_done": "succeeded", "update_failed": "failed", "update_rolled_back": "rolled_back"}
MOVES: dict[str, tuple[str, ...]] = {
    "paused": ("running",), "running": ("paused", "failed"), "stopped": ("running", "paused", "failed"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A roll-out as it is listed."""

    rollout: Rollout
    started_ms: int
    started_by: str
    changed_ms: int


class RolloutBusy(Exception):
    """Another roll-out is still under way; the text names it."""


def start(db: Connection, new: Rollout, *, who: str, now_ms: int) -> None:
    """Begin a roll-out; raises RolloutBusy while another one runs or rests."""
    take(db, Lock.ROLLOUTS)
    busy = current(db)
    if busy is not None:
        raise RolloutBusy(busy.rollout_id)
    row = _columns(replace(new, step_ms=now_ms))
    row |= {"started_ms": now_ms, "started_by": who, "changed_ms": now_ms}
    db.execute(insert(rollouts).values(**row))
    detail = f"version={new.version} steps={row['steps']} at_once={new.at_once} stop_after={new.stop_after}"
    audit.write(db, at_ms=now_ms, who=who, what="rollout_start", subject=new.rollout_id, detail=detail)


def move(db: Connection, rollout_id: str, state: RolloutState, *, who: str, now_ms: int) -> bool:
    """Let a person pause, resume or stop a roll-out; False where it does not stand so, or another one does.

    One that failures ended goes on with those counted as they are, but for one more each time.
    """
    take(db, Lock.ROLLOUTS)
    # A step that the centre takes meanwhile is waited for: else `keep` would write nothing.
    query = select(rollouts).where(rollouts.c.rollout_id == rollout_id).with_for_update()
    row = db.execute(query).mappings().first()
    if row is None or row["state"] not in MOVES[state]:
        return False
    old = _rollout(row)
    new = replace(old, state=state, reason="")
    if old.state == "failed" and state == "running":
        if current(db) is not None:
            return False
        new = replace(new, stop_after=_failed(db, rollout_id) + 1)
    keep(db, old, new, now_ms=now_ms)
    audit.write(db, at_ms=now_ms, who=who, what=f"rollout_{state}", subject=rollout_id)
    return True


def keep(db: Connection, old: Rollout, new: Rollout, *, now_ms: int) -> bool:
    """Write a roll-out that changed, unless somebody changed it meanwhile."""
    wanted = update(rollouts).where(
        rollouts.c.rollout_id == old.rollout_id,
        rollouts.c.state == old.state,
        rollouts.c.step == old.step,
    )
    return db.execute(wanted.values(changed_ms=now_ms, **_columns(new))).rowcount == 1


def current(db: Connection) -> Rollout | None:
    """Give the roll-out that runs or rests."""
    row = db.execute(select(rollouts).where(rollouts.c.state.in_(ACTIVE))).mappings().first()
    return None if row is None else _rollout(row)


def get(db: Connection, rollout_id: str) -> Entry | None:
    """Give one roll-out."""
    row = db.execute(select(rollouts).where(rollouts.c.rollout_id == rollout_id)).mappings().first()
    return None if row is None else _entry(row)


def listed(db: Connection, limit: int = 20) -> Sequence[Entry]:
    """Give the newest roll-outs first."""
    newest = (rollouts.c.started_ms.desc(), rollouts.c.rollout_id.desc())
    return [_entry(row) for row in db.execute(select(rollouts).order_by(*newest).limit(limit)).mappings()]


def marks(db: Connection, rollout_id: str) -> dict[str, Mark]:
    """Give how every kiosk stands that was ordered."""
    rows = db.execute(select(rollout_kiosks).where(rollout_kiosks.c.rollout_id == rollout_id)).mappings()
    names = Mark.__slots__
    return {row["kiosk_id"]: Mark(**{name: row[name] for name in names}) for row in rows}


def put(db: Connection, rollout_id: str, mark: Mark) -> None:
    """Write how a kiosk stands."""
    row = {name: getattr(mark, name) for name in Mark.__slots__} | {"reason": mark.reason[:280]}
    of = and_(rollout_kiosks.c.rollout_id == rollout_id, rollout_kiosks.c.kiosk_id == mark.kiosk_id)
    if db.execute(update(rollout_kiosks).where(of).values(**row)).rowcount == 0:
        db.execute(insert(rollout_kiosks).values(rollout_id=rollout_id, **row))


def fleet(db: Connection) -> Iterator[list[Seen]]:
    """Give the kiosks of the registry in pages, so that a large fleet holds nobody up."""
    after = ""
    opened = (
        select(literal(1))
        .where(alerts.c.kiosk_id == registry.c.kiosk_id, alerts.c.closed_ms.is_(None))
        .exists()
        .label("opened")
    )
    query = (
        select(registry.c.kiosk_id, kiosks.c.version, kiosks.c.life, kiosks.c.state, kiosks.c.twin, opened)
        .join_from(registry, kiosks, kiosks.c.kiosk_id == registry.c.kiosk_id, isouter=True)
        .where(registry.c.revoked_ms.is_(None))
        .order_by(registry.c.kiosk_id)
        .limit(PAGE)
    )
    while rows := db.execute(query.where(registry.c.kiosk_id > after)).all():
        after = rows[-1].kiosk_id
        yield [
            Seen(
                kiosk_id=row.kiosk_id,
                version=row.version or "",
                well=row.life == "online" and row.state == "armed" and not row.twin and not row.opened,
            )
            for row in rows
        ]


def newest_event(db: Connection) -> int:
    """Give the number of the newest event."""
    return int(db.execute(select(func.max(events.c.number))).scalar() or 0)


def words(db: Connection, mark: Mark, command_id: str, version: str) -> list[Word]:
    """Give what a kiosk said of its update since it was ordered, in order."""
    of_order = and_(events.c.code == "command", events.c.number > mark.after)
    outcome = and_(events.c.code.in_(OUTCOMES), events.c.number > mark.after)
    query = select(events.c.body).where(events.c.kiosk_id == mark.kiosk_id, or_(of_order, outcome))
    found = []
    for body in db.execute(query.order_by(events.c.number)).scalars():
        word = _word(msgspec.json.decode(body, type=Event), command_id, version)
        found += [word] if word else []
    return found


def _word(event: Event, command_id: str, version: str) -> Word | None:
    if event.code in OUTCOMES:
        way, _, why = event.detail.partition(": ")
        return Word(OUTCOMES[event.code], why) if way.endswith(f"-> {version}") else None
    name, _, rest = event.detail.partition(" ")
    state, _, why = rest.partition(": ")
    way, _, cause = why.partition(": ")
    return Word(state, cause if " -> " in way else why) if name == command_id else None


def versions(db: Connection) -> list[tuple[str, int]]:
    """Count the kiosks of the registry by the version that they report; empty: not heard yet."""
    version = func.coalesce(kiosks.c.version, "")
    query = (
        select(version.label("version"), func.count().label("amount"))
        .join_from(registry, kiosks, kiosks.c.kiosk_id == registry.c.kiosk_id, isouter=True)
        .where(registry.c.revoked_ms.is_(None))
        .group_by(version)
    )
    found = [(row.version, row.amount) for row in db.execute(query)]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def phases(db: Connection, rollout_id: str) -> dict[str, int]:
    """Count the kiosks of a roll-out by how they stand."""
    query = (
        select(rollout_kiosks.c.phase, func.count().label("amount"))
        .where(rollout_kiosks.c.rollout_id == rollout_id)
        .group_by(rollout_kiosks.c.phase)
    )
    return {row.phase: row.amount for row in db.execute(query)}


def troubled(db: Connection, rollout_id: str, limit: int = 100) -> Sequence[Mark]:
    """Give the kiosks that failed or are asked again, the newest first."""
    of = rollout_kiosks
    query = select(of).where(of.c.rollout_id == rollout_id, of.c.phase.in_(("failed", "waiting")))
    rows = db.execute(query.order_by(of.c.at_ms.desc(), of.c.kiosk_id).limit(limit)).mappings()
    return [Mark(**{name: row[name] for name in Mark.__slots__}) for row in rows]


def _failed(db: Connection, rollout_id: str) -> int:
    return phases(db, rollout_id).get("failed", 0)


def _columns(rollout: Rollout) -> dict[str, object]:
    names = ("rollout_id", "version", "at_once", "stop_after", "soak_s", "state", "step", "step_ms", "reason")
    row: dict[str, object] = {name: getattr(rollout, name) for name in names}
    steps = ",".join(str(step) for step in rollout.steps)
    return row | {"release_id": rollout.release, "steps": steps}


def _rollout(row: RowMapping) -> Rollout:
    return Rollout(
        rollout_id=row["rollout_id"],
        release=row["release_id"],
        version=row["version"],
        steps=tuple(int(step) for step in row["steps"].split(",")),
        at_once=row["at_once"],
        stop_after=row["stop_after"],
        soak_s=row["soak_s"],
        state=row["state"],
        step=row["step"],
        step_ms=row["step_ms"],
        reason=row["reason"],
    )


def _entry(row: RowMapping) -> Entry:
    return Entry(
        rollout=_rollout(row),
        started_ms=row["started_ms"],
        started_by=row["started_by"],
        changed_ms=row["changed_ms"],
    )
