"""The recovery ladder of a modem that fell silent. Pure.

Reopen, reopen, reset by AT+CFUN=1,1, take its power away, then from the start again; never more than
`WAIT_MAX_S` apart. A modem that falls again within `STEADY_S` goes on where the ladder was left: one that
opens well and hangs at every text would else be reopened for ever.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

Rung = Literal["reopen", "cfun", "power"]
RUNGS: tuple[Rung, ...] = ("reopen", "reopen", "cfun", "power")
WAIT_S = (0.5, 4.0, 6.0, 8.0)
OUTCOME_MAX_S = 120.0  # opening has its own deadline of some 30 s; this is the net below it
WAIT_MAX_S = 10.0  # architecture: capped back-off of a degraded route
STEADY_S = 600.0  # modems are known to hang within minutes


@dataclass(frozen=True, slots=True)
class Well:
    """The session is open since `since_s`; `rung` is the next of the ladder, should it fall soon."""

    since_s: float
    rung: int = 0


@dataclass(frozen=True, slots=True)
class Ill:
    """The session is lost; this `rung` of the ladder is due at `at_s`."""

    rung: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Trying:
    """An opening was begun; its outcome is awaited until `until_s`; `rung` comes next."""

    rung: int
    until_s: float


State = Well | Ill | Trying


def opening(now_s: float) -> Trying:
    """Begin: the first opening is under way."""
    return Trying(0, now_s + OUTCOME_MAX_S)


def rose(state: State, now_s: float) -> State:
    """Note an open session."""
    match state:
        case Well():
            return state
        case Ill(rung, _) | Trying(rung, _):
            return Well(now_s, rung)
        case _:
            assert_never(state)


def fell(state: State, now_s: float) -> State:
    """Note that the session was lost or could not be opened."""
    match state:
        case Well(since_s, rung):
            return _ill(rung if now_s < since_s + STEADY_S else 0, now_s)
        case Trying(rung, _):
            return _ill(rung, now_s)
        case Ill():
            return state
        case _:
            assert_never(state)


def _ill(rung: int, now_s: float) -> Ill:
    return Ill(rung, now_s + (WAIT_S[rung] if rung < len(WAIT_S) else WAIT_MAX_S))


def due_s(state: State) -> float | None:
    """Give when the next rung is due, or when the one under way has taken too long."""
    match state:
        case Ill(_, at_s):
            return at_s
        case Trying(_, until_s):
            return until_s
        case Well():
            return None
        case _:
            assert_never(state)


def climb(state: Ill, now_s: float, *, powered: bool) -> tuple[Trying, Rung]:
    """Take the next rung; where there is no power pin, `power` is a reset too."""
    rung = RUNGS[state.rung % len(RUNGS)]
    if rung == "power" and not powered:
        rung = "cfun"
    return Trying(state.rung + 1, now_s + OUTCOME_MAX_S), rung
