"""Keeps the centre connected: dial, serve, rest, and again with the next broker.

Owns the network thread. It publishes only while the link is ready, and never an old acknowledgement on a new
connection: the packet ids of a connection mean nothing on the next one.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from kiosk.monitor.config import Mqtt
from kiosk.monitor.intake import Heard
from kiosk.monitor.messages import LinkFell, LinkRose, Receipt, ReplyTaken

LOG = logging.getLogger(__name__)
FIRST_REST_S, LONGEST_REST_S = 0.25, 10.0  # paho's own back-off grows to 120 s (pitfall 8)
STABLE_S = 10.0  # a connection that lived this long was a good one: the next rest is short again
CLOSE_S = 2.0
GATHER_S = 0.05  # heartbeats that come within it are taken in together
PART = 100  # heartbeats in one turn: some 3 ms
WAITING_MAX = 250_000  # topics; more than kiosks that one centre may know


@dataclass(frozen=True, slots=True)
class Settled:
    """The broker took what was published as this packet of this connection."""

    connection: int
    packet: int


@dataclass(frozen=True, slots=True)
class BeatsWaiting:
    """Heartbeats wait to be taken from `Beats`."""


Post = Callable[[Heard | LinkRose | LinkFell | Settled | BeatsWaiting], None]


class Beats:
    """Heartbeats on their way from the network's thread to the owner's, the newest of each kiosk.

    They never queue up: while the owner is busy newer ones take the place of older ones, so that a stalled
    disk fills no memory, and two in one moment cost as much as one.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[bytes, int]] = {}
        self._since_s = 0.0
        self._told = False
        self._taken: Iterator[tuple[str, tuple[bytes, int]]] = iter(())

    def add(self, topic: str, payload: bytes, before: int = 0) -> None:
        """Let one wait that stands for `before` older ones too; `hand_over` tells the owner."""
        with self._lock:
            known = self._waiting.get(topic)
            if known is not None:
                self._waiting[topic] = (payload, known[1] + 1 + before)
            elif len(self._waiting) < WAITING_MAX:
                self._waiting[topic] = (payload, before)

    def hand_over(self, now_s: float, *, at_once: bool = False) -> bool:
        """Tell the owner once that some wait, after GATHER_S or at once; True while it is yet to be told."""
        if self._told or not self._waiting:
            self._since_s = now_s
            return False
        if at_once or now_s - self._since_s >= GATHER_S:
            self._told = True
            self._post(BeatsWaiting())
            return False
        return True

    def take(self) -> dict[str, tuple[bytes, int]]:
        """Give topic -> (newest payload, how many before it) of some, and say that more wait if they do.

        Only so many at a time: an alert that comes meanwhile stands behind a part, not behind a storm.
        """
        part = dict(islice(self._taken, PART))
        if not part:
            with self._lock:
                taken, self._waiting = self._waiting, {}
                self._told = False
            self._taken = iter(taken.items())
            part = dict(islice(self._taken, PART))
        if len(part) == PART:
            self._post(BeatsWaiting())
        return part


class Session(Protocol):
    """One connection."""

    number: int
    ready: bool

    def run(self, broker: str) -> str:
        """Serve until the end and give its reason; raises OSError where it cannot begin."""

    def send(self, topic: str, payload: bytes) -> int:
        """Publish with QoS 1; gives the packet id."""

    def acknowledge(self, packet: int) -> None:
        """Acknowledge one message."""

    def announce(self, *, on_duty: bool) -> None:
        """Publish our presence."""

    def stop(self) -> None:
        """Say `stopped` and end."""


MakeSession = Callable[[int], Session]


class Uplink:
    """Every method but `open`'s thread belongs to the owner's one thread."""

    def __init__(self, config: Mqtt, make: MakeSession, post: Post) -> None:
        self._brokers = config.brokers
        self._make = make
        self._post = post
        self._session: Session | None = None
        self._sent: dict[Settled, ReplyTaken] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def open(self) -> None:
        """Begin to connect, and keep connecting, in the background."""
        self._thread.start()

    def send(self, topic: str, payload: bytes, taken: ReplyTaken | None = None) -> None:
        """Publish if connected, else drop it; `settled` gives `taken` back when the broker has it."""
        session = self._session
        if session is None or not session.ready:
            return
        packet = session.send(topic, payload)
        if taken is not None:
            self._sent[Settled(session.number, packet)] = taken

    def settled(self, settled: Settled) -> ReplyTaken | None:
        """Tell what a packet was that the broker took."""
        return self._sent.pop(settled, None)

    def acknowledge(self, receipt: Receipt) -> None:
        """Acknowledge a message, unless its connection is gone and the broker will deliver it again."""
        session = self._session
        if session is not None and session.number == receipt.connection:
            session.acknowledge(receipt.packet)

    def announce(self, *, on_duty: bool) -> None:
        """Say whether the centre can answer, if connected."""
        session = self._session
        if session is not None:
            session.announce(on_duty=on_duty)

    def forget(self) -> None:
        """Forget what was on its way over an earlier connection."""
        self._sent.clear()

    def close(self) -> None:
        """Say `stopped`, disconnect; idempotent; returns within 4 s."""
        self._closing.set()
        session = self._session
        if session is not None:
            session.stop()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        number, rest_s = 0, FIRST_REST_S
        while not self._closing.is_set():
            number += 1
            began_s = time.monotonic()
            reason = self._serve(number, self._brokers[(number - 1) % len(self._brokers)])
            if self._closing.is_set():
                return
            self._post(LinkFell(reason))
            good = time.monotonic() - began_s >= STABLE_S
            rest_s = FIRST_REST_S if good else min(rest_s * 2, LONGEST_REST_S)
            self._closing.wait(rest_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects, no secret

    def _serve(self, number: int, broker: str) -> str:
        """Serve one connection; gives why it ended."""
        try:
            self._session = self._make(number)
            return f"{broker}: {self._session.run(broker)}"
        except OSError as error:
            return f"{broker}: {error}"[:200]
        except Exception as error:  # a bug of ours or paho's, or a host such as `a..b`: the link goes on
            LOG.exception("uplink broker=%s session=failed", broker)
            return f"{broker}: unexpected {type(error).__name__}"
        finally:
            self._session = None
