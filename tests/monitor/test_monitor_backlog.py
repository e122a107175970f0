"""One modem takes some 4 s a text: what is new goes before what repeats, and nothing piles up meanwhile."""

from dataclasses import replace

import pytest
from fakes.duty_centre import PLAN, TEXT_S, DutyCentre, OneModem, a_text
from fakes.virtual_centre import ALERT_ID, UTC_MS, only

from kiosk.bodies import AlertId
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import sms_words
from kiosk.monitor.effects import SendText
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.outbox import TRIES_MAX, UNDER_WAY_AGAIN, UNDER_WAY_MAX, Outbox
from kiosk.monitor.records import Person, Plan, Text

NEWER = "01JPANAALERT0000000000000B"
SMS_ID = f"sms-17-2-{UTC_MS // 1000}"
AT_THE_MODEM_S = (UNDER_WAY_MAX + 1) * TEXT_S + 1  # what is under way goes first


def officers(count: int) -> tuple[Person, ...]:
    return tuple(Person(person_id=f"o{n}", phone=f"+770100{n:05d}", language="ru") for n in range(count))


def in_tiers(*tiers: int) -> Plan:
    people = officers(sum(tiers))
    ends = [sum(tiers[: number + 1]) for number in range(len(tiers))]
    parts = tuple(people[end - count : end] for end, count in zip(ends, tiers, strict=True))
    return replace(PLAN, tiers=parts, people=people)


def a_busy_centre(plan: Plan) -> OneModem:
    place = OneModem()
    place.begin(plan)
    place.rise()
    return place


def unsettled(place: DutyCentre) -> dict[tuple[str, str], int]:
    """Count the texts that are not settled, by alert and person."""
    found: dict[tuple[str, str], int] = {}
    for text in place.planned():
        if text.state == "planned":
            found[text.alert_id, text.to] = found.get((text.alert_id, text.to), 0) + 1
    return found


@pytest.mark.parametrize(("people", "minutes"), [(40, 10), (25, 30)])
def test_the_first_text_about_a_new_alarm_waits_for_no_round_of_an_older_one(
    people: int, minutes: int
) -> None:
    place = a_busy_centre(in_tiers(people))
    place.alert()
    place.live(minutes * 60)
    place.alert(alert_id=NEWER, kiosk_id="kz-2")
    assert place.first_s(NEWER) <= AT_THE_MODEM_S


def test_the_first_text_about_a_new_alarm_goes_before_the_second_about_others() -> None:
    place = a_busy_centre(in_tiers(40))
    for number in range(4):
        place.alert(alert_id=f"alert-{number}", seq=number)
    place.alert(alert_id=NEWER, kiosk_id="kz-2")
    assert place.first_s(NEWER) <= AT_THE_MODEM_S + 3 * TEXT_S  # the first one about each of the others


def test_nobody_has_two_unsettled_texts_about_one_alarm_however_slow_the_modem_is() -> None:
    place = a_busy_centre(in_tiers(20, 20))
    place.alert()
    place.alert(alert_id=NEWER, kiosk_id="kz-2")
    for _ in range(20):
        place.live(60)
        assert set(unsettled(place).values()) == {1}


def test_everybody_is_called_again_and_again_by_a_modem_that_is_too_slow_for_a_round() -> None:
    """Between two rounds about an older alarm and a newer one nobody is forgotten."""
    place = a_busy_centre(in_tiers(30))
    place.alert()
    place.live(600)
    place.alert(alert_id=NEWER, kiosk_id="kz-2")
    place.live(1200)
    for alert_id in {text.alert_id for _, text in place.gone}:
        for person in officers(30):
            of = alert_id, person.person_id
            read = [at_s for at_s, text in place.gone if (text.alert_id, text.to) == of]
            assert place.now_s - read[-1] <= 2 * 30 * TEXT_S + 120
            assert len(read) > 1


def test_rounds_are_counted_on_while_texts_about_an_older_one_wait() -> None:
    place = DutyCentre(network=None)
    place.begin()
    place.rise()
    place.alert()
    place.pass_time(59)
    place.settle(place.sent[0])  # only Aigul's is out
    place.pass_time(65)
    assert [step for step in place.steps() if step[0] != "r1t1"] == [("r1t2", "chief"), ("r2t1", "aigul")]
    place.settle(place.sent[1])
    place.pass_time(119)
    assert ("r3t1", "boris") in place.steps()


def test_who_is_passed_over_in_a_round_is_called_again_after_the_older_text_was_given_up() -> None:
    place = DutyCentre(network="modem: no network")
    place.begin(in_tiers(1))
    place.rise()
    place.alert()
    place.pass_time(400)
    place.network = ""
    place.pass_time(61)
    tries = [sending.text.tries for sending in place.sent if sending.text.step == "r1t1"]
    assert tries == list(range(1, TRIES_MAX + 1))
    assert place.planned()[-1].state == "sent"


def test_what_is_told_of_a_round_says_how_many_still_wait_for_the_last() -> None:
    place = DutyCentre(network=None)
    place.begin(in_tiers(2))
    place.rise()
    place.alert()
    out = place.pass_time(61)
    called = [dict(effect.detail) for effect in out if getattr(effect, "what", "") == "people_called"]
    assert [(one["step"], one["people"], one["waiting"]) for one in called] == [("r2t1", 0, 2)]


def test_the_signed_receipt_of_a_kiosk_without_internet_goes_before_every_page() -> None:
    place = a_busy_centre(in_tiers(40))
    place.alert()
    place.live(600)
    place.text_in(a_text(seq=2))
    assert place.first_s(SMS_ID, "answer") <= AT_THE_MODEM_S


def test_an_alarm_goes_before_a_drill_that_is_for_people() -> None:
    place = a_busy_centre(in_tiers(40))
    place.alert(kind="drill", duty=True)
    place.live(3)
    place.alert(alert_id=NEWER, kiosk_id="kz-2")
    assert place.first_s(NEWER) <= AT_THE_MODEM_S
    place.live(40 * TEXT_S)
    first = [text.alert_id for _, text in place.gone][: 40 + UNDER_WAY_AGAIN]
    assert first.count(ALERT_ID) == UNDER_WAY_AGAIN


def test_what_repeats_leaves_places_for_what_is_new() -> None:
    place = DutyCentre(network=None)
    place.begin(in_tiers(40))
    place.rise()
    place.alert()
    while place.sent[-1].text.step == "r1t1":
        for sending in list(place.sent):
            place.settle(sending)
        place.pass_time(1)
    for sending in list(place.sent):
        place.settle(sending)
    place.pass_time(3)
    before = len(place.sent)
    place.alert(alert_id=NEWER, kiosk_id="kz-2")
    assert {sending.text.alert_id for sending in place.sent[before:]} == {NEWER}


def test_words_are_made_up_only_for_what_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    honest = sms_words.compose
    monkeypatch.setattr(sms_words, "compose", lambda *args: made.append(args) or honest(*args))
    place = DutyCentre(network=None)
    place.begin(in_tiers(40))
    place.rise()
    place.alert()
    place.pass_time(30)
    assert len(made) == len(place.sent) == UNDER_WAY_MAX


def test_what_somebody_has_taken_gives_way_at_once() -> None:
    place = a_busy_centre(in_tiers(40))
    place.alert()
    place.act("accept")
    place.alert(alert_id=NEWER, kiosk_id="kz-2")
    place.live(AT_THE_MODEM_S)
    assert {key[0] for key in unsettled(place)} == {NEWER}


def test_what_was_tried_least_goes_first_in_the_first_round() -> None:
    """A kiosk's SIM that cannot be reached takes no place from a tier that nobody has called yet."""
    alert_id, now = AlertId("A"), Now(s=100.0, utc_ms=UTC_MS, chance=0.5, fresh_id="")
    ledger = Ledger()
    ledger.fault = "full"  # nothing waits for the disk
    box = Outbox(ledger)
    answer = Text(alert_id=alert_id, step="received", to="kz-1", kind="answer", tries=1)
    box.plan(replace(answer, kind="page", step="r1t1", to="x", tries=0), now)
    assert len(box.run(now, lambda _: ("", ""))) == 1
    box.plan(answer, now)
    box.plan(replace(answer, kind="page", step="r1t2", to="y", tries=0), now)
    out = box.run(now, lambda _: ("", ""))
    assert [sending.text.step for sending in only(SendText, out)] == ["r1t2", "received"]


def test_a_page_that_was_tried_before_a_restart_makes_its_alert_no_newcomer() -> None:
    box = Outbox(Ledger())
    now = Now(s=0.0, utc_ms=UTC_MS, chance=0.5, fresh_id="")
    tried = Text(alert_id=AlertId(ALERT_ID), step="r1t1", to="o1", kind="page", at_ms=UTC_MS, tries=1)
    box.resume(tried, now)
    other = replace(tried, to="o2", tries=0)
    newcomer = replace(other, alert_id=AlertId(NEWER))
    assert box._urgency(newcomer) < box._urgency(other)


def test_an_alert_of_impossible_times_is_texted_like_any_other() -> None:
    """One such alert of one kiosk's ended the centre's process at its page, and again at every start."""
    place = a_busy_centre(in_tiers(1))
    place.alert(pressed_at="0001-01-01T00:00:00Z", sent_at="9999-12-31T23:59:59Z")
    assert place.first_s(ALERT_ID) <= AT_THE_MODEM_S


def test_a_text_that_cannot_be_written_takes_no_other_with_it() -> None:
    ledger = Ledger()
    ledger.fault = "full"  # nothing waits for the disk
    box = Outbox(ledger)
    now = Now(s=100.0, utc_ms=UTC_MS, chance=0.5, fresh_id="")
    ill = Text(alert_id=AlertId("A"), step="r1t1", to="o1", kind="page")
    for text in (ill, replace(ill, alert_id=AlertId("B"))):
        box.plan(text, now)

    def letter(text: Text) -> tuple[str, str]:
        if text.alert_id == "A":
            raise ValueError("year -7973 is out of range")
        return "+77010000001", "SOS"

    told, sent = box.run(now, letter)
    assert isinstance(told, Tell)
    assert (told.what, told.level) == ("text_given_up", "error")
    assert dict(told.detail)["reason"] == "cannot be written: ValueError: year -7973 is out of range"
    assert isinstance(sent, SendText)
    assert sent.text.alert_id == "B"
    assert box.run(now, letter) == []
