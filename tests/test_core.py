"""The one door: order of effects, totality, sleep, lamp, status."""

import msgspec
import pytest
from fakes.virtual_kiosk import VirtualKiosk, example_config

from kiosk.bodies import Alert, Reply
from kiosk.effects import Answer, Effect, Light, OpenMqtt, Publish, Say, SendSms, Tell
from kiosk.memory import JOURNAL_WAIT_S
from kiosk.messages import (
    BodyRefused,
    InputLost,
    InputName,
    LinkFell,
    LinkHeard,
    LinkRose,
    PresenceSeen,
    PublishFailed,
    ReplyReceived,
    StatusAsked,
    Token,
    Woken,
    WorkerFailed,
    WorkerRecovered,
)
from kiosk.wire import UTC_MAX_MS


def online(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().online().quiet()


# ---- order and totality


def test_alerts_come_first_among_the_effects_of_every_turn() -> None:
    """The first rule: nothing else may come before an alert."""
    virtual = online(mqtt__keepalive_s=60)
    virtual.feed(LinkFell("sms", "x"))
    virtual.modem().feed(PresenceSeen("mon", False))
    virtual.press().press().offline().online().run(120.0)
    for turn in virtual.turns:
        first = [
            isinstance(e, SendSms) or (isinstance(e, Publish) and isinstance(e.body, Alert)) for e in turn
        ]
        assert first == sorted(first, reverse=True)


def test_the_link_opens_before_anything_is_said_or_saved() -> None:
    virtual = VirtualKiosk().start()
    turn = next(turn for turn in virtual.turns if any(isinstance(e, OpenMqtt) for e in turn))
    assert isinstance(turn[0], OpenMqtt)


def test_in_one_turn_an_alert_goes_before_the_link_opens_and_that_before_a_word_is_said() -> None:
    """The journal took too long, and the press is settled just when that has been waited for."""
    virtual = VirtualKiosk(config=example_config(voice__mode="spoken")).begin().modem().offline()
    button = virtual.config.buttons[0].name
    virtual.edge(button, pressed=True)
    virtual.sleep(JOURNAL_WAIT_S)
    turn = [type(effect) for effect in virtual.edge(button, pressed=False)]
    assert turn.index(SendSms) < turn.index(OpenMqtt) < min(turn.index(Tell), turn.index(Say))


def test_what_concerns_nothing_changes_nothing() -> None:
    virtual = online()
    before = virtual.parts.status(virtual.now())
    stranger = Reply(alert_id="01NOBODY", stage="closed", at="2026-11-21T10:00:00Z")
    for event in (
        Woken(), LinkRose("https", "x"), LinkFell("https", "x"), LinkHeard(link="sms", at_s=1.0),
        ReplyReceived(stranger, "mqtt"), InputLost(InputName("nobody"), "x"),
    ):  # fmt: skip
        assert virtual.feed(event) == []
    assert virtual.parts.status(virtual.now()) == before


@pytest.mark.parametrize("utc_ms", [-(10**18), 0, UTC_MAX_MS, 10**18])
def test_a_wall_clock_out_of_its_mind_raises_nothing(utc_ms: int) -> None:
    virtual = online()
    virtual.utc_ms = utc_ms
    virtual.press().run(20.0)
    assert virtual.alerts
    assert virtual.core.snapshot(virtual.now()).saved_utc_ms in range(UTC_MAX_MS + 1)
    virtual.core.status(virtual.now())


def test_what_shells_could_not_do_is_told() -> None:
    virtual = online()
    virtual.feed(PublishFailed(Token("alert.x.1"), "not connected"))
    virtual.feed(BodyRefused("ack", "not JSON"))
    virtual.feed(WorkerFailed("journal", "KeyError"))
    assert [e.what for e in virtual.of(Tell)] == ["publish_failed", "refused", "fault_raised"]
    assert virtual.faults == ("worker:journal",)
    virtual.feed(WorkerRecovered("journal"))
    assert virtual.faults == ()


# ---- sleep


def test_an_idle_kiosk_sleeps_until_the_next_re_check() -> None:
    virtual = online().run(10.0).quiet()
    virtual.run(3600.0)
    assert len(virtual.turns) <= 3600 / 5 * 4 + 3600 / 30 * 4


def test_a_kiosk_woken_late_does_all_that_was_due() -> None:
    virtual = online().press().quiet()
    virtual.sleep(70.0)
    virtual.feed(Woken())
    assert virtual.alerts
    assert virtual.texts


# ---- the lamp


def test_the_lamp_shows_armed_fault_and_alerting_in_this_order_of_weight() -> None:
    virtual = online()
    assert virtual.lamp == "armed"
    virtual.feed(InputLost(InputName("fitting"), "x"))
    assert virtual.lamp == "fault"
    virtual.press()
    assert virtual.lamp == "alerting"
    virtual.reply("closed")
    virtual.run(6.0)
    assert [e.pattern for e in virtual.of(Light)] == ["fault", "alerting", "fault", "armed"]


def test_a_lamp_that_may_not_shine_when_all_is_well_is_dark() -> None:
    virtual = VirtualKiosk(config=example_config(lamp__armed=False)).start().board().modem().online()
    assert virtual.of(Light)[0] == Light("off")
    assert virtual.press().lamp == "alerting"


# ---- what it tells


def test_status_is_json_without_a_phone_number() -> None:
    virtual = online().press()
    virtual.feed(StatusAsked(Token("t")))
    (answer,) = virtual.of(Answer)
    text = msgspec.json.encode(answer.state).decode()
    assert "+7701" not in text
    state = msgspec.json.decode(text)
    assert state["state"] == "alerting"
    assert state["incidents"][0]["stage"] == "sending"
    assert state["heartbeat"]["open_alerts"] == 1
    assert (state["mqtt"], state["sms"], state["lamp"]) == ("up", "up", "alerting")


def test_a_heartbeat_of_a_healthy_example_site_is_at_most_400_bytes() -> None:
    virtual = online().run(86_400.0 / 24)
    assert len(msgspec.json.encode(virtual.beats[-1])) <= 400


def test_texts_and_alerts_name_no_person() -> None:
    virtual = online().press()
    assert b"+7701" not in msgspec.json.encode(virtual.alerts[-1])
    assert not any("+7701" in str(e) for e in virtual.of(Tell))
    assert not any("+7701" in str(e) for e in virtual.of(Say))


def test_time_and_chance_are_arguments_so_the_same_story_gives_the_same_effects() -> None:
    def story() -> list[Effect]:
        virtual = online().press().run(30.0).press()
        virtual.reply("accepted")
        return virtual.run(100.0).effects

    assert story() == story()
