"""The course of one update, from the verified release to its end. Pure: the shell does what `action` says.

The new version is laid into the spare slot while the kiosk works; system part and switch wait until no
incident is open. After the restart it has `JUDGE_S` to stand at least as its predecessor did and to pass a
silent drill; an incident has all the time it takes. Else the kiosk goes back. No event raises.
"""

from dataclasses import dataclass, replace
from typing import Literal

from kiosk.update import judging
from kiosk.update.judging import Refusal, Standing
from kiosk.updates import Ending

WAIT_MAX_S = 7 * 3600.0  # an incident that nobody closes ends after 6 h
AWAY_MAX_S = 120.0  # a daemon that is away so long is not just being restarted
JUDGE_S = 300.0  # a modem that was reset takes two minutes to register
SETTLE_S = 120.0
DRILLS = 2
POLL_S = 2.0


NO_REASON = Refusal("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What shall be done; with `force` a daemon that is away holds nothing up."""

    version: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class Installing:
    """The release is being laid into the spare slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Until no incident is open; `away_s` since when the daemon does not answer."""

    since_s: float
    away_s: float | None = None
    prepared: bool = False


@dataclass(frozen=True, slots=True)
class Preparing:
    """The system part is being brought up to date."""


@dataclass(frozen=True, slots=True)
class Switching:
    """The slots are being switched, the daemon restarted."""

    before: Standing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """The new version runs, on trial; after a cut perhaps not yet, for nobody may have `started` it."""

    before: Standing | None
    until_s: float
    drills: int = 0
    started: bool = True


@dataclass(frozen=True, slots=True)
class Starting:
    """The daemon is being restarted: the version before the switch still ran."""

    judging: Judging


@dataclass(frozen=True, slots=True)
class Drilling:
    """A silent drill runs."""

    judging: Judging


@dataclass(frozen=True, slots=True)
class Confirming:
    """The new version is being kept."""


@dataclass(frozen=True, slots=True)
class GoingBack:
    """The previous version is being switched to."""

    why: Refusal


@dataclass(frozen=True, slots=True)
class Settling:
    """The previous version starts again."""

    why: Refusal
    until_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over."""

    ending: Ending
    why: Refusal = NO_REASON


State = (
    Installing | Waiting | Preparing | Switching | Starting | Judging | Drilling | Confirming | GoingBack
    | Settling | Ended
)  # fmt: skip
Action = Literal["install", "ask", "prepare", "switch", "start", "drill", "confirm", "go_back"]


@dataclass(frozen=True, slots=True)
class Done:
    """What was asked for is done."""


@dataclass(frozen=True, slots=True)
class Broke:
    """What was asked for could not be done."""

    why: Refusal


@dataclass(frozen=True, slots=True)
class Answered:
    """The daemon says how it stands; None when it does not answer. `on_trial`: the slots still say so."""

    standing: Standing | None
    on_trial: bool = True


@dataclass(frozen=True, slots=True)
class Drilled:
    """The drill was judged: `missing` names the routes without an answer."""

    missing: str


Event = Done | Broke | Answered | Drilled


def resume(before: Standing | None, now_s: float) -> State:
    """Begin with the verdict: the switch happened before a power cut."""
    return Judging(before=before, until_s=now_s + JUDGE_S, started=False)


ACTIONS: dict[type[State], Action] = {
    Installing: "install", Waiting: "ask", Preparing: "prepare", Switching: "switch", Judging: "ask",
    Starting: "start",    Drilling: "drill", Confirming: "confirm", GoingBack: "go_back", Settling: "ask",
}  # fmt: skip


def action(state: State) -> Action | None:
    """Name what is to be done now; None at the end."""
    return ACTIONS.get(type(state))


def step(state: State, event: Event, order: Order, now_s: float) -> State:
    """Follow an event; one that does not concern a state changes nothing."""
    after: State = state
    match state:
        case Installing() | Waiting() | Preparing():
            after = _before(state, event, order, now_s)
        case Judging() if isinstance(event, Answered):
            after = _judged(state, event, order, now_s)
        case Starting(judging):
            after = replace(judging, until_s=now_s + JUDGE_S)
        case Drilling(judging):
            after = _drilled(judging, event, now_s)
        case Switching() | Confirming() | GoingBack():
            after = _turned(state, event, now_s)
        case Settling(why, until_s) if isinstance(event, Answered):
            seen = event.standing
            runs = seen is not None and seen.version != order.version
            after = Ended("rolled_back", why) if runs or now_s >= until_s else state
    return after


def _before(state: Installing | Waiting | Preparing, event: Event, order: Order, now_s: float) -> State:
    """Nothing has been switched yet: what breaks leaves the kiosk as it was."""
    match state, event:
        case Waiting(), Answered(seen):
            return _waited(state, seen, order, now_s)
        case ((Installing() | Preparing()), Done()):
            return Waiting(since_s=now_s, prepared=isinstance(state, Preparing))
        case ((Installing() | Preparing()), Broke(why)):
            return Ended("failed", why)
        case _:
            return state


def _turned(state: Switching | Confirming | GoingBack, event: Event, now_s: float) -> State:
    match state, event:
        case Switching(before), Done():
            return Judging(before=before, until_s=now_s + JUDGE_S)
        case Confirming(), Done():
            return Ended("succeeded")
        case GoingBack(why), Done():
            return Settling(why, now_s + SETTLE_S)
        case _, Broke(why):
            return Ended("failed", why) if isinstance(state, GoingBack) else GoingBack(why)
        case _:
            return state


def _waited(state: Waiting, seen: Standing | None, order: Order, now_s: float) -> State:
    ready = Switching(seen) if state.prepared else Preparing()
    if seen is None:
        away_s = now_s if state.away_s is None else state.away_s
        if now_s < away_s + AWAY_MAX_S:
            return replace(state, away_s=away_s)
        return ready if order.force else Ended("failed", Refusal("update_no_daemon"))
    if not seen.open:
        return ready
    if now_s >= state.since_s + WAIT_MAX_S:
        return Ended("failed", Refusal("update_busy"))
    return replace(state, away_s=None)


def _judged(state: Judging, event: Answered, order: Order, now_s: float) -> State:
    seen = event.standing
    if not event.on_trial:
        return Settling(Refusal("update_start"), now_s + SETTLE_S)
    if seen is not None and seen.open:
        return replace(state, until_s=now_s + JUDGE_S)
    if seen is not None and seen.version != order.version and not state.started:
        return Starting(replace(state, started=True))
    why = judging.fault(state.before, seen, order.version)
    if why is None:
        return Drilling(state)
    return GoingBack(why) if now_s >= state.until_s else state


def _drilled(state: Judging, event: Event, now_s: float) -> State:
    """A drill that could not begin, or that an alarm ended, tells nothing: look again."""
    if not isinstance(event, Drilled):
        return GoingBack(Refusal("update_drill", "it did not begin")) if now_s >= state.until_s else state
    why = judging.drill_fault(state.before, event.missing)
    if why is None:
        return Confirming()
    if state.drills + 1 >= DRILLS:
        return GoingBack(why)
    return replace(state, drills=state.drills + 1)
