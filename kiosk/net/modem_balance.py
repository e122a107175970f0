"""The question for the SIM's balance that is with the operator, and that it gets one answer.

Owns nothing else. Never asks by itself.
"""

import threading
from collections.abc import Callable

from kiosk.config import Balance
from kiosk.messages import BalanceRead
from kiosk.net.modem_answers import read_balance
from kiosk.net.modem_process import Told
from kiosk.ports import Post


class BalanceQuestion:
    """Posts one BalanceRead for each question, whichever thread ends it first."""

    def __init__(self, settings: Balance | None, post: Post) -> None:
        self._settings = settings
        self._post = post
        self._lock = threading.Lock()
        self._open = False

    def begin(self) -> None:
        """Note that an answer is owed from now on."""
        with self._lock:
            self._open = True

    def ask(self, dial: Callable[..., object]) -> None:
        """Have the operator asked by `dial(code=, pattern=)`; raises what that does."""
        if self._settings is None:
            self.lose("no USSD code is configured")
        else:
            dial(code=self._settings.code, pattern=self._settings.pattern)

    def take(self, told: Told) -> None:
        """Answer with what the operator said."""
        if self._close():
            self._post(read_balance(told.text, told.reason))

    def lose(self, reason: str) -> None:
        """Answer that there will be no answer; nothing where none is owed."""
        if self._close():
            self._post(BalanceRead(None, reason))

    def _close(self) -> bool:
        with self._lock:
            was_open, self._open = self._open, False
        return was_open
