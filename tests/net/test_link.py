"""The supervisor of the MQTT link, over clients that fail as the test says."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from fakes.mqtt_bench import KIOSK, PATIENCE_S, Ear, alert, beat, mqtt_config

from kiosk import wire
from kiosk.bodies import Event, Status, Token
from kiosk.messages import LinkFell, LinkRose, PublishFailed
from kiosk.net.link import Supervisor
from kiosk.net.outbox import Outbox
from kiosk.net.session import Limits, Session

pytestmark = pytest.mark.real
Make = Callable[..., Supervisor]


class Refusing:
    """A client whose dialling fails with what it was given."""

    keepalive_s = 10

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def dial(self, address: str) -> None:
        raise self._error

    def step(self, waker: Outbox, wait_s: float) -> bool:
        raise AssertionError

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        raise AssertionError

    def subscribe(self, filters: tuple[str, ...]) -> None: ...
    def disconnect(self) -> None: ...
    def abort(self) -> None: ...


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def make(ear: Ear) -> Iterator[Make]:
    made: list[Supervisor] = []

    def one(error: BaseException, *, chance: float = 0.0, **how: object) -> Supervisor:
        settings: dict[str, object] = {
            "client": lambda *_: Refusing(error),
            "resolve": lambda _host, _port: ("127.0.0.1",),
            **how,
        }
        made.append(
            Supervisor(
                mqtt_config(1883, host="broker.example"),
                kiosk_id=KIOSK,
                version="0.1",
                post=ear,
                chance=lambda: chance,
                utc_ms=lambda: 0,
                limits=Limits(),
                **settings,  # type: ignore[arg-type]
            )
        )
        return made[-1]

    yield one
    for link in made:
        link.close()


def test_a_refused_connection_is_told_and_tried_again(make: Make, ear: Ear) -> None:
    make(ConnectionRefusedError(111, "Connection refused")).open(1)
    fell = ear.hear(LinkFell, count=2)
    assert fell == LinkFell("mqtt", "broker.example:1883: [Errno 111] Connection refused")


def test_an_unexpected_exception_is_logged_told_and_survived(
    make: Make, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 6."""
    with caplog.at_level(logging.ERROR, logger="kiosk.net.link"):
        make(ZeroDivisionError("a bug")).open(1)
        assert ear.hear(LinkFell, count=2).reason == "broker.example:1883: unexpected ZeroDivisionError"
    assert "event=mqtt_session_failed" in caplog.text


def test_an_alert_cuts_the_rest_short_and_a_heartbeat_does_not(make: Make, ear: Ear) -> None:
    """Pitfall 12: alert first. Uncut, the fifth attempt would come after 21 s."""
    link = make(OSError("down"), chance=0.999)
    link.open(1)
    for attempt in range(1, 6):
        ear.hear(LinkFell, count=attempt)
        link.publish(Token("hb"), beat())
        link.publish(Token("alert"), alert())
    ear.hear(LinkFell, count=6)
    assert {failed.reason for failed in ear.all(PublishFailed)} == {"not connected"}


def test_a_body_beyond_the_brokers_limit_is_refused_here(make: Make, ear: Ear) -> None:
    link = make(OSError("down"))
    huge = Event(event_id="e", kiosk_id=KIOSK, at="x", code="c", detail="x" * wire.MAX_BODY_BYTES)
    link.publish(Token("t"), huge)
    assert ear.hear(PublishFailed).reason == "the body is too long"


def test_dropping_closing_and_publishing_without_a_session_do_no_harm(make: Make, ear: Ear) -> None:
    link = make(OSError("down"))
    link.drop("nothing is open")
    link.publish(Token("t"), alert())
    link.close()
    link.close()
    link.open(1)
    link.drop("closed")
    assert ear.all(LinkFell) == ear.all(LinkRose) == []


def test_every_connection_has_a_new_number(make: Make, ear: Ear) -> None:
    """Pitfall 9: boot and connection number order birth and will."""
    seen: list[tuple[int, int]] = []

    def client(session: Session, _host: str, _port: int) -> Refusing:
        status = wire.parse(Status, session.status("offline"))
        assert isinstance(status, Status)
        seen.append((status.boot, status.conn))
        return Refusing(OSError("down"))

    make(OSError(), client=client).open(41)
    ear.hear(LinkFell, count=3)
    assert seen[:3] == [(41, 1), (41, 2), (41, 3)]


def test_each_address_of_a_name_gets_its_turn(make: Make, ear: Ear) -> None:
    dialled: list[str] = []

    class Noting(Refusing):
        def dial(self, address: str) -> None:
            dialled.append(address)
            super().dial(address)

    make(
        OSError(),
        client=lambda *_: Noting(OSError("down")),
        resolve=lambda _host, _port: ("127.0.0.1", "127.0.0.2"),
    ).open(1)
    ear.hear(LinkFell, count=3)
    assert dialled[:3] == ["127.0.0.1", "127.0.0.2", "127.0.0.1"]


def test_closing_cuts_a_rest_short(make: Make, ear: Ear) -> None:
    link = make(OSError("down"), chance=0.999)
    link.open(1)
    ear.hear(LinkFell)
    thread = link._thread
    assert thread is not None
    link.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_a_thread_that_outlives_the_closing_releases_the_waker_itself(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while DNS or a broker hangs."""
    monkeypatch.setattr("kiosk.net.link.CLOSE_S", 0.0)
    dialled, answered = threading.Event(), threading.Event()

    class Hanging(Refusing):
        def dial(self, address: str) -> None:
            dialled.set()
            answered.wait(PATIENCE_S)
            super().dial(address)

    link = make(OSError(), client=lambda *_: Hanging(OSError("down")))
    link.open(1)
    assert dialled.wait(PATIENCE_S)
    link.close()
    assert link._thread is not None
    assert link._thread.is_alive()
    assert link._outbox.fileno() >= 0, "the thread may still wait on it"
    answered.set()
    link._thread.join(PATIENCE_S)
    assert link._outbox.fileno() == -1


def test_parcels_of_a_thread_that_died_are_failed_when_it_is_started_again(make: Make, ear: Ear) -> None:
    """Pitfall 6."""
    link = make(OSError("down"))
    link._outbox.open()
    link.publish(Token("orphan"), alert())
    assert ear.all(PublishFailed) == []
    link.open(1)
    assert ear.hear(PublishFailed) == PublishFailed(Token("orphan"), "the network thread died")
