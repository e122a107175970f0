"""Texts of people that may still be under way, and a new incident that they may meet. Pure."""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from kiosk.cases import LATE_ANSWER_S

TEXTS_MAX = 200
MEANT_S = LATE_ANSWER_S - 300.0  # a text that is so long under way comes when the closed one is forgotten


class Coded(Protocol):
    """An incident by its four digits."""

    code: str
    said: dict[str, float]


class Written:
    """The newest words with a code."""

    def __init__(self) -> None:
        self._texts: deque[tuple[str, str]] = deque(maxlen=TEXTS_MAX)

    def note(self, stage: str, code: str) -> None:
        """Note that a person wrote so."""
        self._texts.append((stage, code))

    def about(self, new: Coded, known: Iterable[Coded], now_s: float) -> list[str]:
        """List what was written with the code of a new incident, if no other one can be meant by it."""
        others = (other for other in known if other.code == new.code and other is not new)
        if any(now_s - other.said.get("closed", now_s) <= MEANT_S for other in others):
            return []
        return [stage for stage, code in self._texts if code == new.code]
