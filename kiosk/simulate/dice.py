"""Chance as a value: every part rolls dice of its own name, so that one part's luck never moves another's."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Source(Protocol):
    """What `random.Random` is to us."""

    def random(self) -> float:
        """Give the next number in [0, 1)."""


Roll = Callable[[str], Source]  # the source of a name, always the same for the same name


class Dice:
    """One part's dice. `calm` ones give the middle of every range, for stories that are told to people."""

    def __init__(self, source: Source, *, calm: bool = False) -> None:
        self._next = source.random
        self._calm = calm

    def random(self) -> float:
        """Give a number in [0, 1)."""
        return 0.5 if self._calm else self._next()

    def yes(self, probability: float) -> bool:
        """Tell whether something happens that is so probable; calm dice never let the improbable happen."""
        return self.random() < probability

    def between(self, low: float, high: float) -> float:
        """Give a number of a range."""
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """Give a whole number from `low` to `high`, both included."""
        return low + int((high - low + 1) * self.random())

    def pick(self, among: Sequence[T]) -> T:
        """Give one of several."""
        return among[int(len(among) * self.random())]
