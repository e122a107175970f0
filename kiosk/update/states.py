"""What an update can be at, what is to be done there, and what can happen. Values only; see `machine`."""

from dataclasses import dataclass
from typing import Literal

from kiosk.update.judging import Refusal, Standing
from kiosk.updates import Ending

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
    """The slots are being switched; the daemon still runs the version before."""

    before: Standing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """The new version runs, on trial; after a cut perhaps not yet, for nobody may have `started` it."""

    before: Standing | None
    until_s: float
    drills: int = 0
    started: bool = True


@dataclass(frozen=True, slots=True)
class Drilling:
    """A silent drill runs."""

    judging: Judging


@dataclass(frozen=True, slots=True)
class Confirming:
    """The new version is being kept."""


@dataclass(frozen=True, slots=True)
class Settling:
    """The previous version starts again; after a cut perhaps not yet, for nobody may have `started` it."""

    why: Refusal
    until_s: float
    started: bool = True


@dataclass(frozen=True, slots=True)
class Starting:
    """The daemon is being restarted, for the slots were changed under it."""

    after: Judging | Settling


@dataclass(frozen=True, slots=True)
class GoingBack:
    """The previous version is being switched to; the daemon still runs."""

    why: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What would interrupt an incident is held until none is open.

    `judging` is gone on with should one open; `away_s` tells since when a daemon that is there is silent.
    """

    then: Starting | GoingBack
    judging: Judging | None = None
    away_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over."""

    ending: Ending
    why: Refusal = NO_REASON


State = (
    Installing | Waiting | Preparing | Switching | Holding | Starting | Judging | Drilling | Confirming
    | GoingBack | Settling | Ended
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
    """The daemon says how it stands; None when it does not answer.

    `on_trial`: the slots still say so. `absent`: there is no daemon at all, not just one that is silent.
    """

    standing: Standing | None
    on_trial: bool = True
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Drilled:
    """The drill was judged: `missing` names the routes without an answer."""

    missing: str


Event = Done | Broke | Answered | Drilled
