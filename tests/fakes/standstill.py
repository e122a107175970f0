"""How long this machine let the process stand still: what a test takes off before it judges a time."""

import threading
import time
from typing import Self

EVERY_S = 0.02
COUNTS_FROM_S = 0.1  # less is how any busy machine wakes a thread


class Standstill:
    """Counts in `s`, while entered, the seconds in which a thread that sleeps shortly was not woken."""

    def __init__(self) -> None:
        self.s = 0.0
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="standstill", daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._watching.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            began_s = time.monotonic()
            time.sleep(EVERY_S)
            self.s += max(0.0, time.monotonic() - began_s - COUNTS_FROM_S)
