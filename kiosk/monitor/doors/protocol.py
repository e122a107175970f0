"""One connection: whose certificate it has, how long it may dawdle, and how it is refused.

The certificate is bound to the connection, and copied into the state of each of its requests: keep-alive and
pipelining cannot mix two peers up.
"""

import asyncio
from typing import Any

import h11
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from kiosk.monitor.crowd import Crowd, Room, network_of
from kiosk.monitor.doors.bodies import Refusal
from kiosk.monitor.doors.peer import Peer, read_peer

DAWDLE_S = 15.0  # from the first byte of a request to its last
IDLE_S, STRANGER_IDLE_S = 60, 5
LOOK_S = 2.5
HEADERS_MAX_BYTES = 16 * 1024
ROOM = Room(known_each=8, stranger_each=8, strangers=64, everybody=8192)


class DoorProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with a peer."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._crowd: Crowd = app_state["crowd"]
        self._who = ""
        self._since_s: float | None = None
        self._look_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Learn who it is: the handshake is over."""
        super().connection_made(transport)
        peer = _peer_of(transport)
        self.app_state = {**self.app_state, "peer": peer}
        self.timeout_keep_alive = STRANGER_IDLE_S if peer is None else IDLE_S
        host = self.client[0] if self.client else ""
        self._who = f"kiosk {peer.name}" if peer else f"from {network_of(host)}"
        self._since_s = self.loop.time()  # a connection that never asks dawdles, too
        self._look_timer = self.loop.call_later(LOOK_S, self._look)
        if not self._crowd.enter(self._who, self._drop, stranger=peer is None):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._crowd.leave(self._who, self._drop)
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Begin to count when a request begins."""
        if self._since_s is None:
            self._since_s = self.loop.time()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Count anew for the next request."""
        self._since_s = None
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:
            self._since_s = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP as every refusal is worded."""
        limit = f"send HTTP/1.1 with at most {HEADERS_MAX_BYTES} bytes of headers"
        body = msgspec.json.encode(Refusal(f"{msg} {limit}"))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _drop(self) -> None:
        self.transport.abort()

    def _look(self) -> None:
        """Hang up on a request that does not become complete."""
        cycle = self.cycle
        being_served = cycle is not None and not cycle.response_complete and not cycle.more_body
        if self._since_s is not None and not being_served and self.loop.time() - self._since_s > DAWDLE_S:
            self.transport.abort()
        else:
            self._look_timer = self.loop.call_later(LOOK_S, self._look)


def _peer_of(transport: asyncio.Transport) -> Peer | None:
    channel = transport.get_extra_info("ssl_object")
    return None if channel is None else read_peer(channel.getpeercert(True))
