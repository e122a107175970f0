"""The recovery ladder of a modem that fell silent. Pure.

Reopen, reopen, reset by AT+CFUN=1,1, take its power away, then from the start again; never while a text
is open, never more than `WAIT_MAX_S` apart.
"""

from dataclasses import dataclass
from typing import Literal

Rung = Literal["reopen", "cfun", "power"]
RUNGS: tuple[Rung, ...] = ("reopen", "reopen", "cfun", "power")
WAIT_S = (0.5, 4.0, 6.0, 8.0)
OUTCOME_MAX_S = 120.0  # opening has its own deadline of some 30 s; this is the net below it
WAIT_MAX_S = 10.0  # architecture: capped back-off of a degraded route


@dataclass(frozen=True, slots=True)
class Well:
    """The session is open, or its first opening runs."""


@dataclass(frozen=True, slots=True)
class Ill:
    """The session is lost; rung number `tries` of the ladder is due at `at_s`."""

    tries: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Trying:
    """Rung number `tries` was begun; its outcome is awaited until `until_s`."""

    tries: int
    until_s: float


State = Well | Ill | Trying


def fell(state: State, now_s: float) -> State:
    """Note that the session was lost or could not be opened."""
    match state:
        case Well():
            return Ill(0, now_s + WAIT_S[0])
        case Trying(tries, _):
            wait_s = WAIT_S[tries + 1] if tries + 1 < len(WAIT_S) else WAIT_MAX_S
            return Ill(tries + 1, now_s + wait_s)
        case Ill():
            return state


def due_s(state: State) -> float | None:
    """Give when the next rung is due, or when the one under way has taken too long."""
    match state:
        case Ill(_, at_s):
            return at_s
        case Trying(_, until_s):
            return until_s
        case Well():
            return None


def climb(state: Ill, now_s: float, *, powered: bool) -> tuple[Trying, Rung]:
    """Take the next rung; where there is no power pin, `power` is a reset too."""
    rung = RUNGS[state.tries % len(RUNGS)]
    if rung == "power" and not powered:
        rung = "cfun"
    return Trying(state.tries, now_s + OUTCOME_MAX_S), rung
