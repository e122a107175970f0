"""A person's own page: language, password, all sessions. Never anybody else's."""

from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor.store import people, sessions
from kiosk.monitor.web.page import EVERYONE, Visit, page
from kiosk.monitor.web.passwords import LONGEST, SHORTEST, is_fit
from kiosk.monitor.web.sign_in import LANG_S
from kiosk.monitor.web.words import language_of


@page(*EVERYONE)
def account(visit: Visit) -> Response:
    """Show the page."""
    return visit.render("account.html", shortest=SHORTEST)


@page(*EVERYONE)
def language(visit: Visit) -> Response:
    """Change the person's language and go back to the page that was open."""
    chosen = language_of(visit.form.get("language"))
    back = visit.form.get("back", "/")
    response = visit.redirect(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/")
    if chosen is not None:
        with visit.writing() as connection:
            people.change(connection, visit.who, visit.site.now_ms(), language=chosen)
        response.set_cookie("lang", chosen, max_age=LANG_S, samesite="strict", secure=visit.site.secure)
    return response


@page(*EVERYONE)
def password(visit: Visit) -> Response:
    """Change the person's password and end every other session."""
    person = visit.person
    assert person is not None  # noqa: S101 - @page lets nobody else in
    passwords = visit.site.passwords
    wanted = visit.form.get("password", "")
    if not is_fit(wanted):
        return visit.redirect("/account", "account.unfit", good=False, shortest=SHORTEST, longest=LONGEST)
    if wanted != visit.form.get("again", ""):
        return visit.redirect("/account", "account.differ", good=False)
    with visit.reading() as connection:
        member = people.find(connection, person.person_id)
    kept = "" if member is None else member.password_hash
    if not passwords.check(kept, visit.form.get("old", "")[:LONGEST]).right:
        return visit.redirect("/account", "account.wrong_old", good=False)
    fresh = passwords.hash(wanted)
    with visit.writing() as connection:
        people.change(connection, person.person_id, visit.site.now_ms(), password_hash=fresh)
        sessions.end_all(connection, person.person_id, but=person.session_hash)
        visit.audit(connection, "password", subject=person.person_id)
    return visit.redirect("/account", "account.changed")


routes = [
    Route("/account", account),
    Route("/account/password", password, methods=["POST"]),
    Route("/language", language, methods=["POST"]),
]
