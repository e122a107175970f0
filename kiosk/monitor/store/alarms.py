"""Alerts and their stages in the database, whichever monitor writes first.

The first word about a stage stays, stages never go back, and copies of one alert are joined: every order of
the same writes ends in the same rows, but that a press after the end is not counted. It decides nothing else.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, case, select, update

from kiosk.bodies import Alert, AlertId
from kiosk.monitor import cases
from kiosk.monitor.messages import Overruled
from kiosk.monitor.records import Case, StageEntry, StoreStage
from kiosk.monitor.store import rows
from kiosk.monitor.store.bulk import among, insert_many, keep_old
from kiosk.monitor.store.schema import alerts, stages

LOG = logging.getLogger(__name__)
TIMED = ("accepted", "en_route", "on_scene", "closed")  # stages with a column of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One transaction: its connection, the database's time, and who writes."""

    connection: Connection
    now_ms: int
    writer: str


def known_names(turn: Turn, ids: Iterable[str]) -> tuple[dict[str, Row[Any]], dict[str, str]]:
    """Lock the alerts of these ids: rows by id, and today's id of those that once came by SMS."""
    wanted = set(ids)
    found = lock(turn, wanted)
    names: dict[str, str] = {}
    for wanted_ones in among(turn.connection, alerts.c.sms_id, wanted - set(found)):
        query = select(alerts.c.alert_id, alerts.c.sms_id).where(wanted_ones)
        names.update({row.sms_id: row.alert_id for row in turn.connection.execute(query)})
    if names:
        found.update(lock(turn, set(names.values()) - set(found)))
    return found, names


def lock(turn: Turn, ids: set[str]) -> dict[str, Row[Any]]:
    """Give these alerts by id; no other monitor changes them before this transaction ends."""
    found: dict[str, Row[Any]] = {}
    for wanted in among(turn.connection, alerts.c.alert_id, ids):
        query = select(alerts).where(wanted).order_by(alerts.c.alert_id)
        for row in turn.connection.execute(query.with_for_update()):
            found[row.alert_id] = row
    return found


def write_alerts(turn: Turn, news: Sequence[Case], known: dict[str, Row[Any]], names: dict[str, str]) -> None:
    """Keep alerts: a new one as it came, another copy of a known one joined with what is there."""
    mine: dict[str, Case] = {}
    for new in news:
        alert_id = names.get(new.alert.alert_id, new.alert.alert_id)
        first = mine.get(alert_id)
        mine[alert_id] = new if first is None else _both(first, new)
    fresh = [
        rows.alert_row(mine[alert_id], now_ms=turn.now_ms, writer=turn.writer)
        for alert_id in sorted(set(mine) - set(known))
    ]
    if fresh:
        known |= _insert(turn, fresh)
    changed = [row for alert_id in sorted(mine) if (row := joined_row(mine[alert_id], known.get(alert_id)))]
    if changed:
        columns = ("kind", "presses", "also_by", "sms_from", "body")
        statement = touch(turn).values({name: bindparam(f"b_{name}") for name in columns})
        turn.connection.execute(statement, changed)


def _both(first: Case, new: Case) -> Case:
    """Join two copies that one commit brings, perhaps by an old and a new name."""
    return replace(
        new,
        alert=cases.join(first.alert, new.alert),
        also_by=tuple(dict.fromkeys((*first.also_by, *new.also_by))),
        sms_from=new.sms_from or first.sms_from,
    )


def _insert(turn: Turn, fresh: list[rows.Values]) -> dict[str, Row[Any]]:
    """Insert; give those that another monitor inserted while we looked, locked."""
    if turn.connection.dialect.name == "sqlite":  # nobody else writes meanwhile
        insert_many(turn.connection, alerts, fresh, keep_old)
        return {}
    done = set(insert_many(turn.connection, alerts, fresh, _which_are_new).scalars())
    return lock(turn, {row["alert_id"] for row in fresh} - done)


def _which_are_new(statement: Any) -> Any:
    return keep_old(statement).returning(alerts.c.alert_id)


def touch(turn: Turn) -> Any:
    """Begin an UPDATE of alerts that the other monitors will read as news."""
    only = case((alerts.c.writer == turn.writer, turn.writer), else_="")
    return (
        update(alerts)
        .where(alerts.c.alert_id == bindparam("b_alert_id"))
        .values(written_ms=turn.now_ms, writer=only)
    )


def joined_row(new: Case, row: Row[Any] | None) -> rows.Values | None:
    """Give what a copy adds to a row; None when that is nothing."""
    if row is None:
        return None
    if row.kiosk_id != new.alert.kiosk_id:
        LOG.error("store alert=%s refused=another kiosk has this id", row.alert_id)
        return None
    readable = rows.readable([row.body], Alert)
    old = readable[0] if readable else new.alert
    joined = cases.join(old, msgspec.structs.replace(new.alert, alert_id=AlertId(row.alert_id)))
    if row.closed_ms is not None:
        joined = as_it_ended(joined, row.presses, old)
    came_by = {*rows.routes(row.also_by), *new.also_by} - {row.door}
    also_by = ",".join(door for door in rows.DOORS if door in came_by)
    sms_from = rows.clean(new.sms_from, 16) or row.sms_from
    if row.closed_ms is not None:  # whoever has told the end there lets go of the number; nobody adds one
        sms_from = row.sms_from if new.sms_from or not cases.is_closed(new) else ""
    if readable and (joined, also_by, sms_from) == (old, row.also_by, row.sms_from):
        return None
    return {
        "b_alert_id": row.alert_id,
        "b_kind": joined.kind,
        "b_presses": joined.presses,
        "b_also_by": also_by,
        "b_sms_from": sms_from,
        "b_body": msgspec.json.encode(joined),
    }


def as_it_ended(joined: Alert, presses: int, known: Alert) -> Alert:
    """Count no more than was `known` to whoever closed it: the kiosk hears that, and opens the rest anew."""
    return msgspec.structs.replace(joined, presses=presses, also=known.also)


def read_stages(connection: Connection, ids: Iterable[str]) -> dict[str, list[StageEntry]]:
    """Give the stages of these alerts."""
    found: dict[str, list[StageEntry]] = {}
    for wanted in among(connection, stages.c.alert_id, ids):
        for row in connection.execute(select(stages).where(wanted)):
            found.setdefault(row.alert_id, []).append(rows.stage_entry(row))
    return found


def write_stages(turn: Turn, asked: Sequence[StoreStage], names: dict[str, str]) -> list[Overruled]:
    """Keep stages that are new; give back those that somebody else had decided before."""
    wanted = [(names.get(change.alert_id, change.alert_id), change) for change in asked]
    there = read_stages(turn.connection, (alert_id for alert_id, _ in wanted))
    fresh: list[rows.Values] = []
    overruled: list[Overruled] = []
    for alert_id, change in wanted:
        known = there.setdefault(alert_id, [])
        decided = _decided(known, change.entry)
        if decided is None:
            known.append(change.entry)
            fresh.append(rows.stage_row(alert_id, change.entry))
        elif (decided.stage, decided.at_ms, decided.by) != _identity(change.entry):
            overruled.append(Overruled(change.alert_id, decided, change.entry.stage))
    if fresh:
        fresh.sort(key=lambda row: (row["alert_id"], row["stage"]))
        insert_many(turn.connection, stages, fresh, keep_old)
        _fill_in(turn, fresh)
    return overruled


def _identity(entry: StageEntry) -> tuple[str, int, str]:
    return entry.stage, entry.at_ms, rows.clean(entry.by, 64)


def _decided(known: list[StageEntry], entry: StageEntry) -> StageEntry | None:
    """Find what stands in the way of a stage: the same one, or one beyond it."""
    for old in known:
        if old.stage == entry.stage:
            return old
    beyond = [old for old in known if cases.rank(old.stage) > cases.rank(entry.stage)]
    return max(beyond, key=lambda old: cases.rank(old.stage), default=None)


def _fill_in(turn: Turn, fresh: list[rows.Values]) -> None:
    """Copy the times of stages into the alert's own row, which statistics and pages read."""
    for stage in TIMED:
        done = [
            {"b_alert_id": row["alert_id"], "b_at_ms": row["at_ms"], "b_outcome": row["outcome"]}
            for row in fresh
            if row["stage"] == stage
        ]
        if not done:
            continue
        statement = touch(turn).values({f"{stage}_ms": bindparam("b_at_ms")})
        if stage == "closed":
            statement = statement.values(outcome=bindparam("b_outcome"))
        turn.connection.execute(statement, done)
