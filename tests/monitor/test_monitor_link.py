"""One MQTT connection of the centre: over TLS, refused, deaf, or with a broker that lies."""

import gc
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

import pytest
from fakes.mqtt_kiosk import wait_for
from pki import Authority

from kiosk.monitor import link
from kiosk.monitor.config import Mqtt, Tls
from kiosk.monitor.intake import Heard
from kiosk.monitor.link import PahoSession
from kiosk.monitor.messages import LinkFell, LinkRose
from kiosk.monitor.uplink import Beats, Uplink
from kiosk.sim.broker import MosquittoBroker, ServerTls, throw_away_passwords

pytestmark = pytest.mark.real


class Line:
    """A centre's link with everything that it posts."""

    def __init__(self, config: Mqtt) -> None:
        self.config = config
        self.posted: SimpleQueue[Any] = SimpleQueue()
        self.uplink = Uplink(config, self.session, self.posted.put)

    def session(self, number: int) -> PahoSession:
        return PahoSession(self.config, "monitor-1", (1, number), self.posted.put, Beats(self.posted.put))

    def next(self) -> Any:
        return self.posted.get(timeout=15)

    def __enter__(self) -> Self:
        self.uplink.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.uplink.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


@pytest.fixture
def tls_broker(authority: Authority) -> Iterator[MosquittoBroker]:
    pair = authority.server()
    with MosquittoBroker(tls=ServerTls(ca=authority.ca, cert=pair.cert, key=pair.key)) as broker:
        yield broker


def tls_config(broker: MosquittoBroker, ca: Path, authority: Authority) -> Mqtt:
    pair = authority.client("monitor-1")
    return Mqtt(
        brokers=(f"127.0.0.1:{broker.port}",), tls=Tls(ca=str(ca), cert=str(pair.cert), key=str(pair.key))
    )


def test_mutual_tls_with_the_private_authority_links(
    tls_broker: MosquittoBroker, authority: Authority
) -> None:
    with Line(tls_config(tls_broker, authority.ca, authority)) as line:
        assert line.next() == LinkRose(f"127.0.0.1:{tls_broker.port}")


def test_a_broker_of_another_authority_is_refused(
    tls_broker: MosquittoBroker, authority: Authority, tmp_path: Path
) -> None:
    """Pitfall 40: only our own CA is trusted."""
    other = Authority(tmp_path / "other", name="other")
    with Line(tls_config(tls_broker, other.ca, authority)) as line:
        fell = line.next()
        assert isinstance(fell, LinkFell)
        assert "certificate verify failed" in fell.reason


def test_a_wrong_password_is_told_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong\n")
    with MosquittoBroker(passwords=throw_away_passwords("monitor-1")) as broker:
        config = Mqtt(
            brokers=(f"127.0.0.1:{broker.port}",), user="monitor-1", password_file=str(tmp_path / "password")
        )
        with Line(config) as line:
            for _ in range(2):
                fell = line.next()
                assert isinstance(fell, LinkFell)
                assert "refused" in fell.reason


def test_a_connection_that_ended_holds_no_file_until_the_collector_comes_by(tmp_path: Path) -> None:
    """The soak found two more with each: the collector comes seldom, and a process may have 1 024."""
    (tmp_path / "password").write_text("wrong\n")
    files = Path("/proc/self/fd")
    with MosquittoBroker(passwords=throw_away_passwords("monitor-1")) as broker:
        address = f"127.0.0.1:{broker.port}"
        config = Mqtt(brokers=(address,), user="monitor-1", password_file=str(tmp_path / "password"))
        gc.collect()
        gc.disable()
        try:
            before = len(list(files.iterdir()))
            for number in range(4):
                assert "refused" in PahoSession(config, "monitor-1", (1, number), print, None).run(address)
            assert len(list(files.iterdir())) == before
        finally:
            gc.enable()


def test_no_broker_at_all_is_told_and_tried_again() -> None:
    """Pitfall 7: the centre starts whether or not the broker is there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Line(Mqtt(brokers=(f"127.0.0.1:{port}",))) as line:
        assert isinstance(line.next(), LinkFell)
        assert isinstance(line.next(), LinkFell)


CONNACK = b"\x20\x02\x00\x00"


class LyingBroker:
    """Accepts one client after another and answers CONNECT and SUBSCRIBE as a test wants."""

    def __init__(self, connack: bytes, suback: bytes, *more: bytes) -> None:
        self._answers = (connack, suback, *more)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = bytearray()
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                client.recv(1024)
                client.sendall(self._answers[0])
                packet = client.recv(1024) if self._answers[0] else b""
                if self._answers[1]:
                    client.sendall(b"\x90\x07" + packet[2:4] + self._answers[1] + b"".join(self._answers[2:]))
                while data := client.recv(1024):
                    self.heard += data
        except OSError:
            pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for sock in (self._listener, *self._clients):
            sock.close()
        self._thread.join(5)


@pytest.fixture
def lying(request: pytest.FixtureRequest) -> Iterator[LyingBroker]:
    broker = LyingBroker(*request.param)
    yield broker
    broker.close()


@pytest.mark.parametrize("lying", [(CONNACK, b"\x01\x01\x80\x01\x00")], indirect=True)
def test_a_refused_subscription_is_no_link(lying: LyingBroker) -> None:
    with Line(Mqtt(brokers=(f"127.0.0.1:{lying.port}",))) as line:
        fell = line.next()
        assert isinstance(fell, LinkFell)
        assert "a subscription was refused" in fell.reason


@pytest.mark.parametrize("lying", [(CONNACK, b"")], indirect=True)
def test_a_broker_that_grants_nothing_is_left(lying: LyingBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 4: a socket, even a CONNACK, is not yet a link."""
    monkeypatch.setattr(link, "READY_S", 0.2)
    monkeypatch.setattr(link, "LOOP_S", 0.05)
    with Line(Mqtt(brokers=(f"127.0.0.1:{lying.port}",))) as line:
        fell = line.next()
        assert isinstance(fell, LinkFell)
        assert "not ready" in fell.reason


GRANTED = b"\x01\x01\x01\x01\x00"
BAD_TOPIC = b"\x32\x08\x00\x02\xff\xfe\x00\x09ab"  # QoS 1, packet 9, a topic that is no UTF-8


@pytest.mark.parametrize("lying", [(CONNACK, GRANTED, BAD_TOPIC)], indirect=True)
def test_a_topic_that_is_no_text_is_passed_on_and_can_be_acknowledged(lying: LyingBroker) -> None:
    with Line(Mqtt(brokers=(f"127.0.0.1:{lying.port}",))) as line:
        assert isinstance(line.next(), LinkRose)
        heard = line.next()
        assert isinstance(heard, Heard)
        assert (heard.topic, heard.payload) == ("", b"ab")
        assert heard.receipt is not None
        assert b"\x40\x02\x00\x09" not in lying.heard
        line.uplink.acknowledge(heard.receipt)
        wait_for(lambda: b"\x40\x02\x00\x09" in lying.heard, "the PUBACK, only now")


@pytest.mark.parametrize("lying", [(CONNACK, GRANTED, BAD_TOPIC, BAD_TOPIC)], indirect=True)
def test_a_callback_that_trips_does_not_end_the_link(
    lying: LyingBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 6: an exception in on_message would kill paho's loop unseen."""
    real = Heard
    trips = iter([True])

    def trip(*args: Any, **kwargs: Any) -> Heard:
        if next(trips, False):
            raise ZeroDivisionError
        return real(*args, **kwargs)

    monkeypatch.setattr(link, "Heard", trip)
    with caplog.at_level(logging.ERROR), Line(Mqtt(brokers=(f"127.0.0.1:{lying.port}",))) as line:
        assert isinstance(line.next(), LinkRose)
        assert isinstance(line.next(), Heard)
    assert "callback=_on_message failed" in caplog.text


class Refusal:
    """An MQTT 5 reason code of a publish that was not allowed."""

    is_failure = True


def test_a_refused_publish_is_never_taken_for_a_success() -> None:
    """Pitfall 5: a PUBACK 0x87 looks like success to paho."""
    line = Line(Mqtt(brokers=("127.0.0.1:1",), protocol="5"))
    session = line.session(1)
    session._on_publish(session._client, None, 7, Refusal(), None)
    assert line.posted.empty()
