"""SMS that come in: a kiosk's signed alert joined with its other copies, people's words, and all the rest."""

from dataclasses import replace

import pytest
from fakes.duty_centre import (
    AIGUL,
    BORIS,
    KEYS,
    KIOSK,
    PLAN,
    SIM,
    DutyCentre,
    a_code,
    a_text,
    answers,
    with_people,
)
from fakes.virtual_centre import ALERT_ID, PLACE, UTC_MS, an_alert, only, replies, told
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from kiosk.bodies import AlertId, KioskId, Token
from kiosk.monitor import cases, sms_words
from kiosk.monitor.effects import Save, Show
from kiosk.monitor.messages import (
    Acted,
    AlertArrived,
    NewsRead,
    Overruled,
    PlanLoaded,
    Restored,
    Saved,
    SmsArrived,
)
from kiosk.monitor.records import Case, Plan, Registered, StageEntry
from kiosk.monitor.sms_desk import CODES_MAX, LATE_ANSWER_MS, SmsDesk
from kiosk.monitor.sms_keys import SmsKeys, derive, read_key
from kiosk.monitor.sms_post import SEEN_MAX
from kiosk.prompts import Catalogue
from kiosk.sms_signed import parse_answer, verify_answer
from kiosk.wire import Rejected

SMS_ID = f"sms-17-1-{UTC_MS // 1000}"


def centre(plan: Plan = PLAN, **changes: object) -> DutyCentre:
    place = DutyCentre(**changes)  # type: ignore[arg-type]
    place.begin(plan)
    place.rise()
    return place


def the_case(place: DutyCentre) -> Case:
    (case,) = place.fleet.caseload.all()
    return case


# ---- a kiosk's alert


def test_a_signed_text_opens_an_alert_with_the_registrys_words() -> None:
    place = centre()
    out = place.text_in(a_text(presses=3, button=1))
    case = the_case(place)
    assert case.alert.alert_id == SMS_ID
    assert (case.alert.kiosk_id, case.alert.place, case.door) == ("kz-1", PLACE, "sms")
    assert (case.alert.presses, case.alert.button, case.sms_from) == (3, "button 2", SIM)
    assert "alert_received" in told(out)
    assert answers(out) == [(True, "alert")]
    (inbound,) = place.inbox()
    assert (inbound.verdict, inbound.sender, inbound.alert_id) == ("alert", "+7***17", SMS_ID)
    assert "r1t1" in dict(place.steps())


def test_the_same_message_twice_is_one_and_both_askers_are_answered() -> None:
    place = centre()
    place.text_in(a_text(), name="again")
    before = len(place.sent)
    assert answers(place.text_in(a_text(), name="again")) == [(True, "alert")]
    assert len(place.inbox()) == 1
    assert len(place.sent) == before


def test_a_modem_waits_for_no_answer() -> None:
    place = centre()
    out = place.handle(SmsArrived(message_id="x", door="modem", number=SIM, text=a_text()))
    assert answers(out) == []
    assert place.inbox()[0].verdict == "alert"


def test_what_was_seen_long_ago_is_forgotten() -> None:
    place = centre()
    for number in range(SEEN_MAX + 1):
        place.text_in("hello", name=f"n{number}")
    place.text_in("hello", name="n0")
    assert len(place.inbox()) == SEEN_MAX + 2


def test_the_kiosks_own_copy_gives_the_alert_its_name() -> None:
    place = centre()
    place.text_in(a_text(presses=3))
    out = place.alert(button="counter")
    case = the_case(place)
    assert case.alert.alert_id == ALERT_ID
    assert (case.alert.button, case.alert.presses, case.door, case.also_by) == (
        "counter",
        3,
        "sms",
        ("mqtt",),
    )
    assert place.renamed() == [(SMS_ID, ALERT_ID)]
    assert "alert_renamed" in told(out)
    assert replies(out) == ["received"]
    assert place.act("accept", alert=SMS_ID).ok
    assert place.stages() == ["received", "accepted"]


def test_a_text_that_comes_behind_mqtt_joins_it() -> None:
    place = centre()
    place.alert(kind="drill")
    place.text_in(a_text(presses=2))
    case = the_case(place)
    assert (case.alert.alert_id, case.also_by, case.alert.presses) == (ALERT_ID, ("sms",), 2)
    assert case.alert.kind == "press"
    assert place.renamed() == []
    place.text_in(a_text(presses=2))
    assert the_case(place) == case


def test_a_text_behind_an_alert_that_was_renamed_joins_it_too() -> None:
    place = centre()
    place.text_in(a_text())
    place.alert()
    place.text_in(a_text(presses=4))
    assert the_case(place).alert.presses == 4


def test_the_ladder_of_a_renamed_alert_goes_on_where_it_was() -> None:
    place = centre(network=None)
    place.text_in(a_text())
    pages = [sending for sending in place.sent if sending.text.kind == "page"]
    place.alert()
    for sending in pages:
        place.settle(sending)
    place.pass_time(61)
    steps = [sending.text.step for sending in place.sent if sending.text.kind == "page"]
    assert steps == ["r1t1", "r1t1", "r1t2"]
    assert all(
        text.state == "sent" for text in place.planned() if text.alert_id == ALERT_ID and "t1" in text.step
    )


def test_texts_about_other_alerts_keep_their_name_when_one_is_renamed() -> None:
    place = centre(network=None)
    place.alert(alert_id="other", seq=2)
    place.text_in(a_text())
    place.alert()
    for sending in list(place.sent):
        place.settle(sending)
    assert {text.alert_id for text in place.planned() if text.state == "sent"} == {"other", ALERT_ID}


def test_two_alerts_of_one_second_stay_two() -> None:
    place = centre()
    place.alert(seq=0)
    place.alert(seq=0, alert_id="01OTHER")
    assert len(place.ids()) == 2


def test_a_kiosk_whose_place_is_unknown_is_shown_by_its_id_and_position() -> None:
    place = centre(replace(PLAN, kiosks=(Registered(kiosk_id=KIOSK.kiosk_id, number=17),)))
    place.text_in(a_text(kind="tamper", button=7))
    alert = the_case(place).alert
    assert (alert.place.name.ru, alert.place.lat, alert.button) == ("kz-1", 43.24, "tamper")
    place.text_in(a_text(seq=2, button=7))
    assert place.fleet.caseload.all()[1].alert.button == "other"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (a_text(key=b"another key of sixteen bytes"), "signature"),
        (a_text(number=18), "not in the registry"),
        (a_text(number=99, key=KEYS.of("kz-9")), "revoked"),
        ("A1: hello", "no machine form"),
        (a_text(pressed_s=UTC_MS // 1000 - 30_000), "too old"),
        (a_text(pressed_s=UTC_MS // 1000 + 100_000), "future"),
    ],
)
def test_what_is_not_proven_is_kept_told_and_never_acted_upon(text: str, reason: str) -> None:
    place = centre()
    out = place.text_in(text)
    assert place.ids() == []
    assert place.sent == []
    (inbound,) = place.inbox()
    assert inbound.verdict == "refused"
    assert reason in inbound.reason
    assert "sms_refused" in told(out)
    ((ok, words),) = answers(out)
    assert not ok
    assert reason in words


def test_a_clock_that_was_never_set_does_not_make_an_alert_too_old() -> None:
    place = centre()
    place.text_in(a_text(pressed_s=1000, clock="unsynced"))
    assert the_case(place).age_s == 0


def test_a_text_of_an_alert_that_is_over_is_a_replay_unless_somebody_pressed_again() -> None:
    place = centre()
    place.text_in(a_text())
    place.act("close", alert=SMS_ID)
    place.text_in(a_text())
    assert place.inbox()[-1].verdict == "refused"
    place.text_in(a_text(presses=2))
    assert place.inbox()[-1].verdict == "alert"


def test_no_kiosk_may_take_the_name_of_anothers_text() -> None:
    place = centre()
    assert "body_refused" in told(place.alert(alert_id=SMS_ID, kiosk_id="kz-2"))
    place.text_in(a_text())
    assert the_case(place).alert.kiosk_id == "kz-1"


def test_a_number_that_went_to_another_kiosk_names_no_old_alert() -> None:
    place = centre()
    place.text_in(a_text())
    moved = Registered(kiosk_id=KioskId("kz-2"), number=17, place=PLACE)
    place.handle(PlanLoaded(replace(PLAN, kiosks=(moved,))))
    place.text_in(a_text(key=KEYS.of("kz-2")))
    assert place.inbox()[-1].verdict == "refused"
    assert the_case(place).alert.kiosk_id == "kz-1"


@given(text=st.text(max_size=200), number=st.text(max_size=30))
def test_no_text_makes_the_centre_stumble(text: str, number: str) -> None:
    place = centre()
    place.text_in(text, number)
    place.text_in("A1:" + text, number)
    assert place.ids() == []
    assert len(place.inbox()) == 2
    assert number not in place.inbox()[0].sender or len(number) <= 3


# ---- signed answers


def verified(place: DutyCentre) -> list[str]:
    """Give the stages that the kiosk itself would believe."""
    stages = []
    for sending in place.sent:
        answer = parse_answer(sending.body)
        if answer is not None:
            assert sending.number == SIM
            assert answer.code == a_code()
            assert verify_answer(answer, KEYS.of("kz-1"), number=17, seq=1, pressed_s=UTC_MS // 1000)
            stages.append(str(answer.stage))
    return stages


def test_each_stage_goes_back_signed_to_the_number_that_the_text_came_from() -> None:
    place = centre()
    place.text_in(a_text())
    assert verified(place) == ["received"]
    for action, stage in (("accept", "accepted"), ("en_route", "en_route"), ("close", "closed")):
        place.act(action, alert=SMS_ID)  # type: ignore[arg-type]
        assert verified(place)[-1] == stage
    assert len(verified(place)) == 4


def test_a_closing_text_says_how_many_presses_were_known() -> None:
    place = centre()
    place.text_in(a_text(presses=2))
    place.act("close", alert=SMS_ID)
    told = [parse_answer(sending.body) for sending in place.sent if "A1R" in sending.body]
    assert [(answer.stage, answer.presses) for answer in told if answer] == [("received", 0), ("closed", 2)]


def test_a_press_that_is_told_after_the_closing_is_not_in_the_next_answer() -> None:
    """The kiosk must see from it that nobody knew of that press."""
    place = centre()
    place.text_in(a_text())
    place.act("close", alert=SMS_ID)
    place.pass_time(60)
    place.text_in(a_text(presses=2))
    answer = parse_answer(place.sent[-1].body)
    assert answer is not None
    assert (answer.stage, answer.presses) == ("closed", 1)


def test_when_all_is_over_the_number_is_forgotten() -> None:
    place = centre(network=None)
    place.text_in(a_text())
    place.act("close", alert=SMS_ID)
    place.pass_time(2)
    assert the_case(place).sms_from == SIM
    for sending in list(place.sent):
        place.settle(sending)
    place.pass_time(2)
    for sending in list(place.sent):
        place.settle(sending)
    place.pass_time(2)
    assert the_case(place).sms_from == ""
    assert verified(place)[-1] == "closed"


def test_only_the_newest_stage_is_owed() -> None:
    place = centre(network="busy")
    place.text_in(a_text())
    place.act("accept", alert=SMS_ID)
    place.act("on_scene", alert=SMS_ID)
    place.network = ""
    place.pass_time(10)
    assert verified(place) == ["received", "accepted", "on_scene", "on_scene"]


def test_a_kiosk_that_speaks_by_mqtt_again_is_answered_there() -> None:
    place = centre()
    place.text_in(a_text())
    place.pass_time(1)
    place.status(conn=2)
    place.alert()
    place.act("accept")
    assert verified(place) == ["received"]
    place.status("offline", conn=2)
    place.act("on_scene")
    assert verified(place) == ["received", "accepted", "on_scene"]


def test_a_kiosk_that_is_heard_by_mqtt_needs_no_text_but_one_that_asks_again_does() -> None:
    place = centre()
    place.status()
    place.pass_time(1)
    place.alert()
    place.text_in(a_text())
    assert verified(place) == []
    place.pass_time(10)
    place.text_in(a_text())
    assert verified(place) == []  # the same minute: an operator's repeat
    place.pass_time(50)
    place.beat()
    place.text_in(a_text())
    assert verified(place) == ["received"]
    place.act("accept")
    assert verified(place) == ["received", "accepted"]


def test_a_repeat_is_answered_again_but_not_at_any_price() -> None:
    place = centre()
    for _ in range(20):
        place.text_in(a_text())
    assert verified(place) == ["received"]
    place.pass_time(60)
    place.text_in(a_text())
    assert verified(place) == ["received", "received"]


def test_a_replay_from_another_number_draws_no_answer_there() -> None:
    place = centre()
    place.text_in(a_text())
    place.pass_time(60)
    place.text_in(a_text(), "+77770000666")
    assert {sending.number for sending in place.sent if sending.text.kind == "answer"} == {SIM}


def test_a_text_from_a_name_instead_of_a_number_is_taken_and_not_answered() -> None:
    place = centre()
    place.text_in(a_text(), "Operator")
    assert the_case(place).sms_from == ""
    assert verified(place) == []


def test_a_successor_goes_on_answering_and_repeats_nothing() -> None:
    first = centre()
    first.text_in(a_text())
    first.pass_time(60)
    first.text_in(a_text())
    second = DutyCentre(utc_ms=first.utc_ms + 1000)
    second.handle(Restored(cases=first.fleet.caseload.all()))
    second.begin(texts=first.planned())
    second.pass_time(2)
    assert verified(second) == []
    second.act("accept", alert=SMS_ID)
    assert verified(second) == ["accepted"]
    (text,) = (text for text in second.planned() if text.kind == "answer")
    assert text.step == "accepted.1"


def test_an_answer_waits_until_its_stage_is_on_disk() -> None:
    place = centre()
    place.disk = "full"
    place.text_in(a_text())
    assert verified(place) == []
    place.disk = ""
    place.pass_time(3)
    assert verified(place) == ["received"]


def test_an_alert_that_memory_forgot_is_answered_no_more() -> None:
    place = centre(network="busy")
    place.text_in(a_text())
    place.act("close", alert=SMS_ID)
    place.pass_time(22_000, step_s=200)
    assert place.ids() == []
    assert place.texts()["closed", "kz-1"] == "failed"


# ---- people's words


def test_ok_and_the_code_accept_by_sms_and_go_sets_out() -> None:
    place = centre()
    place.alert()
    out = place.text_in(f"OK {a_code()}", AIGUL.phone)
    assert answers(out) == [(True, "reply")]
    place.text_in(f"барамын {a_code()}", "8 701 000 00 11")
    entries = the_case(place).stages
    assert [(entry.stage, entry.by, entry.via) for entry in entries[1:]] == [
        ("accepted", "aigul", "sms"),
        ("en_route", "aigul", "sms"),
    ]
    assert [inbound.verdict for inbound in place.inbox()] == ["reply", "reply"]


def test_the_second_officer_hears_nothing_and_takes_nothing() -> None:
    place = centre()
    place.alert()
    place.text_in(f"OK {a_code()}", AIGUL.phone)
    before = len(place.sent)
    place.text_in(f"OK {a_code()}", BORIS.phone)
    assert place.inbox()[-1].verdict == "ignored"
    assert "already accepted by aigul" in place.inbox()[-1].reason
    assert len(place.sent) == before
    place.text_in(f"OK {a_code()}", AIGUL.phone)
    assert place.inbox()[-1].verdict == "reply"


@pytest.mark.parametrize(
    ("text", "number", "reason"),
    [
        (f"OK {a_code()}", "+77015550000", "nobody who is active"),
        ("OK 0000", AIGUL.phone, "no open alert"),
        ("what is this?", AIGUL.phone, "neither"),
    ],
)
def test_a_stranger_a_wrong_code_and_chatter_are_ignored(text: str, number: str, reason: str) -> None:
    place = centre()
    place.alert()
    before = len(place.sent)
    out = place.text_in(text, number)
    assert "sms_ignored" in told(out)
    assert reason in place.inbox()[0].reason
    assert place.stages() == ["received"]
    assert len(place.sent) == before


def test_an_officer_who_is_active_no_more_decides_nothing() -> None:
    place = centre()
    place.alert()
    place.handle(PlanLoaded(with_people(BORIS)))
    place.text_in(f"OK {a_code()}", AIGUL.phone)
    assert place.stages() == ["received"]


def test_a_code_means_the_newest_press_before_a_drill_and_never_tamper() -> None:
    place = centre()
    place.alert(alert_id="drill", kind="drill")
    place.alert(alert_id="press")
    place.alert(alert_id="tamper", kind="tamper")
    place.text_in(f"OK {a_code()}", AIGUL.phone)
    assert [place.stages(name)[-1] for name in ("drill", "press", "tamper")] == [
        "received", "accepted", "received",
    ]  # fmt: skip


def test_an_alert_without_a_readable_time_still_has_a_code() -> None:
    place = centre()
    place.alert(pressed_at="2026-99-99T00:00:00Z")
    assert len(place.sent) == 2


def test_codes_are_kept_until_the_registry_gives_kiosks_other_numbers() -> None:
    place = centre()
    place.text_in(a_text())
    desk, case = SmsDesk(KEYS, Catalogue(prompts={}, words={})), the_case(place)
    without_number = desk.code_of(case)
    desk.load(PLAN)
    assert desk.code_of(case) == desk.code_of(case) == a_code() != without_number
    for seq in range(2, CODES_MAX + 3):
        desk.code_of(replace(case, alert=structs.replace(case.alert, seq=seq)))
    assert len(desk._codes) <= CODES_MAX
    assert desk.code_of(case) == a_code()
    for first in (0, CODES_MAX):
        for seq in range(first, first + CODES_MAX - 10):
            desk.code_of(replace(case, alert=structs.replace(case.alert, seq=seq)))
        desk.load(replace(PLAN, kiosks=(*PLAN.kiosks,)))
    assert len(desk._former) == CODES_MAX
    assert desk.code_of(case) == a_code()


@pytest.mark.parametrize("then", [KIOSK, replace(KIOSK, number=27)])
def test_the_code_that_people_were_sent_is_good_when_the_kiosk_gets_another_number(then: Registered) -> None:
    place = centre(replace(PLAN, kiosks=() if then is KIOSK else (KIOSK,)))
    place.alert()
    code = place.sent[0].body.rsplit(" ", 1)[-1]
    place.handle(PlanLoaded(replace(PLAN, kiosks=(then,))))
    assert place.fleet._staff._desk.code_of(the_case(place)) != code
    place.text_in(f"OK {code}", AIGUL.phone)
    assert place.stages() == ["received", "accepted"]


def test_a_former_code_names_no_other_alert() -> None:
    place = centre(replace(PLAN, kiosks=()))
    place.alert()
    code = place.sent[0].body.rsplit(" ", 1)[-1]
    place.handle(PlanLoaded(PLAN))
    place.alert(alert_id="other", seq=2)
    place.text_in(f"OK {code}", AIGUL.phone)
    assert place.stages("other") == ["received"]


# ---- keys and masks


def test_each_kiosk_has_its_own_key_and_a_file_goes_before_the_master() -> None:
    keys = SmsKeys(b"m" * 16, {"kz-2": b"own"})
    assert keys.of("kz-1") == derive(b"m" * 16, "kz-1") != derive(b"m" * 16, "kz-3")
    assert keys.of("kz-2") == b"own"
    assert "own" not in repr(keys)


def test_a_key_file_holds_hex() -> None:
    assert read_key("00" * 16 + "\n") == bytes(16)
    assert isinstance(read_key("00" * 15), Rejected)
    assert isinstance(read_key("zz" * 16), Rejected)


def test_a_masked_number_names_nobody() -> None:
    assert sms_words.mask("+77010000011") == "+7***11"
    assert sms_words.mask("112") == "***"


# ---- what another monitor wrote


def news(case: Case) -> NewsRead:
    return NewsRead(cases=(case,))


def test_an_alert_that_another_monitor_took_is_shown_here_and_not_written_again() -> None:
    place = centre()
    out = place.handle(news(cases.open_case(an_alert(), "mqtt", place.now())))
    assert len(only(Show, out)) == 1
    assert place.stored_alerts() == []
    assert not only(Show, place.handle(news(the_case(place))))


def test_a_text_at_one_monitor_and_mqtt_at_the_other_become_one_alert_at_both() -> None:
    holds_mqtt, holds_sms = centre(), centre()
    holds_mqtt.alert()
    holds_sms.text_in(a_text(presses=2))
    by_mqtt, by_sms = the_case(holds_mqtt), the_case(holds_sms)
    holds_mqtt.handle(news(by_sms))
    holds_sms.handle(news(by_mqtt))
    for place in (holds_mqtt, holds_sms):
        assert place.renamed() == [(SMS_ID, ALERT_ID)]
        case = the_case(place)
        assert (case.alert.alert_id, case.alert.presses) == (ALERT_ID, 2)
        assert case.sms_from == SIM
        assert place.act("accept", alert=SMS_ID).ok


def test_an_alert_that_another_monitor_gave_its_name_meanwhile_is_not_held_twice() -> None:
    """Its text is in our memory, its own name in the store: the copy that comes by MQTT is of both."""
    ours, theirs = centre(), centre()
    for place in (ours, theirs):
        place.text_in(a_text())
    theirs.alert()
    known = the_case(theirs)
    ours.handle(AlertArrived(alert=an_alert(), door="mqtt", known=known))
    assert ours.ids() == [ALERT_ID]
    assert ours.renamed() == [(SMS_ID, ALERT_ID)]


def same_code_as(seq: int, pressed_s: int, other_seq: int) -> int:
    """Find a second in which another press gets the code of this one: one of 9000 does."""
    wanted = a_code(seq, pressed_s)
    seconds = range(pressed_s + 1, pressed_s + 200_000)
    return next(second for second in seconds if a_code(other_seq, second) == wanted)


@pytest.mark.parametrize("first_is_closed", [True, False])
def test_an_answer_whose_code_two_alerts_have_takes_neither(first_is_closed: bool) -> None:
    """Four digits are few: whoever answers one alert must not be taken to be on the way to another."""
    place = centre()
    began_s = UTC_MS // 1000
    later_s = same_code_as(1, began_s, 2)
    place.text_in(a_text())
    if first_is_closed:
        place.utc_ms = later_s * 1000 - LATE_ANSWER_MS // 2
        place.act("close", alert=SMS_ID)
    place.utc_ms = later_s * 1000
    place.text_in(a_text(seq=2, pressed_s=later_s))
    place.text_in(f"OK {a_code()}", AIGUL.phone)
    assert place.inbox()[-1].verdict == "ignored"
    assert "several alerts" in place.inbox()[-1].reason
    place.utc_ms += LATE_ANSWER_MS
    place.text_in(f"OK {a_code()}", AIGUL.phone)
    assert place.inbox()[-1].verdict == ("reply" if first_is_closed else "ignored")


def test_texts_about_several_alerts_go_out_in_the_same_order_in_every_process() -> None:
    """The order of a set depends on the process: two runs of one story would tell two stories."""
    place = centre(network=None)
    place.lease(held=False)
    ids = [f"01ALERT{number:02d}" for number in (3, 1, 2, 7, 5, 4, 6, 8)]
    alerts = [an_alert(alert_id=alert_id, seq=number) for number, alert_id in enumerate(ids)]
    place.handle(NewsRead(cases=tuple(cases.open_case(alert, "mqtt", place.now()) for alert in alerts)))
    place.lease(held=True)
    first = [sending.text.alert_id for sending in place.sent if sending.text.step == "r1t1"]
    assert list(dict.fromkeys(first)) == ids[: len(set(first))]


@pytest.mark.parametrize("text_is_stored", [True, False])
def test_a_store_that_opens_late_is_joined_with_the_other_copy_of_its_alert(text_is_stored: bool) -> None:
    """A monitor that starts without the store holds the text, the store the alert; or the other way round."""
    ours, theirs = centre(), centre()
    (ours, theirs)[text_is_stored].text_in(a_text(presses=2))
    (theirs, ours)[text_is_stored].alert()
    ours.handle(Restored(cases=(the_case(theirs),)))
    assert ours.ids() == [ALERT_ID]
    assert ours.renamed() == [(SMS_ID, ALERT_ID)]
    assert the_case(ours).alert.presses == 2


def test_stages_of_another_monitor_are_learned_and_ours_that_it_lacks_are_kept() -> None:
    place = centre()
    place.alert()
    held = the_case(place)
    accepted = cases.act(held, "accept", "other", "", place.now())
    assert isinstance(accepted, Case)
    place.handle(news(accepted))
    assert place.stages() == ["received", "accepted"]
    place.act("on_scene")
    place.handle(news(accepted))
    assert place.stages() == ["received", "accepted", "on_scene"]


def test_whoever_accepts_a_moment_too_late_is_told_who_was_first() -> None:
    place = centre()
    place.alert()
    entry = StageEntry(stage="accepted", at_ms=5, by="other")
    fleet = place.fleet
    asked = fleet.handle(Acted(token=Token("t"), action="accept", alert=ALERT_ID, by="op-1"), place.now())
    (save,) = only(Save, asked)
    out = fleet.handle(Saved(save.serial, (Overruled(AlertId(ALERT_ID), entry, "accepted"),)), place.now())
    assert answers(out) == [(False, "already accepted by other")]
    assert the_case(place).stages[-1] == entry
    again = fleet.handle(Saved(save.serial, (Overruled(AlertId(ALERT_ID), entry, "accepted"),)), place.now())
    assert not only(Show, again)
    unknown = Overruled(AlertId("unknown"), entry, "accepted")
    assert not only(Show, fleet.handle(Saved(save.serial, (unknown,)), place.now()))


def test_a_stage_beyond_ours_is_believed_in_order() -> None:
    place = centre()
    place.alert()
    place.act("accept")
    entry = StageEntry(stage="on_scene", at_ms=5, by="other")
    place.handle(Saved(0, (Overruled(AlertId(ALERT_ID), entry, "accepted"),)))
    assert place.stages() == ["received", "on_scene"]


def test_a_copy_by_https_is_noted_beside_the_first_door() -> None:
    place = centre()
    place.alert()
    place.handle(AlertArrived(alert=an_alert(), door="https"))
    assert the_case(place).also_by == ("https",)
