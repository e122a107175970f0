"""Every event that comes in at the one door and every effect that goes out of the core.

Owns no behaviour. Events are past tense, effects imperative; both are frozen values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NewType

from kiosk.bodies import AlertId, Command, Reply, Route, Stage, Token
from kiosk.updates import UpdateOutcome

InputName = NewType("InputName", str)

SimState = Literal["ready", "missing", "pin_needed", "puk_needed", "unknown"]
Registration = Literal["home", "roaming", "searching", "denied", "unknown"]
ModemReset = Literal["none", "cfun"]
ReportStatus = Literal["delivered", "failed", "pending"]
Pattern = Literal["off", "armed", "alerting", "fault"]
Language = Literal["kk", "ru", "en"]


class KioskError(Exception):
    """Root of every error of ours; the message says what, where and what to do."""


class ConfigError(KioskError, ValueError):
    """A configuration, locale or manifest that cannot be used."""


class DeviceError(KioskError, OSError):
    """A device or link refused, hung or vanished."""


class ButtonLost(DeviceError):
    """A GPIO line or its chip cannot be read."""


class VoiceFailed(DeviceError):
    """Sound cannot be rendered or played."""


class LinkDown(DeviceError):
    """A network link is not there."""


class ModemFailed(DeviceError):
    """The GSM modem refused, hung or vanished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """Time and chance of one core turn, given as values.

    `s` is monotonic seconds (CLOCK_MONOTONIC, as the kernel's edge timestamps), `utc_ms` wall time in
    ms since 1970, `chance` uniform in [0, 1), `fresh_id` a ULID that was never used before.
    """

    s: float
    utc_ms: int
    chance: float
    fresh_id: str


# ---- events: inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSeen:
    """A raw edge of an input; `high` is the electrical level after it, `at_s` the kernel's monotonic time."""

    input: InputName
    high: bool
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRead:
    """The level of an input as read now (at start, on request, or after lost edges)."""

    input: InputName
    high: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class InputLost:
    """An input cannot be read any more (chip vanished, line busy, reader died)."""

    input: InputName
    reason: str


# ---- events: links


@dataclass(frozen=True, slots=True)
class LinkRose:
    """A link can carry alerts now; `peer` names the broker or server (no secret)."""

    link: Route
    peer: str


@dataclass(frozen=True, slots=True)
class LinkFell:
    """A link was lost, or an attempt to open it failed."""

    link: Route
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkHeard:
    """The receiving side of a link proved itself alive at `at_s`; `rtt_ms` where it was measured."""

    link: Route
    at_s: float
    rtt_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The broker acknowledged (PUBACK); a reason code >= 0x10 says that nobody listens or it was refused."""

    token: Token
    code: int


@dataclass(frozen=True, slots=True)
class PublishFailed:
    """A publish was not handed over or not acknowledged in time."""

    token: Token
    reason: str


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """The centre answered by `link`."""

    reply: Reply
    link: Route


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """The centre ordered something."""

    command: Command


@dataclass(frozen=True, slots=True)
class PresenceSeen:
    """A responder said whether anybody listens."""

    monitor: str
    on_duty: bool


@dataclass(frozen=True, slots=True)
class CertificateRead:
    """The client certificate's days left (negative when expired) of its whole life; 0 = that is unknown."""

    days_left: int
    life_days: int = 0


@dataclass(frozen=True, slots=True)
class CertificateRenewed:
    """The certificate was renewed (`reason` empty) or could not be."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PapersRead:
    """The files that prove who this kiosk is, as they are now.

    `missing` gives the fault of each that cannot be used, and why; `sms_key` signs SMS, empty for none.
    """

    missing: Mapping[str, str]
    sms_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class BodyRefused:
    """Something unreadable came in; `reason` is safe to log."""

    source: str
    reason: str


# ---- events: HTTPS


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsAnswered:
    """A door answered a call; `replies` is what the centre says of that call's alert, `peer` the door."""

    token: Token
    replies: tuple[Reply, ...] = ()
    rtt_ms: int | None = None
    peer: str = ""


@dataclass(frozen=True, slots=True)
class HttpsFailed:
    """A call was refused, hung or answered with what cannot be used; `reason` is safe to log."""

    token: Token
    reason: str


# ---- events: SMS


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemStatus:
    """What the modem tells of itself; `signal_dbm` None when unknown (CSQ 99)."""

    imei: str
    sim: SimState
    registration: Registration
    operator: str
    signal_dbm: int | None


@dataclass(frozen=True, slots=True)
class BalanceRead:
    """The prepaid balance in tenge, or None with the reason it could not be read."""

    balance_kzt: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSent:
    """The network took the message; `reference` is the TP-MR that its report will carry."""

    token: Token
    reference: int
    parts: int


@dataclass(frozen=True, slots=True)
class SmsFailed:
    """The message was not sent, or it is unknown whether it was (`hung`)."""

    token: Token
    reason: str


@dataclass(frozen=True, slots=True)
class SmsReported:
    """A delivery report; recorded and shown, never spoken as a receipt."""

    reference: int
    status: ReportStatus


@dataclass(frozen=True, slots=True)
class SmsReceived:
    """Somebody wrote; `number` and `text` are hostile until parsed and never logged."""

    number: str
    text: str


# ---- events: the kiosk itself


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceStarted:
    """A sentence of `key` began to sound in `language` (`source`: clip, live or caption)."""

    key: str
    language: Language
    source: str


@dataclass(frozen=True, slots=True)
class VoiceEnded:
    """The prompt `key` was played to its end or replaced."""

    key: str


@dataclass(frozen=True, slots=True)
class VoiceBroke:
    """Sound does not work; `reason` is safe to log."""

    reason: str


@dataclass(frozen=True, slots=True)
class VoiceRecovered:
    """Sound works (again)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRead:
    """Figures of the board; None where it does not tell."""

    temp_c: int | None
    under_voltage: bool
    throttled: bool
    disk_free_mb: int | None
    mem_free_mb: int | None
    clock_synced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPress:
    """The newest of an incident's further presses."""

    button: str
    utc_ms: int
    clock: Literal["synced", "unsynced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRecord:
    """An incident as the journal keeps it; times are UTC ms, so it survives a reboot.

    What older journals do not have has a default.
    """

    alert_id: AlertId
    kind: Literal["press", "drill", "tamper"]
    button: str
    pressed_utc_ms: int
    clock: Literal["synced", "unsynced"]
    seq: int
    code: str
    stage: Stage
    presses: int = 1
    also: tuple[str, ...] = ()
    by: str = ""
    duty: bool = True
    last: LastPress | None = None
    known: int = 0
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that must outlive a power cut; `saved_utc_ms` is the last good time."""

    boot: int = 0
    seq: int = 0
    saved_utc_ms: int = 0
    last_press_utc_ms: int = 0
    last_test_utc_ms: int = 0
    incidents: tuple[IncidentRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalLoaded:
    """What the journal held at start; `quarantined` names a damaged store that was set aside."""

    snapshot: Snapshot
    quarantined: str = ""


@dataclass(frozen=True, slots=True)
class JournalSaved:
    """The newest snapshot is on disk."""


@dataclass(frozen=True, slots=True)
class JournalBroke:
    """The journal cannot be read or written (disk full, read-only, torn)."""

    reason: str


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """A device's worker met an unexpected exception and goes on."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkerRecovered:
    """A worker that had failed did its work again."""

    worker: str


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """Somebody at the control socket wants the state."""

    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAsked:
    """Somebody at the site wants a drill; `duty` sends it to the duty officers' SMS too.

    A `silent` one says nothing aloud; a `whole` one wants the centre's own answer by each path.
    """

    token: Token
    duty: bool = False
    silent: bool = False
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAsked:
    """An installer stands at `button` and will press it once within `seconds`."""

    token: Token
    button: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SayAsked:
    """An installer wants to hear one prompt."""

    token: Token
    key: str


@dataclass(frozen=True, slots=True)
class VoiceRefreshed:
    """The clips were rendered anew (`reason` empty) or could not be."""

    reason: str


@dataclass(frozen=True, slots=True)
class UpdateSeen:
    """The update folder was looked at: whether an order lies there, and how the last update ended."""

    ordered: bool
    outcome: UpdateOutcome | None = None


@dataclass(frozen=True, slots=True)
class UpdateRefused:
    """The order could not be laid down for the installer; `reason` is safe to log."""

    command_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Woken:
    """Nothing happened but time."""


KioskEvent = (
    EdgeSeen | LevelRead | InputLost | LinkRose | LinkFell | LinkHeard | Published | PublishFailed |
    ReplyReceived | CommandReceived | PresenceSeen | CertificateRead | BodyRefused | ModemStatus |
    CertificateRenewed | PapersRead | HttpsAnswered | HttpsFailed |
    BalanceRead | SmsSent | SmsFailed | SmsReported | SmsReceived | VoiceStarted | VoiceEnded |
    VoiceBroke | VoiceRecovered | BoardRead | JournalLoaded | JournalSaved | JournalBroke |
    WorkerFailed | WorkerRecovered | StatusAsked | DrillAsked | TrialAsked | SayAsked | VoiceRefreshed |
    UpdateSeen | UpdateRefused | Woken
)  # fmt: skip
