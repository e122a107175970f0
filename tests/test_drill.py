"""Drills: every step of an alarm, unmistakably not one, and ended by a real one."""

import pytest
from fakes.virtual_kiosk import DOORS, KEY, VirtualKiosk, example_config

from kiosk import sms_signed
from kiosk.config import Duty
from kiosk.drill import INTERRUPTED, TEXT_AGAIN_S
from kiosk.effects import Answer
from kiosk.messages import DrillAsked, Token

DRILL = Token("ask.1")
GATEWAY, OFFICER = "+77010000001", "+77010000011"


def online(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().online().quiet()


def drilling(virtual: VirtualKiosk | None = None, *, duty: bool = False) -> VirtualKiosk:
    virtual = virtual or online()
    virtual.feed(DrillAsked(token=DRILL, duty=duty))
    return virtual


def test_a_drill_goes_out_by_every_route_at_once_and_says_so_everywhere() -> None:
    virtual = drilling()
    assert virtual.said == ["drill"]
    assert virtual.alerts[-1].kind == "drill"
    assert [text.number for text in virtual.texts] == [GATEWAY]
    assert virtual.texts[0].text.startswith("TEST")
    assert virtual.told[0] == "drill"
    assert virtual.of(Answer)[-1].state == {"ok": True, "alert_id": virtual.alerts[-1].alert_id}


def test_a_press_that_counts_in_the_turn_of_a_drills_order_is_an_alarm_and_ends_the_drill() -> None:
    virtual = online()
    virtual.edge("counter", pressed=True)
    virtual.now_s += 2.0  # it has been held long enough when the order comes
    drilling(virtual)
    virtual.run(0.2)
    assert {alert.kind for alert in virtual.alerts} == {"press"}
    assert [case.incident.kind for case in virtual.parts.alarm.cases.open] == ["press"]
    assert "pressed" in virtual.said


def test_it_never_reaches_a_duty_officer_unless_asked_to() -> None:
    virtual = drilling()
    virtual.reply("received")
    assert [text.number for text in virtual.send_all_sms().run(300.0).texts] == [GATEWAY]
    assert not virtual.alerts[-1].duty
    virtual = drilling(duty=True).send_all_sms()
    assert virtual.alerts[-1].duty
    assert [text.number for text in virtual.texts] == [GATEWAY, OFFICER, "+77010000012"]
    assert all(text.text.startswith(("TEST", "ТЕСТ")) for text in virtual.texts)


def test_it_passes_once_the_centre_has_it_and_the_network_took_the_texts() -> None:
    virtual = drilling().send_all_sms()
    assert virtual.tells("drill_passed") == []
    virtual.reply("received")
    assert virtual.tells("drill_passed")[0]["missing"] == ""
    assert virtual.said == ["drill", "check_ok"]
    assert ("drill_passed", "info") in virtual.events
    assert virtual.stages == []
    assert virtual.parts.heartbeat(virtual.now()).button.last_test_at == virtual.utc_ms // 1000


@pytest.mark.parametrize(
    ("mqtt", "sms", "missing"),
    [(False, True, "mqtt"), (True, False, "gateway1"), (False, False, "mqtt, gateway1")],
)
def test_it_fails_by_the_route_that_did_not_pass(mqtt: bool, sms: bool, missing: str) -> None:
    virtual = drilling()
    if mqtt:
        virtual.reply("received")
    if sms:
        virtual.send_all_sms()
    virtual.run(91.0)
    assert virtual.tells("drill_failed")[0]["missing"] == missing
    assert virtual.said == ["drill", "check_failed"]
    assert virtual.parts.heartbeat(virtual.now()).button.last_test_at == 0


def test_a_puback_and_a_delivery_report_pass_nothing() -> None:
    virtual = drilling()
    virtual.puback()
    assert virtual.run(91.0).tells("drill_failed")[0]["missing"] == "mqtt, gateway1"


def test_a_drill_that_was_accepted_or_closed_at_once_still_tests_the_modem() -> None:
    for stage in ("accepted", "closed"):
        virtual = drilling()
        virtual.reply(stage, by="op-1")
        assert virtual.tells("drill_passed") == []
        virtual.send_all_sms()
        assert virtual.tells("drill_passed")


def test_a_site_without_a_modem_drills_mqtt_alone() -> None:
    virtual = drilling(online(sms=None, duty=Duty(tiers=())))
    virtual.reply("received")
    assert virtual.tells("drill_passed")


def test_a_press_during_a_drill_is_an_alarm_at_once_and_ends_the_drill() -> None:
    virtual = drilling()
    drill = virtual.alerts[-1]
    virtual.press()
    press = virtual.alerts[-1]
    assert (press.kind, press.alert_id != drill.alert_id) == ("press", True)
    assert virtual.tells("drill_failed")[0]["missing"] == INTERRUPTED
    assert virtual.stages == ["sending"]
    assert virtual.said == ["drill", "pressed"]
    virtual.send_all_sms().run(120.0).send_all_sms()
    assert not any(text.text.startswith(("TEST", "ТЕСТ")) for text in virtual.texts[1:])


def test_an_answer_to_the_ended_drill_does_not_touch_the_alarm() -> None:
    virtual = drilling()
    drill = virtual.alerts[-1]
    virtual.press()
    virtual.quiet().reply("closed", alert=drill)
    assert virtual.stages == ["sending"]
    assert virtual.said == []


def test_no_drill_begins_while_one_or_an_incident_is_open() -> None:
    virtual = drilling()
    assert drilling(virtual.quiet()).of(Answer)[0].state == {"ok": False, "reason": "a drill is under way"}
    virtual = online().press()
    assert drilling(virtual).of(Answer)[0].state == {"ok": False, "reason": "an incident is open"}
    assert "drill" not in virtual.said


def test_no_drill_begins_before_it_is_known_what_was_open_at_the_power_cut() -> None:
    virtual = VirtualKiosk().begin()
    drilling(virtual)
    assert virtual.of(Answer)[-1].state == {"ok": False, "reason": "the journal is not read yet"}
    assert virtual.said == []


def test_a_drill_is_not_taken_up_after_a_power_cut() -> None:
    assert drilling().restart().stages == []


def test_a_drill_does_not_light_the_staffs_lamp_nor_count_as_alerting() -> None:
    virtual = drilling()
    assert virtual.lamp == "armed"
    assert virtual.parts.heartbeat(virtual.now()).state == "armed"


def test_a_drill_whose_case_vanished_has_failed() -> None:
    virtual = drilling()
    virtual.parts.alarm.cases.open = ()
    virtual.run(1.0)
    assert virtual.run(10.0).tells("drill_failed")[0]["missing"] == "lost"


def test_a_silent_drill_says_nothing_and_is_judged_all_the_same() -> None:
    virtual = VirtualKiosk().start().board().modem().online().run(20.0).quiet()
    virtual.feed(DrillAsked(token=Token("ask"), silent=True))
    virtual.send_all_sms()
    virtual.reply("received")
    assert len(virtual.tells("drill_passed")) == 1
    assert virtual.alerts[-1].kind == "drill"
    assert virtual.said == []


# ---- a whole drill: the centre's own answer by each path


def whole(**config: object) -> VirtualKiosk:
    virtual = online(https=DOORS, **config)
    virtual.feed(DrillAsked(token=DRILL, whole=True))
    return virtual


def sms_answer(virtual: VirtualKiosk) -> None:
    of = virtual.parts.alarm.cases.open[0].incident
    signed = sms_signed.sign_answer(
        KEY, number=17, seq=of.seq, pressed_s=of.pressed_utc_ms // 1000, code=of.code, stage="received"
    )
    virtual.sms_from(GATEWAY, signed)


def test_a_whole_drill_passes_once_the_centre_has_answered_by_each_path() -> None:
    virtual = whole().send_all_sms()
    assert len(virtual.posts) == 1
    virtual.reply("received")
    virtual.door_says()
    assert virtual.tells("drill_passed") == []
    sms_answer(virtual)
    assert virtual.tells("drill_passed")[0]["missing"] == ""
    assert [told["path"] for told in virtual.tells("answered")] == ["mqtt", "https", "sms"]


def test_a_gateway_that_stays_silent_is_texted_again_and_then_named() -> None:
    virtual = whole().send_all_sms()
    virtual.reply("received")
    virtual.door_says()
    for _ in range(5):
        virtual.run(TEXT_AGAIN_S + 0.1).send_all_sms()
    assert len(virtual.texts) == 6
    virtual.run(10.0)
    assert virtual.tells("drill_failed")[0]["missing"] == "sms_answer"


def test_a_gateway_that_answered_is_not_texted_again() -> None:
    virtual = whole().send_all_sms()
    sms_answer(virtual)
    virtual.run(TEXT_AGAIN_S + 0.1)
    assert len(virtual.texts) == 1


def test_a_door_that_stays_silent_is_named_though_mqtt_answered() -> None:
    virtual = whole().send_all_sms()
    virtual.reply("received")
    sms_answer(virtual)
    virtual.door_fails()
    virtual.run(91.0)
    assert virtual.tells("drill_failed")[0]["missing"] == "https"
    assert len(virtual.posts) > 1


def test_a_site_without_doors_gateways_or_modem_owes_no_answer_by_them() -> None:
    for changes in ({"sms__gateways": ()}, {"sms": None, "duty__tiers": ()}):
        virtual = online(**changes)
        virtual.feed(DrillAsked(token=DRILL, whole=True))
        virtual.send_all_sms()
        virtual.reply("received")
        assert virtual.tells("drill_passed")


def test_texts_that_come_late_end_a_drill_that_waited_only_for_them() -> None:
    virtual = whole()
    virtual.door_fails()
    virtual.run(100.0)
    assert virtual.tells("drill_failed") == []
    virtual.send_all_sms()
    sms_answer(virtual)
    assert virtual.tells("drill_failed")[0]["missing"] == "mqtt, https"


def test_a_drill_may_last_longer_than_an_incident_and_lets_the_core_sleep() -> None:
    """It is judged by its own time, and is never told as an alert that grew too old."""
    virtual = online(timing__incident_max_s=600.0, timing__drill_s=600.0)
    virtual.feed(DrillAsked(token=DRILL, whole=True))
    virtual.run(598.0).quiet().run(60.0)
    assert len(virtual.turns) < 100
    assert "alert_expired" not in dict(virtual.events)
    assert virtual.run(60.0).told.count("drill_failed") == 1
