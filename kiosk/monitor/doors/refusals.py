"""How the doors say no: one JSON object {error} with what, where and what to do, and a line in the log.

A refusal never quotes a body, a token or a number.
"""

import logging
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from kiosk.monitor.doors.bodies import Refusal
from kiosk.monitor.doors.peer import Peer

LOG = logging.getLogger(__name__)
RETRY_AFTER = {429: "10", 503: "1"}  # s; a kiosk has other paths and its own deadlines
STANDARD = {
    404: "there is no such door; see docs/openapi.json",
    405: "this door does not take this method",
}


class Refused(Exception):
    """A request that is not served; `text` goes to the peer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def answer(value: msgspec.Struct | tuple[msgspec.Struct, ...], status: int = 200) -> Response:
    """Answer with JSON that no cache may keep."""
    return Response(
        msgspec.json.encode(value),
        status,
        {"cache-control": "no-store"},
        "application/json",
    )


def refusal(status: int, text: str) -> Response:
    """Answer with the reason why not."""
    response = answer(Refusal(text), status)
    if status in RETRY_AFTER:
        response.headers["retry-after"] = RETRY_AFTER[status]
    if status in {408, 413}:
        response.headers["connection"] = "close"  # the rest of the body is not wanted
    return response


async def on_refused(request: Request, error: Exception) -> Response:
    """Turn a Refused into its answer."""
    if not isinstance(error, Refused):
        raise error
    _log(request, error.status, error.text)
    return refusal(error.status, error.text)


async def on_http(request: Request, error: Exception) -> Response:
    """Turn what Starlette itself refuses (no route, wrong method) into ours."""
    if not isinstance(error, HTTPException):
        raise error
    text = STANDARD.get(error.status_code, error.detail)
    _log(request, error.status_code, text)
    response = refusal(error.status_code, text)
    response.headers.update(error.headers or {})
    return response


async def on_bug(request: Request, error: Exception) -> Response:
    """Answer a bug of ours without telling its inside; the log has it."""
    LOG.error("door=%s failed", _door(request), exc_info=error)
    return refusal(500, "the centre failed to handle this; its log says why")


def _log(request: Request, status: int, text: str) -> None:
    peer: Any = getattr(request.state, "peer", None)
    name = peer.name if isinstance(peer, Peer) else "-"
    address = request.client.host if request.client else "-"
    LOG.warning("door=%s peer=%s from=%s status=%d reason=%r", _door(request), name, address, status, text)


def _door(request: Request) -> str:
    """Name the door without what the peer wrote into its path."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "-"))
