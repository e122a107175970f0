"""Heartbeats, and a link that can only talk."""

from dataclasses import replace

from fakes.virtual_kiosk import VirtualKiosk, example_config

from kiosk.effects import DropMqtt, OpenMqtt, ReadBoard
from kiosk.messages import InputLost, InputName, LinkHeard


def kiosk(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem()


def test_a_new_connection_is_followed_by_a_heartbeat_at_once_and_every_30_s() -> None:
    virtual = kiosk().online()
    assert len(virtual.beats) == 1
    virtual.run(301.0)
    assert len(virtual.beats) == 11
    assert [beat.seq for beat in virtual.beats] == list(range(1, 12))


def test_heartbeats_are_jittered_by_a_tenth() -> None:
    virtual = kiosk().online()
    now = virtual.now()
    for chance, wait_s in ((0.0, 27.0), (0.999999, 33.0)):
        virtual.parts.upkeep.mqtt.beat_soon(now)
        virtual.parts.upkeep.mqtt.run(replace(now, chance=chance), alerting=False, open_alerts=0)
        assert abs(virtual.parts.upkeep.mqtt._beat_s - now.s - wait_s) < 0.001


def test_nothing_is_sent_while_the_link_is_down() -> None:
    virtual = kiosk().run(100.0)
    assert virtual.beats == []
    assert virtual.of(ReadBoard)


def test_a_link_that_can_only_talk_gets_no_heartbeat_and_is_closed() -> None:
    """Pitfall 3 and the contract: a heartbeat only when the receiving side is proven alive."""
    virtual = kiosk().online()
    virtual.hears = False
    virtual.quiet().run(19.9)
    assert virtual.of(DropMqtt) == []
    virtual.run(60.0)
    assert len(virtual.of(DropMqtt)) == 3
    assert virtual.beats == []


def test_a_link_that_is_heard_again_beats_again() -> None:
    virtual = kiosk().online()
    virtual.hears = False
    virtual.run(26.0).heard().quiet().run(20.0)
    assert len(virtual.beats) == 1


def test_a_time_of_hearing_in_the_future_does_not_hide_deafness() -> None:
    virtual = kiosk().online()
    virtual.hears = False
    virtual.feed(LinkHeard(link="mqtt", at_s=virtual.now_s + 9999.0))
    assert virtual.run(30.0).of(DropMqtt)


def test_round_trips_and_drops_stand_in_the_heartbeat() -> None:
    virtual = kiosk().online().offline().offline().online()
    beat = virtual.beats[-1]
    assert beat.links.mqtt is not None
    assert (beat.links.mqtt.rtt_ms, beat.links.mqtt.drops, beat.links.mqtt.up) == (12, 1, True)
    virtual.feed(LinkHeard(link="mqtt", at_s=virtual.now_s, rtt_ms=-5))
    assert virtual.parts.reports.health.rtt_ms == 0


def test_a_link_that_falls_is_a_fault_told_when_it_is_back() -> None:
    virtual = kiosk().online().quiet().offline()
    assert virtual.faults == ("mqtt_down",)
    assert virtual.events == []
    virtual.run(60.0).online()
    assert virtual.events == [("mqtt_down", "raised"), ("mqtt_down", "cleared")]


def test_events_that_the_broker_did_not_acknowledge_go_out_again_with_a_heartbeat() -> None:
    virtual = kiosk().online()
    virtual.feed(InputLost(InputName("counter"), "gone"))
    virtual.quiet().run(5.0)
    assert virtual.events == [("button_lost:counter", "cleared")]
    assert len(virtual.quiet().run(31.0).events) >= 2


def test_the_heartbeat_tells_what_is_open_and_how_long_it_runs() -> None:
    virtual = kiosk().online().run(60.0).press()
    beat = virtual.parts.heartbeat(virtual.now())
    assert (beat.state, beat.open_alerts, beat.uptime_s) == ("alerting", 1, 60)
    assert beat.boot == virtual.parts.memory.boot


def test_a_link_that_is_down_is_hurried_while_somebody_needs_help_and_only_then() -> None:
    virtual = kiosk().offline().quiet().run(10.0)
    assert virtual.of(OpenMqtt) == []
    virtual.press().run(9.0)
    assert virtual.of(OpenMqtt) == [OpenMqtt(virtual.parts.memory.boot)] * 5
    virtual.quiet().online().run(10.0)
    assert virtual.of(OpenMqtt) == []
    virtual.reply("closed")
    assert virtual.quiet().offline().run(10.0).of(OpenMqtt) == []


def test_a_link_is_not_hurried_before_its_first_opening() -> None:
    virtual = VirtualKiosk().begin().press()
    assert virtual.of(OpenMqtt) == []
