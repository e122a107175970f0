"""What the MQTT tests share: an ear for events, a centre by bare paho, bodies and configurations."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from pki import Authority, Pair

from kiosk import wire
from kiosk.bodies import (
    Alert,
    Board,
    Command,
    CommandName,
    Event,
    Heartbeat,
    MonitorStatus,
    Place,
    Reply,
    ReplyStage,
    Status,
    StatusState,
    Words,
)
from kiosk.config import Mqtt, Tls
from kiosk.messages import KioskEvent
from kiosk.net.session import Limits
from kiosk.sim.broker import ServerTls

KIOSK = "kz-ala-0001"
OTHER = "kz-ala-0002"
MONITOR = "monitor-1"
PATIENCE_S = 45.0  # a deadline, never a delay
AT = "2026-01-02T03:04:05.678Z"
QUICK = Limits(stop_s=0.5, stable_s=0.3)  # a test whose subject is another deadline makes that one short

E = TypeVar("E")


class Ear:
    """Takes events as the core's queue does, and waits for some; `deafness` makes it raise."""

    def __init__(self) -> None:
        self.events: list[KioskEvent] = []
        self.deafness: Exception | None = None
        self._news = threading.Condition()

    def __call__(self, event: KioskEvent) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()
        if self.deafness is not None:
            raise self.deafness

    def hear(self, kind: type[E], where: Callable[[E], bool] = lambda _: True, *, count: int = 1) -> E:
        """Wait until `count` such events came; gives the last of them."""

        def found() -> list[E]:
            return [event for event in self.events if isinstance(event, kind) and where(event)]

        with self._news:
            enough = self._news.wait_for(lambda: len(found()) >= count, PATIENCE_S)
            assert enough, f"{kind.__name__} x {count} did not come; came: {self.events}"
            return found()[count - 1]

    def all(self, kind: type[E]) -> list[E]:
        with self._news:
            return [event for event in self.events if isinstance(event, kind)]

    def forget(self) -> None:
        with self._news:
            self.events.clear()


@dataclass(frozen=True, slots=True)
class Heard:
    topic: str
    payload: bytes
    retained: bool
    qos: int


class Centre:
    """Any other client of the broker, by bare paho: a responder, or somebody hostile."""

    def __init__(
        self, port: int, client_id: str, *, five: bool = False, password: str | None = None,
        tls: tuple[Authority, Pair] | None = None, will: tuple[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        self.heard: list[Heard] = []
        self._news = threading.Condition()
        self._granted = self._ready = False
        self.codes: dict[int, int] = {}
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            clean_session=None if five else True,
        )
        if password is not None:
            self.client.username_pw_set(client_id, password)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(tls[0].ca)
            context.load_cert_chain(tls[1].cert, tls[1].key)
            self.client.tls_set_context(context)
        if will is not None:
            self.client.will_set(*will, qos=1)
        self.client.on_connect = lambda *_: self._set("_ready")
        self.client.on_subscribe = lambda *_: self._set("_granted")
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.connect("localhost", port)
        self.client.loop_start()
        self._wait(lambda: self._ready)

    def listen(self, *filters: str) -> None:
        self._granted = False
        self.client.subscribe([(name, 1) for name in filters])
        self._wait(lambda: self._granted)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Publish at QoS 1 and wait for the PUBACK; gives its reason code."""
        mid = self.client.publish(topic, payload, 1, retain).mid
        self._wait(lambda: mid in self.codes)
        return self.codes[mid]

    def hear(self, topic: str, where: Callable[[Heard], bool] = lambda _: True) -> Heard:
        def found() -> list[Heard]:
            return [heard for heard in self.heard if heard.topic == topic and where(heard)]

        with self._news:
            assert self._news.wait_for(lambda: bool(found()), PATIENCE_S), f"{topic} not heard: {self.heard}"
            return found()[0]

    def topics(self) -> list[str]:
        with self._news:
            return [heard.topic for heard in self.heard]

    def vanish(self) -> None:
        """Break the connection without DISCONNECT, so that the will comes."""
        self.client.loop_stop()
        sock = self.client.socket()
        assert sock is not None
        sock.close()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        if (sock := self.client.socket()) is not None:  # it may have been about to connect again
            sock.close()

    def _set(self, name: str) -> None:
        with self._news:
            setattr(self, name, True)
            self._news.notify_all()

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        with self._news:
            self.heard.append(Heard(message.topic, bytes(message.payload), message.retain, message.qos))
            self._news.notify_all()

    def _on_publish(
        self, _client: object, _userdata: object, mid: int, code: object, _properties: object
    ) -> None:
        with self._news:
            self.codes[mid] = getattr(code, "value", 0)
            self._news.notify_all()

    def _wait(self, test: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(test, PATIENCE_S), "the broker did not answer the test's own client"


@contextlib.contextmanager
def centre(port: int, client_id: str = MONITOR, **how: object) -> Iterator[Centre]:
    one = Centre(port, client_id, **how)  # type: ignore[arg-type]
    try:
        yield one
    finally:
        one.close()


def mqtt_config(
    *ports: int, protocol: str = "3.1.1", keepalive_s: int = 10, host: str = "localhost", **more: object
) -> Mqtt:
    brokers = tuple(f"{host}:{port}" for port in ports)
    return Mqtt(brokers=brokers, protocol=protocol, keepalive_s=keepalive_s, **more)  # type: ignore[arg-type]


def tls_files(authority: Authority, pair: Pair) -> Tls:
    return Tls(ca=str(authority.ca), cert=str(pair.cert), key=str(pair.key))


def server_tls(authority: Authority, pair: Pair) -> ServerTls:
    return ServerTls(ca=authority.ca, cert=pair.cert, key=pair.key)


def password_file(folder: Path, password: str) -> str:
    path = folder / "password"
    path.write_text(password + "\n")
    return str(path)


# ---- bodies

WORDS = Words(kk="Дүкен", ru="Магазин")
PLACE = Place(
    name=WORDS, address=WORDS, entrance=WORDS, lat=43.238, lon=76.945, accuracy_m=10, kato="750000000"
)


def alert(alert_id: str = "01A", attempt: int = 1) -> Alert:
    return Alert(
        alert_id=alert_id,
        kiosk_id=KIOSK,
        kind="press",
        button="counter",
        pressed_at=AT,
        clock="synced",
        presses=1,
        seq=1,
        attempt=attempt,
        sent_at=AT,
        route="mqtt",
        place=PLACE,
        versions={"kiosk": "0.1"},
    )


def event(event_id: str = "01E") -> Event:
    return Event(event_id=event_id, kiosk_id=KIOSK, at=AT, code="drill_passed")


def beat(seq: int = 1) -> Heartbeat:
    return Heartbeat(seq=seq, boot=1, at=1, uptime_s=1, state="armed", board=Board(temp_c=40))


def reply(alert_id: str = "01A", stage: ReplyStage = "received") -> bytes:
    return wire.encode(Reply(alert_id=alert_id, stage=stage, at=AT))


def command(command_id: str = "01C", name: CommandName = "drill") -> bytes:
    return wire.encode(Command(command_id=command_id, name=name, at=AT, expires_at=AT))


def duty(state: StatusState = "online", *, boot: int = 1, conn: int = 1, on_duty: bool = True) -> bytes:
    return wire.encode(MonitorStatus(state=state, boot=boot, conn=conn, at=AT, on_duty=on_duty))


def status_of(payload: bytes) -> Status:
    status = wire.parse(Status, payload)
    assert isinstance(status, Status)
    return status
