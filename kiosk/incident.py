"""One incident and its stages, from the press to a person's `closed`. Pure.

Theory of operation: stages only go up. Four states say what is still owed:

    Unheard --centre's receipt--> Heard --a person--> Taken --a person--> Over
       \\________ any later stage may come first; 6 h without a person end it, too ________/

Unheard and Heard escalate; Taken rests; nothing on the kiosk leads to Over but the 6 h rule.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from kiosk.bodies import STAGES, AlertId, Clock, Kind, ReplyStage, Route, Stage
from kiosk.messages import LastPress

TakenStage = Literal["accepted", "en_route", "on_scene"]
MAX_ALSO = 8
ANEW_AFTER_S = 120.0  # by then a frightened double press is over, and its answer was heard twice (ADR 30)
NEVER_S = float("-inf")


@dataclass(frozen=True, slots=True)
class Unheard:
    """Nobody answered; `attempting` once a route has tried."""

    attempting: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """The centre has it; no person took it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A person took it."""

    stage: TakenStage


@dataclass(frozen=True, slots=True)
class Over:
    """A person closed it, or it grew too old."""

    expired: bool = False


State = Unheard | Heard | Taken | Over


@dataclass(frozen=True, slots=True)
class Attempted:
    """A route began an attempt."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The centre or a person answered at `s`; `said` where a person says it just now, perhaps once more."""

    stage: ReplyStage
    by: str = ""
    s: float = 0.0
    said: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """The centre's answer shows of how many presses it knows; a link that is not `live` tells it late."""

    presses: int
    live: bool


@dataclass(frozen=True, slots=True)
class PressedAgain:
    """Somebody pressed (another button, perhaps) while it is open; `s` is monotonic."""

    s: float
    last: LastPress


@dataclass(frozen=True, slots=True)
class Aged:
    """It is older than it may get."""


Input = Attempted | Answered | Known | PressedAgain | Aged


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; `pressed_s` is monotonic, `pressed_utc_ms` wall time; `code` is for SMS replies.

    `last` is the newest press after the first; `again_s` from when the 6 h count, where not from the first.
    A person's word came last at `taken_s`; `presses_taken` is how many presses it was about, `known` are
    those the centre knows; `anew_s` when it was pressed long after that word, until that press is answered.
    One that is `resumed` was read from the journal: only the wall clock can tell how long ago it began, and
    `base` of its presses were counted before.
    """

    alert_id: AlertId
    kind: Kind
    button: str
    pressed_s: float
    pressed_utc_ms: int
    clock: Clock
    seq: int
    code: str
    duty: bool = True
    presses: int = 1
    base: int = 0
    presses_taken: int = 0
    taken_s: float = NEVER_S
    known: int = 0
    anew_s: float | None = None
    also: tuple[str, ...] = ()
    last: LastPress | None = None
    again_s: float | None = None
    by: str = ""
    state: State = Unheard()
    heard_by: tuple[Route, ...] = ()
    resumed: bool = False

    @property
    def stage(self) -> Stage:
        """Name the stage that this state stands for."""
        match self.state:
            case Unheard(attempting):
                return "sending" if attempting else "pressed"
            case Heard():
                return "received"
            case Taken(stage):
                return stage
            case Over():
                return "closed"
            case _:
                assert_never(self.state)

    @property
    def last_button(self) -> str:
        """Name the button that was pressed last."""
        return self.last.button if self.last else (self.button, *self.also)[-1]

    @property
    def last_s(self) -> float:
        """Give from when the 6 h count: from the newest press, for it is nobody's before it is answered."""
        return self.pressed_s if self.again_s is None else self.again_s

    @property
    def escalating(self) -> bool:
        """Tell whether people must still be sought."""
        return isinstance(self.state, Unheard | Heard) or self._anew

    @property
    def calls_s(self) -> float:
        """Give from when it is counted how long people have been sought."""
        return self.pressed_s if self.anew_s is None else self.anew_s

    @property
    def untold(self) -> bool:
        """Tell whether the centre must hear of it by every way, whoever took it meanwhile."""
        match self.state:
            case Unheard():
                return True
            case Heard():
                return self.presses > max(self.known, 1)
            case Taken():
                return not self.known or (self._anew and self.presses > self.known)
            case Over():
                return False
            case _:
                assert_never(self.state)

    @property
    def _anew(self) -> bool:
        return isinstance(self.state, Taken) and self.anew_s is not None


def rank(stage: Stage) -> int:
    """Give a stage's place in the order of stages."""
    return STAGES.index(stage)


def step(incident: Incident, event: Input) -> Incident:
    """Give the incident after this event; an event that does not concern it changes nothing."""
    if isinstance(incident.state, Over):
        return incident
    match event:
        case Attempted():
            return replace(incident, state=Unheard(attempting=True)) if _unheard(incident) else incident
        case Answered():
            return _answered(incident, event)
        case Known(presses, live):
            known = max(incident.known, min(presses, incident.presses))
            answered = live and presses >= incident.presses
            return replace(incident, known=known, anew_s=None if answered else incident.anew_s)
        case PressedAgain():
            return _pressed_again(incident, event)
        case Aged():
            return replace(incident, state=Over(expired=True))
        case _:
            assert_never(event)


def _unheard(incident: Incident) -> bool:
    return isinstance(incident.state, Unheard)


def _pressed_again(incident: Incident, event: PressedAgain) -> Incident:
    last = event.last
    new = last.button != incident.button and last.button not in incident.also
    also = (*incident.also, last.button)[:MAX_ALSO] if new else incident.also
    anew_s = incident.anew_s
    if isinstance(incident.state, Taken) and anew_s is None and event.s >= incident.taken_s + ANEW_AFTER_S:
        anew_s = event.s
    presses = incident.presses + 1
    return replace(incident, presses=presses, also=also, last=last, again_s=event.s, anew_s=anew_s)


def _answered(incident: Incident, event: Answered) -> Incident:
    stage, by = event.stage, event.by or incident.by
    news = rank(stage) > rank(incident.stage)
    match stage:
        case "received":
            return replace(incident, state=Heard()) if news else incident
        case "accepted" | "en_route" | "on_scene":
            if news:
                incident = replace(incident, state=Taken(stage), by=by, taken_s=event.s)
            return _taken(incident, event.s) if _looked(incident, event, news=news) else incident
        case "closed":
            return replace(incident, state=Over(), by=by) if news else incident
        case _:
            assert_never(stage)


def _looked(incident: Incident, event: Answered, *, news: bool) -> bool:
    """Tell whether a person's word is about every press: the centre may not know of the newest."""
    return event.said or (news and (incident.anew_s is None or incident.known >= incident.presses))


def _taken(incident: Incident, s: float) -> Incident:
    return replace(incident, presses_taken=incident.presses, taken_s=s, anew_s=None)
