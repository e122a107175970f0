"""Signing in and out: the only page that anybody may reach.

An unknown name, a wrong password and a person without one are told apart by nothing, not even by time.
"""

import hmac
import logging
import secrets

from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor.store import audit, people, sessions
from kiosk.monitor.web import security, session
from kiosk.monitor.web.page import EVERYONE, Refused, Visit, open_page, page
from kiosk.monitor.web.passwords import LONGEST
from kiosk.monitor.web.words import language_of

LOG = logging.getLogger(__name__)
DOOR = "door"  # the cookie whose value the form must repeat: nobody is signed in by another site
LANG_S = 365 * 86_400
WINDOW_MS = 15 * 60_000
# A name alone is held back late: nobody shall lock a duty officer out by failing on purpose elsewhere.
FAILURES_HERE, FAILURES_OF_ADDRESS, FAILURES_OF_NAME = 5, 20, 100


@open_page
def sign_in(visit: Visit) -> Response:
    """Show the form, or take it."""
    if visit.posted:
        return _signed_in(visit)
    if visit.person is not None:
        return visit.redirect(_target(visit.query("next")))
    return _form(visit)


@page(*EVERYONE)
def sign_out(visit: Visit) -> Response:
    """End this session, or all of this person's."""
    person = visit.person
    assert person is not None  # noqa: S101 - @page lets nobody else in
    everywhere = visit.form.get("everywhere") == "yes"
    with visit.writing() as connection:
        if everywhere:
            sessions.end_all(connection, person.person_id)
        else:
            sessions.end(connection, person.session_hash)
        visit.audit(connection, "sign_out", detail="everywhere" if everywhere else "")
    response = visit.redirect("/sign-in", "sign_in.signed_out")
    session.take(response, visit.site)
    return response


def _form(visit: Visit, status: int = 200, word: str = "", name: str = "", **values: object) -> Response:
    door = visit.request.cookies.get(DOOR) or secrets.token_urlsafe(16)
    response = visit.render(
        "sign_in.html",
        status,
        door=door,
        problem=visit.word(word, **values) if word else "",
        name=name,
        next=visit.form.get("next") or visit.query("next"),
    )
    response.set_cookie(DOOR, door, httponly=True, samesite="strict", secure=visit.site.secure)
    chosen = language_of(visit.request.query_params.get("lang"))
    if chosen is not None:
        response.set_cookie("lang", chosen, max_age=LANG_S, samesite="strict", secure=visit.site.secure)
    return response


def _signed_in(visit: Visit) -> Response:
    _demand_own_form(visit)
    name = visit.form.get("name", "").strip()[:64]
    address = visit.network
    now_ms, site = visit.site.now_ms(), visit.site
    subjects = (f"both:{address} {name}", f"from:{address}", f"name:{name}")
    with visit.reading() as connection:
        tried = [sessions.failed(connection, subject, now_ms - WINDOW_MS) for subject in subjects]
        member = people.find(connection, name)
    limits = (FAILURES_HERE, FAILURES_OF_ADDRESS, FAILURES_OF_NAME)
    if any(count >= limit for count, limit in zip(tried, limits, strict=True)):
        LOG.warning("sign_in=held_back")
        return _form(visit, 429, "sign_in.too_many", name=name, minutes=WINDOW_MS // 60_000)
    passwords = visit.site.passwords
    kept = member.password_hash if member is not None and member.active else ""
    checked = passwords.check(kept, visit.form.get("password", "")[:LONGEST])
    if not checked.right or member is None:
        with visit.writing() as connection:
            sessions.fail(connection, subjects, now_ms)
            who = member.person_id if member is not None else ""
            audit.write(connection, at_ms=now_ms, who=who, what="sign_in_failed")
        return _form(visit, 401, "sign_in.wrong", name=name)
    with visit.writing() as connection:
        sessions.forgive(connection, subjects[0])
        if checked.renewed:
            people.change(connection, member.person_id, now_ms, password_hash=checked.renewed)
        cookie = session.begin(site, connection, member.person_id)
        audit.write(connection, at_ms=now_ms, who=member.person_id, what="sign_in")
    response = visit.redirect(_target(visit.form.get("next", "")))
    session.give(response, site, cookie)
    return response


def _demand_own_form(visit: Visit) -> None:
    door = visit.request.cookies.get(DOOR, "")
    given = visit.form.get("door", "")
    if not door or not hmac.compare_digest(door.encode(), given.encode()):
        raise Refused(403, "base.foreign_form")
    if not security.is_own_origin(visit.request, visit.site):
        raise Refused(403, "base.foreign_form")


def _target(wanted: str) -> str:
    """Go only to a page of ours: `//other.example` and `/\\other.example` are other sites to a browser."""
    fine = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if fine else "/"


routes = [
    Route("/sign-in", sign_in, methods=["GET", "POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
]
