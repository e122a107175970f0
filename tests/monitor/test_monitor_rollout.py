"""A roll-out's decisions: shares that never change, few at once, well kiosks only, an end at failures."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.monitor import rollout as roll
from kiosk.monitor.rollout import (
    AGAIN_MS,
    ANSWER_MS,
    TRIAL_MS,
    TRIES,
    WORK_MS,
    Decision,
    Mark,
    Rollout,
    Seen,
    Word,
    decide,
    follow,
    ordered,
    share,
    steps_of,
)

RELEASE = "ab" * 32
PLAN = Rollout(rollout_id="r1", release=RELEASE, version="2.0", steps=(10, 50, 100), at_once=3, stop_after=2)
FLEET = tuple(Seen(kiosk_id=f"kz-ala-{number:04}", version="1.0", well=True) for number in range(300))
SOAK_MS = PLAN.soak_s * 1000


def of_step(plan: Rollout = PLAN) -> list[Seen]:
    found = [seen for seen in FLEET if share(seen.kiosk_id, plan.release) < plan.percent]
    return sorted(found, key=lambda seen: (share(seen.kiosk_id, plan.release), seen.kiosk_id))


def updated(*kiosks: Seen) -> tuple[Seen, ...]:
    return tuple(replace(seen, version="2.0") if seen in kiosks else seen for seen in FLEET)


def test_shares_are_even_stable_and_another_order_for_each_release() -> None:
    shares = [share(seen.kiosk_id, RELEASE) for seen in FLEET]
    assert shares == [share(seen.kiosk_id, RELEASE) for seen in FLEET]
    assert shares != [share(seen.kiosk_id, "cd" * 32) for seen in FLEET]
    assert all(0 <= one < 100 for one in shares)
    assert 15 < len(of_step()) < 45


def test_the_first_orders_are_few_and_of_the_first_step() -> None:
    decision = decide(PLAN, FLEET, {}, 0)
    assert decision == Decision(rollout=PLAN, orders=tuple(seen.kiosk_id for seen in of_step()[:3]))


def test_those_under_way_leave_room_for_the_rest_only() -> None:
    first = of_step()[0].kiosk_id
    marks = {first: Mark(kiosk_id=first, phase="working", at_ms=0)}
    assert decide(PLAN, FLEET, marks, 1).orders == tuple(seen.kiosk_id for seen in of_step()[1:3])
    full = {seen.kiosk_id: Mark(kiosk_id=seen.kiosk_id, phase="ordered", at_ms=0) for seen in of_step()[:3]}
    assert decide(PLAN, FLEET, full, 1) == Decision(rollout=PLAN)


def test_a_kiosk_that_is_not_well_is_left_alone() -> None:
    ill = of_step()[0]
    fleet = tuple(replace(seen, well=False) if seen == ill else seen for seen in FLEET)
    assert ill.kiosk_id not in decide(PLAN, fleet, {}, 0).orders


def test_a_kiosk_that_refused_is_asked_again_later() -> None:
    first = of_step()[0].kiosk_id
    marks = {first: Mark(kiosk_id=first, phase="waiting", at_ms=0)}
    assert first not in decide(PLAN, FLEET, marks, AGAIN_MS - 1).orders
    assert first in decide(PLAN, FLEET, marks, AGAIN_MS).orders


@pytest.mark.parametrize("state", ["paused", "stopped", "failed", "done"])
def test_a_roll_out_that_does_not_run_orders_nothing(state: str) -> None:
    plan = replace(PLAN, state=state)  # type: ignore[arg-type]
    assert decide(plan, FLEET, {}, 0) == Decision(rollout=plan)


def test_failures_end_it() -> None:
    marks = {str(n): Mark(kiosk_id=str(n), phase="failed", at_ms=0) for n in range(2)}
    decision = decide(PLAN, FLEET, marks, 0)
    assert (decision.rollout.state, decision.rollout.reason, decision.orders) == ("failed", "failures=2", ())


def test_a_step_goes_on_once_it_has_proved_itself() -> None:
    step = of_step()
    marks = {seen.kiosk_id: Mark(kiosk_id=seen.kiosk_id, phase="done", at_ms=1000) for seen in step}
    fleet = updated(*step)
    assert decide(PLAN, fleet, marks, 1000 + SOAK_MS - 1).rollout == PLAN
    on = decide(PLAN, fleet, marks, 1000 + SOAK_MS).rollout
    assert (on.step, on.percent, on.step_ms) == (1, 50, 1000 + SOAK_MS)
    assert len(decide(on, fleet, marks, on.step_ms).orders) == 3


def test_a_step_waits_for_one_that_is_asked_again_and_for_a_first_success() -> None:
    step = of_step()
    quiet = tuple(replace(seen, well=False) for seen in FLEET)
    assert decide(PLAN, quiet, {}, 10 * SOAK_MS).rollout == PLAN
    marks = {step[0].kiosk_id: Mark(kiosk_id=step[0].kiosk_id, phase="waiting", at_ms=9 * SOAK_MS)}
    fleet = updated(*step[1:])
    assert decide(PLAN, fleet, marks, 9 * SOAK_MS + 1).rollout == PLAN


def test_a_share_without_kiosks_is_passed_at_once() -> None:
    lonely = (next(seen for seen in FLEET if share(seen.kiosk_id, RELEASE) >= 50),)
    on = decide(PLAN, lonely, {}, 0).rollout
    assert on.step == 1
    assert decide(replace(on, step=2), lonely, {}, 0).orders == (lonely[0].kiosk_id,)


def test_it_is_done_when_everybody_has_the_version_or_has_failed() -> None:
    last = replace(PLAN, step=2)
    failed = FLEET[0]
    marks = {failed.kiosk_id: Mark(kiosk_id=failed.kiosk_id, phase="failed", at_ms=0)}
    assert decide(last, updated(*FLEET[1:]), marks, 0).rollout.state == "done"
    silent = tuple(replace(seen, well=False) for seen in updated(*FLEET[1:]))
    assert decide(last, silent, {}, 10 * SOAK_MS).rollout == last


ORDERED = Mark(kiosk_id="k", phase="ordered", at_ms=0)


@pytest.mark.parametrize(
    ("words", "now_ms", "phase", "reason"),
    [
        ([], ANSWER_MS - 1, "ordered", ""),
        ([], ANSWER_MS, "waiting", "no_answer"),
        ([Word("in_progress")], 5, "working", ""),
        ([Word("in_progress"), Word("in_progress")], 5, "working", ""),
        ([Word("rejected", "an incident is open")], 5, "waiting", "an incident is open"),
        ([Word("expired")], 5, "waiting", "expired"),
        ([Word("in_progress"), Word("failed", "update_space")], 5, "failed", "update_space"),
        ([Word("rolled_back")], 5, "failed", "rolled_back"),
        ([Word("succeeded", "it runs already")], 5, "done", ""),
        ([Word("queued")], 5, "ordered", ""),
    ],
)
def test_a_mark_follows_what_a_kiosk_says(words: list[Word], now_ms: int, phase: str, reason: str) -> None:
    mark = follow(ORDERED, words, arrived=False, now_ms=now_ms)
    assert (mark.phase, mark.reason) == (phase, reason)


def test_a_version_that_is_reported_may_be_on_trial_still() -> None:
    trial = follow(replace(ORDERED, phase="working"), [Word("in_progress")], arrived=True, now_ms=7)
    assert (trial.phase, trial.at_ms) == ("trial", 7)
    assert follow(trial, [Word("in_progress"), Word("expired")], arrived=True, now_ms=8) == trial
    assert follow(trial, [Word("succeeded")], arrived=True, now_ms=8).phase == "done"
    assert follow(trial, [], arrived=True, now_ms=7 + TRIAL_MS).phase == "done"
    back = follow(trial, [], arrived=False, now_ms=9)
    assert (back.phase, back.at_ms) == ("working", 9)
    assert (
        follow(trial, [Word("rolled_back", "update_link")], arrived=False, now_ms=9).reason == "update_link"
    )


def test_what_is_settled_stays_so() -> None:
    done = replace(ORDERED, phase="done")
    assert follow(done, [Word("failed")], arrived=False, now_ms=8) == done


def test_nobody_is_waited_for_without_end() -> None:
    working = replace(ORDERED, phase="working")
    assert follow(working, [], arrived=False, now_ms=WORK_MS - 1) == working
    assert follow(working, [], arrived=False, now_ms=WORK_MS).reason == "no_outcome"
    tired = replace(ORDERED, tries=TRIES)
    assert follow(tired, [], arrived=False, now_ms=ANSWER_MS).phase == "failed"


def test_each_try_has_its_own_name_and_the_same_by_every_monitor() -> None:
    again = ordered(ordered(None, "k", now_ms=1, after=5), "k", now_ms=2, after=9)
    assert (again.tries, again.after, again.phase) == (2, 9, "ordered")
    names = [roll.command_id(PLAN, "kz-ala-0001", tries) for tries in (1, 2, 1)]
    assert names[0] == names[2] != names[1]
    assert len(names[0]) <= 64


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("5,25,100", (5, 25, 100)),
        ("100", (100,)),
        ("5, 100", (5, 100)),
        ("0,100", None),
        ("50,25,100", None),
        ("5,25", None),
        ("", None),
        ("5,x,100", None),
        ("5,200", None),
        (",".join(str(n) for n in range(1, 20)), None),
    ],
)
def test_steps_grow_up_to_the_whole(text: str, steps: tuple[int, ...] | None) -> None:
    assert steps_of(text) == steps


@given(
    st.lists(st.sampled_from(["ordered", "working", "waiting", "done", "failed"]), max_size=30),
    st.integers(0, 2),
    st.integers(0, 10**9),
)
def test_never_more_are_under_way_than_allowed(phases: list[str], step: int, now_ms: int) -> None:
    marks = {
        seen.kiosk_id: Mark(kiosk_id=seen.kiosk_id, phase=phase, at_ms=0)  # type: ignore[arg-type]
        for seen, phase in zip(FLEET, phases, strict=False)
    }
    decision = decide(replace(PLAN, step=step), FLEET, marks, now_ms)
    busy = sum(mark.phase in roll.UNDER_WAY for mark in marks.values())
    assert len(decision.orders) <= max(0, PLAN.at_once - busy)
    assert all(marks.get(name) is None or marks[name].phase == "waiting" for name in decision.orders)
