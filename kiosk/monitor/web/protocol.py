"""One connection to the pages: how long it may wait without asking, and who has how many that wait.

A request that is being answered is never counted and has no deadline: an open board lasts for hours.
"""

import asyncio
from ipaddress import ip_address
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from kiosk.monitor.crowd import Crowd, Room, network_of

DAWDLE_S = 15.0  # from the connection to the last header
FORM_S = 120.0  # from there to the form's last byte: a list may be large and the line slow
# From an answer that we have given to its last byte on a slow line, which nobody tells us of. uvicorn says
# goodbye 5 s after the answer: whoever has it all by then is gone.
ANSWER_S = 120.0
# A browser keeps six connections: an office of twenty behind one address has room.
ROOM = Room(known_each=128, stranger_each=128, strangers=512, everybody=2048)


class PageProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 that hangs up on who does not ask."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        crowd: Crowd,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._crowd = crowd
        self._who = ""
        self._deadline: asyncio.TimerHandle | None = None  # there is one while it waits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._who = whose(self.client[0] if self.client else "", id(self))
        self._wait(DAWDLE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._wait_no_more()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Give a form its own time."""
        super().on_headers_complete()
        self._wait(FORM_S)

    def on_message_complete(self) -> None:
        """Wait no more: it is our turn."""
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for the answer to be read or for the next request, if that is not here already."""
        super().on_response_complete()
        if not self.transport.is_closing() and (self.cycle.response_complete or self.cycle.more_body):
            self._wait(ANSWER_S)

    def _wait(self, at_most_s: float) -> None:
        if self._deadline is None:
            if not self._crowd.enter(self._who, self._drop, stranger=True):
                self.transport.abort()
                return
        else:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(at_most_s, self._drop)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            self._crowd.leave(self._who, self._drop)

    def _drop(self) -> None:
        self._wait_no_more()
        self.transport.abort()


def whose(host: str, connection: int) -> str:
    """Name whom a connection counts for: its network, or itself alone where a proxy here hides who it is."""
    try:
        hidden = ip_address(host).is_loopback
    except ValueError:
        hidden = False
    return f"proxied {connection}" if hidden else f"from {network_of(host)}"
