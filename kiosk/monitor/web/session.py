"""Who a browser belongs to: the session cookie, its beginning, use and end.

The cookie is 256 random bits; the database knows only their SHA-256. Never touches passwords.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kiosk.monitor.store import sessions
from kiosk.monitor.store.people import Role
from kiosk.monitor.web.site import Site, site_of
from kiosk.monitor.web.words import Language

LOG = logging.getLogger(__name__)
TOUCH_MS = 60_000  # idle time is kept this exactly, so that reading pages writes seldom
TOUCH_AGAIN_MS = 60_000  # after the database refused one: no page shall wait for the next refusal
UNSURE_S = 600.0  # a stream goes on so long while nobody can say whether its session has ended
FAILED_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The person who is signed in with this browser."""

    person_id: str
    name: str
    role: Role
    language: Language
    csrf: str
    session_hash: str


@dataclass(slots=True)
class _Unwritten:
    """When sessions were used that the database would not note, and when it refused one last (UTC ms)."""

    seen_ms: dict[str, int] = field(default_factory=dict)
    refused_ms: int | None = None


class Watch:
    """Whether the person of an open stream is still signed in, looked up again and again."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._sure_s = time.monotonic()

    async def still(self) -> bool:
        """Tell whether the session goes on; a database that is away changes nothing for UNSURE_S.

        Raises SQLAlchemyError when it is away for longer.
        """
        try:
            person = await run_in_threadpool(signed, self._request, site_of(self._request))
        except SQLAlchemyError:
            if time.monotonic() - self._sure_s >= UNSURE_S:
                LOG.warning("stream=ended reason=database_away")
                raise
            return True
        self._sure_s = time.monotonic()
        return person is not None


@contextmanager
def writing(site: Site) -> Iterator[Connection]:
    """Open a transaction that writes; committed at the end, undone by an exception."""
    with site.writing() as connection, connection.begin():
        yield connection


def signed(request: Request, site: Site) -> Signed | None:
    """Give the person of this browser, and note that the session is in use.

    A database that can be read and not written keeps nobody out: an alert may wait to be accepted.
    """
    cookie = request.cookies.get(site.cookie, "")
    if not cookie:
        return None
    now_ms, unwritten = site.now_ms(), _unwritten(request)
    idle_ms = now_ms - round(site.web.idle_min * 60_000)
    with site.engine.connect() as connection:
        found = sessions.find(
            connection,
            hashed(cookie),
            created_after_ms=now_ms - round(site.web.session_h * 3_600_000),
            seen_after_ms=-1 if unwritten.seen_ms.get(hashed(cookie), -1) > idle_ms else idle_ms,
        )
    if found is None:
        return None
    if now_ms - found.seen_ms >= TOUCH_MS:
        _touch(site, unwritten, found.session_hash, now_ms)
    return Signed(
        person_id=found.person_id,
        name=found.name,
        role=found.role,
        language=found.language,
        csrf=found.csrf,
        session_hash=found.session_hash,
    )


def _touch(site: Site, unwritten: _Unwritten, session_hash: str, now_ms: int) -> None:
    refused_ms = unwritten.refused_ms
    unwritten.seen_ms[session_hash] = now_ms
    if refused_ms is not None and 0 <= now_ms - refused_ms < TOUCH_AGAIN_MS:
        return
    try:
        with writing(site) as connection:
            sessions.touch(connection, session_hash, now_ms)
    except SQLAlchemyError as error:
        unwritten.refused_ms = now_ms
        LOG.warning("session=untouched database=%s", type(error).__name__)
    else:
        unwritten.refused_ms = None
        unwritten.seen_ms.pop(session_hash, None)


def _unwritten(request: Request) -> _Unwritten:
    state = request.app.state
    if not hasattr(state, "unwritten_sessions"):
        state.unwritten_sessions = _Unwritten()
    kept: _Unwritten = state.unwritten_sessions
    return kept


def begin(site: Site, connection: Connection, person_id: str) -> str:
    """Begin a session, sweep away those that are over, and give the cookie's value."""
    cookie, now_ms = secrets.token_urlsafe(32), site.now_ms()
    sessions.sweep(
        connection,
        created_before_ms=now_ms - round(site.web.session_h * 3_600_000),
        seen_before_ms=now_ms - round(site.web.idle_min * 60_000),
        failed_before_ms=now_ms - FAILED_MS,
    )
    sessions.begin(
        connection,
        session_hash=hashed(cookie),
        person_id=person_id,
        csrf=secrets.token_urlsafe(32),
        at_ms=now_ms,
    )
    return cookie


def give(response: Response, site: Site, cookie: str) -> None:
    """Hand the cookie to the browser: no script reads it, no other site sends it."""
    response.set_cookie(
        site.cookie,
        cookie,
        max_age=round(site.web.session_h * 3600),
        path="/",
        httponly=True,
        samesite="strict",
        secure=site.secure,
    )


def take(response: Response, site: Site) -> None:
    """Take the cookie away."""
    response.delete_cookie(site.cookie, path="/", httponly=True, samesite="strict", secure=site.secure)


def hashed(cookie: str) -> str:
    """Give what the database knows of a cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()
