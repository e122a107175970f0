"""The doors' routes: who may come to which, and what each needs. Owns no listening socket."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor.crowd import Crowd
from kiosk.monitor.doors.alerts import AlertDoors
from kiosk.monitor.doors.bodies import Health
from kiosk.monitor.doors.commissioning import CommissioningDoors
from kiosk.monitor.doors.enrolment import CertificateDoors
from kiosk.monitor.doors.issuing import Issuer
from kiosk.monitor.doors.peer import Peer
from kiosk.monitor.doors.protocol import ROOM
from kiosk.monitor.doors.reading import Unreadable, look
from kiosk.monitor.doors.refusals import Refused, answer, on_bug, on_http, on_refused
from kiosk.monitor.doors.releases import ReleaseDoors
from kiosk.monitor.doors.revocation import RevocationList
from kiosk.monitor.doors.standing import Doorkeeper
from kiosk.monitor.doors.waiting import Waiting
from kiosk.monitor.feed import Feed
from kiosk.wire import utc_text

Served = Callable[[Request, Peer], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the doors stand between; without `issuer` and `crl` this machine has no CA."""

    engine: Engine
    feed: Feed
    issuer: Issuer | None = None
    crl: RevocationList | None = None
    state: Path | None = None  # below which the releases lie


class OpenDoors:
    """`GET /v1/crl.pem` and `GET /v1/health`."""

    def __init__(self, site: Site, keeper: Doorkeeper) -> None:
        self._site = site
        self._keeper = keeper

    async def crl(self, _: Request, peer: Peer) -> Response:
        """Give the newest revocation list."""
        await self._keeper.admit(peer)
        crl = self._site.crl
        if crl is None or not crl.pem:
            raise Refused(404, "this machine has no list: its CA is elsewhere or cannot be used")
        return Response(crl.pem, media_type="application/x-pem-file", headers={"cache-control": "no-store"})

    async def health(self, _: Request, peer: Peer) -> Response:
        """Say whether core and store are there."""
        await self._keeper.admit_alert(peer)
        try:
            await look(self._site.engine, lambda db: db.execute(text("SELECT 1")).scalar(), 1.0)
            store = True
        except Unreadable:
            store = False
        at = utc_text(time.time_ns() // 1_000_000)
        return answer(Health(core=self._site.feed.up, store=store, at=at))


def build(site: Site) -> Starlette:
    """Make the app; while it runs it owns the engine, the connection to the core and the list.

    `app.state.waiting.close()` lets long polls end before the server waits for them.
    """
    keeper = Doorkeeper(site.engine)
    waiting = Waiting()
    alerts = AlertDoors(site.engine, site.feed, keeper, waiting)
    papers = CertificateDoors(site.issuer, keeper)
    works = CommissioningDoors(site.engine, keeper)
    offered = ReleaseDoors(site.engine, keeper, site.state)
    others = OpenDoors(site, keeper)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        forget = site.feed.on_event(waiting.hear)
        async with site.feed.running():
            task = asyncio.create_task(site.crl.keep_fresh()) if site.crl else None
            yield {"crowd": Crowd(ROOM)}
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        forget()
        site.engine.dispose()

    app = Starlette(
        routes=[
            Route("/v1/alerts", _known(alerts.deliver), methods=["POST"]),
            Route("/v1/alerts/{alert_id}/replies", _known(alerts.replies), methods=["GET"]),
            Route("/v1/enrol", papers.enrol, methods=["POST"]),
            Route("/v1/renew", _known(papers.renew), methods=["POST"]),
            Route("/v1/commissioning", _known(works.record), methods=["POST"]),
            Route("/v1/provision-log", _known(works.log), methods=["POST"]),
            Route("/v1/releases/{release_id}", _known(offered.part), methods=["GET"]),
            Route("/v1/crl.pem", _known(others.crl), methods=["GET"]),
            Route("/v1/health", _known(others.health), methods=["GET"]),
        ],
        exception_handlers={Refused: on_refused, HTTPException: on_http, Exception: on_bug},
        lifespan=lifespan,
    )
    app.state.waiting = waiting
    app.router.redirect_slashes = False  # a door has one name
    return app


def _known(serve: Served) -> Callable[[Request], Awaitable[Response]]:
    """Ask for the client certificate that TLS leaves optional."""

    async def door(request: Request) -> Response:
        peer = getattr(request.state, "peer", None)
        if not isinstance(peer, Peer):
            raise Refused(401, "a client certificate of the centre's CA is needed; enrol first")
        return await serve(request, peer)

    return door
