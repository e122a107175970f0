"""One MQTT connection of the centre over paho; the only file of the monitor that imports it.

Callbacks only post values; one client per connection, so nothing of paho's memory is trusted. A message is
acknowledged when the owner says so, and nothing is kept for later: the fleet sends again.
"""

import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any, Concatenate, ParamSpec

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk import wire
from kiosk.bodies import MonitorStatus, StatusState
from kiosk.monitor.config import Mqtt, Tls
from kiosk.monitor.intake import Heard
from kiosk.monitor.messages import LinkRose, Receipt
from kiosk.monitor.uplink import Post, Settled

LOG = logging.getLogger(__name__)
READY_S = 10.0  # a broker that has not granted the subscriptions by then is left for the next one
LOOP_S = 0.5
STOP_S = 1.0
SESSION_EXPIRY_S = 7 * 86400  # MQTT 5: how long the broker keeps unacknowledged alerts for us
FILTERS = [
    (f"{wire.ROOT}/k/+/alert/+", 1),
    (f"{wire.ROOT}/k/+/status", 1),
    (f"{wire.ROOT}/k/+/event/+", 1),
    (f"{wire.ROOT}/k/+/cmdres/+", 1),
    (f"{wire.ROOT}/k/+/hb", 0),
]

P = ParamSpec("P")


def _guarded(
    callback: "Callable[Concatenate[PahoSession, P], None]",
) -> "Callable[Concatenate[PahoSession, P], None]":
    """Let no exception into paho's loop, which would die of it unseen (pitfall 6)."""

    def guarded(session: "PahoSession", /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(session, *args, **kwargs)
        except Exception:
            LOG.exception("link callback=%s failed", callback.__name__)

    return guarded


class PahoSession:
    """uplink.Session: one connection from its CONNECT to its end."""

    def __init__(self, config: Mqtt, monitor_id: str, epoch: tuple[int, int], post: Post) -> None:
        self._config = config
        self._topic = wire.monitor_topic(monitor_id)
        self._boot, self.number = epoch
        self._post = post
        self._peer = ""
        self.ended = ""
        self.ready = False
        five = config.protocol == "5"
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=monitor_id,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            clean_session=None if five else False,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.will_set(self._topic, self._presence("offline"), qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_socket_open = _no_delay
        # Only so that paho leaves all writing to the thread that loops, and never writes on the caller's.
        client.on_socket_register_write = lambda _client, _data, _sock: None

    def _presence(self, state: StatusState, *, on_duty: bool = False) -> bytes:
        at = wire.utc_text(time.time_ns() // 1_000_000)
        return wire.encode(
            MonitorStatus(state=state, boot=self._boot, conn=self.number, at=at, on_duty=on_duty)
        )

    def run(self, broker: str) -> str:
        """Serve the connection until it ends; gives the reason. Raises OSError where it cannot begin."""
        host, _, port = broker.rpartition(":")
        self._peer = broker
        client, config = self._client, self._config
        if config.tls is not None:
            client.tls_set_context(_context(config.tls))
        if config.user is not None:
            client.username_pw_set(config.user, _secret(config.password_file))
        if config.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            client.connect(host, int(port), config.keepalive_s, clean_start=False, properties=properties)
        else:
            client.connect(host, int(port), config.keepalive_s)
        deadline_s = time.monotonic() + READY_S
        while not self.ended:
            code = client.loop(LOOP_S)
            if code != paho.MQTT_ERR_SUCCESS:
                return self.ended or paho.error_string(code)
            if not self.ready and time.monotonic() > deadline_s:
                self.ended = f"not ready within {READY_S:.0f} s"
        client.disconnect()
        client.loop(0.0)
        return self.ended

    def acknowledge(self, packet: int) -> None:
        """Acknowledge one message of this connection."""
        self._client.ack(packet, 1)

    def announce(self, *, on_duty: bool) -> None:
        """Publish our presence, retained."""
        if self.ready:
            self._client.publish(self._topic, self._presence("online", on_duty=on_duty), qos=1, retain=True)

    def send(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 1; gives the packet id that Settled will name."""
        return self._client.publish(topic, payload, qos=1).mid

    def stop(self) -> None:
        """Say `stopped` and disconnect in order; returns within STOP_S."""
        if self.ready:
            sent = self._client.publish(self._topic, self._presence("stopped"), qos=1, retain=True)
            with suppress(RuntimeError, ValueError):
                sent.wait_for_publish(STOP_S)
        self.ended = self.ended or "stopped"

    @_guarded
    def _on_connect(
        self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _props: Any
    ) -> None:
        if code.is_failure:
            self.ended = f"refused: {code}"
        else:
            client.subscribe(FILTERS)

    @_guarded
    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _mid: int, codes: list[ReasonCode], _props: Any
    ) -> None:
        if any(code.is_failure for code in codes):
            self.ended = "a subscription was refused"
            return
        self.ready = True
        self._post(LinkRose(self._peer))

    @_guarded
    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # it is refused further on, and acknowledged, or it would come back for ever
        receipt = Receipt(self.number, message.mid) if message.qos else None
        payload = bytes(message.payload[: wire.MAX_BODY_BYTES + 1])  # enough to be refused for its length
        self._post(Heard(topic, payload, retained=message.retain, receipt=receipt))

    @_guarded
    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, code: ReasonCode, _props: Any) -> None:
        if code.is_failure:
            LOG.warning("link publish=refused reason=%s", code)
        else:
            self._post(Settled(self.number, mid))

    @_guarded
    def _on_disconnect(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _p: Any
    ) -> None:
        self.ready = False
        self.ended = self.ended or f"disconnected: {code}"


def _no_delay(_client: Any, _data: Any, sock: Any) -> None:
    """Without NODELAY an acknowledgement waits for the broker's delayed ACK: 41 ms (measured)."""
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


class _Context(ssl.SSLContext):
    """Shakes hands while wrapping: then a socket that fails is closed, which paho forgets."""

    def wrap_socket(  # type: ignore[override]
        self, sock: socket, *, server_hostname: str | None = None, **_paho: object
    ) -> ssl.SSLSocket:
        return super().wrap_socket(sock, server_hostname=server_hostname)


def _context(tls: Tls) -> ssl.SSLContext:
    """Trust our own CA and nothing else (pitfall 40)."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=tls.ca)
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key)
    return context


def _secret(file: str | None) -> str | None:
    return None if file is None else Path(file).read_text(encoding="utf-8").rstrip("\r\n")
