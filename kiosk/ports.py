"""One Protocol per device: what the wiring may hold, real or fake.

Every blocking method is called from that device's one worker thread and has its own deadline.
Devices answer by `post(event)`, which never blocks and never raises.
"""

from collections.abc import Callable
from typing import Protocol

from kiosk.bodies import Alert, Body, Stage, Token
from kiosk.messages import InputName, KioskEvent, ModemReset, Pattern, Snapshot
from kiosk.updates import UpdateRequest

Post = Callable[[KioskEvent], None]


class Inputs(Protocol):
    """Buttons and other contacts: posts EdgeSeen, LevelRead, InputLost."""

    def open(self) -> None:
        """Open every input, post one LevelRead each; an input that fails is posted as InputLost."""

    def read(self) -> None:
        """Post one LevelRead for each open input (InputLost for one that fails)."""

    def reopen(self, name: InputName) -> None:
        """Open one lost input again and post its LevelRead, or InputLost."""

    def close(self) -> None:
        """Release all lines; idempotent."""


class Lamp(Protocol):
    """The staff's small light."""

    def show(self, pattern: Pattern) -> None:
        """Show a pattern from now on; raises DeviceError."""

    def close(self) -> None:
        """Dark and released; idempotent."""


class ModemPower(Protocol):
    """The modem's power switch."""

    def cycle(self, off_s: float) -> None:
        """Take the power away for `off_s` seconds; blocks that long; raises DeviceError."""

    def close(self) -> None:
        """Leave the power on and release the line; idempotent."""


class Voice(Protocol):
    """The speaker: posts VoiceStarted, VoiceEnded, VoiceBroke, VoiceRecovered. No method blocks."""

    def say(self, key: str, *, cut: bool = False) -> None:
        """Make `key` the newest thing to say; the sentence under way ends first unless `cut`."""

    def hush(self) -> None:
        """Fall silent at once."""

    def probe(self) -> None:
        """Try the device with silence; posts VoiceRecovered or VoiceBroke."""

    def close(self) -> None:
        """Fall silent, end the child; idempotent; returns within 1 s whatever the device does."""


class MqttLink(Protocol):
    """The MQTT link.

    Posts LinkRose, LinkFell, LinkHeard, Published, PublishFailed, ReplyReceived, CommandReceived,
    PresenceSeen, CertificateRead, BodyRefused.
    """

    def open(self, boot: int) -> None:
        """Begin to connect, and keep connecting, in the background; returns at once."""

    def publish(self, token: Token, body: Body) -> None:
        """Publish now, or post PublishFailed when not connected; never queues, never blocks."""

    def drop(self, reason: str) -> None:
        """Close the socket so that the link reconnects (to the next broker)."""

    def close(self) -> None:
        """Publish `stopped`, disconnect; idempotent; returns within 2 s."""


class HttpsDoor(Protocol):
    """The centre's HTTPS doors, one of them a call: posts HttpsAnswered or HttpsFailed, one for each call.

    Two workers have one each, so that a question that a door holds never delays an alert. Every method ends
    by its own total deadline, whatever the door does; the next call after a failed one takes the next door.
    """

    def post(self, token: Token, body: Alert) -> None:
        """Post an alert; only the centre's own receipt for it is an answer."""

    def poll(self, token: Token, alert_id: str, after: Stage) -> None:
        """Ask for the stages after `after`; the door answers when there are some, or in the end with none."""

    def probe(self, token: Token) -> None:
        """Ask how the door is."""

    def close(self) -> None:
        """Let go of everything; idempotent; posts nothing more."""


class SmsModem(Protocol):
    """The GSM modem: posts LinkRose/LinkFell("sms"), ModemStatus, BalanceRead, Sms* events.

    One worker thread calls it; every method ends by its own deadline, killing the child if it must.
    """

    def open(self, reset: ModemReset) -> None:
        """Kill any session and open a new one; posts ModemStatus, and LinkRose or LinkFell."""

    def send(self, token: Token, number: str, text: str) -> None:
        """Send one segment; posts SmsSent or SmsFailed (then LinkFell too when the session is dead).

        A text's SmsReported is never posted before its SmsSent.
        """

    def poll(self, what: str) -> None:
        """`status`: post ModemStatus; `balance`: post BalanceRead as well."""

    def close(self) -> None:
        """End the child; idempotent; returns within 1 s."""


class Journal(Protocol):
    """What must outlive a power cut: posts JournalLoaded, JournalSaved, JournalBroke."""

    def load(self) -> None:
        """Read the store; a damaged one is set aside and an empty snapshot posted."""

    def save(self, snapshot: Snapshot) -> None:
        """Write and fsync one snapshot, appending its new stages to the history."""

    def close(self) -> None:
        """Close the store; idempotent."""


class BoardSensors(Protocol):
    """The board's own figures: posts BoardRead."""

    def read(self) -> None:
        """Read everything that this board tells."""


class Updates(Protocol):
    """The folder that daemon and installer share: posts UpdateSeen."""

    def request(self, request: UpdateRequest) -> None:
        """Lay an order down, durably; raises DeviceError."""

    def look(self) -> None:
        """Post whether an order lies there, and how the last update ended."""

    def forget(self, update_id: str) -> None:
        """Take an outcome away that has served; raises DeviceError."""
