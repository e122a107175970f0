"""The course of an update: waits for incidents, keeps what stands at least as before, goes back otherwise."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.update import machine
from kiosk.update.judging import Refusal, Standing
from kiosk.update.machine import (
    AWAY_MAX_S,
    JUDGE_S,
    SETTLE_S,
    WAIT_MAX_S,
    Answered,
    Broke,
    Confirming,
    Done,
    Drilled,
    Drilling,
    Ended,
    Event,
    GoingBack,
    Installing,
    Judging,
    Order,
    Preparing,
    Settling,
    State,
    Switching,
    Waiting,
    action,
    step,
)

ORDER = Order(version="2.0")
BEFORE = Standing(version="1.0", state="armed", up=("mqtt", "sms"))
WELL = Standing(version="2.0", state="armed", up=("mqtt", "sms"))
ALARM = Standing(version="2.0", state="alerting", up=("mqtt", "sms"), open=True)
FULL = Refusal("update_install", "disk full")
ON_TRIAL = Judging(before=BEFORE, until_s=JUDGE_S)


def course(state: State, events: Iterable[Event], order: Order = ORDER, now_s: float = 0.0) -> State:
    for event in events:
        state = step(state, event, order, now_s)
    return state


def test_a_healthy_version_is_kept() -> None:
    seen: list[Any] = []
    state: State = Installing()
    for event in (
        Done(), Answered(BEFORE), Done(), Answered(BEFORE), Done(), Answered(None), Answered(WELL),
        Drilled(""), Done(),
    ):  # fmt: skip
        seen.append(action(state))
        state = step(state, event, ORDER, 0.0)
    assert seen == ["install", "ask", "prepare", "ask", "switch", "ask", "ask", "drill", "confirm"]
    assert state == Ended("succeeded")
    assert action(state) is None


def test_nothing_is_touched_while_an_incident_is_open() -> None:
    waiting = Waiting(since_s=0.0)
    alarmed = Answered(ALARM)
    assert step(waiting, alarmed, ORDER, 3600.0) == waiting
    assert step(waiting, alarmed, ORDER, WAIT_MAX_S) == Ended("failed", Refusal("update_busy"))
    assert step(waiting, Answered(WELL), ORDER, WAIT_MAX_S) == Preparing()


def test_an_incident_that_opens_while_the_system_part_is_installed_holds_the_switch_up() -> None:
    prepared = step(Preparing(), Done(), ORDER, 0.0)
    assert step(prepared, Answered(ALARM), ORDER, 1.0) == prepared
    assert step(prepared, Answered(BEFORE), ORDER, 2.0) == Switching(BEFORE)


def test_a_daemon_that_is_away_counts_as_unknown() -> None:
    state = step(Waiting(since_s=0.0), Answered(None), ORDER, 10.0)
    assert state == Waiting(since_s=0.0, away_s=10.0)
    late_s = 10.0 + AWAY_MAX_S
    assert step(state, Answered(ALARM), ORDER, 20.0) == Waiting(since_s=0.0)
    assert step(state, Answered(None), ORDER, late_s) == Ended("failed", Refusal("update_no_daemon"))
    forced = Order(version="2.0", force=True)
    assert step(state, Answered(None), forced, late_s) == Preparing()
    prepared = Waiting(since_s=0.0, away_s=10.0, prepared=True)
    assert step(prepared, Answered(None), forced, late_s) == Switching(None)


@pytest.mark.parametrize("state", [Installing(), Preparing()])
def test_what_breaks_before_the_switch_leaves_the_kiosk_as_it_was(state: State) -> None:
    assert step(state, Broke(FULL), ORDER, 0.0) == Ended("failed", FULL)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (None, Refusal("update_start")),
        (BEFORE, Refusal("update_start", "1.0 answers")),
        (Standing(version="2.0", state="armed", up=("mqtt",)), Refusal("update_link", "sms")),
        (Standing(version="2.0", state="", up=("mqtt", "sms")), Refusal("update_not_armed", "")),
        (
            Standing(version="2.0", state="faulty", up=("mqtt", "sms"), faults=("button_lost:counter",)),
            Refusal("update_not_armed", "button_lost:counter"),
        ),
    ],
)
def test_a_version_that_does_not_stand_as_well_in_time_is_taken_back(seen: Any, why: Refusal) -> None:
    assert step(ON_TRIAL, Answered(seen), ORDER, JUDGE_S - 1) == ON_TRIAL
    state = step(ON_TRIAL, Answered(seen), ORDER, JUDGE_S)
    assert state == GoingBack(why)
    state = step(state, Done(), ORDER, JUDGE_S)
    assert step(state, Answered(None), ORDER, JUDGE_S + 1) == state
    assert step(state, Answered(WELL), ORDER, JUDGE_S + 1) == state
    assert step(state, Answered(BEFORE), ORDER, JUDGE_S + 2) == Ended("rolled_back", why)
    assert step(state, Answered(None), ORDER, JUDGE_S + SETTLE_S) == Ended("rolled_back", why)


def test_an_incident_on_the_new_version_has_all_the_time_it_takes() -> None:
    state = step(ON_TRIAL, Answered(ALARM), ORDER, 10_000.0)
    assert state == Judging(before=BEFORE, until_s=10_000.0 + JUDGE_S)


def test_a_guard_that_went_back_already_is_believed() -> None:
    state = step(ON_TRIAL, Answered(None, on_trial=False), ORDER, 9.0)
    assert state == Settling(Refusal("update_start"), 9.0 + SETTLE_S)


def test_a_drill_fails_twice_before_the_version_goes() -> None:
    state = course(ON_TRIAL, [Answered(WELL), Drilled("sms")])
    assert state == Judging(before=BEFORE, until_s=JUDGE_S, drills=1)
    why = Refusal("update_drill", "gateway1")
    assert course(state, [Answered(WELL), Drilled("gateway1")]) == GoingBack(why)
    assert course(state, [Answered(WELL), Drilled("")]) == Confirming()


def test_a_drill_that_did_not_begin_tells_nothing_until_time_is_up() -> None:
    drilling = Drilling(ON_TRIAL)
    assert step(drilling, Answered(None), ORDER, 1.0) == ON_TRIAL
    assert step(drilling, Broke(FULL), ORDER, JUDGE_S) == GoingBack(
        Refusal("update_drill", "it did not begin")
    )


@pytest.mark.parametrize("state", [Switching(BEFORE), Confirming()])
def test_what_breaks_from_the_switch_on_is_taken_back(state: State) -> None:
    assert step(state, Broke(FULL), ORDER, 0.0) == GoingBack(FULL)
    assert course(GoingBack(FULL), [Broke(FULL)]) == Ended("failed", FULL)


def test_after_a_cut_the_verdict_comes_first() -> None:
    resumed = machine.resume(BEFORE, 5.0)
    assert resumed == Judging(before=BEFORE, until_s=5.0 + JUDGE_S, started=False)
    assert step(resumed, Answered(WELL), ORDER, 6.0) == Drilling(resumed)


def test_a_version_that_was_switched_to_and_never_started_is_started_once() -> None:
    """The update was killed between the two, and the machine went on."""
    state = step(machine.resume(BEFORE, 5.0), Answered(BEFORE), ORDER, 100.0)
    assert action(state) == "start"
    state = step(state, Done(), ORDER, 101.0)
    assert state == Judging(before=BEFORE, until_s=101.0 + JUDGE_S)
    assert step(state, Answered(BEFORE), ORDER, 102.0) == state


STANDINGS = st.one_of(st.none(), st.sampled_from([BEFORE, WELL, ALARM]))
EVENTS = st.one_of(
    st.just(Done()),
    st.just(Broke(FULL)),
    st.builds(Answered, STANDINGS, st.booleans()),
    st.sampled_from([Drilled(""), Drilled("mqtt")]),
)


@given(st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 2.0, 400.0, 30_000.0])), max_size=60), st.booleans())
def test_no_event_raises_and_nothing_changes_during_an_incident(
    events: list[tuple[Event, float]], force: bool
) -> None:
    state: State = Installing()
    now_s = 0.0
    order = Order(version="2.0", force=force)
    for event, pause_s in events:
        now_s += pause_s
        after = step(state, event, order, now_s)
        if isinstance(event, Answered) and event.standing == ALARM and event.on_trial:
            assert action(after) in ("ask", None) or after == state
        if isinstance(state, Ended):
            assert after == state
        state = after
        action(state)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (Installing(), Drilled("")),
        (Waiting(since_s=0.0), Done()),
        (Preparing(), Answered(WELL)),
        (Switching(BEFORE), Drilled("")),
        (Confirming(), Answered(WELL)),
        (GoingBack(FULL), Drilled("")),
        (ON_TRIAL, Done()),
        (Settling(FULL, 100.0), Done()),
        (Ended("succeeded"), Answered(WELL)),
    ],
)
def test_an_event_that_does_not_concern_a_state_changes_nothing(state: State, event: Event) -> None:
    assert step(state, event, ORDER, 50.0) == state
