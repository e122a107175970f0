"""What the centre keeps of alerts and kiosks, and the changes that its store is asked to make durable.

Owns no behaviour; every value is frozen.
"""

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from kiosk.bodies import Alert, AlertId, Event, Heartbeat, KioskId, Place, ReplyStage, Route

KioskLife = Literal["unknown", "online", "silent", "stopped"]
Outcome = Literal["", "helped", "referred", "nobody_there", "false_press", "test", "other"]
SmsDoor = Literal["modem", "smsd", "webhook"]
TextState = Literal["planned", "sent", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """A stage, who said so and when; `via` kiosk: accepted by SMS while the link was down."""

    stage: ReplyStage
    at_ms: int
    by: str = ""
    note: str = ""
    via: Literal["centre", "kiosk", "sms"] = "centre"
    outcome: Outcome = ""  # of `closed`
    referral: str = ""  # of `closed`: the id of the contact that took over; never a person


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One alert with all that became of it; `age_s` is how old it was when it came.

    `door` is the path it came by first, `also_by` are those that brought a copy later. `sms_from` is the
    number of the kiosk's own SIM, which signed answers go to; it is forgotten when the end was told there.
    """

    alert: Alert
    received_ms: int
    door: Route
    age_s: int
    late: bool
    clock_note: Literal["", "unsynced", "ahead", "unreadable"] = ""
    stages: tuple[StageEntry, ...] = ()
    also_by: tuple[Route, ...] = ()
    sms_from: str = ""


class Kiosk(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is known of one kiosk; `heard_s` is monotonic and means nothing after a restart.

    A Struct, because every heartbeat makes a new one: a dataclass takes five times as long.
    """

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


FINE_S, COARSE_S = 300, 3600  # a coarse span is the sum of its fine ones


class Span(Struct, frozen=True, kw_only=True, gc=False):
    """Heartbeats of one kiosk in the FINE_S that begin at `begins_s` (Unix seconds), or a part of them.

    The highest temperature and round trip, the lowest signal, the newest balance, all faults that were seen.
    """

    kiosk_id: KioskId
    begins_s: int
    beats: int = 0
    lost: int = 0
    temp_c: int | None = None
    signal_dbm: int | None = None
    balance_kzt: float | None = None
    rtt_ms: int | None = None
    faults: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StoreSpan:
    """Add a span to what is kept of the fine and of the coarse one that it belongs to."""

    span: Span


@dataclass(frozen=True, slots=True)
class StoreRenamed:
    """An alert that came by SMS is now known by its kiosk's own id: move all that was kept of it."""

    old_id: AlertId
    new_id: AlertId


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One SMS of the centre: to a person (`page`) or to a kiosk (`answer`).

    (`alert_id`, `step`, `to`) is its identity at all monitors together: `step` is the round of the ladder
    or the stage that is answered, `to` the person's or the kiosk's id.
    """

    alert_id: AlertId
    step: str
    to: str
    kind: Literal["page", "answer"]
    tier: int = 0
    state: TextState = "planned"
    at_ms: int = 0
    tries: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StoreText:
    """Keep how one SMS of the centre stands."""

    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """One SMS that came in, and what became of it; `sender` is masked, the text is not kept."""

    message_id: str
    door: SmsDoor
    at_ms: int
    sender: str
    verdict: Literal["alert", "reply", "refused", "ignored"]
    reason: str = ""
    kiosk_id: str = ""
    alert_id: str = ""


@dataclass(frozen=True, slots=True)
class StoreInbound:
    """Keep the verdict on one SMS that came in; the same `message_id` is kept once."""

    inbound: Inbound


Change = (
    StoreAlert | StoreStage | StoreEvent | StoreKiosk | StoreSpan | StoreRenamed | StoreText | StoreInbound
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody on duty; `phone` is international."""

    person_id: str
    phone: str
    language: Literal["kk", "ru", "latin"] = "ru"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A kiosk of the registry: its number in signed SMS, and where it stands."""

    kiosk_id: KioskId
    number: int
    place: Place | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What people have arranged: who is on duty now, tier by tier, and which kiosks there are.

    `people` is everybody whose SMS counts. `nobody` says that no shift covers this time, so that `tiers` is
    every active officer: an alert must reach a person.
    """

    tiers: tuple[tuple[Person, ...], ...] = ()
    kiosks: tuple[Registered, ...] = ()
    people: tuple[Person, ...] = ()
    nobody: bool = False
