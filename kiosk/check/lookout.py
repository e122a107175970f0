"""Looks each second whether an incident opened, and has the process leave at once if so.

For what shares the uplink with the daemon: it may be cut off anywhere, and is simply done again.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)
LOOK_S = 1.0


@contextmanager
def lookout(who: str, is_open: Callable[[], bool], leave: Callable[[], None]) -> Iterator[None]:
    """Call `leave`, which ends this process, once an incident is open; `is_open` runs on its own thread."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            if is_open():
                log.warning("%s=left reason=incident", who)
                leave()
                return

    watcher = threading.Thread(target=look, name=f"{who}-lookout", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
