"""How a request's body comes in: of the right type, small, and in time. Raises Refused."""

import asyncio
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from kiosk import wire
from kiosk.monitor.doors.refusals import Refused

T = TypeVar("T")
BODY_S = 10.0


async def read(request: Request, kind: type[T], most: int = wire.MAX_BODY_BYTES) -> T:
    """Read one JSON body of `kind`, of at most `most` bytes."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise Refused(415, "content-type: only application/json is taken")
    value = wire.parse(kind, await _bytes(request, most), most)
    if isinstance(value, wire.Rejected):
        raise Refused(400, value.reason)
    return value


async def _bytes(request: Request, most: int) -> bytes:
    too_large = Refused(413, f"body: at most {most} bytes are allowed")
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:12]) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_large
    except TimeoutError as error:
        raise Refused(408, f"body: not complete within {BODY_S:.0f} s; send it again") from error
    except ClientDisconnect as error:
        raise Refused(400, "body: the connection ended before it was complete") from error
    return bytes(body)
