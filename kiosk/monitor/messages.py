"""Every notice that reaches the fleet, in the past tense.

Owns no behaviour; every value is frozen.
"""

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from kiosk.bodies import (
    Alert,
    AlertId,
    CommandName,
    CommandResult,
    Event,
    Heartbeat,
    KioskId,
    ReplyStage,
    Route,
    Status,
    Token,
)
from kiosk.monitor.calls import LeaseChanged as LeaseChanged  # noqa: PLC0414 - handed on
from kiosk.monitor.calls import PlanLoaded as PlanLoaded  # noqa: PLC0414 - handed on
from kiosk.monitor.calls import SmsArrived as SmsArrived  # noqa: PLC0414 - handed on
from kiosk.monitor.calls import TextSettled as TextSettled  # noqa: PLC0414 - handed on
from kiosk.monitor.records import Case, Kiosk, Outcome, StageEntry, Text

Action = Literal["accept", "en_route", "on_scene", "close"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a message is acknowledged by: the connection's number and the packet id on it."""

    connection: int
    packet: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertArrived:
    """An alert came by `door`; `known` is what the store holds of it when memory does not.

    `token` is set where the sender waits for an Answer: it comes once the alert is durable. `sms_from` is the
    number of the kiosk's own SIM where it came by SMS.
    """

    alert: Alert
    door: Route
    sms_from: str = ""
    receipt: Receipt | None = None
    known: Case | None = None
    token: Token | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusArrived:
    """A birth, will or stop came; `retained` means that it may be old."""

    kiosk_id: KioskId
    status: Status
    retained: bool
    receipt: Receipt | None = None


class HeartbeatArrived(Struct, frozen=True, gc=False):
    """A kiosk told its health; `merged` older heartbeats came in the same moment and were passed over."""

    kiosk_id: KioskId
    heartbeat: Heartbeat
    merged: int = 0


@dataclass(frozen=True, slots=True)
class HeartbeatsArrived:
    """Kiosks told their health, at most once each."""

    heartbeats: tuple[HeartbeatArrived, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventArrived:
    """A kiosk told something for the technician."""

    event: Event
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultArrived:
    """A kiosk told how a command stands."""

    kiosk_id: KioskId
    result: CommandResult
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRefused:
    """Something unreadable came; `kiosk_id` is empty when the topic did not name one."""

    kiosk_id: KioskId
    leaf: str
    reason: str
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class LinkRose:
    """The centre hears its kiosks (again)."""

    peer: str


@dataclass(frozen=True, slots=True)
class LinkFell:
    """The centre hears nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class EarsRose:
    """Heartbeats are heard (again), on a connection of their own."""

    peer: str


@dataclass(frozen=True, slots=True)
class EarsFell:
    """No heartbeats are heard: whoever is silent now may be well."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReplyTaken:
    """The broker has the reply and keeps it for the kiosk."""

    alert_id: AlertId
    stage: ReplyStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """A person did something about an alert; `alert` may be abbreviated."""

    token: Token
    action: Action
    alert: str
    by: str
    note: str = ""
    outcome: Outcome = ""
    referral: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandAsked:
    """Somebody wants a kiosk to do something; `duty` lets a drill reach phones; roll-outs name theirs."""

    token: Token
    kiosk_id: KioskId
    name: CommandName
    by: str
    duty: bool = False
    release: str | None = None
    version: str | None = None
    command_id: str | None = None


@dataclass(frozen=True, slots=True)
class DutySet:
    """Somebody came on duty, or the last one left."""

    token: Token
    on: bool


@dataclass(frozen=True, slots=True)
class Overruled:
    """Another monitor was quicker: the store holds `entry`, not the stage `asked` as we wrote it.

    `entry` is the same stage by somebody else, or one beyond it: stages never go back.
    """

    alert_id: AlertId
    entry: StageEntry
    asked: ReplyStage


@dataclass(frozen=True, slots=True)
class Saved:
    """Every Save up to `serial` is durable, but for what another monitor had decided before."""

    serial: int
    overruled: tuple[Overruled, ...] = ()


@dataclass(frozen=True, slots=True)
class SaveFailed:
    """The store refused; nothing of the failed Saves is durable."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What the store held at start; `quarantined` names a damaged one that was set aside."""

    cases: tuple[Case, ...] = ()
    kiosks: tuple[Kiosk, ...] = ()
    events: tuple[Event, ...] = ()
    quarantined: str = ""


@dataclass(frozen=True, slots=True)
class StoreRenewed:
    """A damaged store was set aside while we ran; the new one holds nothing of what memory holds."""

    quarantined: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsRead:
    """Another monitor on the same database wrote these."""

    cases: tuple[Case, ...] = ()
    kiosks: tuple[Kiosk, ...] = ()
    texts: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """The centre is about to end in order; the last Save follows."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """Nothing happened but time."""


Notice = (
    AlertArrived | StatusArrived | HeartbeatArrived | HeartbeatsArrived | EventArrived | ResultArrived |
    BodyRefused | LinkRose | LinkFell | EarsRose | EarsFell | ReplyTaken | Acted | CommandAsked | DutySet |
    Saved | SaveFailed | Restored | StoreRenewed | NewsRead | PlanLoaded | LeaseChanged | SmsArrived |
    TextSettled | Stopped | Ticked
)  # fmt: skip
