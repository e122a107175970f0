"""Who is on duty when, tier by tier, and when nobody is. Pure.

Weekly shifts are minutes of Asia/Almaty, which is UTC+5 the whole year; one-off shifts and absences are UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LOCAL_OFFSET_MS = 5 * 3_600_000
MINUTE_MS = 60_000
DAY_MIN = 1440
DAY_MS = DAY_MIN * MINUTE_MS
WEEK_MIN = 7 * DAY_MIN
WEEK_MS = WEEK_MIN * MINUTE_MS
MONDAY_MS = 4 * DAY_MS - LOCAL_OFFSET_MS  # 1970-01-05 00:00 in Almaty: the first Monday
ENDS_MAX_MIN = 2 * DAY_MIN  # a shift may end on the next day
TIER_MAX = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A weekly shift (`weekday` 0 = Monday and minutes), a one-off one (`_ms`), or an absence (`away`)."""

    person_id: str
    tier: int = 1
    weekday: int | None = None
    begins_minute: int = 0
    ends_minute: int = 0
    begins_ms: int = 0
    ends_ms: int = 0
    away: bool = False
    shift_id: int = 0


@dataclass(frozen=True, slots=True)
class Tier:
    """The people of one tier who are on duty."""

    number: int
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, UTC ms, its end not included."""

    begins_ms: int
    ends_ms: int


def problem(shift: Shift) -> str:
    """Say what is wrong with a shift and what is allowed; empty when it may be kept."""
    if not 1 <= shift.tier <= TIER_MAX:
        return f"tier: a number from 1 to {TIER_MAX}"
    if shift.weekday is None:
        return "" if 0 <= shift.begins_ms < shift.ends_ms else "a shift must end after it begins"
    if shift.away:
        return "an absence has a beginning and an end, no weekday"
    if not (0 <= shift.weekday <= 6 and 0 <= shift.begins_minute < DAY_MIN):
        return "a weekly shift begins on a weekday from 0 (Monday) to 6, between 00:00 and 23:59"
    if not shift.begins_minute < shift.ends_minute <= ENDS_MAX_MIN:
        return "a weekly shift ends after it begins, at the end of the next day at the latest"
    return ""


def on_duty(shifts: Iterable[Shift], at_ms: int, able: frozenset[str] | None = None) -> tuple[Tier, ...]:
    """Tell who is on duty at a time (UTC ms), the first tier first; only people of `able` when given."""
    tiers: dict[int, set[str]] = {}
    away: set[str] = set()
    for shift in shifts:
        if not _covers(shift, at_ms):
            continue
        if shift.away:
            away.add(shift.person_id)
        elif able is None or shift.person_id in able:
            tiers.setdefault(shift.tier, set()).add(shift.person_id)
    found = [Tier(number, tuple(sorted(people - away))) for number, people in sorted(tiers.items())]
    return tuple(tier for tier in found if tier.people)


def _covers(shift: Shift, at_ms: int) -> bool:
    if shift.weekday is None:
        return shift.begins_ms <= at_ms < shift.ends_ms
    since_ms = (at_ms - _weekly_ms(shift)) % WEEK_MS
    return since_ms < (shift.ends_minute - shift.begins_minute) * MINUTE_MS


def _weekly_ms(shift: Shift) -> int:
    """Give when a weekly shift began for the first time since 1970."""
    return MONDAY_MS + ((shift.weekday or 0) * DAY_MIN + shift.begins_minute) * MINUTE_MS


def _edges(shift: Shift, after_ms: int, until_ms: int) -> Iterator[int]:
    """Give every time in (after, until) at which a shift begins or ends."""
    if shift.weekday is None:
        yield from (at for at in (shift.begins_ms, shift.ends_ms) if after_ms < at < until_ms)
        return
    begins_ms = _weekly_ms(shift)
    for first_ms in (begins_ms, begins_ms + (shift.ends_minute - shift.begins_minute) * MINUTE_MS):
        at_ms = after_ms + ((first_ms - after_ms - 1) % WEEK_MS) + 1
        while at_ms < until_ms:
            yield at_ms
            at_ms += WEEK_MS


def next_change(shifts: Iterable[Shift], after_ms: int) -> int | None:
    """Give the next time at which others are on duty, within the next week; None when nothing changes."""
    known = tuple(shifts)
    now = on_duty(known, after_ms)
    edges = sorted({at for shift in known for at in _edges(shift, after_ms, after_ms + WEEK_MS + 1)})
    return next((at for at in edges if on_duty(known, at) != now), None)


def uncovered(
    shifts: Iterable[Shift],
    begins_ms: int,
    ends_ms: int,
    *,
    tier: int | None = None,
    able: frozenset[str] | None = None,
) -> tuple[Span, ...]:
    """Give every stretch between two times in which nobody of `able` is on duty (in `tier`, or in any)."""
    known = tuple(shifts)
    edges = sorted({at for shift in known for at in _edges(shift, begins_ms, ends_ms)})
    spans: list[Span] = []
    for begin, end in zip((begins_ms, *edges), (*edges, ends_ms), strict=True):
        if any(tier in {None, found.number} for found in on_duty(known, begin, able)):
            continue
        if spans and spans[-1].ends_ms == begin:
            begin = spans.pop().begins_ms  # noqa: PLW2901 - one stretch, not two
        spans.append(Span(begin, end))
    return tuple(spans)
