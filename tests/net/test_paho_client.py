"""What paho puts on the wire for us, read by a broker of a few lines."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from fakes.mqtt_bench import KIOSK, Ear, mqtt_config, status_of

from kiosk import wire
from kiosk.net.inbox import Inbox
from kiosk.net.mqtt import PahoClient
from kiosk.net.outbox import Outbox
from kiosk.net.session import Bearings, Limits, Session

pytestmark = pytest.mark.real


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        one.settimeout(10)
        yield one


class Line:
    """A client of ours, dialled to a socket that the test holds."""

    def __init__(self, door: socket.socket, protocol: str) -> None:
        self.ear = Ear()
        self.box = Outbox()
        bearings = Bearings(
            kiosk_id=KIOSK,
            version="0.1",
            boot=4,
            post=self.ear,
            outbox=self.box,
            inbox=Inbox(KIOSK),
            limits=Limits(),
            closing=threading.Event(),
            utc_ms=lambda: 0,
        )
        self.session = Session(bearings, peer="test", conn=9)
        self.upkept = 0
        config = mqtt_config(door.getsockname()[1], protocol=protocol, keepalive_s=7)
        self.client = PahoClient(self.session, config, KIOSK, door.getsockname()[1], self._upkeep)
        self.client.dial("127.0.0.1")
        self.far, _ = door.accept()
        self.far.settimeout(10)
        self.connect = self.far.recv(4096)

    def _upkeep(self) -> None:
        self.upkept += 1

    def close(self) -> None:
        self.client.abort()
        self.client.abort()
        self.far.close()
        self.box.close()


@pytest.fixture
def line311(door: socket.socket) -> Iterator[Line]:
    with contextlib.closing(Line(door, "3.1.1")) as one:
        yield one


@pytest.fixture
def line5(door: socket.socket) -> Iterator[Line]:
    with contextlib.closing(Line(door, "5")) as one:
        yield one


def test_nagle_is_off(line311: Line) -> None:
    """Measured: 41 ms with it, 0.4 ms without."""
    sock = line311.client.paho.socket()
    assert isinstance(sock, socket.socket)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_connect_is_3_1_1_with_a_persistent_session_and_a_retained_will(line311: Line) -> None:
    """MQTT 3.1.1 §3.1.2: protocol level, flags, keepalive. Pitfall 9: fixed client id, retained will."""
    packet = line311.connect
    head = packet.index(b"\x00\x04MQTT")
    level, flags = packet[head + 6], packet[head + 7]
    assert level == 4
    assert flags & 0x02 == 0, "clean session"
    assert flags & 0x3C == 0x2C, "will, at QoS 1, retained"
    assert int.from_bytes(packet[head + 8 : head + 10]) == 7
    assert packet[head + 10 : head + 12 + len(KIOSK)] == len(KIOSK).to_bytes(2) + KIOSK.encode()
    will = packet[packet.index(b"{") :]
    assert wire.topic(KIOSK, "status").encode() in packet
    assert (status_of(will).state, status_of(will).boot, status_of(will).conn) == ("offline", 4, 9)


def test_connect_of_mqtt_5_keeps_the_session_and_limits_the_packets(line5: Line) -> None:
    """MQTT 5 §3.1.2.11: 0x11 session expiry, 0x27 maximum packet size."""
    packet = line5.connect
    head = packet.index(b"\x00\x04MQTT")
    assert packet[head + 6] == 5
    assert packet[head + 7] & 0x02 == 0, "clean start"
    assert b"\x11" + (7 * 86400).to_bytes(4) in packet
    assert b"\x27" + (16384).to_bytes(4) in packet


def test_a_heartbeat_of_mqtt_5_expires(line5: Line) -> None:
    """MQTT 5 §3.3.2.3.3: 0x02 message expiry interval."""
    line5.far.sendall(b"\x20\x03\x00\x00\x00")
    line5.client.step(line5.box, 5.0)
    line5.client.publish(wire.topic(KIOSK, "hb"), b"{}", qos=0)
    assert b"\x02" + (90).to_bytes(4) in line5.far.recv(4096)


def test_a_keepalive_that_the_broker_sets_is_obeyed(line5: Line) -> None:
    """MQTT 5 §3.2.2.3.14: 0x13 server keepalive."""
    line5.far.sendall(b"\x20\x06\x00\x00\x03\x13\x00\x05")
    assert line5.client.step(line5.box, 5.0)
    assert line5.client.keepalive_s == 5


def test_the_certificate_is_looked_at_once_and_then_every_six_hours(line311: Line) -> None:
    for _ in range(3):
        line311.client.step(line311.box, 0.0)
    assert line311.upkept == 1


def test_a_topic_that_is_not_utf_8_is_refused(line311: Line) -> None:
    """Pitfall 6: paho's `message.topic` raises."""
    line311.far.sendall(b"\x20\x02\x00\x00" + b"\x30\x05\x00\x02\xff\xff!")
    for _ in range(3):
        line311.client.step(line311.box, 1.0 if not line311.ear.events else 0.0)
    assert "not UTF-8" in str(line311.ear.events)


def test_a_broker_that_hangs_up_ends_the_session_with_a_reason(line311: Line) -> None:
    line311.far.close()
    line311.client.step(line311.box, 5.0)
    line311.client.step(line311.box, 0.0)
    assert line311.session.ended.startswith("the connection")


def test_a_ping_that_nobody_answers_is_told_as_half_open(
    line311: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paho counts from what was written last: where we only listen, it gives up before the session does."""
    now_s = time.monotonic()
    monkeypatch.setattr("paho.mqtt.client.time_func", lambda: now_s)
    line311.far.sendall(b"\x20\x02\x00\x00")
    assert line311.client.step(line311.box, 10.0)
    for _ in range(2):  # a ping is sent, and not answered
        now_s += 7.5
        line311.client.step(line311.box, 0.0)
    assert line311.session.ended.startswith("half open")


def test_a_disconnect_of_mqtt_5_says_why(line5: Line) -> None:
    """MQTT 5 §3.14.2.1: 0x8E is a session taken over."""
    line5.far.sendall(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00")
    for _ in range(2):
        line5.client.step(line5.box, 5.0)
    assert "the broker disconnected (Session taken over)" in line5.session.ended
