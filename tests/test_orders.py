"""The centre's commands: once, in time, answered, and never in an alarm's way."""

import pytest
from fakes.virtual_kiosk import VirtualKiosk, example_config
from msgspec.structs import replace

from kiosk.bodies import Command
from kiosk.config import Button, Contact
from kiosk.drill import INTERRUPTED
from kiosk.effects import Answer, RefreshVoice, Stop
from kiosk.messages import CommandReceived, DrillAsked, Token, VoiceRefreshed
from kiosk.orders import FINGER_EVERY_S, FINGER_MAX_S, REMEMBERED, RESTART_AFTER_S, RESTART_CODE


def online(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().online().run(20.0).quiet()


def test_report_brings_a_heartbeat_at_once() -> None:
    virtual = online()
    virtual.order("report")
    assert len(virtual.beats) == 1
    assert virtual.results() == [("succeeded", "")]
    assert virtual.tells("command") == [{"name": "report", "by": "op-1"}]


def test_a_command_delivered_twice_is_carried_out_once() -> None:
    virtual = online()
    for _ in range(2):
        virtual.order("report")
    assert len(virtual.beats) == 1


def test_the_memory_of_commands_is_bounded() -> None:
    virtual = online()
    for number in range(3 * REMEMBERED):
        virtual.order("report", number)
    assert len(virtual.parts.orders._seen) == REMEMBERED


@pytest.mark.parametrize("name", ["drill", "report", "restart", "refresh-voice"])
def test_an_expired_command_is_not_carried_out(name: str) -> None:
    virtual = online()
    virtual.order(name, for_s=-1.0)
    assert virtual.run(5.0).results() == [("expired", "")]
    assert virtual.alerts == virtual.of(Stop) == virtual.of(RefreshVoice) == []


def test_a_time_that_cannot_be_read_counts_as_expired() -> None:
    virtual = online()
    virtual.feed(
        CommandReceived(Command(command_id="c1", name="restart", at="x", expires_at="2026-99-99T00:00:00Z"))
    )
    assert virtual.results() == [("expired", "")]


def test_a_clock_that_is_not_synced_cannot_tell_that_a_command_is_late() -> None:
    virtual = online().board(synced=False)
    virtual.order("report", for_s=-86_400.0)
    assert virtual.results() == [("succeeded", "")]


# ---- drill


def test_a_drill_by_command_tells_its_progress_and_its_result() -> None:
    virtual = online()
    virtual.order("drill")
    virtual.reply("received")
    virtual.send_all_sms()
    assert virtual.results() == [("in_progress", ""), ("succeeded", "")]


def test_a_drill_by_command_tells_which_route_failed() -> None:
    virtual = online()
    virtual.order("drill", duty=True)
    assert virtual.alerts[-1].duty
    virtual.send_all_sms().run(91.0)
    assert len(virtual.texts) == 3
    assert virtual.results()[-1] == ("failed", "mqtt")


def test_a_drill_that_a_real_press_ended_tells_so() -> None:
    virtual = online()
    virtual.order("drill")
    assert virtual.press().results()[-1] == ("failed", INTERRUPTED)


def test_a_drill_is_rejected_while_an_incident_is_open() -> None:
    virtual = online().press()
    virtual.order("drill")
    assert virtual.results() == [("rejected", "an incident is open")]
    assert "drill" not in virtual.said


def test_a_drill_asked_for_at_the_site_is_answered_there_and_gives_no_commands_result() -> None:
    virtual = online()
    for _ in range(2):
        virtual.feed(DrillAsked(token=Token("ask.1")))
    assert [answer.state["ok"] for answer in virtual.of(Answer)] == [True, False]
    virtual.reply("received")
    virtual.send_all_sms()
    assert virtual.tells("drill_passed")
    assert virtual.results() == []


# ---- restart


def test_a_restart_gives_its_result_first_and_then_stops_with_a_code_that_starts_again() -> None:
    virtual = online()
    virtual.order("restart")
    assert virtual.of(Stop) == []
    assert virtual.results() == [("succeeded", "")]
    assert virtual.run(3.0).of(Stop) == [Stop(RESTART_CODE, "restart was ordered")]


def test_a_restart_is_rejected_while_an_incident_is_open() -> None:
    virtual = online().press()
    virtual.order("restart")
    assert virtual.results() == [("rejected", "an incident is open")]
    assert virtual.run(10.0).of(Stop) == []


def test_a_press_just_before_the_restart_keeps_the_kiosk_running() -> None:
    virtual = online()
    virtual.order("restart")
    virtual.press().run(5.0)
    assert virtual.of(Stop) == []
    assert virtual.results()[-1] == ("failed", "an alert came first")


def test_a_restart_that_the_broker_delivers_again_makes_no_loop() -> None:
    virtual = VirtualKiosk().start().online()
    virtual.order("restart")
    assert virtual.results() == [("rejected", "it has only just started")]
    assert virtual.run(5.0).of(Stop) == []


HOLD, DOUBLE = Button(name="b", pin=17, guard="hold", hold_s=2.0), Button(name="b", pin=17, guard="double")


def ordered(button: Button = HOLD) -> VirtualKiosk:
    virtual = online(buttons=(button,))
    virtual.order("restart")
    return virtual.run(RESTART_AFTER_S - 0.5)


def test_a_restart_waits_for_a_finger_that_is_holding_a_button() -> None:
    virtual = ordered()
    virtual.edge("b", pressed=True)
    virtual.run(1.9)
    assert virtual.of(Stop) == []
    virtual.run(0.2)
    assert virtual.alerts
    assert virtual.run(60.0).of(Stop) == []
    assert virtual.results()[-1] == ("failed", "an alert came first")


def test_a_restart_waits_for_the_second_of_two_presses() -> None:
    virtual = ordered(DOUBLE).press("b", for_s=0.2).run(0.9)
    assert virtual.of(Stop) == []
    assert virtual.press("b", for_s=0.2).alerts


def test_a_restart_comes_once_the_finger_is_gone() -> None:
    virtual = ordered().press("b", for_s=0.7)
    assert virtual.of(Stop) == []
    assert len(virtual.run(FINGER_EVERY_S).of(Stop)) == 1


@pytest.mark.parametrize("name", ["b", "tamper"])
def test_neither_a_button_that_is_stuck_nor_a_case_that_is_open_puts_a_restart_off(name: str) -> None:
    virtual = online(buttons=(replace(HOLD, guard="double"),), tamper=Contact(pin=22))
    virtual.edge(name, pressed=True)
    virtual.run(40.0)
    if name == "tamper":
        virtual.reply("closed")
    assert virtual.parts.contacts.levels()[name] == ("stuck" if name == "b" else "pressed")
    virtual.order("restart")
    assert len(virtual.run(RESTART_AFTER_S + 0.1).of(Stop)) == 1


def test_a_contact_that_never_rests_puts_a_restart_off_for_a_while_only() -> None:
    virtual = ordered()
    for number in range(round(FINGER_MAX_S / 0.01) + 100):
        virtual.edge("b", pressed=number % 2 == 0)
        virtual.run(0.01)
        if virtual.of(Stop):
            break
    assert len(virtual.of(Stop)) == 1
    assert number * 0.01 > FINGER_MAX_S - 1.0


# ---- voice


@pytest.mark.parametrize(("reason", "state"), [("", "succeeded"), ("no espeak", "failed")])
def test_refreshing_the_voice_tells_how_it_ended_to_all_who_ordered_it(reason: str, state: str) -> None:
    virtual = online()
    for number in (1, 2):
        virtual.order("refresh-voice", number)
    assert virtual.of(RefreshVoice) == [RefreshVoice()]
    virtual.feed(VoiceRefreshed(reason))
    for number in (1, 2):
        assert virtual.results(number) == [("in_progress", ""), (state, reason)]
    assert virtual.tells("voice_refreshed") == [{"reason": reason}]


def test_clips_are_not_rendered_during_an_alarm() -> None:
    virtual = online().press()
    virtual.order("refresh-voice")
    assert virtual.of(RefreshVoice) == []
    assert virtual.results() == [("rejected", "an incident is open")]


def test_clips_that_nobody_ordered_are_told_in_the_log_only() -> None:
    virtual = online()
    virtual.feed(VoiceRefreshed(""))
    assert virtual.tells("voice_refreshed")
    assert virtual.results() == []
