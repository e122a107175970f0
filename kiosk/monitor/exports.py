"""What may leave the centre as a table: alerts, figures and kiosks. Numbers and places, no person, no note.

Reads the store; never holds more than a piece of it in memory.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, get_args

from sqlalchemy import Connection, func, select

from kiosk.monitor import months
from kiosk.monitor.regions import region_of
from kiosk.monitor.sheets import Cell
from kiosk.monitor.store import fleetlist, history, statistics
from kiosk.monitor.store.fleetlist import Search
from kiosk.monitor.store.schema import alerts
from kiosk.monitor.store.statistics import Figures, Month, Times
from kiosk.wire import utc_text

Kind = Literal["alerts", "statistics", "kiosks"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PIECE = 1000
MONTHS_MAX = 120
Row = tuple[Cell, ...]

ALERTS = (
    "alert_id", "kiosk_id", "region", "kind", "pressed_at", "received_at", "door", "late", "presses",
    "accepted_at", "en_route_at", "on_scene_at", "closed_at", "outcome",
)  # fmt: skip
STATISTICS = (
    "region", "month", "real_alerts", "drills", "late", "closed", "false_presses", "false_share",
    "received_n", "received_p50_s", "received_p95_s", "accepted_n", "accepted_p50_s", "accepted_p95_s",
    "on_scene_n", "on_scene_p50_s", "on_scene_p95_s",
)  # fmt: skip
KIOSKS = (
    "kiosk_id", "region", "kato", "name_kk", "name_ru", "registered", "revoked", "life", "why", "since",
    "heard_at", "state", "faults", "twin", "missing_alerts", "version", "last_drill_at", "last_drill_passed",
)  # fmt: skip
HEADERS: dict[Kind, tuple[str, ...]] = {"alerts": ALERTS, "statistics": STATISTICS, "kiosks": KIOSKS}


def alert_rows(connection: Connection, since_ms: int, until_ms: int) -> Iterator[Row]:
    """Give the alerts that came in [since, until), oldest first; times are UTC."""
    query = (
        select(*history.ALERT_COLUMNS)
        .where(alerts.c.received_ms >= since_ms, alerts.c.received_ms < until_ms)
        .order_by(alerts.c.received_ms, alerts.c.alert_id)
    )
    for row in connection.execution_options(yield_per=PIECE).execute(query):
        one = history.past_alert(row)
        yield (
            one.alert_id, one.kiosk_id, region_of(one.kato), one.kind, _utc(one.pressed_ms),
            _utc(one.received_ms), one.door, int(one.late), one.presses, _utc(one.accepted_ms),
            _utc(one.en_route_ms), _utc(one.on_scene_ms), _utc(one.closed_ms), one.outcome,
        )  # fmt: skip


def months_of(first: tuple[int, int], last: tuple[int, int]) -> tuple[Month, ...]:
    """Give the months from `first` to `last`, both (year, month) and included."""
    found = months.stretch(first, last)
    return tuple(Month(name=name, begins_ms=begin, ends_ms=end) for name, begin, end in found[:MONTHS_MAX])


def months_between(since_ms: int, until_ms: int) -> tuple[Month, ...]:
    """Cut [since, until) at the ends of months; a month's name stands for what of it lies between."""
    if until_ms <= since_ms:
        return ()
    first, last = months.parse(months.name_of(since_ms)), months.parse(months.name_of(until_ms - 1))
    if first is None or last is None:
        return ()
    cuts = [since_ms, *(begin for _, begin, _ in months.stretch(first, last)[1:MONTHS_MAX]), until_ms]
    return tuple(
        Month(name=months.name_of(begin), begins_ms=begin, ends_ms=end) for begin, end in pairwise(cuts)
    )


def trimmed(connection: Connection, since_ms: int, until_ms: int) -> tuple[int, int]:
    """Cut a stretch of time down to where there are alerts, so that empty years cost nothing."""
    first = connection.execute(select(func.min(alerts.c.received_ms))).scalar()
    return (max(since_ms, first), until_ms) if first is not None else (until_ms, until_ms)


def statistics_rows(connection: Connection, wanted: tuple[Month, ...]) -> Iterator[Row]:
    """Give the figures by region and month; too few alerts give no times and no share."""
    for one in statistics.figures(connection, wanted, by_region=True, by_month=True):
        yield figures_row(one)


def figures_row(one: Figures) -> Row:
    """Lay one group's figures out as a row of STATISTICS."""
    share = None if one.false_share is None else round(one.false_share, 3)
    return (
        one.region, one.month, one.real, one.drills, one.late, one.closed,
        one.false_presses if one.false_share is not None else None, share,
        *_times(one.received), *_times(one.accepted), *_times(one.on_scene),
    )  # fmt: skip


def _times(times: Times) -> tuple[Cell, ...]:
    return times.count, _seconds(times.p50_ms), _seconds(times.p95_ms)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else round(ms / 1000, 1)


def kiosk_rows(connection: Connection) -> Iterator[Row]:
    """Give every kiosk as it is now."""
    after, more = "", True
    while more:
        lines, more = fleetlist.listed(connection, Search(after=after, limit=PIECE))
        for line in lines:
            after = line.kiosk_id
            yield (
                line.kiosk_id, region_of(line.kato), line.kato, line.name_kk, line.name_ru,
                int(line.registered), int(line.revoked), line.life, line.why, _utc(line.since_ms or None),
                _utc(line.heard_ms or None), line.state, ";".join(line.faults), int(line.twin),
                len(line.missing), line.version, _utc(line.drill_ms or None),
                int(line.drill_passed) if line.drill_ms else None,
            )  # fmt: skip


def _utc(ms: int | None) -> str | None:
    return None if ms is None else utc_text(ms)
