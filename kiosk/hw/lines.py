"""One GPIO line, claimed from the kernel through libgpiod: its settings, its level, its edges.

Owns the line request. The line is claimed at its first use and given back by release(), after which it may be
used again. Lost edges and a lost chip are told, never swallowed; a storm of edges is told in a bounded number
(see edges_limit). Knows nothing of gpiozero.
"""

import errno
import logging
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any, Literal, Protocol

from kiosk.hw.chips import LineLost, LineRefused
from kiosk.hw.edges import EdgeReader
from kiosk.hw.edges_limit import EdgeLimiter

log = logging.getLogger(__name__)

BATCH = 256  # edges taken at a time: all that the kernel's buffer holds (see pins.EVENT_BUFFER)
BATCH_REST_S = 0.001  # after a full one: where reading cannot keep up, the other threads get their turn
MISSED_EVERY_S = 1.0  # in a storm the kernel drops edges all the time

GONE = {errno.ENODEV, errno.EIO, errno.EBADF}  # the chip vanished; anything else is only a refusal

Direction = Literal["input", "output"]


class Claims(Protocol):
    """What a line needs of its factory."""

    gpiod: ModuleType
    reader: EdgeReader

    @property
    def where(self) -> str:
        """Name the chip for an error message."""

    def request(self, number: int, settings: Any) -> Any:
        """Claim a line; raises LineBusy, LineLost."""

    def chip_lost(self) -> None:
        """Open the chip anew at the next request: it vanished."""

    def ticks(self) -> float:
        """Give now in seconds, by the clock of the kernel's edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a line shall be; `direction` None leaves it as it is."""

    direction: Direction | None = None
    level: bool = False
    pull: str = "floating"
    bounce_s: float = 0.0
    edges: str = "none"


class Listener(Protocol):
    """Whoever is told of a line's edges, in the reader thread."""

    def on_edge(self, *, high: bool, at_s: float, seqno: int) -> None:
        """Take one edge: the level after it, the kernel's monotonic time, the kernel's number of it."""

    def on_missed(self, count: int) -> None:
        """Learn, after the edges that were left, that the kernel dropped `count`: read the level."""

    def on_lost(self, error: OSError) -> None:
        """Learn once that the line answers no more."""


class Line:
    """A line by its `number` (offset) on the chip of `owner`. Safe to use from any thread."""

    def __init__(self, owner: Claims, number: int) -> None:
        self._owner = owner
        self._number = number
        self._lock = threading.RLock()
        self._request: Any = None
        self._lost: LineLost | None = None
        self._listener: Listener | None = None
        self._limiter: EdgeLimiter[Any] = EdgeLimiter()
        self._seqno = self._missed = 0
        self._tell_missed_s = float("-inf")

    def apply(self, setup: Setup) -> None:
        """Claim the line with these settings, or change them; raises LineBusy, LineLost."""
        settings = self._settings(setup)
        with self._lock:
            if self._request is None:
                self._request = self._owner.request(self._number, settings)
                self._seqno = 0
                return
            with self._speaking():
                self._request.reconfigure_lines({self._number: settings})

    def read(self) -> int:
        """Give the electrical level, 0 or 1; raises LineBusy, LineLost."""
        with self._lock:
            if self._request is None:
                self.apply(Setup())
            with self._speaking():
                return int(bool(self._request.get_value(self._number)))

    def write(self, *, level: bool) -> None:
        """Set the level of an output; raises LineLost."""
        with self._lock, self._speaking():
            self._request.set_value(self._number, self._owner.gpiod.line.Value(int(level)))

    def watch(self, setup: Setup, listener: Listener) -> None:
        """Apply `setup`, with its edges, and tell them to `listener` until unwatch; raises OSError."""
        with self._lock:
            if self._request is not None:
                with self._speaking():
                    for stale in self._take_edges():  # left behind by an earlier watch
                        self._seqno = stale.line_seqno
            self.apply(setup)
            self._listener, self._limiter, self._missed = listener, EdgeLimiter(), 0
            self._owner.reader.watch(self._request.fd, self._ready)

    def unwatch(self) -> None:
        """Tell no more edges; the kernel goes on counting until the settings change; idempotent."""
        with self._lock:
            self._listener = None
            if self._request is not None:
                self._owner.reader.forget(self._request.fd)

    def release(self) -> None:
        """Give the line back to the kernel as it is; idempotent; the line may be claimed again."""
        with self._lock:
            self.unwatch()
            request, self._request, self._lost = self._request, None, None
            if request is not None:
                request.release()

    @property
    def claimed(self) -> bool:
        """Tell whether the line is held and, as far as is known, answers."""
        return self._request is not None and self._lost is None

    def _settings(self, setup: Setup) -> Any:
        """Give what the kernel accepts: a bias wants a direction, edges and debounce want an input."""
        gpiod, line = self._owner.gpiod, self._owner.gpiod.line
        if setup.direction is None:
            return gpiod.LineSettings(direction=line.Direction.AS_IS)
        if setup.direction == "output":
            value = line.Value(int(setup.level))
            return gpiod.LineSettings(direction=line.Direction.OUTPUT, output_value=value)
        bias = {"up": line.Bias.PULL_UP, "down": line.Bias.PULL_DOWN, "floating": line.Bias.DISABLED}
        return gpiod.LineSettings(
            direction=line.Direction.INPUT,
            bias=bias[setup.pull],
            edge_detection=line.Edge[setup.edges.upper()],
            debounce_period=timedelta(seconds=setup.bounce_s),
        )

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Say what failed in one sentence; a lost line stays lost until release()."""
        if self._lost is not None:
            raise self._lost
        try:
            yield
        except OSError as error:
            line = f"GPIO{self._number} of {self._owner.where}"
            if error.errno not in GONE:
                raise LineRefused(error.errno, f"{line} refuses: {error.strerror}") from error
            self._lost = LineLost(error.errno, f"{line} does not answer: {error.strerror}")
            self._owner.chip_lost()
            raise self._lost from error

    # ---- in the reader thread

    def _ready(self) -> float | None:
        """Take what the kernel has and tell it; a failure ends as on_lost. No lock is held while telling.

        Gives for how long the line shall be left alone (see EdgeReader).
        """
        failed: OSError | None = None
        edges: Any = []
        with self._lock:
            listener, limiter = self._listener, self._limiter
            if listener is None:
                return None
            try:
                with self._speaking():
                    edges = self._take_edges()
            except OSError as error:
                failed = error
                self.unwatch()
        if failed is not None:
            _tell(listener.on_lost, failed)
            return None
        for edge in edges:
            self._missed += max(0, edge.line_seqno - self._seqno - 1)
            self._seqno = edge.line_seqno
        now_s = self._owner.ticks()
        now_ns = round(now_s * 1e9)
        for edge in limiter.take(edges, now_ns):
            high = edge.event_type is self._owner.gpiod.EdgeEvent.Type.RISING_EDGE
            _tell(listener.on_edge, high=high, at_s=edge.timestamp_ns / 1e9, seqno=edge.line_seqno)
        wake_ns = limiter.wake_ns(now_ns)
        if self._missed and (wake_ns is None or now_s >= self._tell_missed_s):
            missed, self._missed, self._tell_missed_s = self._missed, 0, now_s + MISSED_EVERY_S
            _tell(listener.on_missed, missed)
        if wake_ns is not None:
            return max(0.0, wake_ns / 1e9 - self._owner.ticks())  # telling took its time
        return BATCH_REST_S if len(edges) == BATCH else None

    def _take_edges(self) -> Any:
        """Read what is there, never blocking."""
        waiting = select.poll()  # libgpiod's own wait uses select(), which fails from descriptor 1024 on
        waiting.register(self._request.fd, select.POLLIN)
        return self._request.read_edge_events(BATCH) if waiting.poll(0) else []


def _tell(call: Callable[..., None], *args: object, **named: object) -> None:
    """Call a listener; what it raises is logged and must never end the reader."""
    try:
        call(*args, **named)
    except Exception:
        log.exception("gpio listener=failed")
