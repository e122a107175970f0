"""The doors of certificates: a kiosk's first one for a token, its next one for the one that it has."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from kiosk.monitor.ca import CaError
from kiosk.monitor.crowd import network_of
from kiosk.monitor.doors.bodies import Enrol, Renew
from kiosk.monitor.doors.intake import read
from kiosk.monitor.doors.issuing import Issuer
from kiosk.monitor.doors.peer import Peer
from kiosk.monitor.doors.rates import Rate
from kiosk.monitor.doors.refusals import Refused, answer
from kiosk.monitor.doors.standing import Doorkeeper

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class CertificateDoors:
    """`POST /v1/enrol` and `POST /v1/renew`; without an `issuer` this machine has no CA."""

    def __init__(self, issuer: Issuer | None, keeper: Doorkeeper) -> None:
        self._issuer = issuer
        self._keeper = keeper
        self._strangers = Rate(burst=20, every_s=6.0)  # an address: a site behind one address enrols many
        self._renewals = Rate(burst=5, every_s=600.0)  # a kiosk

    async def enrol(self, request: Request) -> Response:
        """Give a kiosk its first certificate for a one-time token."""
        host = request.client.host if request.client else ""
        if not self._strangers.take(network_of(host), time.monotonic()):
            raise Refused(429, "too many attempts from this address; wait a minute")
        issuer = self._demand_issuer()
        asked = await read(request, Enrol)
        given = await _issue(lambda: issuer.enrol(asked, _now_ms()))
        LOG.info("door=enrol peer=%s from=%s status=200", given.kiosk_id, host)
        return answer(given)

    async def renew(self, request: Request, peer: Peer) -> Response:
        """Give a kiosk its next certificate; the old one stays valid until its end."""
        await self._keeper.admit_renewal(peer)
        if not self._renewals.take(peer.name, time.monotonic()):
            raise Refused(429, "renewed too often; keep the certificate that you were given")
        issuer = self._demand_issuer()
        asked = await read(request, Renew)
        given = await _issue(lambda: issuer.renew(peer.name, asked.csr, _now_ms()))
        LOG.info("door=renew peer=%s status=200", peer.name)
        return answer(given)

    def _demand_issuer(self) -> Issuer:
        if self._issuer is None:
            raise Refused(
                404, "this machine signs nothing: its CA is elsewhere or cannot be used; ask the centre"
            )
        return self._issuer


async def _issue(work: Callable[[], T]) -> T:
    try:
        return await to_thread.run_sync(work)
    except SQLAlchemyError as error:
        LOG.warning("door=enrol store=failed reason=%s", type(error).__name__)
        raise Refused(503, "the centre's store cannot be written now; try again") from error
    except CaError as error:
        LOG.warning("door=enrol ca=failed reason=%r", str(error))
        raise Refused(503, "the centre's CA cannot sign now; ask the centre") from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
