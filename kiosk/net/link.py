"""Keeps one MQTT link going: dial, serve, rest, and again with the next broker, whatever happens.

Owns the network thread and the rest between attempts. Never publishes without a connection and never
keeps a publish for later: the core sends again.
"""

import logging
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address

from kiosk import wire
from kiosk.bodies import Alert, Body, Heartbeat, Token
from kiosk.config import Mqtt
from kiosk.messages import KioskEvent, LinkDown, LinkFell, PublishFailed
from kiosk.net.client import Client
from kiosk.net.inbox import Inbox
from kiosk.net.names import Names, Resolve
from kiosk.net.outbox import Outbox, Parcel, Weight
from kiosk.net.session import Bearings, Limits, Session
from kiosk.net.turns import SHORTEST_S, Turns
from kiosk.ports import Post

log = logging.getLogger(__name__)

MakeClient = Callable[[Session, str, int], Client]
CLOSE_S = 1.8  # the port promises 2 s


class Supervisor:
    """One network thread that no exception ends, and that is started again should it die all the same."""

    def __init__(
        self,
        config: Mqtt,
        *,
        kiosk_id: str,
        version: str,
        post: Post,
        client: MakeClient,
        chance: Callable[[], float],
        resolve: Resolve,
        utc_ms: Callable[[], int],
        limits: Limits,
    ) -> None:
        self._config = config
        self._kiosk_id = kiosk_id
        self._version = version
        self._tell = post
        self._client = client
        self._utc_ms = utc_ms
        self._limits = limits
        self._turns = Turns(config.brokers, chance)
        self._names = Names(resolve, deadline_s=limits.resolve_s)
        self._inbox = Inbox(kiosk_id)
        self._outbox = Outbox()
        self._closing = threading.Event()
        self._kicked = threading.Event()
        self._silent = False
        self._boot = 0
        self._conn = 0
        self._session: Session | None = None
        self._thread: threading.Thread | None = None

    def open(self, boot: int) -> None:
        """Start the thread, or cut its rest short; returns at once."""
        self._boot = self._boot or boot
        self._kicked.set()
        self._start()

    def publish(self, token: Token, body: Body) -> None:
        """Hand a body to the network thread, or post PublishFailed."""
        if self._thread is not None:
            self._start()  # should it have died, in spite of everything
        topic, _ = wire.topic_of(self._kiosk_id, body)
        try:
            payload = wire.encode(body)
        except ValueError as error:  # a lone surrogate, as the system's own error texts may hold
            self.post(PublishFailed(token, f"the body cannot be written: {type(error).__name__}"))
            return
        parcel = Parcel(token=token, topic=topic, payload=payload, weight=_weight(body))
        refusal = "the body is too long" if len(parcel.payload) > wire.MAX_BODY_BYTES else ""
        refusal = refusal or self._outbox.put(parcel)
        if refusal:
            self.post(PublishFailed(token, refusal))
            if isinstance(body, Alert):
                self._kicked.set()  # somebody needs help: rest no longer

    def drop(self, reason: str) -> None:
        """End the session under way, if any."""
        session = self._session
        if session is not None:
            session.end(reason)
            self._outbox.wake()

    def close(self) -> None:
        """Let the session end in order; returns within 2 s even while DNS or a broker hangs."""
        self._closing.set()
        self._kicked.set()
        self._outbox.wake()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        self._silent = True
        if self._thread is None or not self._thread.is_alive():
            self._outbox.close()

    def post(self, event: KioskEvent) -> None:
        """Post an event, but none after `close` has returned; what the taker raises stays here."""
        if self._silent:
            return
        try:
            self._tell(event)
        except Exception:
            log.exception("event=mqtt_post_failed kind=%s", type(event).__name__)

    def _start(self) -> None:
        if self._closing.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        for parcel in self._outbox.shut():
            self.post(PublishFailed(parcel.token, "the network thread died"))
        self._thread = threading.Thread(target=self._run, name="mqtt-link", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                reason, stable = self._attempt()
                if self._closing.is_set():
                    break
                self.post(LinkFell("mqtt", reason))
                self._rest(self._turns.lost(stable=stable))
        finally:
            if self._closing.is_set():
                self._outbox.close()  # `close` may have gone long since

    def _attempt(self) -> tuple[str, bool]:
        """Serve one connection; gives why it ended, and whether it had been a good one."""
        host, port = self._turns.take()
        self._conn += 1
        session = Session(self._bearings(), peer=f"{host}:{port}", conn=self._conn)
        self._session = session
        try:
            client = self._client(session, host, port)
            try:
                session.run(client, self._address(host, port))
            finally:
                client.abort()
            reason = session.ended
        except OSError as error:
            reason = f"{host}:{port}: {error}"[:200]
        except Exception as error:  # a bug of ours or paho's, or a name such as `a..b`: the link goes on
            log.exception("event=mqtt_session_failed broker=%s:%d", host, port)
            reason = f"{host}:{port}: unexpected {type(error).__name__}"
        finally:
            self._session = None
        rose_s = session.rose_s
        return reason, rose_s is not None and time.monotonic() - rose_s >= self._limits.stable_s

    def _address(self, host: str, port: int) -> str:
        addresses = self._names.addresses(host, port)
        address = addresses[self._turns.round % len(addresses)]
        if self._config.tls is None and not ip_address(address.partition("%")[0]).is_loopback:
            raise LinkDown("without TLS only a broker on this machine is allowed: configure mqtt.tls")
        return address

    def _bearings(self) -> Bearings:
        return Bearings(
            kiosk_id=self._kiosk_id,
            version=self._version,
            boot=self._boot,
            post=self.post,
            outbox=self._outbox,
            inbox=self._inbox,
            limits=self._limits,
            closing=self._closing,
            utc_ms=self._utc_ms,
        )

    def _rest(self, rest_s: float) -> None:
        self._closing.wait(SHORTEST_S)
        self._kicked.wait(max(0.0, rest_s - SHORTEST_S))
        self._kicked.clear()


def _weight(body: Body) -> Weight:
    if isinstance(body, Alert):
        return "alert"
    return "beat" if isinstance(body, Heartbeat) else "event"
