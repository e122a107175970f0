"""How many sign-ins there may be at once, in threads of their own: a flood of them never holds up Accept."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

THREADS = 4  # two compute hashes, two may wait for the database
ALL, EACH = 40, 24  # under way or waiting: in all, and from one network (an office at a change of shift)
T = TypeVar("T")


class CrowdedOut(Exception):
    """There are too many at this moment."""


class Entrance:
    """Lets sign-ins through a few at a time; whoever is too many is told so at once."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(THREADS)
        self._here: Counter[str] = Counter()

    async def admit(self, who: str, handler: Callable[[], T]) -> T:
        """Run a sign-in from the network `who` in a thread; raises CrowdedOut."""
        if self._here.total() >= ALL or self._here[who] >= EACH:
            raise CrowdedOut
        self._here[who] += 1
        try:
            return await to_thread.run_sync(handler, limiter=self._threads)
        finally:
            self._here[who] -= 1
            if not self._here[who]:
                del self._here[who]
