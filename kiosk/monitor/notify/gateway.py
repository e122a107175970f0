"""The HTTP gateway that sends the centre's SMS: one POST a text, 2xx means that it was taken.

It follows no redirect, reads no answer's body, uses no proxy of the environment and never retries: whether a
text goes once more is the fleet's decision.
"""

import logging
from pathlib import Path

import requests

from kiosk.messages import KioskEvent
from kiosk.monitor.notify.way import Done
from kiosk.monitor.sections import SmsGateway
from kiosk.runtime import Worker

LOG = logging.getLogger(__name__)
CONNECT_S, ANSWER_S = 3.05, 8.0
BUSY_MAX_S = 30.0
CLOSE_S = 1.0
OK_FROM, OK_TO = 200, 300


class HttpGateway:
    """Be a Way by HTTP; one thread sends."""

    name = "gateway"

    def __init__(self, config: SmsGateway) -> None:
        self._config = config
        self._worker: Worker[requests.Session] = Worker(
            "sms-gateway", self._session, _log, broken=lambda _: None, busy_max_s=BUSY_MAX_S
        )

    def open(self) -> None:
        """Start its thread."""
        self._worker.start()

    def send(self, name: str, number: str, body: str, done: Done) -> None:
        """Queue one text."""
        self._worker.submit(lambda session: done(self._post(session, name, number, body)))

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
            return f"gateway: {type(error).__name__}"  # its text may hold the address with a secret
        with answer:
            good = OK_FROM <= answer.status_code < OK_TO
            return "" if good else f"gateway: HTTP {answer.status_code}"


def _log(event: KioskEvent) -> None:
    LOG.warning("gateway event=%s", type(event).__name__)
