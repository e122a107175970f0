"""How often somebody may ask: a bucket each, bounded in number. Pure: the time is an argument."""

from collections import OrderedDict
from math import inf

SUBJECTS = 10_000


class Rate:
    """Lets `burst` through at once and one more each `every_s`."""

    def __init__(self, *, burst: int, every_s: float) -> None:
        self._burst = burst
        self._every_s = every_s
        self._free_s: OrderedDict[str, float] = OrderedDict()

    def take(self, subject: str, now_s: float) -> bool:
        """Tell whether one more is allowed now, and count it if so."""
        free_s = max(self._free_s.get(subject, -inf), now_s - self._burst * self._every_s)
        if free_s + self._every_s > now_s:
            return False
        self._free_s[subject] = free_s + self._every_s
        self._free_s.move_to_end(subject)
        if len(self._free_s) > SUBJECTS:
            self._free_s.popitem(last=False)
        return True
