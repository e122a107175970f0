"""Bounds how many edges of one line are told, without a debounce behind it noticing. Pure.

An ordinary line's edges pass as they are. Those of a storm are held until the newest that passed is
`SPACING_NS` old, and of the held ones only what a level needs that might yet come to rest.
"""

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

# The shortest rest that counts as a level anywhere: the least `stable_ms` that the configuration allows.
REST_NS = 5_000_000

# An edge passes once the newest that passed is that old. The reader rounds up to a full ms, and one more is
# left for a late thread: the next comes before anything can take the time since the last for a rest.
SPACING_NS = 3_000_000
SPAN_MAX_NS = 4_000_000  # of two between which others were left out, the second is younger by less than that

FREE = 64  # edges at once that pass whatever they are: more than the worst switch bounces
FREE_AGAIN_NS = 10_000_000  # one more each 10 ms: mains hum of 50 Hz is no storm


class Edge(Protocol):
    """What gpiod's `EdgeEvent` has."""

    @property
    def event_type(self) -> object:
        """The level after it."""

    @property
    def timestamp_ns(self) -> int:
        """The kernel's monotonic time."""


E = TypeVar("E", bound=Edge)


class EdgeLimiter(Generic[E]):
    """One line's edges: `FREE` at once, after that at most three in `SPACING_NS`.

    Where they come by the thousand it is one in 3 to 4 ms. What passes is in order and unchanged. The edges
    before and after every rest of `REST_NS` are among it; the newest one always comes, less than that late.
    """

    def __init__(self) -> None:
        self._free = float(FREE)
        self._passed: E | None = None
        self._held: list[E] = []  # at most two: one of each level, the newest last

    def take(self, edges: Iterable[E], now_ns: int) -> list[E]:
        """Give what passes of the held edges and of `edges`, read at `now_ns`."""
        passed: list[E] = []
        silent = True
        for edge in edges:
            silent = False
            self._release(edge.timestamp_ns - SPAN_MAX_NS, passed)
            if not self._held and self._free_at(edge.timestamp_ns) >= 1:
                self._pass(edge, passed)
            else:
                self._hold(edge)
        self._release(now_ns - SPACING_NS, passed)
        while silent and self._held:
            self._pass(self._held.pop(0), passed)
        return passed

    def wake_ns(self, now_ns: int) -> int | None:
        """Give when to read again and not before, or None: at the next edge."""
        if self._passed is None or self._free >= 1:
            return None
        # Bounded for edges that are stamped by another clock than `now_ns`.
        wake_ns = min(self._passed.timestamp_ns, now_ns) + SPACING_NS
        return wake_ns if wake_ns > now_ns else None

    def _free_at(self, at_ns: int) -> float:
        if self._passed is None:
            return self._free
        since_ns = max(0, at_ns - self._passed.timestamp_ns)  # some kernel's clock may be set
        return min(FREE, self._free + since_ns / FREE_AGAIN_NS)

    def _pass(self, edge: E, passed: list[E]) -> None:
        self._free = max(0.0, self._free_at(edge.timestamp_ns) - 1)
        self._passed = edge
        passed.append(edge)

    def _release(self, until_ns: int, passed: list[E]) -> None:
        while self._held and self._passed and self._passed.timestamp_ns <= until_ns:
            self._pass(self._held.pop(0), passed)

    def _hold(self, edge: E) -> None:
        """Keep the newest edge; before it one of the other level, without which it would look older."""
        if self._passed and edge.event_type is self._passed.event_type:
            self._held = [*self._held[:1], edge]
        else:
            self._held = [edge]
