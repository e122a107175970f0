"""The kiosk's HTTPS worker behind its port, and the way to a door. Pure.

Faults of `https:<who>`: `cut`, `hang`, `deaf` (the request arrives, its answer does not), `slow`, `lie` (it
is about another alert), `corrupt`, `portal` (a stranger's page with status 200). Of `door:<monitor>`: `down`,
`hang`.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from kiosk import wire
from kiosk.bodies import Alert, Reply, Stage, Token
from kiosk.messages import HttpsAnswered, HttpsFailed, KioskEvent
from kiosk.simulate.agenda import Agenda, Do
from kiosk.simulate.dice import Dice
from kiosk.simulate.net.mqtt import spoil
from kiosk.simulate.weather import Weather

HOLD_S = 25.0
LATENCY_S = (0.02, 0.2)
Answer = Callable[[bytes | None], None]  # the body of status 200, None for any other status


class Door(Protocol):
    """One monitor's door: what the kiosk's calls reach."""

    name: str

    def deliver(self, body: bytes, peer: str, answer: Answer) -> None:
        """`POST /v1/alerts`."""

    def ask(self, alert_id: str, after: str, peer: str, answer: Answer) -> None:
        """`GET /v1/alerts/<id>/replies`, held for at most `HOLD_S`."""

    def health(self, answer: Answer) -> None:
        """`GET /v1/health`."""


class HttpsWorker:
    """One of the kiosk's two workers: one call at a time, each with a total deadline."""

    def __init__(
        self, agenda: Agenda, weather: Weather, post: Callable[[KioskEvent], None], *, doors: Sequence[Door],
        peer: str, stretch: str, dice: Dice, deadline_s: float,
    ) -> None:  # fmt: skip
        self._agenda = agenda
        self._weather = weather
        self._post = post
        self._doors = doors
        self._peer = peer
        self._stretch = stretch
        self._dice = dice
        self._deadline_s = deadline_s
        self._turn = 0
        self._alive = True
        self._busy = False
        self._jobs: list[tuple[str, Do]] = []

    def die(self) -> None:
        """End with the process."""
        self._alive = False

    def post(self, token: Token, body: Alert) -> None:
        """Post an alert."""
        payload = wire.encode(body)

        def read(answer: bytes) -> tuple[Reply, ...] | None:
            reply = wire.parse(Reply, answer)
            return None if isinstance(reply, wire.Rejected) or reply.alert_id != body.alert_id else (reply,)

        def go(door: Door, answer: Answer) -> None:
            door.deliver(payload, self._peer, answer)

        self._submit("", token, self._deadline_s, go, read)

    def poll(self, token: Token, alert_id: str, after: Stage) -> None:
        """Ask for the stages after `after`."""

        def read(answer: bytes) -> tuple[Reply, ...] | None:
            replies = wire.parse(list[Reply], answer)
            if isinstance(replies, wire.Rejected) or any(reply.alert_id != alert_id for reply in replies):
                return None
            return tuple(replies)

        def go(door: Door, answer: Answer) -> None:
            door.ask(alert_id, after, self._peer, answer)

        self._submit("poll", token, HOLD_S + self._deadline_s, go, read)

    def probe(self, token: Token) -> None:
        """Ask how a door is."""
        self._submit("probe", token, self._deadline_s, lambda door, answer: door.health(answer), lambda _: ())

    # ---- one call after the other

    def _submit(
        self, newest: str, token: Token, deadline_s: float, go: Callable[[Door, Answer], None],
        read: Callable[[bytes], tuple[Reply, ...] | None],
    ) -> None:  # fmt: skip
        if newest:
            self._jobs = [job for job in self._jobs if job[0] != newest]
        self._jobs.append((newest, lambda: self._call(token, deadline_s, go, read)))
        self._next()

    def _next(self) -> None:
        if self._alive and not self._busy and self._jobs:
            self._busy = True
            self._jobs.pop(0)[1]()

    def _has(self, how: str) -> bool:
        return self._weather.has(self._stretch, how)

    def _call(
        self, token: Token, deadline_s: float, go: Callable[[Door, Answer], None],
        read: Callable[[bytes], tuple[Reply, ...] | None],
    ) -> None:  # fmt: skip
        door = self._doors[self._turn % len(self._doors)]
        began_s, over = self._agenda.now_s, [False]

        def end(event: KioskEvent) -> None:
            if over[0] or not self._alive:
                return
            over[0] = True
            self._turn += isinstance(event, HttpsFailed)
            self._busy = False
            self._post(event)
            self._next()

        def answered(body: bytes | None) -> None:
            replies = read(body) if body is not None else None
            if replies is None:
                end(HttpsFailed(token, f"{door.name}: no answer that can be used"))
            else:
                rtt_ms = round((self._agenda.now_s - began_s) * 1000)
                end(HttpsAnswered(token=token, replies=replies, rtt_ms=rtt_ms, peer=door.name))

        self._agenda.after(
            deadline_s, lambda: end(HttpsFailed(token, f"{door.name}: no whole answer in time"))
        )
        if self._has("cut") or self._weather.has(f"door:{door.name}", "down"):
            self._agenda.after(0.05, lambda: end(HttpsFailed(token, f"{door.name}: refused")))
        elif not (self._has("hang") or self._weather.has(f"door:{door.name}", "hang")):
            self._agenda.after(self._latency_s(), lambda: self._reach(door, go, answered))

    def _reach(self, door: Door, go: Callable[[Door, Answer], None], answered: Answer) -> None:
        if self._has("portal"):
            self._back(b"<html>sign in</html>", answered)
        elif self._has("lie") and self._dice.yes(0.5):
            lie = Reply(alert_id="01NOBODY", stage="closed", at="2026-11-21T10:00:00Z")
            self._back(wire.encode(lie), answered)
        else:
            go(door, lambda body: self._back(body, answered))

    def _back(self, body: bytes | None, answered: Answer) -> None:
        if self._has("deaf") or self._has("hang"):
            return
        if body is not None and self._has("corrupt") and self._dice.yes(0.5):
            body = spoil(body, self._dice)
        self._agenda.after(self._latency_s(), lambda: answered(body))

    def _latency_s(self) -> float:
        return self._dice.between(*LATENCY_S) + (self._dice.between(0.5, 6.0) if self._has("slow") else 0.0)
