"""One open board: what waits to be sent to it, and how an event is written."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kiosk.monitor.web.cards import Look

WAITING_MAX = 64  # frames that a browser may be behind
BEAT = b"event: beat\ndata: {}\n\n"


@dataclass(eq=False, slots=True)
class Browser:
    """One open board."""

    look: Look
    turn: int = 0  # in which slice of BEAT_S it hears its beat
    frames: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(WAITING_MAX))
    ended: asyncio.Event = field(default_factory=asyncio.Event)


def frame(event: str, data: Any) -> bytes:
    """Write one server-sent event."""
    return f"event: {event}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"
