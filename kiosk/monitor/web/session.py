"""Who a browser belongs to: the session cookie, its beginning, use and end.

The cookie is 256 random bits; the database knows only their SHA-256. Never touches passwords.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from kiosk.monitor.store import sessions
from kiosk.monitor.store.people import Role
from kiosk.monitor.web.site import Site
from kiosk.monitor.web.words import Language

TOUCH_MS = 60_000  # idle time is kept this exactly, so that reading pages writes seldom
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


@contextmanager
def writing(site: Site) -> Iterator[Connection]:
    """Open a transaction that writes; committed at the end, undone by an exception."""
    with site.writing() as connection, connection.begin():
        yield connection


def signed(request: Request, site: Site) -> Signed | None:
    """Give the person of this browser, and note that the session is in use."""
    cookie = request.cookies.get(site.cookie, "")
    if not cookie:
        return None
    now_ms = site.now_ms()
    with site.engine.connect() as connection:
        found = sessions.find(
            connection,
            hashed(cookie),
            created_after_ms=now_ms - round(site.web.session_h * 3_600_000),
            seen_after_ms=now_ms - round(site.web.idle_min * 60_000),
        )
    if found is None:
        return None
    if now_ms - found.seen_ms >= TOUCH_MS:
        with writing(site) as connection:
            sessions.touch(connection, found.session_hash, now_ms)
    return Signed(
        person_id=found.person_id,
        name=found.name,
        role=found.role,
        language=found.language,
        csrf=found.csrf,
        session_hash=found.session_hash,
    )


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
