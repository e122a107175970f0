"""Signed answers to a kiosk that has nothing but SMS: none that it needs is lost for good."""

from fakes.duty_centre import KEYS, SIM, DutyCentre, a_text
from fakes.virtual_centre import UTC_MS

from kiosk.bodies import AlertId
from kiosk.monitor.answers import RETRY_S, Answers
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import Restored
from kiosk.monitor.outbox import SEND_MAX_S, TRIES_MAX, Outbox
from kiosk.monitor.records import Text
from kiosk.sms_signed import parse_answer, verify_answer

SMS_ID = f"sms-17-1-{UTC_MS // 1000}"
ELSEWHERE = "+77770000666"


def centre(network: str | None = "") -> DutyCentre:
    place = DutyCentre(network=network)
    place.begin()
    place.rise()
    return place


def closed(place: DutyCentre) -> DutyCentre:
    """Let an alert come by SMS and be closed; every text is taken, and perhaps lost by the network."""
    place.text_in(a_text())
    place.pass_time(5)
    place.act("close", alert=SMS_ID)
    place.pass_time(60)
    return place


def told(place: DutyCentre, since: int = 0) -> list[str]:
    """Give the stages that the kiosk itself would believe."""
    stages = []
    for sending in place.sent[since:]:
        answer = parse_answer(sending.body)
        if answer is not None:
            assert sending.number == SIM
            assert verify_answer(answer, KEYS.of("kz-1"), number=17, seq=1, pressed_s=UTC_MS // 1000)
            stages.append(str(answer.stage))
    return stages


# ---- a kiosk that asks again


def test_a_kiosk_that_asks_after_the_end_is_told_of_it_again() -> None:
    place = closed(centre())
    before = len(place.sent)
    for minutes in range(1, 6):
        place.text_in(a_text())
        place.pass_time(60)
        assert told(place, before) == ["closed"] * minutes
    assert place.inbox()[-1].verdict == "refused"
    assert place.fleet.caseload.all()[0].sms_from == ""


def test_a_kiosk_whose_closing_text_is_still_on_its_way_is_told_once_more() -> None:
    place = centre(network=None)
    place.text_in(a_text())
    place.act("close", alert=SMS_ID)
    place.pass_time(40)
    place.text_in(a_text())
    for _ in range(3):
        place.pass_time(2)
        for sending in list(place.sent):
            place.settle(sending)
    assert told(place)[-1] == "closed"


def test_texts_after_the_end_that_come_in_a_row_are_answered_once() -> None:
    place = closed(centre())
    before = len(place.sent)
    for _ in range(20):
        place.text_in(a_text())
        place.pass_time(1)
    assert told(place, before) == ["closed"]


def test_a_replay_from_elsewhere_draws_nothing_after_the_end() -> None:
    place = closed(centre())
    before = len(place.sent)
    for _ in range(5):
        place.text_in(a_text(), ELSEWHERE)
        place.text_in(a_text(), "Operator")
        place.pass_time(60)
    assert place.sent[before:] == []


def test_a_kiosk_that_lost_the_internet_before_the_end_is_told_by_its_first_text() -> None:
    place = centre()
    place.alert()
    place.act("close")
    place.pass_time(600)
    before = len(place.sent)
    place.text_in(a_text())
    place.pass_time(2)
    assert told(place, before) == ["closed"]
    place.pass_time(60)
    place.text_in(a_text(), ELSEWHERE)
    place.pass_time(2)
    assert told(place, before) == ["closed"]


def test_a_successor_tells_the_end_too() -> None:
    second = take_over(closed(centre()))
    second.pass_time(60)
    assert told(second) == []
    second.text_in(a_text())
    second.pass_time(2)
    assert told(second) == ["closed"]


def test_six_hours_after_the_end_nobody_is_answered() -> None:
    """A kiosk whose clock was never set may text on; what it says then is nobody's business any more."""
    place = centre()
    place.text_in(a_text(clock="unsynced"))
    place.act("close", alert=SMS_ID)
    before = len(place.sent)
    place.utc_ms += KEEP_CLOSED_MS + 1
    place.now_s += KEEP_CLOSED_MS / 1000 + 1
    place.text_in(a_text(clock="unsynced"))
    assert place.inbox()[-1].verdict == "refused"
    assert place.sent[before:] == []


def test_a_clock_that_jumps_makes_no_closed_alert_forgotten() -> None:
    """The centre's clock went by ten hours, and a late text of one called people (887505760.433)."""
    place = centre()
    place.text_in(a_text(clock="unsynced"))
    place.act("close", alert=SMS_ID)
    place.utc_ms += 10 * 3_600_000
    place.pass_time(2)
    place.text_in(a_text(clock="unsynced"))
    assert place.inbox()[-1].verdict == "refused"
    assert place.fleet.caseload.get(SMS_ID) is not None


def test_a_crash_between_the_closing_and_its_text_loses_neither() -> None:
    first = centre()
    first.text_in(a_text())
    first.network = None
    first.act("close", alert=SMS_ID)
    assert first.texts()["closed", "kz-1"] == "planned"
    assert first.fleet.caseload.all()[0].sms_from == SIM
    second = take_over(first)
    assert told(second) == []
    second.pass_time(SEND_MAX_S)
    assert told(second) == ["closed"]
    assert second.fleet.caseload.all()[0].sms_from == ""


# ---- a network that is away


def test_an_answer_that_was_given_up_is_tried_again_while_its_stage_is_the_newest() -> None:
    place = centre()
    place.text_in(a_text())
    place.network = "modem: not open"
    place.act("accept", alert=SMS_ID)
    place.pass_time(210)
    assert place.texts()["accepted", "kz-1"] == "failed"
    place.network = ""
    before = len(place.sent)
    place.pass_time(RETRY_S)
    assert told(place, before) == ["accepted"]
    place.pass_time(3600)
    assert told(place, before) == ["accepted"]


def test_the_end_is_told_once_the_network_is_back() -> None:
    place = centre()
    place.text_in(a_text())
    place.network = "modem: not open"
    place.act("close", alert=SMS_ID)
    place.pass_time(1800)
    place.network = ""
    before = len(place.sent)
    place.pass_time(RETRY_S + 70)
    assert told(place, before) == ["closed"]
    assert place.fleet.caseload.all()[0].sms_from == ""


def test_a_newer_stage_does_not_wait_for_the_rest_of_an_older_one() -> None:
    place = centre()
    place.text_in(a_text())
    place.network = "modem: not open"
    place.act("accept", alert=SMS_ID)
    place.pass_time(210)
    place.network = ""
    before = len(place.sent)
    place.act("close", alert=SMS_ID)
    assert told(place, before) == ["closed"]
    place.pass_time(600)
    assert told(place, before) == ["closed"]


def test_a_network_that_stays_away_is_tried_now_and_then() -> None:
    place = centre(network="modem: not open")
    place.text_in(a_text())
    place.act("accept", alert=SMS_ID)
    place.pass_time(3600)
    tries = sum(sending.text.kind == "answer" for sending in place.sent)
    assert 3600 / (RETRY_S + 200) * TRIES_MAX * 0.8 < tries < 3600 / RETRY_S * TRIES_MAX


def test_a_successor_tries_again_what_was_given_up() -> None:
    first = centre()
    first.text_in(a_text())
    first.network = "modem: not open"
    first.act("accept", alert=SMS_ID)
    first.pass_time(210)
    second = take_over(first)
    assert told(second) == ["accepted"]
    second.pass_time(600)
    assert told(second) == ["accepted"]


def test_a_successor_goes_on_with_an_answer_that_is_planned_behind_one_that_was_not_needed() -> None:
    first = centre(network="modem: not open")
    first.text_in(a_text())
    first.act("accept", alert=SMS_ID)
    first.pass_time(6)
    assert first.texts()["received", "kz-1"] == "failed"
    second = take_over(first)
    second.pass_time(SEND_MAX_S)
    assert told(second) == ["accepted"]


def test_what_was_answered_before_the_kiosk_asked_again_serves_no_more() -> None:
    box = Outbox(Ledger())
    answers = Answers(Ledger(), box)
    newer, older = (
        Text(alert_id=AlertId(SMS_ID), step=step, to="kz-1", kind="answer", state="sent")
        for step in ("received.2", "accepted.1")
    )
    answers.resume((newer,))
    answers.resume((older,))
    assert answers._asked[AlertId(SMS_ID)].copy == 2
    assert answers._asked[AlertId(SMS_ID)].answered == {"received"}


def take_over(first: DutyCentre) -> DutyCentre:
    """Kill one monitor and let another one go on with what is on disk."""
    second = DutyCentre(utc_ms=first.utc_ms + 20_000)
    second.handle(Restored(cases=first.fleet.caseload.all()))
    second.begin(texts=first.planned())
    second.pass_time(2)
    return second
