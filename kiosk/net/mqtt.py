"""The MQTT link over paho, one client per connection. The only file that imports paho.

paho is imported on the network thread, so after the button is armed. Nothing of its memory is trusted:
no reconnecting, no queue, no `is_connected()`, and never a second thread on its socket.
"""

import random
import select
import time
from collections.abc import Callable
from importlib import import_module
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import TYPE_CHECKING, Any

from kiosk import wire
from kiosk.bodies import Body, Token
from kiosk.config import Mqtt
from kiosk.messages import CertificateRead
from kiosk.net.credentials import Credentials
from kiosk.net.link import Supervisor
from kiosk.net.names import Resolve, system_resolve
from kiosk.net.outbox import Outbox
from kiosk.net.session import Limits, Session
from kiosk.ports import Post

if TYPE_CHECKING:
    import paho.mqtt.client as paho
    from paho.mqtt.reasoncodes import ReasonCode

SESSION_EXPIRY_S = 7 * 86400  # MQTT 5: how long the broker keeps our subscriptions and queued answers
MAX_PACKET_BYTES = 16384  # MQTT 5: what the broker may send at most; 3.1.1 has no such word
BEAT_EXPIRY_S = 90  # MQTT 5: an older heartbeat says nothing
UPKEEP_EVERY_S = 6 * 3600.0  # how often the certificate's remaining life is told
KEEPALIVE_PASSED = 0x8D  # MQTT 5 §3.14.2.1; paho gives it in 3.1.1 too, for its own verdict
LOG_ERROR = 0x08  # paho.mqtt.enums.LogLevel.MQTT_LOG_ERR


class PahoLink:
    """ports.MqttLink over paho-mqtt 2.

    `trusted_utc_s` is the latest time that can be trusted (UTC seconds): the larger of the clock, the
    build's time and the last good time saved.
    """

    def __init__(
        self,
        config: Mqtt,
        kiosk_id: str,
        version: str,
        post: Post,
        *,
        trusted_utc_s: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        resolve: Resolve = system_resolve,
        utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        limits: Limits | None = None,
    ) -> None:
        self._config = config
        self._credentials = Credentials(config, kiosk_id, trusted_utc_s)
        self._limits = limits or Limits()
        self._link = Supervisor(
            config,
            kiosk_id=kiosk_id,
            version=version,
            post=post,
            client=self._client,
            chance=chance,
            resolve=resolve,
            utc_ms=utc_ms,
            limits=self._limits,
        )

    def open(self, boot: int) -> None:
        """Begin to connect, and keep connecting, in the background; returns at once."""
        self._link.open(boot)

    def publish(self, token: Token, body: Body) -> None:
        """Publish now, or post PublishFailed when not connected; never queues, never blocks."""
        self._link.publish(token, body)

    def drop(self, reason: str) -> None:
        """Close the socket so that the link reconnects (to the next broker)."""
        self._link.drop(reason)

    def close(self) -> None:
        """Publish `stopped`, disconnect; idempotent; returns within 2 s."""
        self._link.close()

    def _client(self, session: Session, host: str, port: int) -> "PahoClient":
        """Make a client for one connection; raises OSError where a file cannot be used."""
        context = self._credentials.context(host, session.on_fault)
        client = PahoClient(session, self._config, self._credentials.kiosk_id, port, self._upkeep)
        client.paho.connect_timeout = self._limits.connect_s
        if context is not None:
            context.shake_s = self._limits.shake_s
            client.paho.tls_set_context(context)
        if self._config.user is not None:
            client.paho.username_pw_set(self._config.user, self._credentials.password())
        return client

    def _upkeep(self) -> None:
        own = self._credentials.own()
        if own is not None:
            self._link.post(CertificateRead(own.days_left, own.life_days))


def _no_delay(_client: Any, _userdata: Any, sock: Any) -> None:
    sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # else 41 ms: Nagle waits for the broker's delayed ACK


def _properties() -> tuple[Any, Any]:
    """Give the MQTT 5 properties of CONNECT and of a heartbeat."""
    packets = import_module("paho.mqtt.packettypes").PacketTypes
    properties = import_module("paho.mqtt.properties").Properties  # it has no types
    connecting, beat = properties(packets.CONNECT), properties(packets.PUBLISH)
    connecting.SessionExpiryInterval = SESSION_EXPIRY_S
    connecting.MaximumPacketSize = MAX_PACKET_BYTES
    beat.MessageExpiryInterval = BEAT_EXPIRY_S
    return connecting, beat


class PahoClient:
    """session.Client by paho; its callbacks only pass values on to the session."""

    def __init__(
        self, session: Session, config: Mqtt, kiosk_id: str, port: int, upkeep: Callable[[], None]
    ) -> None:
        import paho.mqtt.client as paho  # noqa: PLC0415  80 ms and 6 MB, not before the button is armed
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415  as above

        self._session = session
        self._config = config
        self._port = port
        self._upkeep = upkeep
        self._kept_s = float("-inf")
        self._pinged_s = 0.0
        five = config.protocol == "5"
        properties: tuple[Any, Any] = _properties() if five else (None, None)
        self._connecting, self._beat = properties
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=kiosk_id,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            clean_session=None if five else False,
            reconnect_on_failure=False,  # else paho itself downgrades a refused protocol
        )
        self.paho.will_set(wire.topic(kiosk_id, "status"), session.status("offline"), qos=1, retain=True)
        self._listen()

    def _listen(self) -> None:
        self.paho.on_socket_open = _no_delay
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = self._on_disconnect
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_publish = self._on_publish
        self.paho.on_message = self._on_message
        self.paho.on_log = self._on_log

    @property
    def keepalive_s(self) -> int:
        """The keepalive in force, which an MQTT 5 broker may have changed; 0 is none."""
        return self.paho.keepalive

    def dial(self, address: str) -> None:
        """Open the socket and send CONNECT; raises OSError."""
        every_s = self._config.keepalive_s
        self.paho.connect_async(address, self._port, every_s, clean_start=False, properties=self._connecting)
        self.paho.reconnect()

    def step(self, waker: Outbox, wait_s: float) -> bool:
        """Wait for the socket or the waker, then read and write; tells whether anything was read."""
        sock: Any = self.paho.socket()
        if sock is None:
            self._session.end("the connection closed")
            return False
        held = getattr(sock, "pending", int)()  # bytes that TLS has already taken off the socket
        writers = [sock] if self.paho.want_write() else []
        readable, writable, _ = select.select([sock, waker], writers, [], 0 if held else wait_s)
        if waker in readable:
            waker.drain()
        heard = bool(held or sock in readable) and self.paho.loop_read() == 0
        if writable:
            self.paho.loop_write()
        self.paho.loop_misc()
        if (now_s := time.monotonic()) - self._kept_s > UPKEEP_EVERY_S:
            self._kept_s = now_s
            self._upkeep()
        return heard

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        """Send a publish; gives its packet id; raises ValueError."""
        return self.paho.publish(topic, payload, qos, retain, self._beat if qos == 0 else None).mid

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """Ask for filters at QoS 1."""
        self.paho.subscribe([(name, 1) for name in filters])

    def disconnect(self) -> None:
        """Send DISCONNECT, so that the broker drops the will."""
        self.paho.disconnect()

    def abort(self) -> None:
        """Close the socket as it is, and part from paho: TLS's memory waits for no collector; idempotent."""
        sock = self.paho.socket()
        if sock is not None:
            sock.close()
        self.paho.on_connect = self.paho.on_disconnect = self.paho.on_subscribe = None
        self.paho.on_publish = self.paho.on_message = self.paho.on_log = None

    def _on_connect(self, _c: Any, _u: Any, _flags: Any, code: "ReasonCode", _p: Any) -> None:
        self._session.on_connected(str(code) if code.is_failure else "")

    def _on_disconnect(self, _c: Any, _u: Any, flags: Any, code: "ReasonCode", _p: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self._session.end(f"the broker disconnected ({code})")
        elif code.value == KEEPALIVE_PASSED:
            self._session.end("half open: nothing answered in time")
        else:
            self._session.end(f"the connection broke ({code})")

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, codes: "list[ReasonCode]", _p: Any) -> None:
        self._session.on_granted(tuple(code.value for code in codes))

    def _on_publish(self, _c: Any, _u: Any, mid: int, code: "ReasonCode", _p: Any) -> None:
        self._session.on_acknowledged(mid, code.value)

    def _on_message(self, _c: Any, _u: Any, message: "paho.MQTTMessage") -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = None
        self._session.on_message(topic, bytes(message.payload), retained=message.retain)

    def _on_log(self, _c: Any, _u: Any, level: int, text: str) -> None:
        """Learn what paho tells in no other public way: pings, and why a socket failed."""
        if text == "Sending PINGREQ":
            self._pinged_s = time.monotonic()
        elif text == "Received PINGRESP":
            self._session.on_pong(round((time.monotonic() - self._pinged_s) * 1000))
        elif level == LOG_ERROR:
            self._session.on_fault(text)
