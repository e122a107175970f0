"""Simulate sound cards with ALSA's own `file` plugin: what was played can be read back sample for sample.

Used by tests, the bench and the demo on machines without sound; never by the daemon.
"""

import os
import select
import time
from contextlib import suppress
from pathlib import Path

_CARD = """pcm.!default {{ type plug slave.pcm cap }}
pcm.cap {{ type file slave.pcm {{ type null }} file "{sink}" format "raw" }}
ctl.!default {{ type null }}
"""
_NO_CARD = """pcm.!default { type hw card 31 }
ctl.!default { type hw card 31 }
"""


class SoundCard:
    """A card whose sound ends in a FIFO: it plays as fast as `take` is called, and hangs otherwise."""

    def __init__(self, folder: Path) -> None:
        sink, config = folder / "card.fifo", folder / "asound.conf"
        os.mkfifo(sink)
        self._fd = os.open(sink, os.O_RDWR | os.O_NONBLOCK)
        config.write_text(_CARD.format(sink=sink), encoding="utf-8")
        self.environ = {"ALSA_CONFIG_PATH": str(config)}

    def take(self, count: int, *, within_s: float = 10.0) -> bytes:
        """Let the card play up to `count` bytes; returns fewer only when `within_s` seconds have passed."""
        heard = bytearray()
        end_s = time.monotonic() + within_s
        while len(heard) < count and (left_s := end_s - time.monotonic()) > 0:
            ready, _, _ = select.select([self._fd], [], [], left_s)
            if ready:
                heard += os.read(self._fd, count - len(heard))
        return bytes(heard)

    def first_sound(self, *, within_s: float = 10.0) -> tuple[float, bytes]:
        """Wait for the first sample that is not silence; returns its monotonic time and all taken so far."""
        heard = bytearray()
        end_s = time.monotonic() + within_s
        while (left_s := end_s - time.monotonic()) > 0:
            heard += self.take(4096 if not heard else 1024, within_s=min(left_s, 0.001))
            if any(heard):
                return time.monotonic(), bytes(heard)
        raise TimeoutError(f"no sound within {within_s:g} s")

    def drain(self) -> bytes:
        """Take all that has been played so far; call it when nothing is playing."""
        heard = bytearray()
        with suppress(BlockingIOError):
            while True:
                heard += os.read(self._fd, 1 << 16)
        return bytes(heard)

    def stuff(self) -> None:
        """Fill the card with silence, so that it hangs at the very first sample until `take` is called."""
        with suppress(BlockingIOError):
            while True:
                os.write(self._fd, bytes(4096))

    def close(self) -> None:
        """Take the card away."""
        os.close(self._fd)


def no_card(folder: Path) -> dict[str, str]:
    """Give the environment of a machine whose sound card is not there."""
    config = folder / "no-card.conf"
    config.write_text(_NO_CARD, encoding="utf-8")
    return {"ALSA_CONFIG_PATH": str(config)}
