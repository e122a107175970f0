"""The SMS route of one incident: whom it writes to, when, and how often at most."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from kiosk.bodies import AlertId, Token
from kiosk.config import Duty, Officer, Tier, Timing
from kiosk.delivery import Links
from kiosk.incident import Heard, Incident, Over, Taken, Unheard
from kiosk.sms_route import (
    SMS_RETRY_MAX_S,
    Handed,
    Sent,
    SmsRoute,
    Waiting,
    failed,
    handed,
    job_of,
    reported,
    sent,
)
from kiosk.texting import Ladder, begin, begin_s, due_s, next_tier, ready, tier_due_s

FIRST = Tier(
    people=(Officer(number="+77010000011", language="kk"), Officer(number="+77010000012", language="ru"))
)
SECOND = Tier(people=(Officer(number="+77010000013", language="latin"),))
LADDER = Ladder(gateways=("+77010000001",), duty=Duty(tiers=(FIRST, SECOND)), timing=Timing())
BARE = replace(LADDER, duty=Duty(tiers=()))
UP = Links(mqtt="up")
T = Token("sms.1")


def incident(**changes: Any) -> Incident:
    made = Incident(
        alert_id=AlertId("01TEST"), kind="press", button="counter", pressed_s=100.0,
        pressed_utc_ms=0, clock="synced", seq=7, code="4711",
    )  # fmt: skip
    return replace(made, **changes)


def marks(route: SmsRoute) -> list[str]:
    return [job.mark for job in route.jobs]


# ---- when it begins


@pytest.mark.parametrize("links", [replace(UP, mqtt="down"), replace(UP, listened=False)])
def test_it_begins_at_once_where_nobody_can_hear_by_mqtt(links: Links) -> None:
    assert begin_s(SmsRoute(), incident(), links, LADDER) == 0.0


@pytest.mark.parametrize("links", [UP, Links(mqtt="unknown")])
def test_it_begins_after_10_s_without_the_centres_receipt(links: Links) -> None:
    assert begin_s(SmsRoute(), incident(), links, LADDER) == 110.0


@pytest.mark.parametrize("state", [Heard(), Taken("accepted"), Over()])
def test_it_does_not_begin_once_the_centre_has_it(state: Any) -> None:
    of = incident(state=state, known=1)
    assert begin_s(SmsRoute(), of, replace(UP, mqtt="down"), LADDER) is None


def test_it_begins_once() -> None:
    route = begin(SmsRoute(), incident(), LADDER, 110.0)
    assert begin_s(route, incident(), replace(UP, mqtt="down"), LADDER) is None


def test_a_drill_begins_at_once_whatever_was_answered() -> None:
    assert begin_s(SmsRoute(), incident(kind="drill", state=Heard()), UP, LADDER) == 0.0


# ---- whom it writes to


def test_it_begins_with_the_gateways_and_the_first_tier() -> None:
    assert marks(begin(SmsRoute(), incident(), LADDER, 110.0)) == ["gateway1", "duty1.1", "duty1.2"]


def test_tamper_never_writes_to_people() -> None:
    tamper = incident(kind="tamper")
    assert marks(begin(SmsRoute(), tamper, LADDER, 110.0)) == ["gateway1"]
    assert tier_due_s(SmsRoute(), tamper, LADDER) is None


@pytest.mark.parametrize(("duty", "count"), [(False, 1), (True, 3)])
def test_a_drill_writes_to_people_only_when_asked_to(duty: bool, count: int) -> None:
    drill = incident(kind="drill", duty=duty)
    assert len(marks(begin(SmsRoute(), drill, LADDER, 110.0))) == count
    assert tier_due_s(SmsRoute(), drill, LADDER) is None


def test_without_acceptance_each_minute_brings_the_next_tier_round_the_list() -> None:
    route, told = begin(SmsRoute(), incident(), LADDER, 110.0), []
    for _ in range(4):
        at_s = tier_due_s(route, incident(), LADDER)
        assert at_s is not None
        route = next_tier(settled(route), incident(), LADDER, at_s)
        told.append((at_s, [job.mark for job in route.jobs if isinstance(job.state, Waiting)]))
    assert told == [
        (160.0, ["duty2.1"]),
        (220.0, ["gateway1", "duty1.1", "duty1.2"]),
        (280.0, ["duty2.1"]),
        (340.0, ["gateway1", "duty1.1", "duty1.2"]),
    ]


def settled(route: SmsRoute) -> SmsRoute:
    return replace(route, jobs=tuple(replace(job, state=Sent(1)) for job in route.jobs))


def test_a_receipt_does_not_stop_the_search_for_a_person_but_spares_the_gateways() -> None:
    heard = incident(state=Heard())
    assert tier_due_s(SmsRoute(), heard, LADDER) == 160.0
    assert marks(next_tier(SmsRoute(), heard, LADDER, 160.0)) == ["duty1.1", "duty1.2"]


@pytest.mark.parametrize("state", [Taken("accepted"), Over()])
def test_acceptance_stops_it(state: Any) -> None:
    route = begin(SmsRoute(), incident(), LADDER, 110.0)
    taken = incident(state=state, known=1)
    assert tier_due_s(route, taken, LADDER) is None
    assert ready(route, taken, 200.0) is None
    assert due_s(route, taken) is None


def test_a_drill_tests_the_modem_even_when_it_was_answered_at_once() -> None:
    route = begin(SmsRoute(), incident(kind="drill"), LADDER, 100.0)
    taken = incident(kind="drill", state=Taken("accepted"))
    assert due_s(route, taken) == 100.0
    assert ready(route, taken, 100.0) is not None


def test_a_site_without_people_writes_to_its_gateways_again_while_the_centre_is_silent() -> None:
    route = settled(begin(SmsRoute(), incident(), BARE, 110.0))
    assert tier_due_s(route, incident(), BARE) == 160.0
    assert isinstance(next_tier(route, incident(), BARE, 160.0).jobs[0].state, Waiting)
    assert tier_due_s(route, incident(state=Heard()), BARE) is None
    assert tier_due_s(route, incident(), replace(BARE, gateways=())) is None


def test_after_a_restart_the_tier_that_was_just_written_to_gets_its_minute() -> None:
    route = begin(SmsRoute(), incident(), LADDER, 500.0)
    assert tier_due_s(route, incident(), LADDER) == 560.0


def test_the_queue_is_bounded_by_the_list_of_numbers() -> None:
    route = SmsRoute()
    for minute in range(100):
        route = next_tier(route, incident(), LADDER, 160.0 + 60 * minute)
    assert sorted(marks(route)) == ["duty1.1", "duty1.2", "duty2.1", "gateway1"]


# ---- what becomes of a text


def test_gateways_go_first_then_people() -> None:
    route, order = begin(SmsRoute(), incident(), LADDER, 110.0), []
    while job := ready(route, incident(), 110.0):
        order.append(job.mark)
        route = handed(route, job.mark, Token(job.mark), 110.0)
    assert order == ["gateway1", "duty1.1", "duty1.2"]
    assert due_s(route, incident()) is None


def test_numbers_that_always_fail_hold_up_nobody() -> None:
    """Two dead gateways, each taking 45 s to fail, must not keep people from being written to."""
    ladder = replace(LADDER, gateways=("+77010000001", "+77010000002"))
    route, now_s, order = begin(SmsRoute(), incident(), ladder, 110.0), 110.0, []
    for _ in range(6):
        job = ready(route, incident(), now_s)
        assert job is not None
        order.append(job.mark)
        route, now_s = handed(route, job.mark, T, now_s), now_s + 45.0
        route = failed(route, T, now_s, LADDER.timing) if job.form == "gateway" else sent(route, T, 1)
    assert order[:4] == ["gateway1", "gateway2", "duty1.1", "duty1.2"]
    assert set(order[4:]) == {"gateway1", "gateway2"}


@pytest.mark.parametrize(("people", "tiers", "each_s"), [(8, 2, 8.0), (5, 2, 13.0), (2, 2, 31.0), (1, 1, 45)])
def test_a_slow_modem_that_is_never_done_with_a_round_still_comes_back_to_the_gateway(
    people: int, tiers: int, each_s: float
) -> None:
    """A review found it: each round's new texts came before the one that had failed once, for six hours."""
    crowd = [
        Tier(people=tuple(Officer(number=f"+7701{tier}00001{one}", language="ru") for one in range(people)))
        for tier in range(tiers)
    ]
    ladder = replace(LADDER, duty=Duty(tiers=tuple(crowd)))
    route, now_s, order = begin(SmsRoute(), incident(), ladder, 110.0), 110.0, []
    while len(order) < 60:
        tier_s = tier_due_s(route, incident(), ladder)
        if tier_s is not None and now_s >= tier_s:
            route = next_tier(route, incident(), ladder, now_s)
        job = ready(route, incident(), now_s)
        if job is None:
            now_s += 1.0
            continue
        order.append(job.mark)
        route, now_s = handed(route, job.mark, T, now_s), now_s + each_s
        route = failed(route, T, now_s, LADDER.timing) if len(order) == 1 else sent(route, T, 1)
    turns = [place for place, mark in enumerate(order) if mark == "gateway1"]
    assert turns[1] <= people * tiers + 1
    assert len(set(order)) == people * tiers + 1
    assert max(later - sooner for sooner, later in pairwise(turns)) <= 2 * (people * tiers + 1)


def test_a_new_round_begins_to_count_failures_anew() -> None:
    route = begin(SmsRoute(), incident(), BARE, 110.0)
    for _ in range(6):
        route = failed(handed(route, "gateway1", T, 190.0), T, 200.0, LADDER.timing)
    route = next_tier(sent(handed(route, "gateway1", T, 260.0), T, 1), incident(), BARE, 300.0)
    route = failed(handed(route, "gateway1", T, 300.0), T, 310.0, LADDER.timing)
    assert due_s(route, incident()) == 310.0 + LADDER.timing.sms_retry_s


def test_a_text_that_is_with_the_modem_is_not_handed_twice() -> None:
    route = handed(begin(SmsRoute(), incident(), BARE, 110.0), "gateway1", T, 110.0)
    assert ready(route, incident(), 500.0) is None
    assert route.jobs[0].state == Handed(T)
    assert job_of(route, T) == route.jobs[0]


def test_a_round_does_not_queue_a_text_that_is_still_on_its_way() -> None:
    route = handed(begin(SmsRoute(), incident(), LADDER, 110.0), "gateway1", T, 110.0)
    again = next_tier(replace(route, next_tier=2), incident(), LADDER, 220.0)
    assert job_of(again, T) is not None


def test_a_failed_text_is_tried_again_ever_slower_up_to_a_minute() -> None:
    route, waits = begin(SmsRoute(), incident(), BARE, 110.0), []
    for _ in range(12):
        route = failed(handed(route, "gateway1", T, 190.0), T, 200.0, LADDER.timing)
        at_s = due_s(route, incident())
        assert at_s is not None
        assert ready(route, incident(), at_s - 0.001) is None
        waits.append(at_s - 200.0)
    assert waits[0] == LADDER.timing.sms_retry_s
    assert waits[-1] == SMS_RETRY_MAX_S


def test_a_report_of_the_handset_is_noted_on_its_own_text() -> None:
    route = handed(begin(SmsRoute(), incident(), LADDER, 110.0), "gateway1", T, 110.0)
    route = sent(route, T, 42)
    assert reported(route, 41, delivered=True) == route
    assert reported(route, 42, delivered=False) == route
    assert reported(route, 42, delivered=True).jobs[0].state == Sent(42, delivered=True)


def test_news_of_an_unknown_text_changes_nothing() -> None:
    route = begin(SmsRoute(), incident(), LADDER, 110.0)
    assert sent(route, T, 1) == route
    assert failed(route, T, 200.0, LADDER.timing) == route
    assert job_of(route, T) is None


def test_a_tier_of_an_empty_list_is_nobody() -> None:
    assert marks(begin(SmsRoute(), incident(state=Unheard()), replace(BARE, gateways=()), 110.0)) == []
