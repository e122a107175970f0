"""Whether the sound card that a device names is still there, without touching it.

Owns the look into the kernel's list of cards. Never opens a device, so nothing can click or be in the way.
"""

import re
from pathlib import Path

LOOK_EVERY_S = 60.0
CARDS = Path("/proc/asound")  # holds a link for each card's name (kernel, sound/core/info.c)
_NAMED = re.compile(r"(?:\bCARD=|^(?:plug)?hw:(?!CARD=))([A-Za-z0-9_-]+)")


class CardWatch:
    """Watch the card of an ALSA device; one that names none, like `default`, is not judged."""

    def __init__(self, device: str) -> None:
        found = _NAMED.search(device)
        name = found[1] if found else ""
        self._place = CARDS / (f"card{name}" if name.isdecimal() else name) if name else None
        self._seen = False

    def vanished(self) -> bool:
        """Tell once that a card which was there at the last look is gone."""
        there = self._place is not None and self._place.exists()
        gone, self._seen = self._seen and not there, there
        return gone
