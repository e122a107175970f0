"""What a process or an object holds: memory, files, threads, children; and whether one of them grows.

Owns no process; judges figures.
"""

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from types import FunctionType, ModuleType

import psutil

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """One look at a process in a quiet moment."""

    at_s: float
    rss_mib: float
    fds: int
    threads: int
    children: int

    @property
    def handles(self) -> tuple[int, int, int]:
        return self.fds, self.threads, self.children


def look(pid: int, at_s: float) -> Vitals:
    """Look at a process; children's children are counted as well."""
    process = psutil.Process(pid)
    return Vitals(
        at_s=at_s, rss_mib=process.memory_info().rss / MIB, fds=process.num_fds(),
        threads=process.num_threads(), children=len(process.children(recursive=True)),
    )  # fmt: skip


def deep_bytes(*roots: object) -> int:
    """Give the size of objects with all that they hold, each counted once; code is nobody's."""
    seen: set[int] = set()
    waiting, total = list(roots), 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        waiting += gc.get_referents(one)
    return total


def growth_percent(points: Sequence[tuple[float, float]]) -> float:
    """Give how much a figure grew over all points, in % of its median.

    By the median of all slopes (Theil, Sen): one high or low point does not move it, a steady climb does.
    """
    slopes = [
        (later - value) / (then - at)
        for number, (at, value) in enumerate(points)
        for then, later in points[number + 1 :]
        if then > at
    ]
    if not slopes:
        raise ValueError("growth needs two points at least")
    return 100 * median(slopes) * (points[-1][0] - points[0][0]) / median(value for _, value in points)


def left_over(before: Sequence[Vitals], after: Sequence[Vitals]) -> int:
    """Count handles that are held at the end even in the best moment, and were not in the worst before."""
    worst = [max(kind) for kind in zip(*(one.handles for one in before), strict=True)]
    best = [min(kind) for kind in zip(*(one.handles for one in after), strict=True)]
    return sum(max(0, now - then) for then, now in zip(worst, best, strict=True))
