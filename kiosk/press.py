"""One contact, from raw edges to "somebody pressed": debounce, guard, stuck, held at start. Pure.

Theory of operation: an edge or a level read at its own time goes through `observe`. A level must stay
for `stable_s` before it counts (`Contact`); what counts then drives one of four states:

    Unread --up--> Idle --down--> Held --guard met--> verdict "pressed" (once an episode)
    Unread --down--> HeldAtStart --up--> verdict "pressed"      Held, HeldAtStart --stuck_s--> Stuck

A contact already closed at start is a press when somebody lets go of it within `stuck_s`; one that
stays closed is a fault, never an alarm: a person lets go, a jammed button does not. A level that comes
to no rest for `NOISY_S` is told as noisy; a press that does rest counts all the same.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from kiosk.wiring import Rules

Verdict = Literal["pressed", "stuck", "freed", "noisy", "quiet"]
NOISY_S = 10.0  # a hand's bounce rests after some ms; mains hum on a long wire never does


@dataclass(frozen=True, slots=True)
class Unread:
    """No level is known: at start, or after the line was lost."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Released; `tap_s` is when the first of two presses began (guard `double`)."""

    tap_s: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Pressed since `since_s`; `fired` once this episode gave its verdict."""

    since_s: float
    fired: bool


@dataclass(frozen=True, slots=True)
class HeldAtStart:
    """Closed when we first looked, at `since_s`."""

    since_s: float


@dataclass(frozen=True, slots=True)
class Stuck:
    """Closed for longer than a person holds it."""


State = Unread | Idle | Held | HeldAtStart | Stuck


@dataclass(frozen=True, slots=True)
class Down:
    """The contact is stably closed since `at_s`."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Up:
    """The contact is stably open."""


@dataclass(frozen=True, slots=True)
class Time:
    """It is `now_s`."""

    now_s: float


Input = Down | Up | Time
Step = tuple[State, tuple[Verdict, ...]]
Moved = tuple["Press", tuple[Verdict, ...]]


def _unread(state: Unread, event: Input) -> Step:
    match event:
        case Down(at_s):
            return HeldAtStart(at_s), ()
        case Up():
            return Idle(), ()
        case Time():
            return state, ()
        case _:
            assert_never(event)


def _idle(state: Idle, event: Input, rules: Rules) -> Step:
    match event:
        case Down(at_s):
            second = state.tap_s is not None and at_s - state.tap_s <= rules.double_s
            fired = rules.guard == "single" or (rules.guard == "double" and second)
            return Held(at_s, fired), (("pressed",) if fired else ())
        case Up() | Time():
            return state, ()
        case _:
            assert_never(event)


def _held(state: Held, event: Input, rules: Rules) -> Step:
    match event:
        case Up():
            tap_s = state.since_s if rules.guard == "double" and not state.fired else None
            return Idle(tap_s), ()
        case Time(now_s):
            # Compared as `wake_s` computes it: a difference of floats may stay an ulp short for ever.
            fires = rules.guard == "hold" and not state.fired and now_s >= state.since_s + rules.hold_s
            verdicts: tuple[Verdict, ...] = ("pressed",) if fires else ()
            if now_s >= state.since_s + rules.stuck_s:
                return Stuck(), (*verdicts, "stuck")
            return (replace(state, fired=True) if fires else state), verdicts
        case Down():
            return state, ()
        case _:
            assert_never(event)


def _held_at_start(state: HeldAtStart, event: Input, rules: Rules) -> Step:
    match event:
        case Up():
            return Idle(), ("pressed",)
        case Time(now_s) if now_s >= state.since_s + rules.stuck_s:
            return Stuck(), ("stuck",)
        case Down() | Time():
            return state, ()
        case _:
            assert_never(event)


def _stuck(state: Stuck, event: Input) -> Step:
    match event:
        case Up():
            return Idle(), ("freed",)
        case Down() | Time():
            return state, ()
        case _:
            assert_never(event)


def step(state: State, event: Input, rules: Rules) -> Step:
    """Give the next state and what it means; an input that does not concern a state changes nothing."""
    match state:
        case Unread():
            return _unread(state, event)
        case Idle():
            return _idle(state, event, rules)
        case Held():
            return _held(state, event, rules)
        case HeldAtStart():
            return _held_at_start(state, event, rules)
        case Stuck():
            return _stuck(state, event)
        case _:
            assert_never(state)


@dataclass(frozen=True, slots=True)
class Contact:
    """The newest raw level, when it began, and whether it has been stable long enough to count.

    It has moved without a rest since `moving_s`; `noisy` once that was told.
    """

    down: bool
    since_s: float
    moving_s: float
    settled: bool = False
    noisy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One contact with its rules; start with `Press(rules=…)`."""

    rules: Rules
    contact: Contact | None = None
    state: State = Unread()

    @property
    def is_down(self) -> bool:
        """Tell whether the newest raw level is pressed."""
        return self.contact is not None and self.contact.down


def observe(press: Press, *, high: bool, at_s: float) -> Moved:
    """Take in a level seen at `at_s` (an edge or a read); an older one than the newest is ignored."""
    press, verdicts = advance(press, at_s)
    down = press.rules.is_down(high=high)
    contact = press.contact
    if contact is None:
        press = replace(press, contact=Contact(down, at_s, at_s))
    elif contact.down != down and at_s >= contact.since_s:
        moving_s = at_s if contact.settled else contact.moving_s
        press = replace(press, contact=Contact(down, at_s, moving_s, noisy=contact.noisy))
    return press, verdicts


def advance(press: Press, now_s: float) -> Moved:
    """Let time pass until `now_s`: settle the level, then the guard and the stuck timer."""
    state, contact = press.state, press.contact
    if contact is None:
        return press, ()
    verdicts: tuple[Verdict, ...] = ()
    if not contact.settled and now_s >= contact.since_s + press.rules.stable_s:
        verdicts = ("quiet",) if contact.noisy else ()
        contact = replace(contact, settled=True, noisy=False)
        state, more = step(state, Down(contact.since_s) if contact.down else Up(), press.rules)
        verdicts += more
    elif not contact.settled and not contact.noisy and now_s >= contact.moving_s + NOISY_S:
        contact, verdicts = replace(contact, noisy=True), ("noisy",)
    if contact.settled:
        state, more = step(state, Time(now_s), press.rules)
        verdicts += more
    if contact is press.contact and state == press.state:
        return press, verdicts
    return replace(press, contact=contact, state=state), verdicts


def settle(press: Press, now_s: float) -> Moved:
    """Let the newest level count once it was stable, and no time pass beyond that."""
    if press.contact is None or press.contact.settled:
        return press, ()
    return advance(press, min(now_s, press.contact.since_s + press.rules.stable_s))


def lose(press: Press) -> Press:
    """Forget the level: the line cannot be read any more."""
    return Press(rules=press.rules)


def wake_s(press: Press) -> float | None:
    """Give the next monotonic time at which `advance` may have something to say."""
    contact, rules = press.contact, press.rules
    if contact and not contact.settled:
        return contact.since_s + rules.stable_s
    match press.state:
        case Held(since_s, fired=False) if rules.guard == "hold":
            return since_s + min(rules.hold_s, rules.stuck_s)
        case Held(since_s) | HeldAtStart(since_s):
            return since_s + rules.stuck_s
        case Unread() | Idle() | Stuck():
            return None
        case _:
            assert_never(press.state)
