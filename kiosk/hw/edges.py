"""One thread that waits for edges on any number of lines and hands each batch to its line.

Sleeps in epoll, so it costs nothing while nothing happens. Nothing that a line does may end it, and a
line that is always ready is left alone for as long as it asks, so that the others get their turn.
"""

import logging
import os
import select
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

# Gives for how many seconds the descriptor shall rest and then be asked again, whether or not something came;
# None: until it has something to read.
Ready = Callable[[], float | None]


class EdgeReader:
    """Watches file descriptors; `ready` runs in this thread each time one has something to read.

    A rest ends up to 1 ms late, as epoll counts in ms.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, Ready] = {}
        self._resting: dict[int, float] = {}  # until when; epoll does not know these
        self._epoll: select.epoll | None = None
        self._wake = -1
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Tell whether every watched line is really waited for."""
        with self._lock:
            return not self._watched or (self._thread is not None and self._thread.is_alive())

    def watch(self, fd: int, ready: Ready) -> None:
        """Call `ready` whenever `fd` is readable or broken; starts the thread at the first call."""
        with self._lock:
            self._watched[fd] = ready
            if self._epoll is None or self._thread is None or not self._thread.is_alive():
                self._start()
            else:
                self._epoll.register(fd, select.EPOLLIN)

    def forget(self, fd: int) -> None:
        """Stop watching `fd`; must come before the descriptor is closed; idempotent."""
        with self._lock:
            known = self._watched.pop(fd, None) is not None
            rests = self._resting.pop(fd, None) is not None
            if known and not rests and self._epoll is not None and not self._epoll.closed:
                self._epoll.unregister(fd)

    def close(self) -> None:
        """End the thread, unless this is it, and release everything; idempotent."""
        with self._lock:
            thread, self._thread = self._thread, None
            epoll, self._epoll = self._epoll, None
            self._watched.clear()
            self._resting.clear()
            if epoll is not None and not epoll.closed:
                os.eventfd_write(self._wake, 1)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _start(self) -> None:
        """Start the thread, or another one after it died, on everything that is watched."""
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._resting.clear()
        for fd in (self._wake, *self._watched):
            self._epoll.register(fd, select.EPOLLIN)
        self._thread = threading.Thread(
            target=self._run, args=(self._epoll, self._wake), name="gpio-edges", daemon=True
        )
        self._thread.start()

    def _run(self, epoll: select.epoll, wake: int) -> None:
        """Own `epoll` and `wake`: only this thread closes them, when it is told to end."""
        try:
            while wake not in (ready := self._wait(epoll)):
                for fd in ready:
                    self._serve(fd, epoll)
        finally:
            epoll.close()
            os.close(wake)

    def _wait(self, epoll: select.epoll) -> list[int]:
        """Give the descriptors that are ready or have rested."""
        with self._lock:
            until_s = min(self._resting.values(), default=None)
        timeout_s = None if until_s is None else max(0.0, until_s - time.monotonic())
        ready = [fd for fd, _ in epoll.poll(timeout_s)]
        now_s = time.monotonic()
        with self._lock:
            return ready + [fd for fd, until_s in self._resting.items() if until_s <= now_s]

    def _serve(self, fd: int, epoll: select.epoll) -> None:
        with self._lock:
            ready = self._watched.get(fd)
        if ready is None:
            return  # forgotten since epoll saw it
        try:
            rest_s = ready()
        except Exception:
            # The descriptor would be ready again at once: leave it rather than spin.
            log.exception("gpio reader=failed fd=%d", fd)
            self.forget(fd)
            return
        with self._lock:
            if epoll is self._epoll and self._watched.get(fd) == ready:  # not closed, not forgotten by itself
                self._rest(fd, epoll, rest_s)

    def _rest(self, fd: int, epoll: select.epoll, rest_s: float | None) -> None:
        rested = self._resting.pop(fd, None) is not None
        if rest_s is not None:
            self._resting[fd] = time.monotonic() + rest_s
        if rested and rest_s is None:
            epoll.register(fd, select.EPOLLIN)
        elif not rested and rest_s is not None:
            epoll.unregister(fd)
