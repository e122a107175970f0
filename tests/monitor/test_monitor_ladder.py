"""The duty ladder: whom the centre writes to while nobody has accepted, and when it stops."""

from dataclasses import replace

import pytest
from fakes.duty_centre import (
    AIGUL,
    BORIS,
    CHIEF,
    PLAN,
    RULES,
    DutyCentre,
    a_code,
    a_text,
    answers,
    with_people,
)
from fakes.virtual_centre import ALERT_ID, PLACE, UTC_MS, an_alert, told
from msgspec import structs

from kiosk.bodies import Token, Words
from kiosk.monitor import sms_words
from kiosk.monitor.cases import open_case
from kiosk.monitor.escalation import Pace
from kiosk.monitor.fleet import Limits
from kiosk.monitor.messages import AlertArrived, LeaseChanged, NewsRead, PlanLoaded, Restored, TextSettled
from kiosk.monitor.outbox import SEND_MAX_S, TRIES_MAX, UNDER_WAY_MAX
from kiosk.monitor.records import Plan, Text
from kiosk.sms_text import fits

TIER_1 = [("r1t1", "aigul"), ("r1t1", "boris")]


def centre(**changes: object) -> DutyCentre:
    place = DutyCentre(**changes)  # type: ignore[arg-type]
    place.begin()
    place.rise()
    return place


def test_the_first_tier_is_written_to_as_soon_as_the_alert_is_on_disk() -> None:
    place = centre()
    out = place.alert()
    assert place.steps() == TIER_1
    assert "people_called" in told(out)
    assert place.texts() == dict.fromkeys(TIER_1, "sent")


def test_tier_after_tier_and_round_after_round_until_a_person_accepts() -> None:
    place = centre()
    place.alert()
    place.pass_time(59)
    assert place.steps() == TIER_1
    place.pass_time(2)
    assert place.steps()[2:] == [("r1t2", "chief")]
    place.pass_time(60)
    assert place.steps()[3:] == [("r2t1", "aigul"), ("r2t1", "boris")]
    place.act("accept")
    place.pass_time(600)
    assert len(place.sent) == 5


def test_closing_ends_the_ladder_too() -> None:
    place = centre()
    place.alert()
    place.act("close")
    place.pass_time(300)
    assert len(place.sent) == 2


def test_a_site_may_wait_before_the_first_tier() -> None:
    place = centre(sms=replace(RULES, pace=Pace(first_after_s=30.0, every_s=60.0)))
    place.alert()
    place.pass_time(29)
    assert place.sent == []
    place.pass_time(2)
    assert place.steps() == TIER_1


def test_the_first_tier_waits_for_no_other_monitors_clock() -> None:
    place = centre()
    ahead = replace(place.now(), utc_ms=UTC_MS + 600_000)
    place.handle(NewsRead(cases=(open_case(an_alert(), "https", ahead),)))
    place.pass_time(1)
    assert place.steps() == TIER_1


@pytest.mark.parametrize("kind", ["drill", "tamper"])
def test_a_drill_and_an_opened_case_call_nobody(kind: str) -> None:
    place = centre()
    place.alert(kind=kind)
    place.pass_time(300)
    assert place.sent == []


def test_a_late_alert_calls_people_as_well() -> None:
    place = centre()
    place.utc_ms += 3_000_000
    place.alert()
    assert place.steps() == TIER_1


def test_a_drill_that_is_for_people_calls_each_tier_once_and_says_test() -> None:
    place = centre()
    place.alert(kind="drill", duty=True)
    place.pass_time(600)
    assert place.steps() == [*TIER_1, ("r1t2", "chief")]
    assert "ТЕСТ" in place.sent[0].body
    assert "TEST" in place.sent[2].body


def test_a_drill_that_is_not_for_people_calls_nobody() -> None:
    place = centre()
    place.alert(kind="drill")
    place.pass_time(600)
    assert place.sent == []


def test_tamper_calls_nobody_even_where_it_says_that_it_is_for_people() -> None:
    place = centre()
    place.alert(kind="tamper", duty=True)
    place.pass_time(600)
    assert place.sent == []


def test_a_drill_for_people_that_comes_minutes_late_gets_nobody_out_of_bed() -> None:
    place = centre()
    place.utc_ms += 181_000
    place.alert(kind="drill", duty=True)
    place.pass_time(600)
    assert place.sent == []


def test_a_drill_for_people_that_found_no_phone_is_not_made_up_for_when_there_is_one() -> None:
    place = centre()
    place.handle(PlanLoaded(with_people()))
    assert told(place.alert(kind="drill", duty=True)).count("nobody_on_duty") == 1
    assert "nobody_on_duty" not in told(place.pass_time(8 * 3600, step_s=60))
    place.handle(PlanLoaded(PLAN))
    place.pass_time(600)
    assert place.sent == []


def test_whoever_takes_over_goes_on_with_a_new_drill_and_leaves_an_old_one() -> None:
    first = centre()
    first.alert(kind="drill", duty=True)
    second = take_over(first, 61)
    second.pass_time(600)
    assert second.steps() == [("r1t2", "chief")]
    late = take_over(first, 181)
    late.pass_time(600)
    assert late.steps() == []


def test_a_drill_for_people_that_another_monitor_ordered_calls_them() -> None:
    """Which monitor was asked does not matter: the drill itself says so."""
    place = centre()
    place.lease(held=False)
    place.alert(kind="drill", duty=True)
    assert place.sent == []
    other = centre()
    other.alert(kind="drill", duty=True)
    assert other.steps() == TIER_1


def test_a_text_says_too_that_a_drill_is_for_people() -> None:
    place = centre()
    place.text_in(a_text(kind="drill", duty=True))
    assert [step for step in place.steps() if step in TIER_1] == TIER_1


def test_a_drill_that_turns_out_to_be_a_press_climbs_round_and_round() -> None:
    place = centre()
    place.alert(kind="drill", duty=True)
    place.pass_time(300)
    place.alert(kind="press")
    place.pass_time(121)
    assert place.steps()[3:] == [*TIER_1, ("r1t2", "chief"), ("r2t1", "aigul"), ("r2t1", "boris")]


def test_a_real_alert_after_a_drill_of_the_same_id_calls_people() -> None:
    place = centre()
    place.alert(kind="drill")
    place.alert(kind="press")
    assert place.steps() == TIER_1


def test_each_officer_reads_place_time_and_code_in_one_segment() -> None:
    place = centre()
    place.alert()
    place.pass_time(61)
    bodies = [sending.body for sending in place.sent]
    assert all(fits(body) for body in bodies)
    assert all(a_code() in body and "43.24000,76.95000" in body and "19:13" in body for body in bodies)
    assert bodies[0].startswith("Көмек! №17")
    assert bodies[1].startswith("SOS! №17")
    assert "Magazin" in bodies[2]
    assert [sending.number for sending in place.sent] == [AIGUL.phone, BORIS.phone, CHIEF.phone]


def test_an_unregistered_kiosk_is_named_by_its_id() -> None:
    place = centre()
    place.alert(kiosk_id="kz-77")
    assert "№kz-77" in place.sent[0].body


# ---- nobody is there


def test_when_no_shift_covers_the_hour_everybody_is_called_and_it_is_told() -> None:
    place = centre()
    everybody = Plan(tiers=((AIGUL, BORIS, CHIEF),), people=PLAN.people, kiosks=PLAN.kiosks, nobody=True)
    assert told(place.handle(PlanLoaded(everybody))) == ["nobody_on_duty"]
    assert told(place.handle(PlanLoaded(everybody))) == []
    assert "nobody_on_duty" in told(place.alert())
    assert len(place.sent) == 3
    assert told(place.handle(PlanLoaded(PLAN))) == ["duty_covered"]


def test_without_any_phone_the_centre_says_that_nobody_can_be_called() -> None:
    place = centre()
    place.handle(PlanLoaded(with_people()))
    assert "nobody_on_duty" in told(place.alert())
    assert "nobody_on_duty" in told(place.pass_time(61))
    place.handle(PlanLoaded(PLAN))
    place.pass_time(1)
    assert place.steps() == TIER_1


def test_before_it_is_known_who_is_on_duty_the_ladder_waits_a_moment_and_no_longer() -> None:
    place = DutyCentre()
    place.lease(held=True)
    assert "nobody_on_duty" not in told(place.alert())
    place.pass_time(2)
    place.handle(PlanLoaded(PLAN))
    place.pass_time(1)
    assert place.steps() == TIER_1


def test_an_alert_that_got_its_name_meanwhile_is_hurried_all_the_same_when_there_is_a_phone() -> None:
    place = centre()
    place.handle(PlanLoaded(replace(PLAN, tiers=(), people=())))
    place.text_in(a_text())
    place.pass_time(2)
    place.alert()
    place.handle(PlanLoaded(PLAN))
    place.pass_time(1)
    assert [step for step in place.steps() if step in TIER_1] == TIER_1


def test_a_tier_that_goes_home_in_the_middle_of_a_round_ends_the_round() -> None:
    place = centre()
    place.alert()
    place.handle(PlanLoaded(with_people(AIGUL)))
    place.pass_time(61)
    assert place.steps()[2:] == [("r2t1", "aigul")]


def test_no_tier_is_left_out_when_the_one_before_it_goes_home() -> None:
    place = centre()
    place.handle(PlanLoaded(replace(PLAN, tiers=((AIGUL,), (BORIS,), (CHIEF,)))))
    place.alert()
    place.handle(PlanLoaded(replace(PLAN, tiers=((BORIS,), (CHIEF,)))))
    place.pass_time(181)
    assert place.steps() == [("r1t1", "aigul"), ("r1t2", "boris"), ("r1t3", "chief"), ("r2t1", "boris")]


def test_whoever_comes_for_the_first_tier_is_called_before_the_next_one() -> None:
    place = centre()
    place.handle(PlanLoaded(replace(PLAN, tiers=((AIGUL,), (CHIEF,)))))
    place.alert()
    place.handle(PlanLoaded(replace(PLAN, tiers=((BORIS,), (CHIEF,)))))
    place.pass_time(181)
    assert [to for _, to in place.steps()] == ["aigul", "boris", "chief", "boris"]


def test_a_centre_without_a_way_to_send_calls_nobody() -> None:
    place = centre(sms=replace(RULES, sends=False))
    place.alert()
    place.pass_time(120)
    assert place.sent == []
    assert place.texts() == {}


# ---- what becomes of a text


def test_a_text_is_on_disk_before_it_goes_out() -> None:
    place = centre(network=None)
    place.alert()
    assert place.texts() == dict.fromkeys(TIER_1, "planned")
    planned = [entry for entry in place.stored if type(entry).__name__ == "StoreText"]
    assert len(planned) == 2


def test_a_refused_text_is_tried_again_ever_slower_and_given_up_in_the_end() -> None:
    place = centre(network="modem: no network")
    place.handle(PlanLoaded(with_people(AIGUL)))
    place.alert()
    place.pass_time(59)
    assert place.steps() == [("r1t1", "aigul")] * 4  # at 0, 5, 15 and 35 s
    place.pass_time(200)
    assert place.texts()["r1t1", "aigul"] == "failed"
    assert [sending.text.tries for sending in place.sent if sending.text.step == "r1t1"][-1] == TRIES_MAX
    assert "text_given_up" in told(place.done)


def test_a_text_whose_fate_is_never_told_goes_out_once_more() -> None:
    place = centre(network=None)
    place.handle(PlanLoaded(with_people(AIGUL)))
    place.alert()
    place.pass_time(SEND_MAX_S + 10)
    again = [sending for sending in place.sent if sending.text.step == "r1t1"]
    assert [sending.text.tries for sending in again] == [1, 2]
    place.settle(again[0], "too late to matter")
    place.settle(again[0])  # the first one came through after all
    place.pass_time(30)
    assert place.texts()["r1t1", "aigul"] == "sent"
    assert len([sending for sending in place.sent if sending.text.step == "r1t1"]) == 2


def test_a_text_that_waits_for_its_next_try_is_dropped_when_somebody_accepts() -> None:
    place = centre(network="busy")
    place.alert()
    place.act("accept")
    place.pass_time(60)
    assert len(place.sent) == 2
    assert set(place.texts().values()) == {"failed"}


def test_an_officer_who_left_meanwhile_is_not_written_to() -> None:
    place = centre(network="busy")
    place.alert()
    place.handle(PlanLoaded(with_people(BORIS)))
    place.pass_time(10)
    assert place.steps()[2:] == [("r1t1", "boris")]


def test_no_more_texts_are_under_way_than_a_modem_can_take() -> None:
    place = centre(network=None)
    for number in range(6):
        place.alert(alert_id=f"alert-{number}", seq=number)
    assert len(place.sent) == UNDER_WAY_MAX
    place.settle(place.sent[0])
    assert len(place.sent) == UNDER_WAY_MAX + 1


def test_an_unknown_text_that_failed_changes_nothing() -> None:
    place = centre()
    lost = Text(alert_id="x", step="r1t1", to="aigul", kind="page")  # type: ignore[arg-type]
    assert told(place.handle(TextSettled(lost, "why not"))) == []


def test_a_broken_disk_delays_no_text() -> None:
    place = centre()
    place.disk = "disk full"
    place.alert()
    assert place.steps() == TIER_1


# ---- two monitors


def test_only_the_holder_of_the_lease_writes_to_people() -> None:
    place = centre()
    place.lease(held=False)
    place.alert()
    place.pass_time(120)
    assert place.sent == []
    place.lease(held=True)
    place.pass_time(1)
    assert place.steps() == TIER_1


def test_whoever_loses_the_lease_sends_nothing_more_but_tells_what_went_out() -> None:
    place = centre(network=None)
    place.alert()
    place.lease(held=False)
    place.settle(place.sent[0])
    place.settle(place.sent[1], "busy")
    place.pass_time(300)
    assert len(place.sent) == 2
    assert place.texts() == {TIER_1[0]: "sent", TIER_1[1]: "planned"}


def test_who_went_on_while_nobody_could_be_asked_begins_nothing_anew_and_takes_in_what_was_left() -> None:
    place = centre(network=None)
    place.alert()
    place.settle(place.sent[0])
    place.disk = "away"
    place.pass_time(61)
    assert place.steps() == [*TIER_1, ("r1t2", "chief")]
    place.settle(place.sent[2])
    theirs = Text(
        alert_id=ALERT_ID, step="r7t1", to="boris", kind="page", tier=1, state="planned", at_ms=place.utc_ms
    )
    unsaved = replace(place.sent[2].text, state="planned")  # the store has not heard yet that it went out
    stranger = replace(theirs, alert_id="unknown-here")
    out = place.handle(LeaseChanged(True, (*place.planned(), theirs, unsaved, stranger), kept=True))
    assert told(out) == []
    place.disk = ""
    place.pass_time(SEND_MAX_S + 2)
    again = [one for one in place.steps()[3:] if one[0] in {"r1t1", "r1t2", "r7t1"}]
    assert again == [("r1t1", "boris"), ("r7t1", "boris")]


def take_over(first: DutyCentre, later_s: float) -> DutyCentre:
    """Kill one monitor and let another one go on with what is on disk."""
    second = DutyCentre(utc_ms=first.utc_ms + round(later_s * 1000))
    second.handle(Restored(cases=first.fleet.caseload.all()))
    second.begin(texts=first.planned())
    return second


def test_a_successor_repeats_no_settled_text_and_goes_on_behind_the_last_step() -> None:
    first = centre()
    first.alert()
    first.pass_time(61)
    second = take_over(first, 10)
    second.pass_time(45)
    assert second.sent == []
    second.pass_time(10)
    assert second.steps() == [("r2t1", "aigul"), ("r2t1", "boris")]


def test_a_successor_sends_what_was_planned_and_never_settled_rather_twice_than_never() -> None:
    first = centre(network=None)
    first.alert()
    first.settle(first.sent[0])
    second = take_over(first, 20)
    second.pass_time(SEND_MAX_S - 21)
    assert ("r1t1", "boris") not in second.steps()
    second.pass_time(3)
    assert second.steps().count(("r1t1", "boris")) == 1
    assert ("r1t1", "aigul") not in second.steps()


def test_a_restart_waits_with_planned_texts_until_it_is_known_who_is_there() -> None:
    """The plan is read by a thread of its own, a moment after the lease is there."""
    first = centre(network=None)
    first.text_in(a_text())
    first.settle(first.sent[0])
    second = DutyCentre(utc_ms=first.utc_ms + 120_000)
    second.handle(Restored(cases=first.fleet.caseload.all()))
    second.lease(held=True, texts=first.planned())
    second.pass_time(3)
    assert second.sent == []
    second.handle(PlanLoaded(PLAN))
    second.pass_time(1)
    assert ("r1t1", "boris") in second.steps()
    (answer,) = (sending.body for sending in second.sent if sending.text.kind == "answer")
    assert answer == first.fleet._staff._desk.answer(first.fleet.caseload.all()[0])


def test_a_successor_hears_that_the_former_one_settled_a_text_after_all() -> None:
    first = centre(network=None)
    first.alert()
    second = take_over(first, 20)
    first.settle(first.sent[0])
    second.handle(NewsRead(texts=first.planned()))
    second.pass_time(SEND_MAX_S)
    assert ("r1t1", "aigul") not in second.steps()
    assert ("r1t1", "boris") in second.steps()


def test_the_lease_may_come_before_the_alerts_of_the_last_run() -> None:
    first = centre()
    first.alert()
    second = DutyCentre(utc_ms=first.utc_ms + 10_000)
    second.begin(texts=(*first.planned(), Text(alert_id="x", step="odd", to="y", kind="page")))  # type: ignore[arg-type]
    second.handle(Restored(cases=first.fleet.caseload.all()))
    second.pass_time(45)
    assert second.sent == []
    second.pass_time(10)
    assert second.steps() == [("r1t2", "chief")]


def test_a_step_that_is_none_is_passed_over() -> None:
    place = DutyCentre()
    place.handle(Restored(cases=(open_case(an_alert(), "mqtt", place.now()),)))
    odd = Text(alert_id=ALERT_ID, step="odd", to="y", kind="page", state="sent")  # type: ignore[arg-type]
    old = Text(alert_id=ALERT_ID, step="r1t2", to="y", kind="page", state="sent", at_ms=UTC_MS)  # type: ignore[arg-type]
    older = replace(old, step="r1t1")
    place.begin(texts=(odd, old, older))
    place.pass_time(61)
    assert place.steps() == [("r2t1", "aigul"), ("r2t1", "boris")]


def test_a_drill_that_reached_people_by_its_text_repeats_nothing_under_its_own_name() -> None:
    first = centre()
    first.text_in(a_text(kind="drill", duty=True))
    second = take_over(first, 5)
    second.rise()
    second.alert(kind="drill", duty=True)
    assert [step for step in second.steps() if step in TIER_1] == []


def test_an_alert_that_memory_lets_go_calls_nobody_more() -> None:
    place = centre(network="busy")
    place.alert()
    place.act("close")
    place.taken("received")
    place.taken("closed")
    place.taken("accepted")
    place.pass_time(21_700, step_s=100)
    assert place.ids() == []
    assert len(place.sent) == 2


def test_a_text_about_an_alert_that_memory_had_to_let_go_is_not_tried_again() -> None:
    place = centre(network="busy", limits=Limits(alerts=1))
    place.alert()
    place.alert(alert_id="newer", seq=2)
    place.pass_time(30)
    assert {text.state for text in place.planned() if text.alert_id == ALERT_ID} == {"failed"}


def test_a_drill_for_people_that_came_by_sms_goes_on_under_its_own_name() -> None:
    place = centre(network=None)
    place.text_in(a_text(kind="drill", duty=True))
    place.alert(kind="drill", duty=True)
    place.pass_time(61)
    assert [sending.text.alert_id for sending in place.sent if sending.text.step == "r1t2"] == [ALERT_ID]


def test_whoever_delivers_by_https_hears_when_it_is_durable() -> None:
    place = centre()
    arrived = AlertArrived(alert=an_alert(), door="https", token=Token("h"))
    assert answers(place.handle(arrived)) == [(True, "received")]
    foreign = AlertArrived(alert=an_alert(kiosk_id="kz-2"), door="https", token=Token("h"))
    assert answers(place.handle(foreign)) == [(False, "alert id of another kiosk")]


@pytest.mark.parametrize("house", ["123", "123 а", "№123", "10/2"])
@pytest.mark.parametrize(
    "street",
    [
        "Бөгенбай батыр к-сі ",
        "Бөгенбай батыр көшесі, ",
        "Бостандық ауданы, Бөгенбай батыр к-сі ",
        "Тәуелсіздіктің 30 жылдығы даңғылы ",
    ],
)
def test_a_long_street_gives_way_to_its_house_number(street: str, house: str) -> None:
    address = Words(kk=street + house, ru=street + house)
    where = structs.replace(
        PLACE, name=Words(kk="Дүкен", ru="Магазин"), address=address, lat=43.23815, lon=76.94551
    )
    for script in ("kk", "ru"):
        occasion = sms_words.Occasion(kind="press", number="17", place=where, code="4711", pressed_ms=UTC_MS)
        text = sms_words.compose(RULES.words, script, occasion)  # type: ignore[arg-type]
        assert fits(text)
        assert f" {house}," in text
        assert (street[:8] if "Бөгенбай" not in street else "Бөгенбай") in text


def test_the_place_is_shortened_until_one_segment_holds_it() -> None:
    place = centre()
    long = "Өскемен қаласы, Қазақстан Республикасының Тәуелсіздігіне 30 даңғылы"
    words = type(PLACE.address)(kk=long[:60], ru="Усть-Каменогорск, проспект Независимости, 114")
    place.alert(
        place=type(PLACE)(**{**{f: getattr(PLACE, f) for f in PLACE.__struct_fields__}, "address": words})
    )
    kk, ru = (sending.body for sending in place.sent)
    assert fits(kk)
    assert fits(ru)
    assert "114," in ru
