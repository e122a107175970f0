"""Virtual time, and what is to happen when. Pure: nothing here ever waits."""

from collections.abc import Callable
from heapq import heappop, heappush

Do = Callable[[], None]
TURNS_MAX = 2_000_000  # happenings in one story: more is a loop that does not let time pass


class Agenda:
    """Happenings by their time; equal times in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.done = 0
        self._count = 0
        self._heap: list[tuple[float, int, Do]] = []

    def at(self, at_s: float, do: Do) -> None:
        """Let something happen at `at_s`, or now where that is past."""
        self._count += 1
        heappush(self._heap, (max(at_s, self.now_s), self._count, do))

    def after(self, in_s: float, do: Do) -> None:
        """Let something happen in `in_s` seconds."""
        self._count += 1
        heappush(self._heap, (self.now_s + max(in_s, 0.0), self._count, do))

    def run(self, until_s: float) -> None:
        """Let time pass until then; raises RuntimeError where it does not pass."""
        heap = self._heap
        while heap and heap[0][0] <= until_s:
            self.now_s, _, do = heappop(heap)
            self.done += 1
            if self.done > TURNS_MAX:
                raise RuntimeError(f"more than {TURNS_MAX} happenings: something never sleeps")
            do()
        self.now_s = until_s
