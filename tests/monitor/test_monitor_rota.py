"""Who is on duty when: weekly shifts in Almaty's time, one-off shifts, absences and holes."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.monitor import rota
from kiosk.monitor.rota import DAY_MS, MINUTE_MS, WEEK_MS, Shift, Span, Tier

HOUR_MS = 60 * MINUTE_MS


def at(day: int, hour: int, minute: int = 0) -> int:
    """Give a time of the first week of June 2026, which begins on a Monday, in Almaty's hours."""
    return (
        int(datetime(2026, 6, day, tzinfo=UTC).timestamp() * 1000) + (hour - 5) * HOUR_MS + minute * MINUTE_MS
    )


def weekly(person: str, weekday: int, begins_h: int, ends_h: int, tier: int = 1) -> Shift:
    return Shift(
        person_id=person, tier=tier, weekday=weekday, begins_minute=begins_h * 60, ends_minute=ends_h * 60
    )


MONDAY = weekly("aigul", 0, 8, 20)
NIGHT = weekly("bolat", 0, 20, 32)
CHIEF = weekly("chief", 0, 0, 24, tier=2)


def test_a_weekly_shift_begins_and_ends_in_almatys_time() -> None:
    assert rota.on_duty([MONDAY], at(1, 7, 59)) == ()
    assert rota.on_duty([MONDAY], at(1, 8)) == (Tier(1, ("aigul",)),)
    assert rota.on_duty([MONDAY], at(1, 19, 59)) == (Tier(1, ("aigul",)),)
    assert rota.on_duty([MONDAY], at(1, 20)) == ()
    assert rota.on_duty([MONDAY], at(8, 12)) == (Tier(1, ("aigul",)),)
    assert rota.on_duty([MONDAY], at(2, 12)) == ()


def test_a_night_shift_goes_on_into_the_next_day_and_from_sunday_into_monday() -> None:
    assert rota.on_duty([NIGHT], at(2, 7, 59)) == (Tier(1, ("bolat",)),)
    assert rota.on_duty([NIGHT], at(2, 8)) == ()
    assert rota.on_duty([weekly("bolat", 6, 20, 32)], at(1, 3)) == (Tier(1, ("bolat",)),)


def test_tiers_come_in_order_each_with_its_people() -> None:
    shifts = [CHIEF, MONDAY, weekly("zarina", 0, 8, 20)]
    assert rota.on_duty(shifts, at(1, 9)) == (Tier(1, ("aigul", "zarina")), Tier(2, ("chief",)))
    assert rota.on_duty(shifts, at(1, 9), frozenset({"chief"})) == (Tier(2, ("chief",)),)


def test_an_absence_takes_a_person_out_and_an_empty_tier_with_them() -> None:
    away = Shift(person_id="aigul", away=True, begins_ms=at(1, 10), ends_ms=at(1, 12))
    assert rota.on_duty([MONDAY, CHIEF, away], at(1, 10)) == (Tier(2, ("chief",)),)
    assert rota.on_duty([MONDAY, CHIEF, away], at(1, 12))[0] == Tier(1, ("aigul",))


def test_a_one_off_shift_counts_from_its_beginning_to_its_end() -> None:
    once = Shift(person_id="dana", begins_ms=at(3, 1), ends_ms=at(3, 2))
    assert rota.on_duty([once], at(3, 1)) == (Tier(1, ("dana",)),)
    assert rota.on_duty([once], at(3, 2)) == ()
    assert rota.next_change([once], at(2, 0)) == at(3, 1)
    assert rota.next_change([once], at(3, 1)) == at(3, 2)
    assert rota.next_change([once], at(3, 2)) is None


def test_the_next_change_is_the_first_time_at_which_others_are_on_duty() -> None:
    assert rota.next_change([MONDAY, NIGHT], at(1, 12)) == at(1, 20)
    same = [weekly("aigul", 0, 8, 12), weekly("aigul", 0, 12, 20)]
    assert rota.next_change(same, at(1, 9)) == at(1, 20)
    assert rota.next_change([], at(1, 9)) is None
    assert rota.next_change([MONDAY], at(1, 8)) == at(1, 20)
    assert rota.next_change([MONDAY], at(1, 20)) == at(8, 8)


def test_uncovered_stretches_are_joined() -> None:
    away = Shift(person_id="aigul", away=True, begins_ms=at(1, 18), ends_ms=at(1, 22))
    assert rota.uncovered([MONDAY, away], at(1, 0), at(2, 0)) == (
        Span(at(1, 0), at(1, 8)),
        Span(at(1, 18), at(2, 0)),
    )
    assert rota.uncovered([MONDAY, CHIEF], at(1, 0), at(2, 0)) == ()
    assert rota.uncovered([MONDAY, CHIEF], at(1, 0), at(2, 0), tier=1) == (
        Span(at(1, 0), at(1, 8)),
        Span(at(1, 20), at(2, 0)),
    )
    assert rota.uncovered([CHIEF], at(1, 0), at(2, 0), able=frozenset()) == (Span(at(1, 0), at(2, 0)),)


@pytest.mark.parametrize(
    ("shift", "says"),
    [
        (Shift(person_id="x", tier=0, weekday=0, ends_minute=60), "tier"),
        (Shift(person_id="x", begins_ms=5, ends_ms=5), "after it begins"),
        (Shift(person_id="x", weekday=0, ends_minute=60, away=True), "absence"),
        (Shift(person_id="x", weekday=7, ends_minute=60), "weekday"),
        (Shift(person_id="x", weekday=0, begins_minute=1440, ends_minute=1500), "begins"),
        (Shift(person_id="x", weekday=0, begins_minute=60, ends_minute=60), "ends"),
        (Shift(person_id="x", weekday=0, ends_minute=2881), "ends"),
    ],
)
def test_a_shift_that_means_nothing_is_refused_in_words(shift: Shift, says: str) -> None:
    assert says in rota.problem(shift)


def test_good_shifts_have_no_problem() -> None:
    assert [rota.problem(shift) for shift in (MONDAY, NIGHT, CHIEF)] == ["", "", ""]
    assert not rota.problem(Shift(person_id="x", away=True, begins_ms=1, ends_ms=2))


SHIFTS = st.lists(
    st.one_of(
        st.builds(
            lambda person, day, begins, length: Shift(
                person_id=person, weekday=day, begins_minute=begins, ends_minute=min(begins + length, 2880)
            ),
            st.sampled_from("ab"), st.integers(0, 6), st.integers(0, 1439), st.integers(1, 2880),
        ),
        st.builds(
            lambda person, begins, length, away: Shift(
                person_id=person, begins_ms=at(1, 0) + begins, ends_ms=at(1, 0) + begins + length, away=away
            ),
            st.sampled_from("ab"), st.integers(0, WEEK_MS), st.integers(1, WEEK_MS), st.booleans(),
        ),
    ),
    max_size=6,
)  # fmt: skip


@given(shifts=SHIFTS, probe=st.integers(0, WEEK_MS - 1))
def test_a_time_is_uncovered_exactly_when_nobody_is_on_duty(shifts: list[Shift], probe: int) -> None:
    begins, when = at(1, 0), at(1, 0) + probe
    spans = rota.uncovered(shifts, begins, begins + WEEK_MS)
    inside = any(span.begins_ms <= when < span.ends_ms for span in spans)
    assert inside == (rota.on_duty(shifts, when) == ())
    assert all(a.ends_ms < b.begins_ms for a, b in pairwise(spans))


@given(shifts=SHIFTS, probe=st.integers(0, DAY_MS))
def test_nobody_changes_before_the_next_change(shifts: list[Shift], probe: int) -> None:
    now = at(1, 0)
    change = rota.next_change(shifts, now)
    assert change is None or rota.on_duty(shifts, change) != rota.on_duty(shifts, now)
    if change is None or now + probe < change:
        assert rota.on_duty(shifts, now + probe) == rota.on_duty(shifts, now)
