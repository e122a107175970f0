"""One HTTPS call by requests: our CA only, our dates, one total deadline, a bounded answer.

Knows nothing of what is said. Never follows a redirect, never reads a proxy, a netrc or the system's store:
it uses requests' adapter alone, below the session that does such things.
"""

import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from traceback import clear_frames
from typing import Any

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NewConnectionError

from kiosk import wire
from kiosk.config import Tls
from kiosk.messages import LinkDown
from kiosk.net.names import Names
from kiosk.net.tls import PinnedContext, TrustedTime, pin

ANSWER_MAX_BYTES = 65_536
MEDIA = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a door within `deadline_s` seconds; a `body` makes it a POST.

    `part` asks for the bytes from the first to the last of a long answer only.
    """

    path: str
    deadline_s: float
    body: bytes | None = None
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a door said; `whole` is the length of all that `body` is a part of."""

    status: int
    body: bytes
    whole: int | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why a door did nothing."""

    error: str


class TimedSocket(ssl.SSLSocket):
    """Ends by its context's deadline: a plain timeout starts anew with each byte of a dripping server."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands in the time that is left."""
        self._limit()
        super().do_handshake(block)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - ssl's signature
        """Read in the time that is left; recv and recv_into come here too."""
        self._limit()
        return super().read(len, buffer)

    def send(self, data: Any, flags: int = 0) -> int:
        """Write in the time that is left; sendall comes here too."""
        self._limit()
        return super().send(data, flags)

    def _limit(self) -> None:
        context = self.context
        if isinstance(context, TimedContext):
            self.settimeout(_left_s(context.ends_s))


class TimedContext(PinnedContext):
    """A pinned context for one call, which ends at `ends_s` (monotonic)."""

    sslsocket_class = TimedSocket
    ends_s: float


class PinnedAdapter(HTTPAdapter):
    """Connects by one context only; requests itself would add the public CAs to it."""

    def __init__(self, context: TimedContext) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        """Give the context to every connection."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **more)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Load nothing: the context has what counts."""


class Caller:
    """Calls doors for one thread; a new connection each time, so that renewed files count at once.

    `files` are CA and own certificate, or the CA's file alone.
    """

    def __init__(self, files: Tls | Path, trusted_utc_s: TrustedTime, names: Names | None = None) -> None:
        self._files = files
        self._trusted_utc_s = trusted_utc_s
        self._names = names or Names()
        self._dialled: dict[str, str] = {}  # by door: the address of its last call
        self._left: set[str] = set()  # doors whose next call takes their next address

    def call(self, door: str, question: Question) -> Answered:
        """Ask one door (`host:port`); raises LinkDown by its deadline at the latest.

        Where nobody listens at an address nothing was said yet: the next one is dialled at once.
        """
        ends_s = time.monotonic() + question.deadline_s
        host, _, port = door.rpartition(":")
        found = self._names.addresses(host, int(port))
        context = pin(TimedContext(ssl.PROTOCOL_TLS_CLIENT), self._files, host, self._trusted_utc_s)
        context.ends_s = ends_s
        more = len(found)
        while True:
            more -= 1
            address = self._address(door, found)
            adapter = PinnedAdapter(context)
            shown = f"[{address}]" if ":" in address else address
            try:
                return _send(adapter, f"https://{shown}:{port}{question.path}", door, question, ends_s)
            except (OSError, HTTPError, HTTPException, ValueError) as error:
                _let_go(error)
                self.leave(door)
                if not more or not _nobody_listened(error):
                    raise LinkDown(reason(error)) from error
            finally:
                adapter.close()

    def leave(self, door: str) -> None:
        """Take this door's next address at its next call: the last one was of no use."""
        self._left.add(door)

    def _address(self, door: str, found: tuple[str, ...]) -> str:
        """Give the first address that DNS names, later the one that worked last, or after a failure the next.

        Each door turns by itself: one turn for all would meet some doors at the same wrong address for ever.
        """
        last = self._dialled.get(door)
        place = 0 if last not in found else found.index(last) + (door in self._left)
        self._left.discard(door)
        address = self._dialled[door] = found[place % len(found)]
        return address


def _nobody_listened(error: Exception) -> bool:
    """Tell whether there was never a connection; one that only took too long is not of that kind."""
    return any(isinstance(getattr(inner, "reason", None), NewConnectionError) for inner in error.args)


def _let_go(error: BaseException | None) -> None:
    """Empty the frames that a failed call left: urllib3's hold their own error, and with it TLS's memory."""
    while error is not None:
        clear_frames(error.__traceback__)
        error = error.__context__


def _send(adapter: PinnedAdapter, url: str, door: str, question: Question, ends_s: float) -> Answered:
    headers = {"Host": door, "Accept": MEDIA, "Accept-Encoding": "identity", "Connection": "close"}
    if question.body is not None:
        headers["Content-Type"] = MEDIA
    most = ANSWER_MAX_BYTES
    if question.part is not None:
        first, last = question.part
        headers |= {"Range": f"bytes={first}-{last}", "Accept": "*/*"}
        most = max(most, last - first + 1)
    method = "GET" if question.body is None else "POST"
    request = requests.Request(method, url, headers=headers, data=question.body).prepare()
    left_s = _left_s(ends_s)
    response = adapter.send(request, stream=True, timeout=(left_s, left_s), verify=True)
    try:
        body = response.raw.read(most + 1, decode_content=False)
        if len(body) > most:
            raise LinkDown(f"an answer of more than {most} bytes")
        whole = response.headers.get("Content-Range", "").rpartition("/")[2]
        return Answered(
            response.status_code, body, int(whole) if whole.isascii() and whole.isdigit() else None
        )
    finally:
        response.close()


def demand_ok(answer: Answered) -> None:
    """Raise LinkDown with what the door says of itself unless it said 200."""
    if answer.status != HTTPStatus.OK:
        said = wire.parse(Refusal, answer.body, ANSWER_MAX_BYTES)
        why = "" if isinstance(said, wire.Rejected) else f": {said.error}"
        raise LinkDown(printable(f"refused with status {answer.status}{why}"))


def _left_s(ends_s: float) -> float:
    left_s = ends_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("no whole answer in time")
    return left_s


def reason(error: BaseException) -> str:
    """Give the cause below the libraries' wrappings, in one printable line."""
    cause: BaseException = error
    for _ in range(8):
        inner = cause.__cause__ or cause.__context__
        if inner is None or isinstance(cause, LinkDown | ssl.SSLError | TimeoutError):
            break
        cause = inner
    text = f"{cause}" if isinstance(cause, LinkDown | TimeoutError) else f"{type(cause).__name__}: {cause}"
    return printable(text)


def printable(text: str) -> str:
    """Make a peer's words safe to log: one short printable line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:140]
