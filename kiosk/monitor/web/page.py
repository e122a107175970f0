"""How a page is written: `@page("admin")` over a plain function of a Visit, which runs in the threadpool.

Owns the checks before it (signed in, role, Origin, CSRF, size) and the answers when something is wrong.
A handler may wait for the database and the centre; it never runs on the event loop.
"""

import functools
import hmac
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from kiosk.control import DaemonAway
from kiosk.monitor.store.people import ROLES
from kiosk.monitor.web import security, session
from kiosk.monitor.web.entrance import CrowdedOut
from kiosk.monitor.web.session import Signed
from kiosk.monitor.web.site import Site, site_of
from kiosk.monitor.web.visit import Refused, Visit
from kiosk.monitor.web.words import Language, language_of

__all__ = ["EVERYONE", "Refused", "Visit", "open_page", "page"]
LOG = logging.getLogger(__name__)
FIELDS_MAX = 200
AGAIN_S = 5
EVERYONE = ROLES

Handler = Callable[[Visit], Response]
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def page(*roles: str) -> Callable[[Handler], Endpoint]:
    """Let only people of these roles reach a handler; a form must bring Origin and token."""

    def decorate(handler: Handler) -> Endpoint:
        @functools.wraps(handler)
        async def endpoint(request: Request) -> Response:
            return await _serve(request, handler, roles)

        return endpoint

    return decorate


def open_page(handler: Handler) -> Endpoint:
    """Let anybody reach a handler that checks its own forms (signing in)."""

    @functools.wraps(handler)
    async def endpoint(request: Request) -> Response:
        return await _serve(request, handler, None)

    return endpoint


async def _serve(request: Request, handler: Handler, roles: tuple[str, ...] | None) -> Response:
    site = site_of(request)
    visit = Visit(request=request, site=site, person=None, language=_spoken(request, None))
    try:
        person = await run_in_threadpool(session.signed, request, site)
        if roles is not None and person is None:
            return _to_sign_in(visit)
        visit = await _visit(request, site, person)
        if roles is not None:
            _demand(visit, roles)
        entering = roles is None and request.method == "POST"
        return await (_entering(visit, handler) if entering else run_in_threadpool(handler, visit))
    except Refused as error:
        return _refusal(visit, error)
    except ClientDisconnect:
        return _refusal(visit, Refused(413, "base.too_large"))
    except DaemonAway:
        return _refusal(visit, Refused(503, "base.centre_away"))
    except SQLAlchemyError as error:
        LOG.error(  # noqa: TRY400 - a statement's parameters stay out of the log
            "page=%s database=%s", request.url.path, type(error).__name__
        )
        return _refusal(visit, Refused(503, "base.database_away"))


async def _entering(visit: Visit, handler: Handler) -> Response:
    """Take a form of somebody who has not signed in, in threads that no officer needs."""
    try:
        return await visit.site.entrance.admit(visit.network, functools.partial(handler, visit))
    except CrowdedOut:
        LOG.warning("sign_in=crowded_out")
        response = _refusal(visit, Refused(503, "sign_in.busy"))
        response.headers["retry-after"] = str(AGAIN_S)
        return response


async def _visit(request: Request, site: Site, person: Signed | None) -> Visit:
    form: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    files: dict[str, bytes] = {}
    if request.method == "POST":
        body = request if person is not None else security.bounded(request)
        most = security.BODY_MAX  # one field may be a whole list of contacts
        async with body.form(max_files=1, max_fields=FIELDS_MAX, max_part_size=most) as sent:
            for name, value in sent.multi_items():
                if isinstance(value, UploadFile):
                    files[name] = await value.read()
                else:
                    form[name] = value
                    lists[name] = (*lists.get(name, ()), value)
    return Visit(
        request=request,
        site=site,
        person=person,
        language=_spoken(request, person),
        form=form,
        lists=lists,
        files=files,
    )


def _demand(visit: Visit, roles: tuple[str, ...]) -> None:
    """Refuse a person of another role, and a form that did not come from our own page."""
    person = visit.person
    if person is None or person.role not in roles:
        raise Refused(403, "base.not_yours")
    if visit.request.method in {"GET", "HEAD"}:
        return
    if not security.is_own_origin(visit.request, visit.site):
        raise Refused(403, "base.foreign_form")
    if not hmac.compare_digest(visit.form.get("csrf", "").encode(), person.csrf.encode()):
        raise Refused(403, "base.foreign_form")


def _spoken(request: Request, person: Signed | None) -> Language:
    """Choose the person's language, else the browser's cookie, else what the browser asks for."""
    if person is not None:
        return person.language
    chosen = language_of(request.query_params.get("lang")) or language_of(request.cookies.get("lang"))
    if chosen is not None:
        return chosen
    wanted = (part.strip()[:2] for part in request.headers.get("accept-language", "").split(","))
    return next((found for part in wanted if (found := language_of(part))), "kk")


def _to_sign_in(visit: Visit) -> Response:
    """Ask for a sign-in: a sentence for people, a plain 401 for the page's own requests."""
    request = visit.request
    if visit.by_script:
        return JSONResponse({"text": visit.word("sign_in.expired")}, 401)
    expired = visit.site.cookie in request.cookies
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/sign-in" if request.method != "GET" or back == "/" else f"/sign-in?next={quote(back)}"
    return visit.redirect(target, "sign_in.expired" if expired else "", good=False)


def _refusal(visit: Visit, error: Refused) -> Response:
    text = visit.word(error.word, **error.values)
    if visit.by_script:
        response: Response = JSONResponse({"text": text}, error.status)
    else:
        response = visit.render("error.html", error.status, text=text)
    if error.status == 413:
        response.headers["connection"] = "close"  # the rest of it is not waited for
    return response


def problem(request: Request, status: int, word: str) -> Response:
    """Answer a request that reached no handler, or broke one."""
    visit = Visit(request=request, site=site_of(request), person=None, language=_spoken(request, None))
    return _refusal(visit, Refused(status, word))
