"""`/metrics` for Prometheus: to loopback, or to whoever shows the bearer token. Never needs a session."""

import hmac
import ipaddress
import logging
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kiosk.control import DaemonAway
from kiosk.monitor.metrics import CONTENT_TYPE, Centre, expose
from kiosk.monitor.store.gauges import Gauges, gauges
from kiosk.monitor.web.site import Site, site_of

LOG = logging.getLogger(__name__)
ASK_S = 2.0  # Prometheus gives a scrape 10 s by default
TOKEN_MIN = 16


async def metrics(request: Request) -> Response:
    """Answer one scrape; what is away is said by its own `_up` metric."""
    site = site_of(request)
    if not await run_in_threadpool(_is_allowed, request, site):
        return PlainTextResponse("a bearer token is needed\n", 401, {"www-authenticate": "Bearer"})
    status = await _status(site)
    body = await run_in_threadpool(_expose, site, status)
    return Response(body, media_type=CONTENT_TYPE)


async def _status(site: Site) -> dict[str, Any] | None:
    try:
        status = await site.feed.ask({"ask": "status"}, ASK_S)
    except DaemonAway:
        return None
    return status if "figures" in status else None


def _expose(site: Site, status: dict[str, Any] | None) -> bytes:
    return expose(Centre(version("pana-kiosk"), _gauges(site), status))


def _gauges(site: Site) -> Gauges | None:
    try:
        with site.engine.connect() as connection:
            return gauges(connection, site.now_ms())
    except SQLAlchemyError:
        LOG.exception("metrics store=unreadable")
        return None


def _is_allowed(request: Request, site: Site) -> bool:
    """Let loopback in where no token is configured; a proxy before us hides who asks, so it needs one."""
    file = site.web.metrics_token_file
    if file is None:
        return _is_loopback(request) and "x-forwarded-for" not in request.headers
    try:
        token = Path(file).read_bytes().strip()
    except OSError as error:
        LOG.warning("metrics token=unreadable reason=%s", error.strerror)
        return False
    told = request.headers.get("authorization", "").encode("latin-1", "replace")
    return len(token) >= TOKEN_MIN and hmac.compare_digest(told, b"Bearer " + token)


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


routes = [Route("/metrics", metrics)]
