"""The pages as one application: every page module's routes, the shield before them, the live board behind.

Knows the list of page modules and nothing of what they show.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.expiry import Lookout
from kiosk.monitor.sections import Web
from kiosk.monitor.web import (
    account,
    alert,
    archive,
    audit,
    board,
    contacts,
    duty,
    fleet,
    kiosk,
    live,
    metrics,
    page,
    prints,
    registry,
    rollouts,
    sign_in,
    staff,
    statistics,
    webhook,
    words,
)
from kiosk.monitor.web.hub import Hub
from kiosk.monitor.web.passwords import Passwords
from kiosk.monitor.web.security import Shield
from kiosk.monitor.web.site import Entry, FeedPort, Site, now_utc_ms

LOG = logging.getLogger(__name__)
# Each of them has `routes`.
MODULES: tuple[ModuleType, ...] = (
    sign_in,
    account,
    board,
    live,
    archive,
    alert,
    audit,
    webhook,
    metrics,
    fleet,
    kiosk,
    prints,
    statistics,
    registry,
    rollouts,
    duty,
    staff,
    contacts,
)
NAVIGATION = (
    Entry("/", "base.board", page.EVERYONE),
    Entry("/alerts", "base.alerts", page.EVERYONE),
    Entry("/fleet", "fleet.title", page.EVERYONE),
    Entry("/contacts", "contacts.title", page.EVERYONE),
    Entry("/registry", "registry.title", ("technician", "admin")),
    Entry("/rollouts", "rollouts.title", ("admin",)),
    Entry("/duty", "duty.title", ("admin",)),
    Entry("/statistics", "statistics.title", ("admin",)),
    Entry("/audit", "base.audit", ("admin",)),
)
STATIC = Path(__file__).parent / "static"


def make_app(
    config: MonitorConfig,
    engine: Engine,
    feed: FeedPort,
    *,
    now_ms: Callable[[], int] = now_utc_ms,
    passwords: Passwords | None = None,
) -> Starlette:
    """Build the application; `feed` is run by the caller."""
    site = Site(
        config=config,
        web=config.web or Web(),
        engine=engine,
        feed=feed,
        words=words.load(),
        navigation=NAVIGATION,
        lookout=Lookout(config),
        now_ms=now_ms,
        passwords=passwords or Passwords(),
    )
    hub = Hub(site)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with hub.running():
            yield

    routes: list[BaseRoute] = [route for module in MODULES for route in module.routes]
    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=STATIC), name="static")],
        middleware=[Middleware(Shield, secure=site.secure)],
        exception_handlers={HTTPException: _missing, Exception: _broken},
        lifespan=lifespan,
    )
    app.state.site, app.state.hub = site, hub
    return app


async def _missing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return page.problem(request, status, "base.missing" if status == 404 else "base.wrong_request")


async def _broken(request: Request, _error: Exception) -> Response:
    return page.problem(request, 500, "base.broken")
