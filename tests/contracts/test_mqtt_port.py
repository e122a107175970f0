"""The contract of ports.MqttLink: on the fake, and on paho with Mosquitto (3.1.1 and 5) and amqtt."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from fakes.mqtt import FakeBroker, FakeMqtt
from fakes.mqtt_bench import (
    KIOSK,
    MONITOR,
    QUICK,
    Centre,
    Ear,
    alert,
    beat,
    command,
    duty,
    event,
    mqtt_config,
    password_file,
    reply,
    status_of,
)

from kiosk import wire
from kiosk.bodies import Status, Token
from kiosk.messages import (
    BodyRefused,
    CommandReceived,
    LinkFell,
    LinkHeard,
    LinkRose,
    PresenceSeen,
    Published,
    PublishFailed,
    ReplyReceived,
)
from kiosk.net.mqtt import PahoLink
from kiosk.net.session import Limits
from kiosk.ports import MqttLink
from kiosk.sim.amqtt_broker import AmqttBroker
from kiosk.sim.broker import MosquittoBroker, throw_away_passwords
from kiosk.sim.link import TcpLink

STATUS = wire.topic(KIOSK, "status")
ACK = wire.topic(KIOSK, "ack", "01A")


class Bench(Protocol):
    """A link, its broker, and the centre behind it."""

    ear: Ear
    link: MqttLink

    def centre_says(self, topic: str, payload: bytes, *, retain: bool = False) -> None: ...
    def centre_hears(self, topic: str, where: Callable[[bytes], bool] = ...) -> bytes: ...
    def topics(self) -> list[str]: ...
    def cut(self) -> None: ...
    def swallow(self) -> None: ...
    def restore(self) -> None: ...
    def let_the_puback_be_late(self) -> None: ...
    def close(self) -> None: ...


class FakeBench:
    def __init__(self) -> None:
        self.ear = Ear()
        self.broker = FakeBroker()
        self._fake = FakeMqtt(KIOSK, self.broker, self.ear)
        self.link: MqttLink = self._fake

    def centre_says(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.broker.publish(topic, payload, retain=retain)

    def centre_hears(self, topic: str, where: Callable[[bytes], bool] = bool) -> bytes:
        return next(payload for name, payload, _, _ in self.broker.said if name == topic and where(payload))

    def topics(self) -> list[str]:
        return [name for name, _, _, _ in self.broker.said]

    def cut(self) -> None:
        self.broker.cut()

    def swallow(self) -> None:
        self.broker.mute = True

    def restore(self) -> None:
        self.broker.restore()

    def let_the_puback_be_late(self) -> None:
        self._fake.deadline()

    def close(self) -> None:
        self.link.close()


class RealBench:
    """paho through a proxy that can be cut; the centre talks to the broker directly."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, kind: str, limits: Limits) -> None:
        words = throw_away_passwords(KIOSK, MONITOR)
        broker = AmqttBroker(words) if kind == "amqtt" else MosquittoBroker(passwords=words)
        stack.enter_context(broker)
        self._proxy = stack.enter_context(TcpLink(broker.port))
        self._centre = Centre(broker.port, MONITOR, password=words[MONITOR])
        stack.callback(self._centre.close)
        self._centre.listen("pana/v1/k/#")
        self.ear = Ear()
        config = mqtt_config(
            self._proxy.port, protocol="5" if kind == "mosquitto-5" else "3.1.1", user=KIOSK,
            password_file=password_file(folder, words[KIOSK]),
        )  # fmt: skip
        self.link: MqttLink = PahoLink(config, KIOSK, "0.1", self.ear, chance=lambda: 0.0, limits=limits)

    def centre_says(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._centre.say(topic, payload, retain=retain)

    def centre_hears(self, topic: str, where: Callable[[bytes], bool] = bool) -> bytes:
        return self._centre.hear(topic, lambda heard: where(heard.payload)).payload

    def topics(self) -> list[str]:
        return self._centre.topics()

    def cut(self) -> None:
        self._proxy.cut()

    def swallow(self) -> None:
        self._proxy.blackhole()

    def restore(self) -> None:
        self._proxy.restore()

    def let_the_puback_be_late(self) -> None:
        """The real deadline passes by itself."""

    def close(self) -> None:
        self.link.close()


REAL = [pytest.param(kind, marks=pytest.mark.real) for kind in ("mosquitto", "mosquitto-5", "amqtt")]


@pytest.fixture
def limits() -> Limits:
    return QUICK


@pytest.fixture(params=["fake", *REAL])
def bench(request: pytest.FixtureRequest, tmp_path: Path, limits: Limits) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        kind = request.param
        made: Bench = FakeBench() if kind == "fake" else RealBench(stack, tmp_path, kind, limits)
        stack.callback(made.close)
        yield made


@pytest.fixture
def up(bench: Bench) -> Bench:
    bench.link.open(7)
    bench.ear.hear(LinkRose)
    return bench


def is_state(state: str) -> Callable[[bytes], bool]:
    return lambda payload: status_of(payload).state == state


def test_the_status_is_told_with_its_epoch_before_the_link_is_up(up: Bench) -> None:
    status = wire.parse(Status, up.centre_hears(STATUS))
    assert isinstance(status, Status)
    assert (status.state, status.boot, status.conn) == ("online", 7, 1)


def test_what_is_published_arrives_and_is_acknowledged(up: Bench) -> None:
    for number, body in enumerate((alert(), event())):
        up.link.publish(Token(f"t{number}"), body)
        topic, _ = wire.topic_of(KIOSK, body)
        assert up.centre_hears(topic) == wire.encode(body)
        assert up.ear.hear(Published, count=number + 1) == Published(token=Token(f"t{number}"), code=0)
    assert up.ear.hear(LinkHeard, lambda heard: heard.rtt_ms is not None)


def test_a_heartbeat_arrives_and_nobody_waits_for_it(up: Bench) -> None:
    up.link.publish(Token("hb"), beat())
    assert up.centre_hears(wire.topic(KIOSK, "hb")) == wire.encode(beat())
    assert up.ear.all(Published) == up.ear.all(PublishFailed) == []


def test_nothing_is_published_before_the_link_is_open_nor_kept_for_later(bench: Bench) -> None:
    """Pitfalls 1 and 2: the core sends again; a link that queues would send things long out of date."""
    bench.link.publish(Token("early"), alert("01EARLY"))
    assert bench.ear.hear(PublishFailed).token == "early"
    bench.link.open(7)
    bench.ear.hear(LinkRose)
    bench.link.publish(Token("now"), alert("01NOW"))
    bench.centre_hears(wire.topic(KIOSK, "alert", "01NOW"))
    assert wire.topic(KIOSK, "alert", "01EARLY") not in bench.topics()


def test_receipts_commands_and_presence_come_in(up: Bench) -> None:
    up.centre_says(ACK, reply("01A", "accepted"))
    assert up.ear.hear(ReplyReceived).reply.stage == "accepted"
    up.centre_says(wire.topic(KIOSK, "cmd", "01C"), command("01C", "report"))
    assert up.ear.hear(CommandReceived).command.command_id == "01C"
    up.centre_says(wire.monitor_topic(MONITOR), duty(), retain=True)
    assert up.ear.hear(PresenceSeen) == PresenceSeen(MONITOR, on_duty=True)


def test_retained_presence_is_known_at_once_and_a_retained_receipt_never_acts(bench: Bench) -> None:
    """Pitfall 11."""
    bench.centre_says(wire.monitor_topic(MONITOR), duty(), retain=True)
    bench.centre_says(ACK, reply(), retain=True)
    bench.link.open(7)
    assert bench.ear.hear(PresenceSeen).on_duty
    assert "retained" in bench.ear.hear(BodyRefused).reason
    bench.centre_says(ACK, b"", retain=True)
    assert bench.ear.all(ReplyReceived) == []


def test_hostile_bodies_are_refused_and_the_link_lives(up: Bench) -> None:
    """Pitfall 6."""
    for body in (b"\xff\xfe{", b"[" * 4000, reply("other")):
        up.centre_says(ACK, body)
    up.ear.hear(BodyRefused, count=3)
    up.centre_says(ACK, reply())
    up.ear.hear(ReplyReceived)
    assert up.ear.all(LinkFell) == []


def test_duplicates_come_through_and_harm_nobody(up: Bench) -> None:
    for _ in range(3):
        up.centre_says(ACK, reply())
    up.ear.hear(ReplyReceived, count=3)


def test_a_cut_link_falls_fails_what_is_asked_of_it_and_rises_again(up: Bench) -> None:
    up.cut()
    up.ear.hear(LinkFell)
    up.link.publish(Token("cut off"), alert("01LOST"))
    assert up.ear.hear(PublishFailed).token == "cut off"
    up.restore()
    up.ear.hear(LinkRose, count=2)
    assert status_of(
        up.centre_hears(STATUS, lambda body: status_of(body).conn > 1 and is_state("online")(body))
    )
    up.link.publish(Token("again"), alert("01AGAIN"))
    up.ear.hear(Published, lambda done: done.token == "again")
    assert wire.topic(KIOSK, "alert", "01LOST") not in up.topics()


def test_a_cut_kiosk_is_told_by_its_will_with_the_old_epoch(up: Bench) -> None:
    """Pitfall 9: retained as the birth is, so that it never sticks."""
    up.cut()
    will = status_of(up.centre_hears(STATUS, is_state("offline")))
    assert (will.boot, will.conn) == (7, 1)


@pytest.mark.parametrize("limits", [replace(QUICK, ack_s=0.4)], ids=["hasty"])
def test_a_publish_without_a_puback_fails_by_its_deadline(up: Bench) -> None:
    """Pitfall 3: to paho the publish succeeded."""
    up.swallow()
    up.link.publish(Token("swallowed"), alert())
    up.let_the_puback_be_late()
    assert up.ear.hear(PublishFailed).token == "swallowed"


def test_a_dropped_link_falls_with_the_reason_given_and_comes_back(up: Bench) -> None:
    up.link.drop("it answers nothing")
    assert up.ear.hear(LinkFell).reason == "it answers nothing"
    up.ear.hear(LinkRose, count=2)


def test_opening_twice_opens_once(up: Bench) -> None:
    up.link.open(7)
    up.link.publish(Token("t"), event())
    up.ear.hear(Published)
    assert len(up.ear.all(LinkRose)) == 1


def test_a_closed_link_has_said_stopped_and_posts_nothing_more(up: Bench) -> None:
    up.link.close()
    up.link.close()
    up.centre_hears(STATUS, is_state("stopped"))
    up.ear.forget()
    up.centre_says(ACK, reply())
    up.cut()
    assert up.ear.events == []
    up.link.open(8)
    up.link.publish(Token("late"), alert())
    assert up.ear.events == []
