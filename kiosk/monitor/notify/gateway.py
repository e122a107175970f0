"""The HTTP gateway that sends the centre's SMS: one POST a text, 2xx means that it was taken.

It follows no redirect, reads no answer's body, uses no proxy of the environment and never retries: whether a
text goes once more is the fleet's decision.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from kiosk.messages import KioskEvent
from kiosk.monitor.notify.way import Done
from kiosk.monitor.outbox import SEND_MAX_S
from kiosk.monitor.sections import SmsGateway
from kiosk.runtime import Worker

LOG = logging.getLogger(__name__)
CONNECT_S, ANSWER_S = 3.05, 8.0
BEGIN_MAX_S = SEND_MAX_S - CONNECT_S - ANSWER_S  # begun later, a text may be planned again before it ends
SLOW_S = 1.0  # a failure that comes sooner holds nobody up
REST_S = 30.0
MUTE = "gateway: no answer to the last text"
BUSY_MAX_S = 30.0
CLOSE_S = 1.0
OK_FROM, OK_TO = 200, 300


class HttpGateway:
    """Be a Way by HTTP; one thread sends.

    While it has a spare, a way behind it that works, one that hangs is left alone: each text fails at once,
    but for one in 30 s.
    """

    name = "gateway"

    def __init__(
        self,
        config: SmsGateway,
        *,
        has_spare: Callable[[], bool] = lambda: False,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._has_spare = has_spare
        self._seconds = seconds
        self._lock = threading.Lock()
        self._rests_until_s: float | None = None  # None while it answers
        self._worker: Worker[requests.Session] = Worker(
            "sms-gateway", self._session, _log, broken=lambda _: None, busy_max_s=BUSY_MAX_S
        )

    def open(self) -> None:
        """Start its thread."""
        self._worker.start()

    def send(self, name: str, number: str, body: str, done: Done) -> None:
        """Queue one text, or fail it at once while the gateway rests."""
        asked_s = self._seconds()
        with self._lock:
            rests = self._rests_until_s is not None and self._has_spare()
            probes = self._rests_until_s is not None and asked_s >= self._rests_until_s
            if probes:
                self._rests_until_s = asked_s + REST_S
        if rests and not probes:
            done(MUTE)
            return

        def turn(session: requests.Session) -> None:
            if self._seconds() - asked_s > BEGIN_MAX_S:
                done("gateway: waited too long")
            elif self._rests_until_s is not None and self._has_spare() and not probes:
                done(MUTE)
            else:
                done(self._post(session, name, number, body))

        self._worker.submit(turn)

    def close(self) -> None:
        """End it after the text under way."""
        self._worker.close(lambda session: session.close(), timeout_s=CLOSE_S)

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = self._config.ca or True
        return session

    def _post(self, session: requests.Session, name: str, number: str, body: str) -> str:
        """Give the reason of a failure; `id` lets the gateway drop a text that it already has."""
        begun_s = self._seconds()
        try:
            token = Path(self._config.token_file).read_text(encoding="utf-8").strip()
            answer = session.post(
                self._config.url,
                json={"to": number, "text": body, "id": name},
                headers={"Authorization": f"Bearer {token}"},
                timeout=(CONNECT_S, ANSWER_S),
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, OSError, UnicodeError) as error:
            self._rest(isinstance(error, requests.Timeout) or self._seconds() - begun_s > SLOW_S)
            return f"gateway: {type(error).__name__}"  # its text may hold the address with a secret
        self._rest(False)
        with answer:
            good = OK_FROM <= answer.status_code < OK_TO
            return "" if good else f"gateway: HTTP {answer.status_code}"

    def _rest(self, hung: bool) -> None:
        """Leave the gateway alone for a while, or no longer."""
        with self._lock:
            self._rests_until_s = self._seconds() + REST_S if hung else None


def _log(event: KioskEvent) -> None:
    LOG.warning("gateway event=%s", type(event).__name__)
