"""The centre's MQTT connection: dial, serve, rest; acknowledgements wait until the core gives them. Pure.

It stands where `kiosk.monitor.uplink` and `kiosk.monitor.link` stand on a real one.
"""

from collections.abc import Callable
from functools import lru_cache

from kiosk import wire
from kiosk.bodies import MonitorStatus, StatusState
from kiosk.monitor.intake import Heard
from kiosk.monitor.messages import LinkFell, LinkRose, Receipt, ReplyTaken
from kiosk.simulate.dice import Dice
from kiosk.simulate.net.broker import Broker, Letter
from kiosk.simulate.net.mqtt import KEEPALIVE_S, Line, Patience
from kiosk.simulate.net.pipe import Net

FIRST_REST_S, LONGEST_REST_S = 0.25, 10.0
STABLE_S = 10.0
LEAVES = frozenset({"alert", "status", "event", "cmdres", "hb"})
Post = Callable[[Heard | LinkRose | LinkFell | ReplyTaken], None]


class Uplink:
    """One monitor's connection for one life of its process."""

    def __init__(
        self, net: Net, broker: Broker, post: Post, *, name: str, stretch: str, boot: int, dice: Dice,
        utc_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._agenda = net.agenda
        self._post = post
        self._name = name
        self._boot = boot
        self._dice = dice
        self._utc_ms = utc_ms
        self._patience = Patience(connect_s=5.0, rise_s=10.0, silence_s=2 * KEEPALIVE_S)
        self._line = Line(
            net, broker, self, name=name, stretch=stretch, dice=dice, wants=_wants, patience=self._patience
        )
        self._number = 0
        self._rest_s = FIRST_REST_S
        self._rose_s = 0.0
        self._sent: dict[int, ReplyTaken] = {}
        self._alive = True

    def open(self) -> None:
        """Begin to connect."""
        self._dial()

    def close(self, *, vanish: bool) -> None:
        """End with the process; `vanish` tells nobody."""
        self._alive = False
        self._line.end(vanish=vanish)

    def _presence(self, state: StatusState, *, on_duty: bool = False) -> tuple[str, bytes]:
        at = wire.utc_text(self._utc_ms())
        body = MonitorStatus(state=state, boot=self._boot, conn=self._number, at=at, on_duty=on_duty)
        return wire.monitor_topic(self._name), wire.encode(body)

    def _dial(self) -> None:
        if self._alive:
            self._number += 1
            will = self._presence("offline")
            # A first word as the fleet gives it follows at once; this one only keeps the line's own shape.
            self._line.dial(will, will)

    # ---- the line

    def rose(self) -> None:
        """SUBACK came."""
        self._rose_s = self._agenda.now_s
        self._sent.clear()
        self._post(LinkRose("broker"))

    def fell(self, reason: str) -> None:
        """The connection ended."""
        if not self._alive:
            return
        good = self._rose_s > 0 and self._agenda.now_s - self._rose_s >= STABLE_S
        self._rose_s = 0.0
        self._sent.clear()
        self._post(LinkFell(reason))
        self._rest_s = FIRST_REST_S if good else min(self._rest_s * 2, LONGEST_REST_S)
        self._agenda.after(self._rest_s * self._dice.between(0.5, 1.0), self._dial)

    def heard(self, rtt_ms: int) -> None:
        """The broker answered a ping."""

    def took(self, mid: int, code: int) -> None:
        """The broker took what we published."""
        taken = self._sent.pop(mid, None)
        if taken is not None and code < 0x80:
            self._post(taken)

    def came(self, letter: Letter) -> None:
        """A message came; it is acknowledged when the core says so."""
        receipt = Receipt(self._number, letter.packet) if letter.packet else None
        self._post(Heard(letter.topic, letter.payload[: wire.MAX_BODY_BYTES + 1], letter.retained, receipt))

    # ---- what the core asks

    def send(self, topic: str, payload: bytes, taken: ReplyTaken | None = None) -> None:
        """Publish if connected, else drop it."""
        if self._line.up:
            mid = self._line.publish(topic, payload, qos=1)
            if taken is not None:
                self._sent[mid] = taken

    def acknowledge(self, receipt: Receipt) -> None:
        """Acknowledge a message, unless its connection is gone."""
        if receipt.connection == self._number:
            self._line.acknowledge(receipt.packet)

    def announce(self, *, on_duty: bool) -> None:
        """Say whether the centre can answer."""
        if self._line.up:
            self._line.publish(*self._presence("online", on_duty=on_duty), qos=1, retain=True)


@lru_cache(maxsize=1024)
def _wants(topic: str) -> bool:
    parts = topic.split("/")
    return len(parts) >= 5 and parts[2] == "k" and parts[4] in LEAVES
