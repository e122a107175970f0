"""One MQTT connection's life: subscribe, tell the status, carry publishes, prove itself alive, end.

Knows no MQTT library: a `Client` does the packets. Runs on the network thread only; every deadline of a
connection is judged here. Never reconnects: that is the link's.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kiosk import wire
from kiosk.bodies import Status, StatusState, Token
from kiosk.messages import LinkHeard, LinkRose, Published, PublishFailed
from kiosk.net.client import Client
from kiosk.net.inbox import Inbox
from kiosk.net.outbox import ROOM, Outbox, Parcel
from kiosk.net.unanswered import MUTE_S, Unanswered
from kiosk.ports import Post

REFUSED = 0x80  # MQTT 3.1.1 §3.9.3 and MQTT 5 §2.4: reason codes from here on are failures
TELL_EVERY_S = 4.0  # the shortest keepalive: a link that is heard says so at least that often


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines of the link, in seconds; `stable_s` is when a connection counts as a good one.

    Dialling ends within `connect_s` for TCP and `shake_s` for TLS, in which no wait exceeds `connect_s`; only
    then can `drop` and `close` reach the session, and its time to rise begins.
    """

    resolve_s: float = 3.0
    connect_s: float = 5.0
    shake_s: float = 25.0
    rise_s: float = 8.0
    ack_s: float = 5.0
    mute_s: float = MUTE_S
    stop_s: float = 1.0
    stable_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearings:
    """What every session of one link shares."""

    kiosk_id: str
    version: str
    boot: int
    post: Post
    outbox: Outbox
    inbox: Inbox
    limits: Limits
    closing: threading.Event
    utc_ms: Callable[[], int]
    now_s: Callable[[], float] = time.monotonic


class Session:
    """One connection, from its first packet to its end."""

    def __init__(self, bearings: Bearings, *, peer: str, conn: int) -> None:
        self._b = bearings
        self._peer = peer
        self._conn = conn
        self._born_s = self._heard_s = self._told_s = self._b.now_s()
        self._connected = False
        self._grants: tuple[int, ...] | None = None
        self._subscriptions = 0
        self._subscribe_at_s = self._born_s
        self._status_mid = 0
        self._status_acked = False
        self._status_rtt_ms = 0
        self._unanswered = Unanswered()
        self._stopping_s: float | None = None
        self._fault = ""
        self.rose_s: float | None = None
        self.ended = ""

    def status(self, state: StatusState) -> bytes:
        """Write the presence of this connection's epoch."""
        moment = wire.utc_text(self._b.utc_ms())
        b = self._b
        return wire.encode(
            Status(state=state, boot=b.boot, conn=self._conn, at=moment, version=b.version[:60])
        )

    def run(self, client: Client, address: str) -> None:
        """Serve the connection until it ends; raises OSError where it cannot be opened."""
        try:
            client.dial(address)
            self._born_s = self._heard_s = self._b.now_s()
            while not self.ended:
                wait_s = 1.0 if self.rose_s is not None and not self._unanswered else 0.1
                if client.step(self._b.outbox, wait_s):
                    self._hear(self._b.now_s(), None)
                if not self.ended:
                    self._steer(client, self._b.now_s())
        finally:
            client.abort()
            refused = [parcel.token for parcel in self._b.outbox.shut()]
            for token in (*self._unanswered.abandon(), *refused):
                self._fail(token, "the connection was lost")

    def end(self, reason: str) -> None:
        """End the session; the first reason counts."""
        if not self.ended:
            self.ended = (f"{reason}: {self._fault}" if self._fault else reason)[:200]

    # ---- what the client tells

    def on_connected(self, refusal: str) -> None:
        """CONNACK: an empty `refusal` means connected."""
        self._connected = not refusal
        if refusal:
            self.end(f"the broker refused: {refusal}")

    def on_granted(self, codes: tuple[int, ...]) -> None:
        """SUBACK with its codes."""
        self._grants = codes

    def on_acknowledged(self, mid: int, code: int) -> None:
        """PUBACK of a packet (also told for a QoS 0 packet once written, which is not ours to count)."""
        now_s = self._b.now_s()
        answer = self._unanswered.answer(mid, now_s)
        if answer is None:
            return
        token, rtt_ms = answer
        if token:
            self._b.post(Published(token=token, code=code))
        elif mid == self._status_mid:
            self._status_acked, self._status_rtt_ms = code < REFUSED, rtt_ms
            if code >= REFUSED:
                self.end(f"the broker does not let this kiosk tell its status (0x{code:02x})")
        self._hear(now_s, rtt_ms)

    def on_pong(self, rtt_ms: int) -> None:
        """PINGRESP."""
        self._hear(self._b.now_s(), rtt_ms)

    def on_message(self, topic: str | None, payload: bytes, *, retained: bool) -> None:
        """PUBLISH; a None topic could not be read."""
        now_s = self._b.now_s()
        event = self._b.inbox.read(topic, payload, retained=retained, now_s=now_s)
        if event is not None:
            self._b.post(event)

    def on_fault(self, text: str) -> None:
        """Say more about an end that comes; the first that is said counts."""
        self._fault = self._fault or text[:120]

    # ---- steps

    def _steer(self, client: Client, now_s: float) -> None:
        if self._b.closing.is_set():
            self._stop(client, now_s)
        elif self._connected and self.rose_s is None:
            self._rise(client, now_s)
        for parcel in self._b.outbox.take():
            self._send(client, parcel, now_s)
        self._judge(client, now_s)

    def _rise(self, client: Client, now_s: float) -> None:
        """Subscribe and tell the status at once; be up when both are answered."""
        if not self._status_mid:
            topic = wire.topic(self._b.kiosk_id, "status")
            self._status_mid = client.publish(topic, self.status("online"), qos=1, retain=True)
            self._unanswered.add(self._status_mid, None, now_s)
        if self._grants is not None and max(self._grants, default=REFUSED) >= REFUSED:
            self._grants, self._subscribe_at_s = None, now_s + 0.25 * 2**self._subscriptions
            self._fault = "the broker refuses the subscriptions"
        if now_s >= self._subscribe_at_s:
            self._subscribe_at_s = float("inf")
            self._subscriptions += 1
            own = wire.topic(self._b.kiosk_id, "ack", "+"), wire.topic(self._b.kiosk_id, "cmd", "+")
            client.subscribe((*own, wire.monitor_topic("+")))
        if self._grants is not None and self._status_acked:
            self._fault = ""
            self.rose_s = now_s
            self._b.outbox.open()
            self._b.post(LinkRose("mqtt", self._peer))
            self._hear(now_s, self._status_rtt_ms)

    def _send(self, client: Client, parcel: Parcel, now_s: float) -> None:
        if len(self._unanswered) >= ROOM[parcel.weight]:
            self._fail(parcel.token, f"{len(self._unanswered)} publishes are unanswered")
            return
        try:
            if parcel.weight == "beat":
                client.publish(parcel.topic, parcel.payload, qos=0)
            else:
                mid = client.publish(parcel.topic, parcel.payload, qos=1)
                self._unanswered.add(mid, parcel.token, now_s)
        except ValueError as error:
            self._fail(parcel.token, f"not publishable: {error}")

    def _judge(self, client: Client, now_s: float) -> None:
        for token in self._unanswered.overdue(now_s, self._b.limits.ack_s):
            self._fail(token, f"no PUBACK within {self._b.limits.ack_s:g} s")
        silent_s = now_s - self._heard_s
        if self.rose_s is None and now_s - self._born_s > self._b.limits.rise_s:
            stage = "SUBACK and PUBACK" if self._connected else "CONNACK"
            self.end(f"no {stage} within {self._b.limits.rise_s:g} s")
        elif self._unanswered.waited_s(now_s) > self._b.limits.mute_s:
            self.end(f"no PUBACK for {self._b.limits.mute_s:g} s")
        elif client.keepalive_s and silent_s > 1.5 * client.keepalive_s:
            self.end(f"half open: nothing heard for {silent_s:.1f} s")

    def _stop(self, client: Client, now_s: float) -> None:
        """Tell `stopped`, wait a moment for its PUBACK, then disconnect in order."""
        if self._stopping_s is None and self._connected:
            self._stopping_s, self._status_acked = now_s, False
            for parcel in self._b.outbox.shut():
                self._fail(parcel.token, "the kiosk is stopping")
            topic = wire.topic(self._b.kiosk_id, "status")
            self._status_mid = client.publish(topic, self.status("stopped"), qos=1, retain=True)
            self._unanswered.add(self._status_mid, None, now_s)
        elif (
            self._stopping_s is None or self._status_acked or now_s - self._stopping_s > self._b.limits.stop_s
        ):
            client.disconnect()
            self.end("stopped")

    def _hear(self, now_s: float, rtt_ms: int | None) -> None:
        self._heard_s = now_s
        if self.rose_s is not None and (rtt_ms is not None or now_s - self._told_s > TELL_EVERY_S):
            self._told_s = now_s
            self._b.post(LinkHeard(link="mqtt", at_s=now_s, rtt_ms=rtt_ms))

    def _fail(self, token: Token, reason: str) -> None:
        self._b.post(PublishFailed(token, reason))
