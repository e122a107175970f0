"""The coming week of the rota as hours that people can read: who is on duty, and where nobody is. Pure.

Owns no rule of its own: who is on duty when is `rota`'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kiosk.monitor import rota
from kiosk.monitor.rota import DAY_MS, LOCAL_OFFSET_MS, WEEK_MS, Shift, Span

HOUR_MS = 3_600_000
Cover = Literal["covered", "part", "bare", "past"]


@dataclass(frozen=True, slots=True)
class Gap:
    """Nobody of a tier is on duty; tier 0 stands for nobody at all."""

    tier: int
    span: Span


@dataclass(frozen=True, slots=True)
class Day:
    """A local day: when it begins (UTC ms) and its 24 hours."""

    begins_ms: int
    hours: tuple[Cover, ...]


def tiers(shifts: Iterable[Shift]) -> tuple[int, ...]:
    """Give the tiers that any shift is of."""
    return tuple(sorted({shift.tier for shift in shifts if not shift.away}))


def gaps(shifts: tuple[Shift, ...], now_ms: int, able: frozenset[str]) -> tuple[Gap, ...]:
    """Give each stretch of the coming week in which a tier, or everybody, is missing; the worst first."""
    nobody = rota.uncovered(shifts, now_ms, now_ms + WEEK_MS, able=able)
    found = [Gap(0, span) for span in nobody]
    for tier in tiers(shifts):
        found += [
            Gap(tier, span)
            for span in rota.uncovered(shifts, now_ms, now_ms + WEEK_MS, tier=tier, able=able)
            if span not in nobody
        ]
    return tuple(found)


def days(shifts: tuple[Shift, ...], now_ms: int, able: frozenset[str]) -> tuple[Day, ...]:
    """Lay eight local days out, today first; an hour is as bad as its worst minute."""
    first_ms = (now_ms + LOCAL_OFFSET_MS) // DAY_MS * DAY_MS - LOCAL_OFFSET_MS
    until_ms = now_ms + WEEK_MS
    bare = rota.uncovered(shifts, now_ms, until_ms, able=able)
    part = [
        span
        for tier in tiers(shifts)
        for span in rota.uncovered(shifts, now_ms, until_ms, tier=tier, able=able)
    ]
    return tuple(
        Day(
            begins_ms,
            tuple(
                _cover(begins_ms + hour * HOUR_MS, now_ms, until_ms, bare=bare, part=part)
                for hour in range(24)
            ),
        )
        for begins_ms in range(first_ms, first_ms + 8 * DAY_MS, DAY_MS)
    )


def _cover(hour_ms: int, now_ms: int, until_ms: int, *, bare: Iterable[Span], part: Iterable[Span]) -> Cover:
    begins_ms, ends_ms = max(hour_ms, now_ms), min(hour_ms + HOUR_MS, until_ms)
    if ends_ms <= begins_ms:
        return "past"
    if any(span.begins_ms < ends_ms and begins_ms < span.ends_ms for span in bare):
        return "bare"
    if any(span.begins_ms < ends_ms and begins_ms < span.ends_ms for span in part):
        return "part"
    return "covered"
