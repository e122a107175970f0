"""The key that each kiosk signs its SMS with, as the centre knows it. Pure: files are read elsewhere.

A key is derived from the centre's master key by the kiosk's id, unless the kiosk has one of its own.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.wire import Rejected

HEX = re.compile(r"(?:[0-9a-fA-F]{2}){16,64}")


@dataclass(frozen=True, slots=True)
class SmsKeys:
    """Every kiosk's key; `own` holds those that are not derived, by kiosk id."""

    master: bytes = field(repr=False)
    own: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def of(self, kiosk_id: str) -> bytes:
        """Give one kiosk's key."""
        return self.own.get(kiosk_id) or derive(self.master, kiosk_id)


def derive(master: bytes, kiosk_id: str) -> bytes:
    """Derive a kiosk's key: HMAC-SHA256(master, "kiosk-sms|" + id), 32 bytes."""
    return hmac.digest(master, b"kiosk-sms|" + kiosk_id.encode(), "sha256")


def read_key(text: str) -> bytes | Rejected:
    """Read a key file's text: 32 to 128 hex digits."""
    digits = text.strip()
    return bytes.fromhex(digits) if HEX.fullmatch(digits) else Rejected("32 to 128 hex digits expected")
