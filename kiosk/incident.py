"""One incident and its stages, from the press to a person's `closed`. Pure.

Theory of operation: stages only go up. Four states say what is still owed:

    Unheard --centre's receipt--> Heard --a person--> Taken --a person--> Over
       \\________ any later stage may come first; 6 h without a person end it, too ________/

Unheard and Heard escalate; Taken rests; nothing on the kiosk leads to Over but the 6 h rule.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from kiosk.bodies import STAGES, AlertId, Clock, Kind, Reply, ReplyStage, Route, Stage
from kiosk.messages import LastPress

TakenStage = Literal["accepted", "en_route", "on_scene"]
MAX_ALSO = 8
UTC_MAX_MS = 0xFFFF_FFFF * 1000  # the year 2106: what the signed SMS can hold; later is a broken clock


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
    """The centre or a person answered."""

    stage: ReplyStage
    by: str = ""


@dataclass(frozen=True, slots=True)
class PressedAgain:
    """Somebody pressed (another button, perhaps) while it is open; `s` is monotonic."""

    s: float
    last: LastPress


@dataclass(frozen=True, slots=True)
class Aged:
    """It is older than it may get."""


Input = Attempted | Answered | PressedAgain | Aged


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident; `pressed_s` is monotonic, `pressed_utc_ms` wall time; `code` is for SMS replies.

    `presses_taken` is how many presses there were when a person's word came last. One that is `resumed` was
    read from the journal: only the wall clock can tell how long ago it began.
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
    presses_taken: int = 0
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
        return isinstance(self.state, Unheard | Heard)


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
        case Answered(stage, by):
            return _answered(incident, stage, by)
        case PressedAgain(s, last):
            new = last.button != incident.button and last.button not in incident.also
            also = (*incident.also, last.button)[:MAX_ALSO] if new else incident.also
            return replace(incident, presses=incident.presses + 1, also=also, last=last, again_s=s)
        case Aged():
            return replace(incident, state=Over(expired=True))
        case _:
            assert_never(event)


def outlives(incident: Incident, reply: Reply, link: Route) -> bool:
    """Tell whether somebody pressed after whoever closed it had looked: that press is answered by nobody.

    Texts tell of presses late or never: by SMS those before a person's last word count as looked at.
    """
    known = max(reply.presses, incident.presses_taken) if link == "sms" else reply.presses
    unknown = reply.presses > 0 and known < incident.presses
    still_open = incident.kind == "press" and not isinstance(incident.state, Over)
    return reply.stage == "closed" and unknown and still_open


def _unheard(incident: Incident) -> bool:
    return isinstance(incident.state, Unheard)


def _answered(incident: Incident, stage: ReplyStage, by: str) -> Incident:
    if rank(stage) <= rank(incident.stage):
        return incident
    match stage:
        case "received":
            return replace(incident, state=Heard())
        case "accepted" | "en_route" | "on_scene":
            taken = Taken(stage)
            return replace(incident, state=taken, by=by or incident.by, presses_taken=incident.presses)
        case "closed":
            return replace(incident, state=Over(), by=by or incident.by)
        case _:
            assert_never(stage)


def bounded_utc_ms(utc_ms: int) -> int:
    """Bring a wall time (ms since 1970) into the years that can be written and signed."""
    return min(max(utc_ms, 0), UTC_MAX_MS)
