"""The centre's HTTPS doors, each asked how it is: TLS both ways, and the centre behind the door.

Sends no drill: the second path is proven by its own answer. Never claims that an alert went through it.
"""

from collections.abc import Callable

from kiosk.bodies import Token
from kiosk.check.row import Row, fault, ok
from kiosk.config import Config
from kiosk.messages import HttpsAnswered, HttpsFailed, KioskEvent, LinkDown


def check_door(door: str, config: Config, trusted_utc_s: Callable[[], float]) -> list[Row]:
    """Ask one door (`host:port`) how it is. Raises LinkDown without TLS files."""
    from kiosk.config import Https
    from kiosk.net.https import RequestsDoor

    files = (config.https.tls if config.https else None) or config.mqtt.tls
    if files is None or config.https is None:
        raise LinkDown("no TLS files: [mqtt.tls] or [https.tls] is needed")
    heard: list[KioskEvent] = []
    alone = Https(centres=(door,), deadline_s=config.https.deadline_s)
    RequestsDoor(alone, files, heard.append, trusted_utc_s=trusted_utc_s).probe(Token("check"))
    match heard:
        case [HttpsAnswered(rtt_ms=rtt_ms)]:
            return [ok(f"door:{door}", "door_ok", ms=rtt_ms or 0)]
        case [HttpsFailed(_, reason)]:
            return [fault(f"door:{door}", "door_down", reason=reason)]
        case _:
            return [fault(f"door:{door}", "door_down", reason="no answer")]
