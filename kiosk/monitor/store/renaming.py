"""An alert that came by SMS and is now known by its kiosk's own id: everything moves to that id.

Whichever monitor renames first, and whether or not the other id is there already, one alert remains.
"""

from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, literal, select, update

from kiosk.bodies import Alert, AlertId
from kiosk.monitor.records import StoreRenamed
from kiosk.monitor.store import rows
from kiosk.monitor.store.alarms import TIMED, Turn, as_it_ended, joined_row, lock, touch
from kiosk.monitor.store.facts import insert_into
from kiosk.monitor.store.schema import alerts, stages, texts


def rename(turn: Turn, change: StoreRenamed) -> None:
    """Move all that was kept of an alert to its kiosk's own id; repeating it is harmless."""
    if change.old_id == change.new_id:
        return
    there = lock(turn, {change.old_id, change.new_id})
    old, new = there.get(change.old_id), there.get(change.new_id)
    if old is None and new is None:
        return
    if old is not None and new is None:
        _take_over(turn, old, change.new_id)
    elif old is not None and new is not None:
        _join(turn, old, new)
    for table in (stages, texts):
        _move(turn, table, change)
    _note(turn, change)


def _take_over(turn: Turn, old: Row[Any], new_id: str) -> None:
    body = old.body
    for alert in rows.readable([old.body], Alert):
        body = msgspec.json.encode(msgspec.structs.replace(alert, alert_id=AlertId(new_id)))
    named = update(alerts).where(alerts.c.alert_id == old.alert_id)
    turn.connection.execute(named.values(alert_id=new_id, body=body))


def _join(turn: Turn, old: Row[Any], new: Row[Any]) -> None:
    """Both ids are there: what the SMS brought joins the other, which came first keeps its door."""
    case = rows.case_of(old, ())
    values: rows.Values = {}
    if case is not None and (added := joined_row(case, new)) is not None:
        values = {name: added[f"b_{name}"] for name in ("kind", "presses", "also_by", "sms_from", "body")}
    if case is not None and old.closed_ms is not None and new.closed_ms is None:
        for joined in rows.readable([values.get("body", new.body)], Alert):
            body = msgspec.json.encode(as_it_ended(joined, old.presses, case.alert))
            values |= {"presses": old.presses, "body": body}
    if values:
        turn.connection.execute(update(alerts).where(alerts.c.alert_id == new.alert_id).values(values))
    if old.received_ms < new.received_ms:
        earlier = {"received_ms": old.received_ms, "door": old.door, "age_s": old.age_s, "late": old.late}
        earlier["also_by"] = ",".join(
            door for door in rows.DOORS if door in {new.door, *rows.routes(new.also_by)} - {old.door}
        )
        turn.connection.execute(update(alerts).where(alerts.c.alert_id == new.alert_id).values(earlier))
    turn.connection.execute(delete(alerts).where(alerts.c.alert_id == old.alert_id))


def _move(turn: Turn, table: Any, change: StoreRenamed) -> None:
    columns = [column.name for column in table.c]
    copied = [literal(change.new_id).label(name) if name == "alert_id" else table.c[name] for name in columns]
    moved = select(*copied).where(table.c.alert_id == change.old_id)
    copy = insert_into(turn.connection, table).from_select(columns, moved)
    turn.connection.execute(copy.on_conflict_do_nothing())
    turn.connection.execute(delete(table).where(table.c.alert_id == change.old_id))


def _note(turn: Turn, change: StoreRenamed) -> None:
    """Keep the old name, and the times of the stages that moved, and how it ended."""
    moved: dict[str, Any] = {
        f"{stage}_ms": select(stages.c.at_ms)
        .where(stages.c.alert_id == change.new_id, stages.c.stage == stage)
        .scalar_subquery()
        for stage in TIMED
    }
    outcome = select(stages.c.outcome).where(stages.c.alert_id == change.new_id, stages.c.stage == "closed")
    moved["outcome"] = func.coalesce(outcome.scalar_subquery(), "")
    statement = touch(turn).values(sms_id=change.old_id, **moved)
    turn.connection.execute(statement, {"b_alert_id": change.new_id})
