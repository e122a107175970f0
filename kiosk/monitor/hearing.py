"""What the ears' process tells the core: frames on a pipe, and the core's end of it.

Never decides anything; what cannot be read ends the pipe, and with it that process, which is started anew.
"""

import logging
import time
from collections.abc import Callable
from struct import Struct as Layout
from typing import IO

import msgspec
from msgspec import Struct

from kiosk.monitor.messages import EarsFell, EarsRose
from kiosk.monitor.uplink import Beats

LOG = logging.getLogger(__name__)
LENGTH = Layout(">I")
FRAME_MAX = 64 * 1024 * 1024  # 100 000 heartbeats of 400 bytes are 40 MB


class Up(Struct, frozen=True, tag="up"):
    """The ears hear."""

    peer: str


class Down(Struct, frozen=True, tag="down"):
    """The ears hear nothing."""

    reason: str


class Some(Struct, frozen=True, tag="some"):
    """Topic, newest payload, and how many came before it; none at all says that the ears are alive."""

    beats: tuple[tuple[str, bytes, int], ...]


Frame = Up | Down | Some


def encode(frame: Frame) -> bytes:
    """Write a frame with its length before it."""
    body = msgspec.msgpack.encode(frame)
    return LENGTH.pack(len(body)) + body


class Hearing:
    """The core's end: heartbeats to `Beats`, rises and falls to the queue. One thread calls `listen`."""

    def __init__(self, beats: Beats, post: Callable[[EarsRose | EarsFell], None]) -> None:
        self._beats = beats
        self._post = post
        self._decode = msgspec.msgpack.Decoder(Frame).decode

    def listen(self, stream: IO[bytes]) -> None:
        """Take frames in until the pipe ends."""
        try:
            while len(head := stream.read(LENGTH.size)) == LENGTH.size:
                (size,) = LENGTH.unpack(head)
                if size > FRAME_MAX:
                    LOG.error("ears frame=%d bytes, at most %d", size, FRAME_MAX)
                    break
                self._take(self._decode(stream.read(size)))
        except (OSError, ValueError, msgspec.DecodeError) as error:
            LOG.warning("ears pipe=broken reason=%r", str(error))
        finally:  # else the whole fleet would be judged silent
            self._post(EarsFell("the process ended"))

    def _take(self, frame: Frame) -> None:
        match frame:
            case Up(peer):
                self._post(EarsRose(peer))
            case Down(reason):
                self._post(EarsFell(reason))
            case Some(beats) if beats:
                for topic, payload, before in beats:
                    self._beats.add(topic, payload, before)
                self._beats.hand_over(time.monotonic(), at_once=True)
            case _:
                pass
