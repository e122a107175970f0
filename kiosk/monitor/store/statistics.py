"""Figures for the network's owner: counts, times and shares by region and month. Reads only.

Nothing is about a person. Drills are never mixed with real alerts. A percentile is the nearest rank: a time
that somebody really waited.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    select,
)

from kiosk.monitor.regions import CODES, region_of
from kiosk.monitor.store.schema import alerts, kiosks, registry, spans

Measure = Literal["received", "accepted", "on_scene"]
MEASURES: tuple[Measure, ...] = ("received", "accepted", "on_scene")
SHOWN_FROM = 5  # a time or a share of fewer alerts would tell of single ones: it is not given
Clause = ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One month: its name like 2026-01 and where it begins and ends, UTC ms."""

    name: str
    begins_ms: int
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, ms: the middle and the slow end; None where too few alerts came to it."""

    count: int = 0
    p50_ms: int | None = None
    p95_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one region and month; empty names stand for all of them. `real` counts no drill."""

    region: str = ""
    month: str = ""
    real: int = 0
    drills: int = 0
    late: int = 0
    closed: int = 0
    false_presses: int = 0
    received: Times = Times()
    accepted: Times = Times()
    on_scene: Times = Times()

    @property
    def false_share(self) -> float | None:
        """Give the share of false presses among the closed alerts; None where these are too few."""
        return self.false_presses / self.closed if self.closed >= SHOWN_FROM else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """How many spans its kiosks were heard in, of those that there were; kiosks never heard do not count."""

    region: str
    kiosks: int
    heard: int
    spans: int

    @property
    def share(self) -> float | None:
        """Give the share from 0 to 1; None without any span."""
        return min(1.0, self.heard / self.spans) if self.spans else None


def figures(
    connection: Connection, months: tuple[Month, ...], *, by_region: bool, by_month: bool
) -> tuple[Figures, ...]:
    """Count the alerts of `months` (one after the other, without a gap) in groups; sorted by name."""
    if not months:
        return ()
    keys = _keys(months, by_region=by_region, by_month=by_month)
    found = {(row.region, row.month): _counted(row) for row in connection.execute(_counts(months, keys))}
    times: dict[tuple[str, str], dict[str, Times]] = {}
    for measure in MEASURES:
        for row in connection.execute(_percentiles(months, keys, measure)):
            times.setdefault((row.region, row.month), {})[measure] = _times(row)
    joined: dict[tuple[str, str], Figures] = {}
    for (region, month), counts in found.items():
        joined[(region, month)] = Figures(
            region=region,
            month=month,
            **counts,  # type: ignore[arg-type]  # the names of its whole numbers
            **times.get((region, month), {}),  # type: ignore[arg-type]  # the names of its Times
        )
    return tuple(joined[key] for key in sorted(joined))


def _times(row: Row[Any]) -> Times:
    if row.total < SHOWN_FROM:
        return Times(row.total)
    return Times(row.total, row.p50, row.p95)


def _counted(row: Row[Any]) -> dict[str, int]:
    return {name: int(getattr(row, name)) for name in ("real", "drills", "late", "closed", "false_presses")}


def _keys(
    months: tuple[Month, ...], *, by_region: bool, by_month: bool
) -> tuple[ColumnElement[str], ColumnElement[str]]:
    region: ColumnElement[str] = literal("")
    if by_region:
        digits = func.substr(alerts.c.kato, 1, 2)
        region = case((digits.in_(CODES), digits), else_=literal(""))  # elsewhere: no such region
    month: ColumnElement[str] = literal("")
    if by_month:
        steps = [(alerts.c.received_ms < one.ends_ms, literal(one.name)) for one in months]
        month = case(*steps, else_=literal(""))
    return cast(region, String).label("region"), cast(month, String).label("month")


def _within(months: tuple[Month, ...]) -> Clause:
    return and_(alerts.c.received_ms >= months[0].begins_ms, alerts.c.received_ms < months[-1].ends_ms)


REAL = alerts.c.kind != "drill"


def _counts(months: tuple[Month, ...], keys: tuple[ColumnElement[str], ColumnElement[str]]) -> Any:
    real_closed = and_(REAL, alerts.c.closed_ms.is_not(None))
    inner = select(
        *keys,
        _one(REAL).label("real"),
        _one(~REAL).label("drills"),
        _one(and_(REAL, alerts.c.late)).label("late"),
        _one(real_closed).label("closed"),
        _one(and_(real_closed, alerts.c.outcome == "false_press")).label("false_presses"),
    ).where(_within(months))
    each = inner.subquery()
    sums = (
        func.sum(each.c[name]).label(name) for name in ("real", "drills", "late", "closed", "false_presses")
    )
    return select(each.c.region, each.c.month, *sums).group_by(each.c.region, each.c.month)


def _one(clause: Clause) -> ColumnElement[int]:
    return case((clause, 1), else_=0)


def _duration(measure: Measure) -> tuple[ColumnElement[int], Clause]:
    """Give a real alert's duration in ms, and which alerts have one.

    From the press to the receipt by the kiosk's clock, where that could be trusted; the rest by ours alone.
    """
    if measure == "received":
        return alerts.c.received_ms - alerts.c.pressed_ms, and_(
            alerts.c.clock_note == "", alerts.c.received_ms >= alerts.c.pressed_ms
        )
    at_ms = alerts.c.accepted_ms if measure == "accepted" else alerts.c.on_scene_ms
    return at_ms - alerts.c.received_ms, at_ms >= alerts.c.received_ms


def _percentiles(
    months: tuple[Month, ...], keys: tuple[ColumnElement[str], ColumnElement[str]], measure: Measure
) -> Any:
    """Rank the durations of each group inside the database: a million rows never reach this process."""
    took, known = _duration(measure)
    each = select(*keys, took.label("took")).where(_within(months), REAL, known).subquery()
    group = (each.c.region, each.c.month)
    ranked = select(
        *group,
        each.c.took,
        func.row_number().over(partition_by=group, order_by=each.c.took).label("place"),
        func.count().over(partition_by=group).label("total"),
    ).subquery()
    return select(
        ranked.c.region,
        ranked.c.month,
        func.max(ranked.c.total).label("total"),
        _at_rank(ranked.c, 50).label("p50"),
        _at_rank(ranked.c, 95).label("p95"),
    ).group_by(ranked.c.region, ranked.c.month)


def _at_rank(ranked: Any, percent: int) -> ColumnElement[int]:
    """Pick the value at rank ceil(n * percent / 100), in whole numbers."""
    place = ranked.place * 100
    least = ranked.total * percent
    here = and_(place >= least, place - 100 < least)
    return func.max(case((here, cast(ranked.took, BigInteger)), else_=null()))


def availability(
    connection: Connection, *, span_s: int, since_s: int, until_s: int
) -> tuple[Availability, ...]:
    """Tell by region in how many spans of [since_s, until_s) the kiosks in use were heard; sorted by region.

    A kiosk counts from its registration on. Both ends are taken down to whole spans.
    """
    first, end = since_s // span_s, until_s // span_s
    hits = (
        select(spans.c.kiosk_id, func.count())
        .where(
            spans.c.span_s == span_s,
            spans.c.begins_s >= first * span_s,
            spans.c.begins_s < end * span_s,
            spans.c.beats > 0,
        )
        .group_by(spans.c.kiosk_id)
    )
    heard: dict[str, int] = {row[0]: row[1] for row in connection.execute(hits)}
    in_use = (
        select(registry.c.kiosk_id, registry.c.kato, registry.c.created_ms)
        .join_from(registry, kiosks, kiosks.c.kiosk_id == registry.c.kiosk_id)
        .where(registry.c.revoked_ms.is_(None), kiosks.c.heard_ms > 0)
    )
    sums: dict[str, tuple[int, int, int]] = {}
    for row in connection.execute(in_use):
        begun = max(first, row.created_ms // 1000 // span_s)
        possible = max(0, end - begun)
        count, there, slots = sums.get(region_of(row.kato), (0, 0, 0))
        there += min(heard.get(row.kiosk_id, 0), possible)
        sums[region_of(row.kato)] = (count + 1, there, slots + possible)
    return tuple(
        Availability(region=region, kiosks=count, heard=there, spans=slots)
        for region, (count, there, slots) in sorted(sums.items())
    )
