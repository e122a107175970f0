"""The one modem among all incidents: one text at a time, real alarms first, bounded by the minute."""

import pytest
from fakes.virtual_kiosk import KEY, WORDS, VirtualKiosk, example_config

from kiosk.bodies import KioskId
from kiosk.config import Duty, Officer, Tier
from kiosk.effects import PollModem, SendSms
from kiosk.messages import DrillAsked, LinkFell, LinkRose, Now, SmsFailed, SmsReported, SmsSent, Token
from kiosk.monitor.records import Plan, Registered
from kiosk.monitor.sms_desk import Meaning, Signed, SmsDesk
from kiosk.sms_route import Sent

GATEWAY, OFFICERS, NEXT = "+77010000001", ["+77010000011", "+77010000012"], ["+77010000013"]


def offline(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().offline().quiet()


def numbers(virtual: VirtualKiosk) -> list[str]:
    return [text.number for text in virtual.texts]


def test_one_text_at_a_time_gateway_first_then_the_first_tier() -> None:
    virtual = offline().press()
    assert numbers(virtual) == [GATEWAY]
    virtual.sms_done()
    assert numbers(virtual) == [GATEWAY, OFFICERS[0]]
    virtual.sms_done()
    assert numbers(virtual) == [GATEWAY, *OFFICERS]
    assert virtual.sms_done().open_sms is None


def test_escalation_goes_round_the_list_each_minute_until_a_person_accepts() -> None:
    virtual, rounds = offline().press().send_all_sms(), []
    for _ in range(4):
        virtual.quiet().run(60.0).send_all_sms()
        rounds.append(numbers(virtual))
    assert rounds == [NEXT, [GATEWAY, *OFFICERS], NEXT, [GATEWAY, *OFFICERS]]
    virtual.sms_from(OFFICERS[0], f"ok {virtual.code}")
    virtual.quiet().run(30.0).send_all_sms().run(600.0)
    assert set(numbers(virtual)) == {GATEWAY}  # the centre has not answered yet


def test_texts_by_the_minute_are_bounded_even_when_every_one_fails_at_once() -> None:
    people = tuple(Officer(number=f"+7701000010{number}", language="ru") for number in range(8))
    virtual = offline(duty=Duty(tiers=(Tier(people=people),) * 2), timing__tier_every_s=20.0).press()
    for _ in range(10):
        before = len(virtual.texts)
        for _ in range(60):
            if virtual.open_sms:
                virtual.sms_done(wrong="no network")
            virtual.run(1.0)
        assert len(virtual.texts) - before <= 62


def test_a_modem_that_is_not_there_gets_its_texts_when_it_comes() -> None:
    virtual = VirtualKiosk().start().offline().press()
    assert virtual.texts == []
    virtual.run(300.0).modem()
    assert numbers(virtual) == [GATEWAY]


def test_a_text_that_was_with_a_lost_modem_is_sent_again_by_the_next() -> None:
    virtual = offline().press()
    first = virtual.texts[0]
    virtual.feed(LinkFell("sms", "unplugged"))
    assert virtual.open_sms is None
    assert virtual.tells("sms_failed")[0]["to"] == "gateway1"
    virtual.run(20.0).modem().send_all_sms()
    assert [text.text for text in virtual.texts].count(first.text) == 2


def test_news_of_a_text_that_nobody_awaits_changes_nothing() -> None:
    """Pitfall 25: a killed send may still report."""
    virtual = offline().press().quiet()
    stranger = Token("sms.old.gateway1.9")
    for event in (SmsSent(token=stranger, reference=1, parts=1), SmsFailed(stranger, "late")):
        assert [e for e in virtual.feed(event) if isinstance(e, SendSms)] == []
    assert virtual.told == []
    assert virtual.open_sms is not None


def test_a_worker_that_never_answers_frees_the_modem_after_its_deadline() -> None:
    virtual = offline().press().run(125.0)
    assert [told["reason"] for told in virtual.tells("sms_failed")] == ["no answer from the modem's worker"]
    assert len(virtual.texts) == 2


def test_a_text_of_an_incident_that_is_over_still_frees_the_modem() -> None:
    virtual = offline().press().online()
    virtual.reply("closed")
    virtual.sms_done().offline().press()
    assert virtual.open_sms is not None


def test_a_delivery_report_is_recorded_and_shown_and_never_spoken_as_a_receipt() -> None:
    virtual = offline().press().sms_done().quiet()
    virtual.feed(SmsReported(1, "delivered"))
    assert virtual.tells("sms_report") == [{"status": "delivered"}]
    assert virtual.said == []
    assert virtual.stages == ["sending"]
    states = [job.state for job in virtual.parts.alarm.cases.open[0].sms.jobs]
    assert Sent(1, delivered=True) in states


def test_sending_by_sms_alone_is_sending() -> None:
    virtual = offline().press()
    assert virtual.stages == ["sending"]
    assert virtual.tells("sent")[0]["path"] == "sms"


def test_a_site_without_a_modem_owes_no_texts() -> None:
    virtual = VirtualKiosk(config=example_config(sms=None, duty=Duty(tiers=()))).start().offline()
    virtual.feed(LinkRose("sms", "?"))
    virtual.press().run(300.0)
    assert virtual.texts == []


def test_real_texts_go_before_a_drills() -> None:
    virtual = offline()
    alarm = virtual.parts.alarm
    for kind in ("drill", "press"):
        alarm.open(kind, "counter", virtual.now(), "synced")  # type: ignore[arg-type]
    alarm.modem.run(virtual.now(), alarm.links)
    assert alarm.modem.with_modem
    press = next(case for case in alarm.cases.open if case.incident.kind == "press")
    assert press.incident.alert_id in alarm.modem.with_modem[0]


def test_the_modem_is_polled_only_while_no_text_and_no_search_needs_it() -> None:
    """Pitfalls 24 and 26."""
    virtual = offline().run(61.0)
    assert virtual.of(PollModem) == [PollModem("status"), PollModem("balance")]
    virtual.press().send_all_sms().quiet().run(120.0)
    assert virtual.of(PollModem) == []
    virtual.send_all_sms().online().reply("received")
    virtual.offline().sms_from(OFFICERS[0], f"ok {virtual.code}")
    assert virtual.quiet().run(120.0).of(PollModem) == [PollModem("status")] * 2


def test_a_drill_keeps_the_modem_to_itself_too() -> None:
    virtual = offline()
    virtual.feed(DrillAsked(token=Token("t")))
    assert virtual.send_all_sms().run(65.0).of(PollModem) == []


@pytest.mark.parametrize("kind", ["press", "tamper"])
def test_a_waiting_text_keeps_others_off_the_modem(kind: str) -> None:
    virtual = offline()
    alarm = virtual.parts.alarm
    assert alarm.modem.is_free
    alarm.open(kind, "counter", virtual.now(), "synced")  # type: ignore[arg-type]
    alarm.modem.run(virtual.now(), alarm.links)
    assert not alarm.modem.is_free
    virtual.sms_done(wrong="busy")
    assert not alarm.modem.is_free


class Keys:
    """One key for every kiosk."""

    def of(self, _kiosk_id: str) -> bytes:
        return KEY


def centre_reads(virtual: VirtualKiosk, text: str, *, late_s: float) -> Meaning:
    """Let the centre read a text that was sent so long after the press."""
    desk = SmsDesk(Keys(), WORDS)  # type: ignore[arg-type]
    desk.load(Plan(kiosks=(Registered(kiosk_id=KioskId("almaty-0017"), number=17, place=None),)))
    pressed_ms = virtual.parts.alarm.cases.open[-1].incident.pressed_utc_ms
    now = Now(s=1.0, utc_ms=pressed_ms + round(1000 * late_s), chance=0.5, fresh_id="01NEW")
    return desk.read("+77019999999", text, lambda: (), now)


@pytest.mark.parametrize("hours", [1, 5, 7, 24])
@pytest.mark.parametrize("synced", [True, False])
def test_the_centre_takes_a_text_of_what_a_long_power_cut_interrupted(hours: int, synced: bool) -> None:
    """Without Internet nobody sets the clock: it may stand still while the power is gone."""
    off_s = hours * 3600.0
    before = offline(duty__tiers=()).press()
    after = before.restart(off_s=off_s if synced else 5.0).board(synced=synced).offline().modem()
    (text,) = after.texts
    assert isinstance(centre_reads(after, text.text, late_s=off_s + 60.0), Signed)


@pytest.mark.parametrize("hours", [1, 5, 8, 23])
def test_the_centre_takes_every_text_of_an_incident_that_may_last_for_a_day(hours: int) -> None:
    virtual = offline(duty__tiers=(), timing__incident_max_s=86_400.0).press()
    virtual.sms_done(wrong="no network").sleep(hours * 3600.0)
    text = virtual.quiet().run(60.0).texts[-1]
    assert isinstance(centre_reads(virtual, text.text, late_s=hours * 3600.0 + 1800.0), Signed)
