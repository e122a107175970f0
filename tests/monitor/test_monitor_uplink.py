"""The network thread with sessions that tests script: it goes on whatever they do."""

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from kiosk.bodies import AlertId
from kiosk.monitor import uplink
from kiosk.monitor.config import Mqtt
from kiosk.monitor.messages import LinkFell, Receipt, ReplyTaken
from kiosk.monitor.uplink import Settled, Uplink

TAKEN = ReplyTaken(AlertId("A"), "received")


class ScriptedSession:
    """Runs until released; keeps what it was asked."""

    def __init__(self, number: int, fate: Callable[[], str]) -> None:
        self.number = number
        self.ready = True
        self.asked: list[Any] = []
        self.running = threading.Event()
        self.broker = ""
        self._fate = fate
        self._over = threading.Event()

    def run(self, broker: str) -> str:
        self.broker = broker
        self.running.set()
        reason = self._fate()
        if not reason:
            self._over.wait(10)
        return reason or "over"

    def send(self, topic: str, payload: bytes) -> int:
        self.asked.append(("send", topic, payload))
        return len(self.asked)

    def acknowledge(self, packet: int) -> None:
        self.asked.append(("ack", packet))

    def announce(self, *, on_duty: bool) -> None:
        self.asked.append(("announce", on_duty))

    def stop(self) -> None:
        self._over.set()


class Bench:
    """An Uplink whose sessions meet the fates in `fates`, and after that live."""

    def __init__(self, *fates: Callable[[], str]) -> None:
        self.fates = list(fates)
        self.sessions: list[ScriptedSession] = []
        self.posted: SimpleQueue[Any] = SimpleQueue()
        config = Mqtt(brokers=("one:1", "two:2"))
        self.link = Uplink(config, self.make, self.posted.put)

    def make(self, number: int) -> ScriptedSession:
        fate = self.fates.pop(0) if self.fates else lambda: ""
        session = ScriptedSession(number, fate)
        self.sessions.append(session)
        return session

    def living(self) -> ScriptedSession:
        """Wait for the session that lives."""
        reasons = [self.posted.get(timeout=10) for _ in range(len(self.fates))]
        assert all(isinstance(reason, LinkFell) for reason in reasons)
        while not (self.sessions and self.sessions[-1].running.wait(10) and self.link._session):
            pass
        return self.sessions[-1]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "FIRST_REST_S", 0.001)
    monkeypatch.setattr(uplink, "LONGEST_REST_S", 0.002)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.link.close()


def fail(error: Exception) -> Callable[[], str]:
    def fate() -> str:
        raise error

    return fate


def test_every_broker_is_tried_in_turn_whatever_goes_wrong() -> None:
    bench = Bench(fail(ConnectionRefusedError("no")), fail(UnicodeError("a..b")), fail(ZeroDivisionError()))
    fates = len(bench.fates)
    bench.link.open()
    reasons = [bench.posted.get(timeout=10).reason for _ in range(fates)]
    bench.fates.clear()
    bench.living()
    assert [session.broker for session in bench.sessions] == ["one:1", "two:2", "one:1", "two:2"]
    assert reasons == ["one:1: no", "two:2: unexpected UnicodeError", "one:1: unexpected ZeroDivisionError"]
    bench.link.close()


def test_nothing_is_published_without_a_connection(bench: Bench) -> None:
    """Pitfall 2: what is published offline would be queued without limit and sent late."""
    bench.link.send("t", b"x", TAKEN)
    bench.link.acknowledge(Receipt(1, 1))
    bench.link.announce(on_duty=True)
    bench.link.open()
    session = bench.living()
    session.ready = False
    bench.link.send("t", b"x")
    assert session.asked == []
    session.ready = True
    bench.link.send("t", b"x")
    bench.link.announce(on_duty=False)
    assert session.asked == [("send", "t", b"x"), ("announce", False)]


def test_only_the_connection_that_brought_a_message_acknowledges_it(bench: Bench) -> None:
    bench.link.open()
    session = bench.living()
    bench.link.acknowledge(Receipt(99, 7))
    assert session.asked == []
    bench.link.acknowledge(Receipt(session.number, 7))
    assert session.asked == [("ack", 7)]


def test_a_reply_is_settled_once_and_forgotten_with_its_connection(bench: Bench) -> None:
    bench.link.open()
    session = bench.living()
    bench.link.send("t", b"x", TAKEN)
    assert bench.link.settled(Settled(session.number, 99)) is None
    assert bench.link.settled(Settled(session.number, 1)) == TAKEN
    assert bench.link.settled(Settled(session.number, 1)) is None
    bench.link.send("t", b"y", TAKEN)
    bench.link.forget()
    assert bench.link.settled(Settled(session.number, 2)) is None


def test_closing_ends_the_session_and_posts_no_fall(bench: Bench) -> None:
    bench.link.open()
    bench.living()
    bench.link.close()
    bench.link.close()
    assert bench.posted.empty()
    assert not bench.link._thread.is_alive()


def test_closing_before_opening_is_harmless() -> None:
    Bench().link.close()
