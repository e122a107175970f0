"""The course of an update: waits for incidents, keeps what stands at least as before, goes back otherwise."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.update import machine
from kiosk.update.judging import Refusal, Standing
from kiosk.update.machine import AWAY_MAX_S, JUDGE_S, SETTLE_S, WAIT_MAX_S, action, step
from kiosk.update.states import (
    Answered,
    Broke,
    Confirming,
    Done,
    Drilled,
    Drilling,
    Ended,
    Event,
    GoingBack,
    Holding,
    Installing,
    Judging,
    Order,
    Preparing,
    Settling,
    Starting,
    State,
    Switching,
    Waiting,
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
        Done(), Answered(BEFORE), Done(), Answered(BEFORE), Done(), Answered(BEFORE), Done(), Answered(None),
        Answered(WELL), Drilled(""), Done(),
    ):  # fmt: skip
        seen.append(action(state))
        state = step(state, event, ORDER, 0.0)
    assert seen == [
        "install", "ask", "prepare", "ask", "switch", "ask", "start", "ask", "ask", "drill", "confirm",
    ]  # fmt: skip
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
        (BEFORE, Refusal("update_start", "1.0 answers")),
        (Standing(version="2.0", state="armed", up=("mqtt",)), Refusal("update_link", "sms")),
        (Standing(version="2.0", state="", up=("mqtt", "sms")), Refusal("update_not_armed", "")),
        (
            Standing(version="2.0", state="faulty", up=("mqtt", "sms"), faults=("button_lost:counter",)),
            Refusal("update_not_armed", "button_lost:counter"),
        ),
    ],
)
def test_a_version_that_does_not_stand_as_well_in_time_is_taken_back(seen: Standing, why: Refusal) -> None:
    assert step(ON_TRIAL, Answered(seen), ORDER, JUDGE_S - 1) == ON_TRIAL
    assert step(ON_TRIAL, Answered(seen), ORDER, JUDGE_S) == GoingBack(why)


def test_a_version_that_is_not_there_in_time_is_taken_back_at_once() -> None:
    assert step(ON_TRIAL, Answered(None), ORDER, JUDGE_S - 1) == ON_TRIAL
    absent = Answered(None, absent=True)
    assert step(ON_TRIAL, absent, ORDER, JUDGE_S) == GoingBack(Refusal("update_start"))


def test_a_version_that_is_silent_may_have_an_incident_open_and_is_left_time() -> None:
    leaving = Holding(then=GoingBack(Refusal("update_start")), judging=ON_TRIAL)
    assert step(ON_TRIAL, Answered(None), ORDER, JUDGE_S) == leaving
    silent = step(leaving, Answered(None), ORDER, 400.0)
    assert action(silent) == "ask"
    assert step(silent, Answered(None), ORDER, 399.0 + AWAY_MAX_S) == silent
    assert step(silent, Answered(None), ORDER, 400.0 + AWAY_MAX_S) == leaving.then
    assert step(silent, Answered(None, absent=True), ORDER, 401.0) == leaving.then
    assert step(silent, Answered(WELL), ORDER, 401.0) == leaving.then
    assert step(silent, Answered(ALARM), ORDER, 401.0) == Judging(before=BEFORE, until_s=401.0 + JUDGE_S)


def test_the_previous_version_is_started_once_no_incident_is_open() -> None:
    state = step(GoingBack(FULL), Done(), ORDER, 0.0)
    assert action(state) == "ask"
    assert step(state, Answered(ALARM), ORDER, 30_000.0) == state
    state = step(state, Answered(WELL), ORDER, 30_001.0)
    assert action(state) == "start"
    state = step(state, Done(), ORDER, 30_002.0)
    assert state == Settling(FULL, 30_002.0 + SETTLE_S)
    assert step(state, Answered(None), ORDER, 30_003.0) == state
    assert step(state, Answered(WELL), ORDER, 30_003.0) == state
    assert step(state, Answered(BEFORE), ORDER, 30_004.0) == Ended("rolled_back", FULL)
    assert step(state, Answered(None), ORDER, 30_002.0 + SETTLE_S) == Ended("rolled_back", FULL)


def test_a_previous_version_that_runs_already_is_not_started() -> None:
    """The switch broke before it was one, or the guard went back."""
    state = step(step(GoingBack(FULL), Done(), ORDER, 0.0), Answered(BEFORE), ORDER, 1.0)
    assert state == Settling(FULL, 1.0 + SETTLE_S)


def test_an_incident_since_the_switch_holds_the_restart_up() -> None:
    switched = step(Switching(BEFORE), Done(), ORDER, 0.0)
    assert action(switched) == "ask"
    assert step(switched, Answered(ALARM), ORDER, 30_000.0) == switched
    starting = step(switched, Answered(BEFORE), ORDER, 30_001.0)
    assert action(starting) == "start"
    assert step(starting, Done(), ORDER, 30_002.0) == Judging(before=BEFORE, until_s=30_002.0 + JUDGE_S)
    assert step(switched, Answered(None, absent=True), ORDER, 1.0) == starting


def test_the_same_version_anew_is_started_too() -> None:
    switched = step(Switching(WELL), Done(), ORDER, 0.0)
    assert action(step(switched, Answered(WELL), ORDER, 1.0)) == "start"


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
    leaving = course(state, [Answered(WELL), Drilled("gateway1")])
    assert leaving == Holding(then=GoingBack(why), judging=state)
    assert course(leaving, [Answered(WELL)]) == GoingBack(why)
    assert course(state, [Answered(WELL), Drilled("")]) == Confirming()


def test_a_drill_that_did_not_begin_tells_nothing_until_time_is_up() -> None:
    drilling = Drilling(ON_TRIAL)
    assert step(drilling, Answered(None), ORDER, 1.0) == ON_TRIAL
    late = step(drilling, Broke(FULL), ORDER, JUDGE_S)
    assert action(late) == "ask"
    why = Refusal("update_drill", "it did not begin")
    assert step(late, Answered(WELL), ORDER, JUDGE_S + 1) == GoingBack(why)


def test_an_incident_that_interrupts_a_late_drill_costs_no_version() -> None:
    late = step(Drilling(ON_TRIAL), Answered(None), ORDER, JUDGE_S + 5)
    judging = step(late, Answered(ALARM), ORDER, JUDGE_S + 6)
    assert judging == Judging(before=BEFORE, until_s=2 * JUDGE_S + 6)
    assert step(judging, Answered(WELL), ORDER, JUDGE_S + 7) == Drilling(judging)


@pytest.mark.parametrize("state", [Switching(BEFORE), Confirming()])
def test_what_breaks_from_the_switch_on_is_taken_back_once_no_incident_is_open(state: State) -> None:
    broken = step(state, Broke(FULL), ORDER, 0.0)
    assert course(broken, [Answered(ALARM)]) == broken
    assert course(broken, [Answered(WELL)]) == GoingBack(FULL)
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


def test_a_way_back_that_was_cut_before_the_restart_is_gone_to_its_end() -> None:
    state = machine.resume_back(FULL, 5.0)
    assert step(state, Answered(None, absent=True), ORDER, 6.0) == state
    assert step(state, Answered(BEFORE), ORDER, 6.0) == Ended("rolled_back", FULL)
    state = step(state, Answered(ALARM), ORDER, 900.0)
    assert state == Settling(FULL, 900.0 + SETTLE_S, started=False)
    state = step(state, Answered(WELL), ORDER, 901.0)
    assert action(state) == "start"
    assert step(state, Done(), ORDER, 902.0) == Settling(FULL, 902.0 + SETTLE_S)


STANDINGS = st.one_of(st.none(), st.sampled_from([BEFORE, WELL, ALARM]))
EVENTS = st.one_of(
    st.just(Done()),
    st.just(Broke(FULL)),
    st.builds(Answered, STANDINGS, st.booleans()),
    st.just(Answered(None, absent=True)),
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
        (Holding(then=Starting(ON_TRIAL)), Done()),
        (Confirming(), Answered(WELL)),
        (GoingBack(FULL), Drilled("")),
        (ON_TRIAL, Done()),
        (Settling(FULL, 100.0), Done()),
        (Ended("succeeded"), Answered(WELL)),
    ],
)
def test_an_event_that_does_not_concern_a_state_changes_nothing(state: State, event: Event) -> None:
    assert step(state, event, ORDER, 50.0) == state


RESTARTS = ("start", "go_back")
BEGINNINGS = st.sampled_from(
    [Installing(), Switching(BEFORE), Switching(None), ON_TRIAL, Drilling(ON_TRIAL), Confirming(),
     machine.resume(BEFORE, 0.0)]
)  # fmt: skip


@given(
    BEGINNINGS,
    st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 2.0, 100.0, 400.0])), max_size=40),
    st.booleans(),
)
def test_a_restart_only_follows_an_answer_without_an_incident_or_a_daemon_that_is_not_there(
    state: State, events: list[tuple[Event, float]], force: bool
) -> None:
    """One that is there and silent for two minutes on end counts as not there."""
    order, now_s = Order(version="2.0", force=force), 0.0
    silent_s: float | None = None
    for event, pause_s in events:
        now_s += pause_s
        after = step(state, event, order, now_s)
        if isinstance(event, Answered):
            if event.standing is not None or event.absent:
                silent_s = None
            elif silent_s is None:
                silent_s = now_s
        if action(after) in RESTARTS and after != state:
            assert isinstance(event, Answered)
            if event.standing is None:
                assert silent_s is None or now_s >= silent_s + AWAY_MAX_S
            else:
                assert not event.standing.open
        state = after
