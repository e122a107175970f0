"""The notices about calling people and about SMS, in the past tense; `messages` has them all.

Owns no behaviour; every value is frozen.
"""

from dataclasses import dataclass

from kiosk.bodies import Token
from kiosk.monitor.records import Plan, SmsDoor, Text


@dataclass(frozen=True, slots=True)
class PlanLoaded:
    """People, rota or registry, as they are now."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class LeaseChanged:
    """We are (no longer) the one monitor that escalates.

    `texts` is every SMS so far, in whatever state, of the alerts that are still open, and the answers to
    kiosks of those just closed: what the former one left planned is sent again, and the ladder goes on.
    `kept` says that we went on while the store could not be asked, and that it is ours again.
    """

    held: bool
    texts: tuple[Text, ...] = ()
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsArrived:
    """An SMS came in; `message_id` is the same each time that it is handed over."""

    message_id: str
    door: SmsDoor
    number: str
    text: str
    token: Token | None = None


@dataclass(frozen=True, slots=True)
class TextSettled:
    """An SMS of ours was taken by the network (`reason` empty), or was not."""

    text: Text
    reason: str = ""
