"""How long each table keeps its rows, and the deletion of what is older, in commits that are never long.

An alert that is still open is kept whatever its age. It never runs inside the core's turn.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, or_, select, tuple_

from kiosk.monitor.sections import Retention
from kiosk.monitor.store.engine import clock_ms
from kiosk.monitor.store.facts import keep
from kiosk.monitor.store.schema import (
    alerts,
    audit,
    commissionings,
    events,
    failures,
    inbox,
    leases,
    provision_logs,
    sessions,
    spans,
    stages,
    texts,
    tokens,
)
from kiosk.monitor.store.trust import DAY_MS, Trust

ROWS = 200  # in one commit: whoever waits for the database waits some milliseconds
AUDIT_MIN_DAYS = 30  # the database itself keeps these
SPENT_DAYS = 7  # sign-ins that failed, sessions and one-time tokens that ended, leases of lost monitors
FINE_S, COARSE_S = 300, 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Rows of `table` that may go; those of `along` with the same alert go with them."""

    table: Any
    old: Any
    along: tuple[Any, ...] = ()


def rules(policy: Retention, now_ms: int) -> Iterator[Rule]:
    """Give what may be deleted now; 0 days keeps a table's rows for good."""

    def before_ms(days: int) -> int:
        return now_ms - days * DAY_MS

    if policy.alerts_days:
        ended = and_(alerts.c.received_ms < before_ms(policy.alerts_days), alerts.c.closed_ms.is_not(None))
        yield Rule(table=alerts, old=ended, along=(stages, texts))
    if policy.events_days:
        yield Rule(table=events, old=events.c.at_ms < before_ms(policy.events_days))
    for step_s, days in ((FINE_S, policy.fine_days), (COARSE_S, policy.coarse_days)):
        if days:
            begun = spans.c.begins_s < before_ms(days) // 1000
            yield Rule(table=spans, old=and_(spans.c.span_s == step_s, begun))
    if policy.inbox_days:
        yield Rule(table=inbox, old=inbox.c.at_ms < before_ms(policy.inbox_days))
    if policy.audit_days:
        yield Rule(table=audit, old=audit.c.at_ms < before_ms(max(policy.audit_days, AUDIT_MIN_DAYS)))
    spent_ms = before_ms(SPENT_DAYS)
    yield Rule(table=failures, old=failures.c.at_ms < spent_ms)
    yield Rule(table=sessions, old=and_(sessions.c.seen_ms < spent_ms, sessions.c.created_ms < spent_ms))
    used = or_(tokens.c.expires_ms < spent_ms, tokens.c.used_ms < spent_ms)
    yield Rule(table=tokens, old=used)
    yield Rule(table=leases, old=leases.c.until_ms < spent_ms)
    if policy.commissioning_days:
        begun_ms = before_ms(policy.commissioning_days)
        yield Rule(table=commissionings, old=commissionings.c.received_ms < begun_ms)
        yield Rule(table=provision_logs, old=provision_logs.c.received_ms < begun_ms)


def sweep(
    engine: Engine, policy: Retention, trust: Trust, going: Callable[[], bool], rest: Callable[[], None]
) -> int:
    """Delete what is too old while `going`, resting between commits; give how many rows went.

    Nothing goes by a clock that `trust` doubts. Raises sqlalchemy.exc.SQLAlchemyError.
    """
    gone = 0
    with engine.connect().execution_options(writes=True) as connection:
        with connection.begin():
            now_ms = clock_ms(connection)
            if not trust.believes(connection, now_ms):
                return 0
            if policy.audit_days:
                floor_ms = now_ms - max(policy.audit_days, AUDIT_MIN_DAYS) * DAY_MS
                keep(connection, {"audit_floor_ms": floor_ms}, rising=True)
        for rule in rules(policy, now_ms):
            while going():
                with connection.begin():
                    deleted = _delete_some(connection, rule)
                gone += deleted
                if deleted < ROWS:
                    break
                rest()
    return gone


def _delete_some(connection: Connection, rule: Rule) -> int:
    table = rule.table
    key = tuple(table.primary_key.columns)
    chosen = connection.execute(select(*key).where(rule.old).limit(ROWS)).all()
    if not chosen:
        return 0
    for other in rule.along:
        names = [row[0] for row in chosen]
        connection.execute(delete(other).where(other.c.alert_id.in_(names)))
    these = key[0].in_([row[0] for row in chosen]) if len(key) == 1 else tuple_(*key).in_(chosen)
    connection.execute(delete(table).where(these))
    return len(chosen)
