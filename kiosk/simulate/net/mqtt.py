"""An MQTT client's connection as kiosk and centre drive it: dial, subscribe, prove itself alive, end. Pure.

The deadlines are those of the real drivers (`kiosk.net.session`, `kiosk.monitor.link`); what follows from an
end is the owner's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kiosk.simulate.dice import Dice
from kiosk.simulate.net.broker import Broker, Letter
from kiosk.simulate.net.pipe import Net, Pipe

KEEPALIVE_S = 10.0
CORRUPT_P = 0.5
TWICE_P = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one side waits: for a socket, for SUBACK, for any word at all."""

    connect_s: float = 5.0
    rise_s: float = 8.0
    silence_s: float = 1.5 * KEEPALIVE_S


class Owner(Protocol):
    """Whom a line belongs to."""

    def rose(self) -> None:
        """The line is up."""

    def fell(self, reason: str) -> None:
        """The line ended, or never began."""

    def heard(self, rtt_ms: int) -> None:
        """The broker answered."""

    def took(self, mid: int, code: int) -> None:
        """The broker acknowledged."""

    def came(self, letter: Letter) -> None:
        """A message came."""


class Line:
    """One client by its name; at most one connection at a time."""

    def __init__(
        self, net: Net, broker: Broker, owner: Owner, *, name: str, stretch: str, dice: Dice,
        wants: Callable[[str], bool], patience: Patience, five: bool = False,
    ) -> None:  # fmt: skip
        self._net = net
        self._broker = broker
        self._owner = owner
        self.name = name
        self.five = five
        self.keepalive_s = KEEPALIVE_S
        self.wants = wants
        self.will: tuple[str, bytes] = ("", b"")
        self._status: tuple[str, bytes] = ("", b"")
        self._stretch = stretch
        self._dice = dice
        self._patience = patience
        self._pipe: Pipe | None = None
        self._attempt = 0
        self._mid = 0
        self._heard_s = 0.0
        self.up = False

    # ---- the connection

    def dial(self, status: tuple[str, bytes], will: tuple[str, bytes]) -> None:
        """Begin one connection; the owner hears `rose` or `fell`."""
        self._attempt += 1
        attempt, agenda = self._attempt, self._net.agenda
        self._status, self.will = status, will
        if self._net.is_refused(self._stretch):
            agenda.after(self._dice.between(0.01, 0.2), lambda: self._give_up(attempt, "refused"))
        elif self._net.is_held(self._stretch, "mute") or self._net.is_held(self._stretch, "deaf"):
            agenda.after(self._patience.connect_s, lambda: self._give_up(attempt, "no answer"))
        else:
            pipe = self._net.connect(self._stretch, self._dice, lambda: self._give_up(attempt, "reset"))
            self._pipe, self._heard_s = pipe, agenda.now_s
            pipe.up(lambda: self._broker.connect(pipe, self))
            agenda.after(
                self._patience.rise_s, lambda: None if self.up else self._give_up(attempt, "no SUBACK")
            )
            agenda.after(KEEPALIVE_S, lambda: self._ping(pipe))
            agenda.after(self._patience.silence_s, lambda: self._judge(pipe, attempt))

    def _give_up(self, attempt: int, reason: str) -> None:
        if attempt == self._attempt:
            self.end()
            self._owner.fell(reason)

    def end(self, *, vanish: bool = False) -> None:
        """Let go of the connection; with `vanish` the broker is not told."""
        self._attempt += 1
        self.up = False
        pipe, self._pipe = self._pipe, None
        if pipe is not None and pipe.open:
            if vanish:
                pipe.vanish()
            else:
                pipe.hang_up()

    def leave(self, status: tuple[str, bytes]) -> None:
        """Say a last word and disconnect in order."""
        pipe = self._pipe
        if pipe is not None and self.up:
            self.publish(*status, qos=1, retain=True)
            pipe.up(lambda: self._broker.disconnect(pipe, self))
            pipe.hang_up(orderly=True)
            self._pipe = None
        self.end()

    def _ping(self, pipe: Pipe) -> None:
        if pipe.open:
            began_s = self._net.agenda.now_s
            pipe.up(lambda: self._broker.ping(pipe, self, began_s))
            self._net.agenda.after(KEEPALIVE_S, lambda: self._ping(pipe))

    def _judge(self, pipe: Pipe, attempt: int) -> None:
        if pipe is not self._pipe:
            return
        due_s = self._heard_s + self._patience.silence_s
        if self._net.agenda.now_s >= due_s:
            self._give_up(attempt, "half open")
        else:
            self._net.agenda.at(due_s, lambda: self._judge(pipe, attempt))

    # ---- what the broker says

    def on_connected(self, pipe: Pipe) -> None:
        """CONNACK: subscribe and tell the status."""
        if pipe is self._pipe:
            self._heard_s = self._net.agenda.now_s
            status = self._status
            pipe.up(lambda: self._broker.subscribe(pipe, self, status))

    def on_granted(self, pipe: Pipe) -> None:
        """SUBACK: the line is up."""
        if pipe is self._pipe and not self.up:
            self.up = True
            self._heard_s = self._net.agenda.now_s
            self._owner.rose()

    def on_letter(self, pipe: Pipe, letter: Letter) -> None:
        """PUBLISH."""
        if pipe is self._pipe:
            self._heard_s = self._net.agenda.now_s
            self._owner.came(self._worn(letter))

    def on_acknowledged(self, pipe: Pipe, mid: int, code: int) -> None:
        """PUBACK."""
        if pipe is self._pipe:
            self._heard_s = self._net.agenda.now_s
            self._owner.took(mid, code)

    def on_pong(self, pipe: Pipe, began_s: float) -> None:
        """PINGRESP."""
        if pipe is self._pipe:
            self._heard_s = self._net.agenda.now_s
            self._owner.heard(round((self._heard_s - began_s) * 1000))

    # ---- what goes out

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        """Publish; give the packet id (0 for QoS 0, or where the connection is gone)."""
        pipe = self._pipe
        if pipe is None:
            return 0
        if qos:
            self._mid = self._mid % 65_535 + 1
        letter = self._worn(Letter(topic, payload, packet=self._mid if qos else 0))
        copies = 2 if self._net.weather.has(self._stretch, "twice") and self._dice.yes(TWICE_P) else 1
        for _ in range(copies):
            pipe.up(lambda: self._broker.publish(pipe, self, letter, retain=retain), topic)
        return letter.packet

    def acknowledge(self, packet: int) -> None:
        """Acknowledge a message; 0 needs none."""
        pipe = self._pipe
        if pipe is not None and packet:
            pipe.up(lambda: self._broker.acknowledge(pipe, self, packet))

    def _worn(self, letter: Letter) -> Letter:
        """Give a message as a stretch that corrupts lets it through."""
        if not self._net.weather.has(self._stretch, "corrupt") or not self._dice.yes(CORRUPT_P):
            return letter
        return Letter(letter.topic, spoil(letter.payload, self._dice), letter.retained, letter.packet)


def spoil(payload: bytes, dice: Dice) -> bytes:
    """Cut a body short, break its UTF-8, or put something else in its place.

    Never into another body that can be read: TLS sees to that, and no law could hold against it.
    """
    way = dice.whole(0, 2)
    if way == 0 or not payload:
        return b"<html>sign in</html>"
    place = dice.whole(0, len(payload) - 1)
    if way == 1:
        return payload[:place]
    return payload[:place] + bytes([payload[place] ^ 0x80]) + payload[place + 1 :]
