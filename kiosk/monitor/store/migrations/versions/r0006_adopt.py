"""Copy what a centre without steps had kept into today's tables."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"

OLD = ("alerts", "stages", "kiosks", "events", "facts")
MANY = 500
Row = dict[str, Any]


def upgrade() -> None:
    """Copy row by row; a body that cannot be read stays in the old table, which then stays too."""
    bind = op.get_bind()
    there = set(sa.inspect(bind).get_table_names())
    if "old_alerts" not in there:
        return
    unread = _copy(bind, "alerts", _alert) + _copy(bind, "kiosks", _kiosk) + _copy(bind, "events", _event)
    _copy(bind, "stages", dict)
    _copy(bind, "facts", dict)
    _copy_stage_times(bind)
    for name in OLD:
        if not (unread and name in {"alerts", "kiosks", "events"}):
            op.drop_table(f"old_{name}")


def _copy(bind: sa.Connection, name: str, change: Any) -> int:
    """Give how many rows could not be read."""
    unread = 0
    table = sa.Table(name, sa.MetaData(), autoload_with=bind)
    for rows in _pages(bind, f"old_{name}"):
        good = []
        for row in rows:
            try:
                good.append(change(row))
            except (ValueError, KeyError, TypeError, AttributeError):
                unread += 1
        if good:
            bind.execute(sa.insert(table), [{**_defaults(table), **row} for row in good])
    return unread


def _pages(bind: sa.Connection, name: str) -> Iterator[list[Row]]:
    last = -1
    query = sa.text(f"SELECT rowid AS rowid_, * FROM {name} WHERE rowid > :last ORDER BY rowid LIMIT {MANY}")  # noqa: S608 - a constant name
    while rows := [dict(row) for row in bind.execute(query, {"last": last}).mappings()]:
        last = rows[-1]["rowid_"]
        for row in rows:
            del row["rowid_"]
        yield rows


def _defaults(table: sa.Table) -> Row:
    """Give an empty value for each text column that the old tables lack."""
    return {column.name: "" for column in table.c if isinstance(column.type, sa.String)} | (
        {"written_ms": 0} if "written_ms" in table.c else {}
    )


def _ms(utc: str) -> int:
    return round(datetime.fromisoformat(utc).timestamp() * 1000)


def _alert(row: Row) -> Row:
    body = json.loads(row["body"])
    return row | {
        "kind": body["kind"],
        "kato": body["place"]["kato"],
        "pressed_ms": _ms(body["pressed_at"]),
        "presses": body["presses"],
        "late": bool(row["late"]),
    }


def _kiosk(row: Row) -> Row:
    body = json.loads(row["body"])
    beat = body.get("heartbeat") or {}
    return row | {
        "life": body.get("life", "unknown"),
        "why": body.get("why", ""),
        "since_ms": body.get("since_ms", 0),
        "heard_ms": body.get("heard_ms", 0),
        "state": beat.get("state", "armed") if beat else "",
        "faults": ",".join(beat.get("faults", ())),
        "twin": bool(body.get("twin", False)),
        "missing": len(body.get("missing", ())),
        "version": body.get("version", ""),
    }


def _event(row: Row) -> Row:
    body = json.loads(row["body"])
    return row | {"at_ms": _ms(body["at"]), "code": body["code"], "state": body.get("state", "info")}


def _copy_stage_times(bind: sa.Connection) -> None:
    for stage in ("accepted", "en_route", "on_scene", "closed"):
        bind.execute(
            sa.text(
                f"UPDATE alerts SET {stage}_ms = (SELECT at_ms FROM stages WHERE stages.alert_id ="  # noqa: S608 - constant names
                f" alerts.alert_id AND stages.stage = '{stage}')"
            )
        )
