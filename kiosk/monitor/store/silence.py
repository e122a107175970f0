"""A bound on a database server's silence: a frozen one keeps its connections, and the kernel answers for it.

The server's own timeouts end what is slow; this ends what nobody says a word about. It never retries.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.waiting import Ready

LOG = logging.getLogger(__name__)
RV = TypeVar("RV")


class Listening(psycopg.Connection[Any]):
    """A connection that breaks, as one whose server died, after `silent_max_s` seconds without a word."""

    silent_max_s: float | None = None

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        """Wait for what was asked; the driver looks up each 0.1 s."""
        if self.silent_max_s is not None:
            gen = listened(gen, self.silent_max_s, self._end)
        return super().wait(gen, *args, **kwargs)

    def _end(self) -> None:
        """Shut the socket, so that the driver meets what it knows: a server that went away."""
        LOG.warning("store silent_s=%g connection=ended", self.silent_max_s)
        with suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as same:
            same.shutdown(socket.SHUT_RDWR)


def listened(
    gen: PQGen[RV], max_s: float, end: Callable[[], None], *, seconds: Callable[[], float] = time.monotonic
) -> Generator[Any, Any, RV]:
    """Pass a wait of the driver on, and call `end` once nothing came for longer than `max_s` seconds."""
    heard_s = seconds()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready & Ready.R:
                heard_s = seconds()
            elif seconds() - heard_s > max_s:
                end()
                heard_s = seconds()
            wanted = gen.send(ready)
    except StopIteration as done:
        result: RV = done.value
        return result
