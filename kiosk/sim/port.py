"""The pty that stands for a serial port, and the one thread that lives in it.

Owns the file descriptors, the stable symlink and the timers; never knows what the bytes mean.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import queue
import select
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

_REOPEN_POLL_S = 0.05  # a pty says when its last user left, never when the next one comes
_IDLE_S = 1.0
_CALL_DEADLINE_S = 5.0
_READ_BYTES = 4096

Action = Callable[[], None]


class Port:
    """Be a tty at `path`; give what is written to it to `feed`, on the port's own thread.

    `link` is a symlink that follows the tty when it is plugged in again under another name.
    """

    def __init__(self, feed: Callable[[bytes], None], *, link: Path | None = None) -> None:
        self._feed = feed
        self._link = link
        self._master: int | None = None
        self._path = ""
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sim-port", daemon=True)
        self.plug()

    @property
    def path(self) -> str:
        """Name the tty as it is now."""
        return self._path

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, take the tty away; idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._thread.is_alive():
            os.write(self._wake_write, b"\0")
            self._thread.join(_CALL_DEADLINE_S)
        self.unplug()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def call(self, action: Action) -> None:
        """Carry out an action on the port's thread and wait for its end; raises TimeoutError."""
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            action()
            return
        done = threading.Event()

        def run() -> None:
            try:
                action()
            finally:
                done.set()

        self._post(run)
        if not done.wait(_CALL_DEADLINE_S):
            raise TimeoutError("the simulated modem's thread does not answer")

    def after(self, delay_s: float, action: Action) -> None:
        """Carry out an action later on the port's thread; from any thread."""
        due_s = time.monotonic() + delay_s
        self._post(lambda: heapq.heappush(self._due, (due_s, next(self._order), action)))

    def write(self, data: bytes) -> None:
        """Give bytes to whoever has the tty open; without anybody they are lost, as on a wire."""
        if self._master is not None and self._in_use(self._master):
            with contextlib.suppress(OSError):
                os.write(self._master, data)

    def plug(self) -> None:
        """Appear as a new tty and point the link at it."""
        if self._master is not None:
            return
        old_path = self._path
        self._master = self._new_tty()
        if self._path == old_path:
            # a real port changes its name too: ttyUSB0 comes back as ttyUSB1
            same, self._master = self._master, self._new_tty()
            os.close(same)
        if self._link is not None:
            fresh = self._link.with_name(self._link.name + ".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self._path)
            fresh.replace(self._link)

    def unplug(self) -> None:
        """Take the tty away: its users read an error, the link is gone."""
        if self._master is None:
            return
        os.close(self._master)
        self._master = None
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def _new_tty(self) -> int:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._path = os.ttyname(slave)
        os.close(slave)
        return master

    def _post(self, action: Action) -> None:
        if not self._closed.is_set():
            self._actions.put(action)
            os.write(self._wake_write, b"\0")

    @staticmethod
    def _in_use(master: int) -> bool:
        poller = select.poll()
        poller.register(master, select.POLLIN)
        return not any(events & select.POLLHUP for _fd, events in poller.poll(0))

    def _run(self) -> None:
        while not self._closed.is_set():
            poller = select.poll()
            poller.register(self._wake_read, select.POLLIN)
            wait_s = _IDLE_S
            if self._master is not None:
                if self._in_use(self._master):
                    poller.register(self._master, select.POLLIN)
                else:
                    wait_s = _REOPEN_POLL_S
            if self._due:
                wait_s = min(wait_s, max(0.0, self._due[0][0] - time.monotonic()))
            ready = [fd for fd, _events in poller.poll(wait_s * 1000)]
            if self._wake_read in ready:
                os.read(self._wake_read, _READ_BYTES)
            self._serve()

    def _serve(self) -> None:
        while not self._actions.empty():
            self._actions.get()()
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()
        if self._master is None:
            return
        try:
            data = os.read(self._master, _READ_BYTES)
        except OSError:
            return  # nothing there, or nobody has the tty open
        self._feed(data)
