"""Every effect that the fleet asks for, in the imperative.

Owns no behaviour; every value is frozen.
"""

from dataclasses import dataclass

from kiosk.bodies import Command, KioskId, Reply, Token
from kiosk.effects import Tell
from kiosk.monitor.messages import Receipt
from kiosk.monitor.records import Change


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
    """Answer the person who asked."""

    token: Token
    ok: bool
    text: str
    alert_id: str = ""


FleetEffect = Save | SendReply | SendCommand | Acknowledge | Announce | Answer | Tell
