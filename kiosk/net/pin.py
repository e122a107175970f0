"""The SIM's PIN: read from its file, and not offered again once a card has refused it.

Owns the mark of a refusal in the state folder: three starts with a wrong PIN would lock the card. Never tells
a PIN: the mark is a salted hash, slow to try all PINs against. Without the mark SMS goes on all the same.
"""

import hashlib
import logging
import os
import re
from contextlib import suppress
from pathlib import Path

from kiosk.messages import DeviceError
from kiosk.net.identity import SECRET_MODE, write

log = logging.getLogger(__name__)

MARK = "sim-pin-refused"
WITHHELD = (
    "the SIM did not take the PIN of pin_file: write the right one "
    f"(for another card with this PIN remove {MARK} from the state folder)"
)
_PIN = re.compile(r"\d{4,8}")
_SALT_BYTES = 16
_ROUNDS = 100_000  # 60 ms on a PC, about 1 s on the smallest board, and only where a PIN was refused


class CardPin:
    """Give the PIN of `file` as long as no card has refused it; `state` is where refusals are kept.

    The mark holds the PIN itself, not the file's age: systemd makes a credential's file anew at each start.
    """

    def __init__(self, file: str | None, state: Path | None) -> None:
        self._file = file
        self._mark = state / MARK if state is not None else None
        self._offered: str | None = None
        self._refused: str | None = None
        self.is_withheld = False

    def offer(self) -> str | None:
        """Read the PIN to offer; None where there is none, or where it was refused before."""
        pin = self._read()
        self.is_withheld = pin is not None and (pin == self._refused or self._is_marked(pin))
        if self.is_withheld:
            self._refused, pin = pin, None
        self._offered = pin
        return pin

    def set_aside(self) -> None:
        """Do not offer it again in this life: what the modem answered may have cost a try."""
        self._refused, self.is_withheld = self._offered, True

    def refuse(self) -> None:
        """Do not offer it again, not after a restart either: the card said that it is wrong."""
        self.set_aside()
        if self._mark is None or self._offered is None:
            return
        salt = os.urandom(_SALT_BYTES)
        try:
            write(self._mark, salt + _digest(self._offered, salt), SECRET_MODE)
        except DeviceError as error:
            log.warning("event=pin_mark_failed reason=%r", str(error))

    def forget(self) -> None:
        """Forget the refusal: a card that is open has all its tries, or asks for no PIN."""
        self._refused, self.is_withheld = None, False
        if self._mark is not None:
            with suppress(OSError):
                self._mark.unlink(missing_ok=True)

    def _read(self) -> str | None:
        if self._file is None:
            return None
        try:
            pin = Path(self._file).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None  # a card that asks for it says so
        return pin if _PIN.fullmatch(pin) else None

    def _is_marked(self, pin: str) -> bool:
        if self._mark is None:
            return False
        try:
            mark = self._mark.read_bytes()
        except OSError:
            return False
        return mark[_SALT_BYTES:] == _digest(pin, mark[:_SALT_BYTES])


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", pin.encode(), salt, _ROUNDS)
