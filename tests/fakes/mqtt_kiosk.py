"""A kiosk as the broker sees one: publishes bodies and keeps every answer; no logic of its own."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec
import paho.mqtt.client as paho

from kiosk import wire
from kiosk.bodies import Body, Command, MonitorStatus, Reply, Status

PATIENCE_S = 45.0  # a deadline, never a delay


def wait_for(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until `true()` is, and give it."""
    deadline_s = time.monotonic() + patience_s
    while not (value := true()):
        assert time.monotonic() < deadline_s, f"waited {patience_s} s in vain for {what}"
        time.sleep(0.01)
    return value


class MqttKiosk:
    """One client with a persistent session."""

    def __init__(self, port: int, name: str, password: str, *, will: Status | None = None) -> None:
        self.name = name
        self.replies: list[Reply] = []
        self.commands: list[Command] = []
        self.presence: list[tuple[MonitorStatus, bool]] = []
        self._subscribed = threading.Event()
        self.client = client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False
        )
        client.username_pw_set(name, password)
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_connect = lambda *_: client.subscribe(
            [
                (wire.topic(name, "ack", "+"), 1),
                (wire.topic(name, "cmd", "+"), 1),
                ("pana/v1/mon/+/status", 1),
            ]
        )
        if will is not None:
            client.will_set(wire.topic(name, "status"), wire.encode(will), qos=1, retain=True)
        client.connect("127.0.0.1", port, keepalive=5)
        client.loop_start()
        assert self._subscribed.wait(PATIENCE_S)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.startswith("pana/v1/mon/"):
            presence = msgspec.json.decode(message.payload, type=MonitorStatus)
            self.presence.append((presence, message.retain))
        elif "/ack/" in message.topic:
            self.replies.append(msgspec.json.decode(message.payload, type=Reply))
        else:
            self.commands.append(msgspec.json.decode(message.payload, type=Command))

    def publish(self, body: Body) -> None:
        """Publish a body and wait for the broker's PUBACK."""
        topic, qos = wire.topic_of(self.name, body)
        self.raw(topic, wire.encode(body), qos=qos)

    def status(self, status: Status) -> None:
        self.raw(wire.topic(self.name, "status"), wire.encode(status), retain=True)

    def raw(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(PATIENCE_S)

    def stages(self, alert_id: str) -> list[str]:
        return [reply.stage for reply in self.replies if reply.alert_id == alert_id]

    def cut(self) -> None:
        """Lose the connection without a word, so that the broker publishes the will."""
        sock = self.client.socket()
        self.client._reconnect_on_failure = False
        if sock is not None:
            sock.close()
        self.client.loop_stop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
