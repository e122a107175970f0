"""The door of releases: in parts of at most 1 MiB, few at once, so that no alert stands behind one.

Gives a file of the releases' folder only where the store says that it is offered. Owns no check of what is in
it: it was verified when it was offered, and is by the kiosk again.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kiosk.monitor.doors.peer import Peer
from kiosk.monitor.doors.rates import Rate
from kiosk.monitor.doors.reading import LOOK_S, Unreadable, look
from kiosk.monitor.doors.refusals import Refused
from kiosk.monitor.doors.standing import Doorkeeper
from kiosk.monitor.store import releases

PART_MAX = 1 << 20
AT_ONCE = 8  # parts on their way; each holds at most its size in memory
READERS = 2  # threads that the disk may hold up; alerts have others
ID = re.compile(r"[0-9a-f]{64}")
RANGE = re.compile(r"bytes=([0-9]{1,12})-([0-9]{0,12})")
ASK_IN_PARTS = f"ask for a part: Range: bytes=FIRST-LAST, at most {PART_MAX} bytes"


class Part(Response):
    """A part on its way; `done` is called when it has been sent, or its peer has gone."""

    def __init__(self, body: bytes, headers: dict[str, str], done: Callable[[], None]) -> None:
        super().__init__(body, 206, headers, "application/octet-stream")
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._done()


class ReleaseDoors:
    """`GET /v1/releases/<sha256>`."""

    def __init__(self, engine: Engine, keeper: Doorkeeper, state: Path | None) -> None:
        self._engine = engine
        self._keeper = keeper
        self._state = state
        self._rate = Rate(burst=60, every_s=0.5)  # a kiosk: 2 MB/s in the long run
        self._under_way = 0
        self._readers = CapacityLimiter(READERS)

    async def part(self, request: Request, peer: Peer) -> Response:
        """Give one part of a release; raises Refused."""
        await self._keeper.admit(peer)
        release_id = str(request.path_params["release_id"])
        first, last = _range(request.headers.get("range", ""))
        if self._under_way >= AT_ONCE or not self._rate.take(peer.name, time.monotonic()):
            raise Refused(503, "many kiosks fetch now; try again")
        self._under_way += 1
        try:
            await self._demand_offered(release_id)
            size, body = await to_thread.run_sync(self._read, release_id, first, last, limiter=self._readers)
        except BaseException:
            self._under_way -= 1
            raise
        headers = {
            "content-range": f"bytes {first}-{first + len(body) - 1}/{size}",
            "accept-ranges": "bytes",
            "cache-control": "no-store",
        }
        return Part(body, headers, self._done)

    def _done(self) -> None:
        self._under_way -= 1

    async def _demand_offered(self, release_id: str) -> None:
        known = None
        if ID.fullmatch(release_id) and self._state is not None:
            try:
                known = await look(self._engine, lambda db: releases.get(db, release_id), LOOK_S)
            except Unreadable as error:
                raise Refused(503, "the centre's store cannot be read now; try again") from error
        if known is None:
            raise Refused(404, "this release is not offered here")

    def _read(self, release_id: str, first: int, last: int) -> tuple[int, bytes]:
        """Read one part from the disk; gives the size of the whole as well."""
        path = releases.file_of(self._state or "", release_id)
        with suppress(OSError), path.open("rb") as file:
            size = path.stat().st_size
            if first >= size:
                raise Refused(416, f"the release has {size} bytes")
            file.seek(first)
            return size, file.read(min(last - first + 1, PART_MAX))
        raise Refused(404, "the file of this release is not on this machine; kiosk monitor release add")


def _range(asked: str) -> tuple[int, int]:
    found = RANGE.fullmatch(asked)
    if found is None:
        raise Refused(400, ASK_IN_PARTS)
    first = int(found[1])
    last = int(found[2]) if found[2] else first + PART_MAX - 1
    if last < first:
        raise Refused(400, ASK_IN_PARTS)
    return first, last
