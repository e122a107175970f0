"""Every effect that the core asks of the devices, as frozen values with no behaviour."""

from dataclasses import dataclass
from typing import Literal

from kiosk.bodies import Alert, Body, Stage, Token
from kiosk.messages import InputName, ModemReset, Pattern, Snapshot
from kiosk.updates import UpdateRequest


@dataclass(frozen=True, slots=True)
class OpenMqtt:
    """Start the MQTT link; `boot` is the first half of its epoch."""

    boot: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish a body by MQTT: QoS 1, but a heartbeat QoS 0; only while connected."""

    token: Token
    body: Body


@dataclass(frozen=True, slots=True)
class DropMqtt:
    """Close the MQTT socket so that it reconnects: it answers nothing any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class PostAlert:
    """Post an alert to one of the centre's HTTPS doors."""

    token: Token
    body: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReplies:
    """Ask a door for the stages that came after `after`; it answers when there are some, or after a while."""

    token: Token
    alert_id: str
    after: Stage


@dataclass(frozen=True, slots=True)
class ProbeHttps:
    """Ask a door how it is, so that a dead second path is known before it is needed."""

    token: Token


@dataclass(frozen=True, slots=True)
class RenewCertificate:
    """Make a new key and have the centre sign it; the link that is up stays up."""


@dataclass(frozen=True, slots=True)
class OpenModem:
    """Open (or kill and reopen) the modem session; `cfun` resets the modem by AT+CFUN=1,1."""

    reset: ModemReset


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSms:
    """Send one segment with a delivery report."""

    token: Token
    number: str
    text: str


@dataclass(frozen=True, slots=True)
class PollModem:
    """Read signal, registration and SIM; `what` = balance asks the operator by USSD too."""

    what: Literal["status", "balance"]


@dataclass(frozen=True, slots=True)
class CyclePower:
    """Take the modem's power away for `off_s` seconds (GPIO)."""

    off_s: float


@dataclass(frozen=True, slots=True)
class Say:
    """Let this be the newest true thing to say; `cut` stops what is being said at once."""

    key: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Hush:
    """Fall silent at once and forget what was to be said."""


@dataclass(frozen=True, slots=True)
class ProbeVoice:
    """Try the sound device with a moment of silence."""


@dataclass(frozen=True, slots=True)
class RefreshVoice:
    """Render the clips anew in a child process."""


@dataclass(frozen=True, slots=True)
class Light:
    """Show a pattern on the staff's lamp."""

    pattern: Pattern


@dataclass(frozen=True, slots=True)
class ReadInputs:
    """Read every input's level now."""


@dataclass(frozen=True, slots=True)
class OpenInput:
    """Open an input again after it was lost."""

    input: InputName


@dataclass(frozen=True, slots=True)
class ReadBoard:
    """Read the board's figures."""


@dataclass(frozen=True, slots=True)
class Save:
    """Put this snapshot on disk (fsync); the newest replaces an unsaved older one."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class RequestUpdate:
    """Lay an order down for the installer, which runs with other rights."""

    request: UpdateRequest


@dataclass(frozen=True, slots=True)
class LookForUpdate:
    """Look whether an order lies there, and whether an update ended."""


@dataclass(frozen=True, slots=True)
class ForgetUpdate:
    """Take the outcome away that the centre knows now."""

    update_id: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Something happened that people follow: the log, `kiosk status --watch` and the demo."""

    what: str
    detail: tuple[tuple[str, str | int | float | bool], ...] = ()
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a question of the control socket; `state` is JSON-able."""

    token: Token
    state: dict[str, object]


@dataclass(frozen=True, slots=True)
class Stop:
    """End the process in order; systemd starts it again where `code` is not 0."""

    code: int
    reason: str


Effect = (
    OpenMqtt | Publish | DropMqtt | PostAlert | PollReplies | ProbeHttps | RenewCertificate | OpenModem |
    SendSms | PollModem | CyclePower | Say | Hush | ProbeVoice | RefreshVoice | Light | ReadInputs |
    OpenInput | ReadBoard | Save | RequestUpdate | LookForUpdate | ForgetUpdate | Tell | Answer | Stop
)  # fmt: skip
