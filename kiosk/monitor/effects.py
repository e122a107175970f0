"""Every effect that the fleet asks for, in the imperative.

Owns no behaviour; every value is frozen.
"""

from dataclasses import dataclass

from kiosk.bodies import Command, KioskId, Reply, Token
from kiosk.effects import Tell
from kiosk.monitor.messages import Receipt
from kiosk.monitor.records import Case, Change, Kiosk, Text


@dataclass(frozen=True, slots=True)
class Save:
    """Make these changes durable together, then hand back Saved(serial) or SaveFailed."""

    serial: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class SendReply:
    """Send a stage to a kiosk (QoS 1); hand back ReplyTaken when the broker has it."""

    kiosk_id: KioskId
    reply: Reply


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Send an order to a kiosk (QoS 1)."""

    kiosk_id: KioskId
    command: Command


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Tell the broker that a message needs no redelivery."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell every kiosk (retained) whether the centre can answer."""

    on_duty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer the person who asked, or a door: that one hears how many presses are counted, too."""

    token: Token
    ok: bool
    text: str
    alert_id: str = ""
    presses: int = 0


@dataclass(frozen=True, slots=True)
class SendText:
    """Send one SMS, by the centre's modem or its gateway; hand back TextSettled."""

    text: Text
    number: str
    body: str


@dataclass(frozen=True, slots=True)
class Show:
    """Let everybody who looks at a board see how an alert stands; never waits for the disk."""

    case: Case


@dataclass(frozen=True, slots=True)
class ShowKiosk:
    """Let everybody who looks see that a kiosk fell silent, came back, or may be two."""

    kiosk: Kiosk


FleetEffect = (
    Save | SendReply | SendCommand | Acknowledge | Announce | Answer | SendText | Show | ShowKiosk | Tell
)  # fmt: skip
