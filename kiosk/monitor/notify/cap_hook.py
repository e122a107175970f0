"""Sends each stage of each alert as CAP 1.2 to another system: a POST, signed, repeated a few times.

One thread of its own: whatever the other system does, no alert waits for it. It follows no redirect, uses no
proxy of the environment and reads no answer's body. What does not go out in time is logged and let go.
"""

import hashlib
import hmac
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from kiosk.monitor import cap, cases
from kiosk.monitor.records import Case
from kiosk.monitor.sections import CapHook
from kiosk.words import load_catalogue

LOG = logging.getLogger(__name__)
CONNECT_S, ANSWER_S = 3.05, 8.0
RESTS_S = (1.0, 2.0, 5.0, 15.0, 60.0)  # between the tries of one message
WAITING_MAX = 1000
KNOWN_MAX = 4096
CLOSE_S = 1.0
AGAIN = frozenset({408, 425, 429})  # RFC 9110: these ask for another try; every other 4xx refuses for good
SIGNATURE = "Pana-Signature"


@dataclass(frozen=True, slots=True)
class Message:
    """One CAP message that waits."""

    name: str
    body: bytes


def sign(secret: bytes, at_s: int, body: bytes) -> str:
    """Give the header's value: time, and HMAC-SHA256 of `<time>.<body>`; so no old one can be replayed."""
    tag = hmac.new(secret, b"%d." % at_s + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={tag}"


def make_hook(config: CapHook | None) -> "Hook | None":
    """Give the hook of a configuration, with the words of the catalogue; None where there is none."""
    if config is None:
        return None
    words = load_catalogue()
    return Hook(config, lambda language, key: words.word(language, "cap", key))


class Hook:
    """The way to one other system."""

    def __init__(
        self,
        config: CapHook,
        word: cap.Word,
        *,
        now_s: Callable[[], float] = time.time,
        rests_s: tuple[float, ...] = RESTS_S,
    ) -> None:
        self._config = config
        self._word = word
        self._now_s = now_s
        self._rests_s = rests_s
        self._waiting: deque[Message] = deque()
        self._known: dict[str, None] = {}  # messages made before, oldest first
        self._news = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="cap-hook", daemon=True)

    def open(self) -> None:
        """Begin to send; returns at once."""
        self._thread.start()

    def show(self, case: Case) -> None:
        """Queue what is new of a case; never blocks, never raises."""
        if cases.is_drill(case) and not self._config.drills:
            return
        for entry in case.stages:
            name = cap.identifier(case, entry.stage)
            if name in self._known:
                continue
            self._known[name] = None
            if len(self._known) > KNOWN_MAX:
                del self._known[next(iter(self._known))]
            try:
                body = cap.message(case, entry.stage, self._config.sender, self._word)
            except Exception:
                LOG.exception("cap=%s unwritable", name)
                continue
            self._queue(Message(name, body))

    def close(self) -> None:
        """End it; what waits is let go; idempotent; returns within CLOSE_S."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _queue(self, message: Message) -> None:
        with self._news:
            if len(self._waiting) >= WAITING_MAX:
                LOG.error("cap=%s let_go reason=queue_full", self._waiting.popleft().name)
            self._waiting.append(message)
            self._news.notify()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self._config.ca or True
            while (message := self._next()) is not None:
                try:
                    self._deliver(session, message)
                except Exception:
                    LOG.exception("cap=%s failed", message.name)

    def _next(self) -> Message | None:
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._closing)
            return None if self._closing else self._waiting.popleft()

    def _deliver(self, session: requests.Session, message: Message) -> None:
        """Try until it is taken, refused for good, or was tried often enough."""
        reason = ""
        for rest_s in (*self._rests_s, 0.0):
            reason, again = self._post(session, message)
            if not reason:
                LOG.info("cap=%s sent", message.name)
                return
            if not again or self._rest(rest_s):
                break
        LOG.error("cap=%s let_go reason=%s", message.name, reason)

    def _rest(self, rest_s: float) -> bool:
        """Wait; tells whether it is time to end."""
        with self._news:
            return self._news.wait_for(lambda: self._closing, rest_s)

    def _post(self, session: requests.Session, message: Message) -> tuple[str, bool]:
        """Give why it was not taken (empty: it was), and whether to try again."""
        try:
            secret = Path(self._config.secret_file).read_bytes().strip()
            if not secret:
                return "the secret's file is empty", True
            headers = {"Content-Type": cap.MEDIA_TYPE, "Pana-Message": message.name,
                       SIGNATURE: sign(secret, int(self._now_s()), message.body)}  # fmt: skip
            answer = session.post(
                self._config.url,
                data=message.body,
                headers=headers,
                timeout=(CONNECT_S, ANSWER_S),
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, OSError) as error:
            return type(error).__name__, True  # its text may hold the address with a secret
        with answer:
            code = answer.status_code
        if 200 <= code < 300:
            return "", False
        return f"HTTP {code}", code >= 500 or code in AGAIN
