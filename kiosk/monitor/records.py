"""What the centre keeps of alerts and kiosks, and the changes that its store is asked to make durable.

Owns no behaviour; every value is frozen.
"""

from dataclasses import dataclass
from typing import Literal

from kiosk.bodies import Alert, AlertId, Event, Heartbeat, KioskId, ReplyStage, Route

KioskLife = Literal["unknown", "online", "silent", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """A stage, who said so and when; `via` kiosk: accepted by SMS while the link was down."""

    stage: ReplyStage
    at_ms: int
    by: str = ""
    note: str = ""
    via: Literal["centre", "kiosk"] = "centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One alert with all that became of it; `age_s` is how old it was when it came."""

    alert: Alert
    received_ms: int
    door: Route
    age_s: int
    late: bool
    clock_note: Literal["", "unsynced", "ahead", "unreadable"] = ""
    stages: tuple[StageEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kiosk:
    """What is known of one kiosk; `heard_s` is monotonic and means nothing after a restart."""

    kiosk_id: KioskId
    life: KioskLife = "unknown"
    why: Literal["", "will", "heartbeats"] = ""
    since_ms: int = 0
    heard_s: float = 0.0
    heard_ms: int = 0
    boot: int = -1
    connection: int = -1
    past_boots: tuple[int, ...] = ()
    heartbeat: Heartbeat | None = None
    heartbeats_lost: int = 0
    version: str = ""
    doubts_ms: tuple[int, ...] = ()
    twin: bool = False
    alert_seq: int = -1
    missing: tuple[int, ...] = ()
    refused: int = 0


@dataclass(frozen=True, slots=True)
class StoreAlert:
    """Keep an alert (its stages apart); repeated for what a later copy of it added."""

    case: Case


@dataclass(frozen=True, slots=True)
class StoreStage:
    """Keep one stage of an alert."""

    alert_id: AlertId
    entry: StageEntry


@dataclass(frozen=True, slots=True)
class StoreEvent:
    """Keep one event of a kiosk; the store may forget old ones."""

    event: Event


@dataclass(frozen=True, slots=True)
class StoreKiosk:
    """Keep the newest state of a kiosk."""

    kiosk: Kiosk


Change = StoreAlert | StoreStage | StoreEvent | StoreKiosk
