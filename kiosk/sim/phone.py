"""A person's phone on the simulated network: what it received and how it answers.

Owns one number's inbox and answering policy; never knows the modem, only the way to send a text.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_CODE = re.compile(r"\bOK\s+(\d{3,8})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Hold one text in the inbox; `at_s` is monotonic."""

    text: str
    sender: str
    parts: int
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Say how a duty officer answers a text that asks `OK <code>`: accept, then perhaps set out.

    A text without a code is answered only by `fixed`. Times are seconds after the text arrives.
    """

    after_s: float = 0.5
    go_after_s: float | None = None
    accept: str = "OK {code}"
    set_out: str = "GO {code}"
    fixed: str | None = None

    def replies(self, text: str) -> list[tuple[float, str]]:
        """List (delay, reply) for a text that arrived."""
        if self.fixed is not None:
            return [(self.after_s, self.fixed)]
        found = _CODE.search(text)
        if found is None:
            return []
        code = found.group(1)
        replies = [(self.after_s, self.accept.format(code=code))]
        if self.go_after_s is not None:
            replies.append((self.go_after_s, self.set_out.format(code=code)))
        return replies


Carry = Callable[[str, str, float], None]
"""Carry a text to the kiosk: (from number, text, delay in seconds)."""


@dataclass(slots=True)
class Phone:
    """Be a handset: keep what arrives, answer by policy, call `on_text` for each arrival.

    `on_text` runs on the simulator's thread and must not block. `reachable` False is a phone switched off.
    """

    number: str
    answer: Answer | None = field(default=None, kw_only=True)
    on_text: Callable[[Received], None] | None = field(default=None, kw_only=True)
    reachable: bool = field(default=True, kw_only=True)
    _inbox: list[Received] = field(default_factory=list, init=False)
    _arrived: threading.Condition = field(default_factory=threading.Condition, init=False)
    _carry: Carry | None = field(default=None, init=False)

    def join(self, carry: Carry) -> None:
        """Connect to a network, which gives the way to send."""
        self._carry = carry

    def receive(self, text: str, *, sender: str, parts: int) -> None:
        """Take in a text from the network and answer it by policy."""
        arrived = Received(text=text, sender=sender, parts=parts, at_s=time.monotonic())
        with self._arrived:
            self._inbox.append(arrived)
            self._arrived.notify_all()
        if self.on_text is not None:
            self.on_text(arrived)
        for delay_s, reply in self.answer.replies(text) if self.answer else []:
            self.send(reply, after_s=delay_s)

    def send(self, text: str, *, after_s: float = 0.0) -> None:
        """Send a text to the kiosk, now or later; without a network nothing happens."""
        if self._carry is not None:
            self._carry(self.number, text, after_s)

    def inbox(self) -> list[Received]:
        """List what has arrived, oldest first."""
        with self._arrived:
            return list(self._inbox)

    def wait(self, count: int = 1, *, timeout_s: float) -> list[Received]:
        """Wait until `count` texts are there, or the time is over; list what has arrived."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._inbox) >= count, timeout_s)
            return list(self._inbox)
