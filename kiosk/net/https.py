"""The centre's HTTPS doors: an alert goes out, the centre's own words come back.

Owns which door is next and what counts as an answer. Never retries: that is the core's. Nothing but the
centre's Reply about the very alert is ever posted as one.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from kiosk import wire
from kiosk.bodies import Alert, Reply, Stage, Token
from kiosk.config import Https, Tls
from kiosk.messages import HttpsAnswered, HttpsFailed, LinkDown
from kiosk.net.call import Answered, Caller, Question, demand_ok
from kiosk.net.names import Names
from kiosk.ports import Post

T = TypeVar("T")
HOLD_S = 25  # a door holds a question that long, by contract; a shorter one would only ask more often


class Health(msgspec.Struct, frozen=True):
    """What a door says of the centre behind it."""

    core: bool


class RequestsDoor:
    """ports.HttpsDoor by requests.

    `trusted_utc_s` is the latest time that can be trusted (UTC seconds).
    """

    def __init__(
        self,
        config: Https,
        files: Tls,
        post: Post,
        *,
        trusted_utc_s: Callable[[], float] = time.time,
        names: Names | None = None,
        hold_s: int = HOLD_S,
    ) -> None:
        self._centres = config.centres
        self._deadline_s = config.deadline_s
        self._post = post
        self._caller = Caller(files, trusted_utc_s, names)
        self._hold_s = hold_s
        self._turn = 0
        self._closed = False

    def post(self, token: Token, body: Alert) -> None:
        """Post an alert; only the centre's own receipt for it is an answer."""
        question = Question(path="/v1/alerts", deadline_s=self._deadline_s, body=wire.encode(body))
        self._ask(token, question, lambda answer: (_about(body.alert_id, _parse(Reply, answer)),))

    def poll(self, token: Token, alert_id: str, after: Stage) -> None:
        """Ask for the stages after `after`; the door answers when there are some, or in the end with none."""
        path = f"/v1/alerts/{alert_id}/replies?after={after}&wait={self._hold_s}"
        question = Question(path=path, deadline_s=self._hold_s + self._deadline_s)

        def read(answer: Answered) -> tuple[Reply, ...]:
            return tuple(_about(alert_id, reply) for reply in _parse(list[Reply], answer))

        self._ask(token, question, read, held=True)

    def probe(self, token: Token) -> None:
        """Ask how the door is."""

        def read(answer: Answered) -> tuple[Reply, ...]:
            if not _parse(Health, answer).core:
                raise LinkDown("the door is there, the centre behind it is not")
            return ()

        self._ask(token, Question(path="/v1/health", deadline_s=self._deadline_s), read)

    def close(self) -> None:
        """Post nothing more; idempotent. No connection outlives its call."""
        self._closed = True

    def _ask(
        self,
        token: Token,
        question: Question,
        read: Callable[[Answered], tuple[Reply, ...]],
        *,
        held: bool = False,
    ) -> None:
        door = self._centres[self._turn % len(self._centres)]
        began_s = time.monotonic()
        event: HttpsAnswered | HttpsFailed
        try:
            replies = self._read(door, self._caller.call(door, question), read)
        except LinkDown as error:
            self._turn += 1
            event = HttpsFailed(token, f"{door}: {error}")
        else:
            rtt_ms = None if held else round((time.monotonic() - began_s) * 1000)
            event = HttpsAnswered(token=token, replies=replies, rtt_ms=rtt_ms, peer=door)
        if not self._closed:
            self._post(event)

    def _read(
        self, door: str, answer: Answered, read: Callable[[Answered], tuple[Reply, ...]]
    ) -> tuple[Reply, ...]:
        try:
            return read(answer)
        except LinkDown:
            self._caller.leave(door)  # another machine may stand behind the name's next address
            raise


def _about(alert_id: str, reply: Reply) -> Reply:
    if reply.alert_id != alert_id:
        raise LinkDown("an answer about another alert")
    return reply


def _parse(kind: type[T], answer: Answered) -> T:
    """Read an answer of status 200; raises LinkDown."""
    demand_ok(answer)
    value = wire.parse(kind, answer.body)
    if isinstance(value, wire.Rejected):
        raise LinkDown(f"an answer that cannot be used: {value.reason}")
    return value
