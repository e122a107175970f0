"""Bodies <-> bytes and topics <-> names, by the contract v1. Pure.

Outside bytes become a value or `Rejected(reason)`; nothing here raises on them.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeVar, assert_never, get_args

import msgspec

from kiosk.bodies import Alert, Body, Command, CommandResult, Event, Heartbeat, MonitorStatus, Reply, Status

ROOT = "pana/v1"
MAX_BODY_BYTES = 8192  # the broker's message_size_limit; our own bodies stay far below
ALERT_MAX_BYTES = 1536
UTC_MAX_MS = 0xFFFF_FFFF * 1000  # the year 2106: what the signed SMS can hold; later is a broken clock

_QUOTED = re.compile(r"""(['"]).*\1""", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

T = TypeVar("T")
Leaf = Literal["alert", "ack", "status", "hb", "event", "cmd", "cmdres"]
LEAVES: dict[str, Leaf] = {name: name for name in get_args(Leaf)}
WITH_ID = frozenset({"alert", "ack", "event", "cmd", "cmdres"})


@dataclass(frozen=True, slots=True)
class Rejected:
    """Outside data that cannot be used; `reason` is safe to log."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A parsed topic below `pana/v1/k/<kiosk>/`; `id` is empty for `status` and `hb`."""

    kiosk: str
    leaf: Leaf
    id: str = ""


def parse(kind: type[T], payload: bytes, most: int = MAX_BODY_BYTES) -> T | Rejected:
    """Decode one body of `kind` from JSON of at most `most` bytes."""
    if len(payload) > most:
        return Rejected(f"{kind.__name__}: {len(payload)} bytes, at most {most} are allowed")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejected(f"{kind.__name__}: {_clean(str(error))}")


def encode(body: Body | Reply | Status | MonitorStatus | Command) -> bytes:
    """Encode a body as JSON (UTF-8)."""
    return msgspec.json.encode(body)


def _clean(text: str) -> str:
    """Make a decoder's message safe to log: printable, one line, what it quotes of outside data cut out."""
    text = _QUOTED.sub("…", text)
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:160]


def topic(kiosk_id: str, leaf: Leaf, id_: str = "") -> str:
    """Name the topic of one leaf of one kiosk."""
    name = f"{ROOT}/k/{kiosk_id}/{leaf}"
    return f"{name}/{id_}" if id_ else name


def topic_of(kiosk_id: str, body: Body) -> tuple[str, int]:
    """Give topic and QoS of a body that a kiosk publishes; none of them is retained."""
    match body:
        case Alert():
            return topic(kiosk_id, "alert", body.alert_id), 1
        case Event():
            return topic(kiosk_id, "event", body.event_id), 1
        case CommandResult():
            return topic(kiosk_id, "cmdres", body.command_id), 1
        case Heartbeat():
            return topic(kiosk_id, "hb"), 0
        case _:
            assert_never(body)


def monitor_topic(monitor_id: str) -> str:
    """Name the presence topic of a responder."""
    return f"{ROOT}/mon/{monitor_id}/status"


def parse_topic(name: str) -> Address | Rejected:
    """Take a kiosk's topic apart."""
    parts = name.split("/")
    if len(parts) not in (5, 6) or "/".join(parts[:2]) != ROOT or parts[2] != "k":
        return Rejected("topic: not one of pana/v1/k/<kiosk>/…")
    leaf = LEAVES.get(parts[4])
    if leaf is None or (leaf in WITH_ID) != (len(parts) == 6):
        return Rejected("topic: unknown leaf below the kiosk")
    if not all(_NAME.fullmatch(part) for part in (parts[3], *parts[5:])):
        return Rejected("topic: a name in it is not 1 to 64 letters, digits, _ or -")
    return Address(kiosk=parts[3], leaf=leaf, id="".join(parts[5:]))


def parse_monitor_topic(name: str) -> str | Rejected:
    """Give the responder's id out of its presence topic."""
    parts = name.split("/")
    if (
        len(parts) == 5
        and "/".join(parts[:3]) == f"{ROOT}/mon"
        and parts[4] == "status"
        and _NAME.fullmatch(parts[3])
    ):
        return parts[3]
    return Rejected("topic: not a responder's presence")


def bounded_utc_ms(utc_ms: int) -> int:
    """Bring a wall time (ms since 1970) into the years that can be written and signed."""
    return min(max(utc_ms, 0), UTC_MAX_MS)


def utc_text(utc_ms: int) -> str:
    """Write a wall time (ms since 1970) as RFC 3339 UTC with ms."""
    moment = datetime.fromtimestamp(utc_ms // 1000, tz=UTC)
    return f"{moment.isoformat()[:19]}.{utc_ms % 1000:03d}Z"


def utc_ms(text: str) -> int | Rejected:
    """Read an RFC 3339 UTC time as ms since 1970."""
    if not text.endswith("Z"):
        return Rejected("time: not RFC 3339 UTC (must end with Z)")
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return Rejected("time: not RFC 3339 UTC")
