"""The course of one update, from the verified release to its end. Pure: the shell does what `action` says.

The new version is laid into the spare slot while the kiosk works; system part, switch and every restart wait
until no incident is open, which is asked just before each of them. After the restart it has `JUDGE_S` to
stand at least as its predecessor did and to pass a silent drill; an incident has all the time it takes. Else
the kiosk goes back. No event raises.
"""

from dataclasses import replace

from kiosk.update import judging
from kiosk.update.judging import Refusal, Standing
from kiosk.update.states import (
    Action,
    Answered,
    Broke,
    Confirming,
    Done,
    Drilled,
    Drilling,
    Ended,
    Event,
    GoingBack,
    Holding,
    Installing,
    Judging,
    Order,
    Preparing,
    Settling,
    Starting,
    State,
    Switching,
    Waiting,
)

WAIT_MAX_S = 7 * 3600.0  # an incident that nobody closes ends after 6 h
AWAY_MAX_S = 120.0  # a daemon that is away so long is not just being restarted
JUDGE_S = 300.0  # a modem that was reset takes two minutes to register
SETTLE_S = 120.0
DRILLS = 2
POLL_S = 2.0


def resume(before: Standing | None, now_s: float) -> State:
    """Begin with the verdict: the switch happened before a power cut."""
    return Judging(before=before, until_s=now_s + JUDGE_S, started=False)


def resume_back(why: Refusal, now_s: float) -> State:
    """Begin with the end: going back was decided before a cut; nobody may have restarted the daemon."""
    return Settling(why, now_s + SETTLE_S, started=False)


ACTIONS: dict[type[State], Action] = {
    Installing: "install", Waiting: "ask", Preparing: "prepare", Switching: "switch", Judging: "ask",
    Starting: "start", Drilling: "drill", Confirming: "confirm", GoingBack: "go_back", Settling: "ask",
    Holding: "ask",
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
        case Holding() if isinstance(event, Answered):
            after = _held(state, event, order, now_s)
        case Starting(begun):
            after = _begun(begun, now_s)
        case Drilling(judging):
            after = _drilled(judging, event, now_s)
        case Switching() | Confirming() | GoingBack():
            after = _turned(state, event, now_s)
        case Settling() if isinstance(event, Answered):
            after = _settled(state, event.standing, order, now_s)
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
            return Holding(then=Starting(Judging(before=before, until_s=now_s)))
        case Confirming(), Done():
            return Ended("succeeded")
        case GoingBack(why), Done():
            return Holding(then=Starting(Settling(why, now_s)))
        case _, Broke(why):
            return Ended("failed", why) if isinstance(state, GoingBack) else Holding(then=GoingBack(why))
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


def _begun(begun: Judging | Settling, now_s: float) -> Judging | Settling:
    """Give a version that starts now all its time."""
    return replace(begun, until_s=now_s + (JUDGE_S if isinstance(begun, Judging) else SETTLE_S), started=True)


def _held(state: Holding, event: Answered, order: Order, now_s: float) -> State:
    """Go on once no incident is open; a daemon that is there and silent may have one, for a while."""
    seen = event.standing
    if seen is not None and seen.open:
        going_on = state.judging
        return replace(going_on, until_s=now_s + JUDGE_S) if going_on else replace(state, away_s=None)
    if seen is None and not event.absent:
        away_s = now_s if state.away_s is None else state.away_s
        return state.then if now_s >= away_s + AWAY_MAX_S else replace(state, away_s=away_s)
    match state.then, seen:
        case Starting(Settling() as begun), Standing(version=runs) if runs != order.version:
            return _begun(begun, now_s)  # the previous version was never left, or came by itself
        case _:
            return state.then


def _settled(state: Settling, seen: Standing | None, order: Order, now_s: float) -> State:
    if seen is not None and seen.version != order.version:
        return Ended("rolled_back", state.why)
    if seen is not None and not state.started:
        return replace(state, until_s=now_s + SETTLE_S) if seen.open else Starting(state)
    return Ended("rolled_back", state.why) if now_s >= state.until_s else state


def _judged(state: Judging, event: Answered, order: Order, now_s: float) -> State:
    seen = event.standing
    if not event.on_trial:
        return Settling(Refusal("update_start"), now_s + SETTLE_S)
    if seen is not None and seen.open:
        return replace(state, until_s=now_s + JUDGE_S)
    if seen is not None and seen.version != order.version and not state.started:
        return Starting(state)
    why = judging.fault(state.before, seen, order.version)
    if why is None:
        return Drilling(state)
    if now_s < state.until_s:
        return state
    silent = seen is None and not event.absent
    return _leaving(state, why) if silent else GoingBack(why)


def _leaving(state: Judging, why: Refusal) -> Holding:
    return Holding(then=GoingBack(why), judging=state)


def _drilled(state: Judging, event: Event, now_s: float) -> State:
    """A drill that could not begin, or that an alarm ended, tells nothing: look again."""
    if not isinstance(event, Drilled):
        late = now_s >= state.until_s
        return _leaving(state, Refusal("update_drill", "it did not begin")) if late else state
    why = judging.drill_fault(state.before, event.missing)
    if why is None:
        return Confirming()
    if state.drills + 1 >= DRILLS:
        return _leaving(state, why)
    return replace(state, drills=state.drills + 1)
