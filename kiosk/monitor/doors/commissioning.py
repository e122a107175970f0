"""The doors of an installer's work: the record of a kiosk's check, and the log of its set-up.

Each kiosk for itself, each thing once, within bounds and rates of their own: nothing stands before an alert.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from kiosk.commissioning import LOG_MAX_BYTES, RECORD_MAX_BYTES, Commissioning, Kept, ProvisionLog, clean
from kiosk.monitor.doors.intake import read
from kiosk.monitor.doors.peer import Peer
from kiosk.monitor.doors.rates import Rate
from kiosk.monitor.doors.refusals import Refused, answer
from kiosk.monitor.doors.standing import Doorkeeper
from kiosk.monitor.store import commissionings
from kiosk.wire import utc_text

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class CommissioningDoors:
    """`POST /v1/commissioning` and `POST /v1/provision-log`."""

    def __init__(self, engine: Engine, keeper: Doorkeeper) -> None:
        self._engine = engine
        self._keeper = keeper
        self._rate = Rate(burst=30, every_s=60.0)  # a kiosk: an installer tries again and again

    async def record(self, request: Request, peer: Peer) -> Response:
        """Keep what an installer found at the site."""
        await self._admit(peer)
        new = await read(request, Commissioning, RECORD_MAX_BYTES)
        _demand_own(new.kiosk_id, peer)
        now_ms = _now_ms()
        first_ms = await self._write(lambda db: commissionings.keep(db, new, now_ms=now_ms))
        LOG.info("door=commissioning peer=%s record=%s verdict=%s", peer.name, new.record_id, new.verdict)
        return answer(Kept(id=new.record_id, at=utc_text(first_ms)))

    async def log(self, request: Request, peer: Peer) -> Response:
        """Keep what a kiosk's set-up wrote."""
        await self._admit(peer)
        new = await read(request, ProvisionLog, LOG_MAX_BYTES)
        _demand_own(new.kiosk_id, peer)
        text, now_ms = clean(new.text), _now_ms()
        log_id, first_ms = await self._write(
            lambda db: commissionings.keep_log(db, peer.name, text, now_ms=now_ms)
        )
        LOG.info("door=provision-log peer=%s letters=%d", peer.name, len(text))
        return answer(Kept(id=log_id, at=utc_text(first_ms)))

    async def _admit(self, peer: Peer) -> None:
        await self._keeper.admit(peer)
        if not self._rate.take(peer.name, time.monotonic()):
            raise Refused(429, "too often; wait a minute")

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._engine.execution_options(writes=True).begin() as db:
                return work(db)

        try:
            return await to_thread.run_sync(run)
        except SQLAlchemyError as error:
            LOG.warning("door=commissioning store=failed reason=%s", type(error).__name__)
            raise Refused(503, "the centre's store cannot be written now; try again") from error


def _demand_own(kiosk_id: str, peer: Peer) -> None:
    if kiosk_id != peer.name:
        raise Refused(403, f"kiosk_id: must be {peer.name}, the name in the certificate")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
