"""Alerts as the database holds them: one, the open ones, and the long list of all, by key."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import DecodeError
from sqlalchemy import Connection, RowMapping, Select, and_, func, or_, select

from kiosk.bodies import Alert
from kiosk.monitor.outbox import UNNEEDED
from kiosk.monitor.records import Case, StageEntry
from kiosk.monitor.store.rows import readable, stage_entry
from kiosk.monitor.store.schema import alerts, stages, texts

PAGE = 50
OPEN_MAX = 500
RANK = {"received": 0, "accepted": 1, "en_route": 2, "on_scene": 3, "closed": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which alerts of the list: an empty field asks nothing; `before` is (received_ms, alert_id)."""

    kind: str = ""
    outcome: str = ""
    region: str = ""  # the first two digits of KATO
    kiosk_id: str = ""
    since_ms: int | None = None
    until_ms: int | None = None
    before: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One SMS about an alert, as the centre sent it."""

    step: str
    recipient: str
    kind: str
    state: str
    at_ms: int
    tries: int
    reason: str

    @property
    def outcome(self) -> str:
        """Say what became of it: its state, or `unneeded`."""
        return "unneeded" if self.state == "failed" and self.reason == UNNEEDED else self.state


def find(connection: Connection, alert_id: str) -> Case | None:
    """Give one alert with its stages, by its own id or the one it had while it was known by SMS only.

    Raises msgspec.DecodeError for one that is there and cannot be read.
    """
    query = select(alerts).where(or_(alerts.c.alert_id == alert_id, alerts.c.sms_id == alert_id)).limit(1)
    for case in _read(connection, query):
        if case is None:
            raise DecodeError(f"alert {alert_id} cannot be read")
        return case
    return None


def open_ones(connection: Connection) -> list[Case]:
    """List the alerts that nobody has closed as people should read them: not taken first, then the oldest.

    Real ones come before drills: hundreds of those, newer than a press, must not crowd it out.
    """
    column = alerts.c
    taken = func.coalesce(column.accepted_ms, column.en_route_ms, column.on_scene_ms).is_not(None)
    query = (
        select(alerts)
        .where(column.closed_ms.is_(None))
        .order_by(column.kind == "drill", taken, column.received_ms, column.alert_id)
        .limit(OPEN_MAX)
    )
    return [case for case in _read(connection, query) if case is not None]


def open_count(connection: Connection) -> int:
    """Count the alerts that nobody has closed."""
    query = select(func.count()).select_from(alerts).where(alerts.c.closed_ms.is_(None))
    return connection.execute(query).scalar_one()


def page(connection: Connection, wanted: Wanted) -> list[Case]:
    """List alerts, newest first: at most one page and one more, which tells that there are more."""
    column = alerts.c
    query = select(alerts).order_by(column.received_ms.desc(), column.alert_id.desc())
    for value, name in ((wanted.kind, column.kind), (wanted.outcome, column.outcome)):
        if value:
            query = query.where(name == value)
    if wanted.kiosk_id:
        query = query.where(column.kiosk_id == wanted.kiosk_id)
    if wanted.region:
        # A range would make the planner sort the whole region; so it follows the order and skips.
        query = query.where(func.substr(column.kato, 1, len(wanted.region)) == wanted.region)
    if wanted.since_ms is not None:
        query = query.where(column.received_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(column.received_ms < wanted.until_ms)
    if wanted.before is not None:
        at_ms, alert_id = wanted.before
        query = query.where(
            column.received_ms <= at_ms,
            or_(column.received_ms < at_ms, and_(column.received_ms == at_ms, column.alert_id < alert_id)),
        )
    limit = PAGE + 1
    while True:
        found = _read(connection, query.limit(limit))
        enough = PAGE + 1 + found.count(None)  # a page with fewer would look like the last one
        if len(found) < limit or limit >= enough:
            return [case for case in found if case is not None]
        limit = enough


def texts_of(connection: Connection, alert_id: str) -> list[Sent]:
    """List the SMS that the centre sent about an alert, in their order."""
    query = select(texts).where(texts.c.alert_id == alert_id).order_by(texts.c.at_ms)
    return [
        Sent(
            step=row.step,
            recipient=row.recipient,
            kind=row.kind,
            state=row.state,
            at_ms=row.at_ms,
            tries=row.tries,
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> list[Case | None]:
    rows = list(connection.execute(query).mappings())
    entries: defaultdict[str, list[StageEntry]] = defaultdict(list)
    known = stages.select().where(stages.c.alert_id.in_([row["alert_id"] for row in rows]))
    for stage in connection.execute(known) if rows else ():
        entries[stage.alert_id].append(stage_entry(stage))
    return [_case(row, entries[row["alert_id"]]) for row in rows]


def _case(row: RowMapping, entries: Iterable[StageEntry]) -> Case | None:
    """Read an alert; None when its body cannot be read, which hides no other one."""
    ordered = tuple(sorted(entries, key=lambda entry: RANK[entry.stage]))
    for alert in readable([row["body"]], Alert):
        return Case(
            alert=alert,
            received_ms=row["received_ms"],
            door=row["door"],
            also_by=tuple(row["also_by"].split(",")) if row["also_by"] else (),
            age_s=row["age_s"],
            late=row["late"],
            clock_note=row["clock_note"],
            stages=ordered or (StageEntry(stage="received", at_ms=row["received_ms"]),),
        )
    return None
