"""One MQTT connection of the centre over paho; the only file of the monitor that imports it.

Callbacks only post values; one client per connection, so nothing of paho's memory is trusted. A message is
acknowledged when the owner says so, and nothing is kept for later: the fleet sends again.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from socket import IPPROTO_TCP, SO_RCVBUF, SOL_SOCKET, TCP_NODELAY
from typing import Any, Concatenate, ParamSpec

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk import wire
from kiosk.bodies import MonitorStatus, StatusState
from kiosk.monitor.config import Mqtt
from kiosk.monitor.intake import Heard
from kiosk.monitor.messages import LinkRose, Receipt
from kiosk.monitor.read_ahead import PinnedContext, PlainContext, ReadAhead, secret
from kiosk.monitor.uplink import GATHER_S, Beats, Post, Settled

LOG = logging.getLogger(__name__)
READY_S = 10.0  # a broker that has not granted the subscriptions by then is left for the next one
LOOP_S = 0.5
STOP_S = 1.0
BURST = 200  # packets read between two looks at what is to be written
NAP_S = 0.004  # after heartbeats: in a storm some more have come by then, and one look serves them all
WAITING_BYTES = 262_144  # in the kernel, unread
SESSION_EXPIRY_S = 7 * 86400  # MQTT 5: how long the broker keeps unacknowledged alerts for us
FILTERS = [
    (f"{wire.ROOT}/k/+/alert/+", 1),
    (f"{wire.ROOT}/k/+/status", 1),
    (f"{wire.ROOT}/k/+/event/+", 1),
    (f"{wire.ROOT}/k/+/cmdres/+", 1),
]
HEARTBEATS = (f"{wire.ROOT}/k/+/hb", 0)

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

    def __init__(
        self, config: Mqtt, monitor_id: str, epoch: tuple[int, int], post: Post, beats: Beats | None
    ) -> None:
        """Make a client; without `beats` somebody else hears the heartbeats."""
        self._config = config
        self._topic = wire.monitor_topic(monitor_id)
        self._boot, self.number = epoch
        self._post = post
        self._beats = beats
        self._peer = ""
        self.ended = ""
        self.ready = False
        self._beaten = False
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
        client.on_socket_open = _tune
        # Only so that paho leaves all writing to the thread that loops, and never writes on the caller's.
        client.on_socket_register_write = lambda _client, _data, _sock: None

    def _presence(self, state: StatusState, *, on_duty: bool = False) -> bytes:
        at = wire.utc_text(time.time_ns() // 1_000_000)
        return wire.encode(
            MonitorStatus(state=state, boot=self._boot, conn=self.number, at=at, on_duty=on_duty)
        )

    def run(self, broker: str) -> str:
        """Serve the connection until it ends; gives the reason. Raises OSError where it cannot begin."""
        try:
            self._serve(broker)
        finally:
            self._let_go()
        return self.ended

    def _let_go(self) -> None:
        """Leave paho's client to nobody: it closes its files when it goes, and the collector comes seldom."""
        client = self._client
        client.on_connect = client.on_subscribe = client.on_message = None
        client.on_publish = client.on_disconnect = None

    def _serve(self, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        self._peer = broker
        client, config = self._client, self._config
        tls = config.tls
        context = PlainContext() if tls is None else PinnedContext(tls.ca, tls.cert, tls.key)
        client.tls_set_context(context)  # type: ignore[arg-type]
        if config.user is not None:
            client.username_pw_set(config.user, secret(config.password_file))
        if config.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            client.connect(host, int(port), config.keepalive_s, clean_start=False, properties=properties)
        else:
            client.connect(host, int(port), config.keepalive_s)
        self._loop(client, time.monotonic() + READY_S)

    def _loop(self, client: paho.Client, deadline_s: float) -> None:
        wait_s = LOOP_S
        while not self.ended:
            code = client.loop(wait_s)
            ahead: object = client.socket()
            for _ in range(BURST):
                if code != paho.MQTT_ERR_SUCCESS or not isinstance(ahead, ReadAhead) or not ahead.pending():
                    break
                code = client.loop_read()
            if code != paho.MQTT_ERR_SUCCESS:
                self.ended = self.ended or paho.error_string(code)
                return
            if self._beaten and isinstance(ahead, ReadAhead) and not ahead.pending():
                self._beaten = False
                time.sleep(NAP_S)
            now_s = time.monotonic()
            wait_s = GATHER_S if self._beats and self._beats.hand_over(now_s) else LOOP_S
            if not self.ready and now_s > deadline_s:
                self.ended = f"not ready within {READY_S:.0f} s"
        client.disconnect()
        client.loop(0.0)

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
            client.subscribe(FILTERS if self._beats is None else [*FILTERS, HEARTBEATS])
            if self._beats is None:
                client.unsubscribe(HEARTBEATS[0])  # our session may be older than the ears

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
        payload = bytes(message.payload[: wire.MAX_BODY_BYTES + 1])  # enough to be refused for its length
        if self._beats and topic.endswith("/hb") and not (message.qos or message.retain):
            self._beats.add(topic, payload)
            self._beaten = True
            return
        if self._beats and topic.endswith(
            "/status"
        ):  # what was heard of a kiosk before its will must be taken in before it
            self._beats.hand_over(time.monotonic(), at_once=True)
        receipt = Receipt(self.number, message.mid) if message.qos else None
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


def _tune(_client: Any, _data: Any, sock: Any) -> None:
    """Without NODELAY an acknowledgement waits for the broker's delayed ACK: 41 ms (measured).

    And what waits in the kernel's buffer, by itself up to 6 MB, an alert stands behind: heartbeats that we
    cannot keep up with wait at the broker, which drops them.
    """
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    sock.setsockopt(SOL_SOCKET, SO_RCVBUF, WAITING_BYTES)
