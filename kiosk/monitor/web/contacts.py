"""Whom an officer may refer people to: the list for everybody, its import by CSV for admins.

Never sends anything of it to a kiosk; holds institutions, never people.
"""

from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor.store import contacts as store
from kiosk.monitor.store.contacts import KINDS
from kiosk.monitor.web import contactsheet, paging
from kiosk.monitor.web.contactsheet import COLUMNS, LINES_MAX, Sheet, Wrong
from kiosk.monitor.web.page import EVERYONE, Visit, page

ADMINS = ("admin",)
PAGE = 100
SHOWN = 20  # lines of a preview
MIB = 1024 * 1024
FILE_MAX = 2 * MIB


@page(*EVERYONE)
def contacts(visit: Visit) -> Response:
    """List the contacts."""
    text = visit.query("q").strip()[:60]
    key = paging.read(visit.query("after"), tuple[str])
    with visit.reading() as connection:
        found = store.search(connection, text, after=key[0] if key else "", limit=PAGE + 1)
        count = store.count(connection)
    shown = found[:PAGE]
    more = len(found) > PAGE
    return visit.render(
        "contacts.html",
        contacts=shown,
        text=text,
        count=count,
        columns=", ".join(COLUMNS),
        kinds=KINDS,
        is_admin=visit.person is not None and visit.person.role in ADMINS,
        next=urlencode({"q": text, "after": paging.write(shown[-1].contact_id)}) if more else "",
    )


@page(*ADMINS)
def preview(visit: Visit) -> Response:
    """Show what an import would bring, or every line that is wrong."""
    content = visit.files.get("file", b"") or visit.form.get("text", "").encode()
    return _preview(visit, content)


def _preview(visit: Visit, content: bytes) -> Response:
    sheet = _read(content)
    with visit.reading() as connection:
        old = store.count(connection)
    return visit.render(
        "contacts_preview.html",
        422 if sheet.wrong else 200,
        sheet=sheet,
        errors=_errors(visit, sheet),
        shown=sheet.contacts[:SHOWN],
        old=old,
        content=content.decode("utf-8-sig", errors="replace") if not sheet.wrong else "",
    )


def _read(content: bytes) -> Sheet:
    return Sheet((), (Wrong(0, "why_large"),)) if len(content) > FILE_MAX else contactsheet.read(content)


def _errors(visit: Visit, sheet: Sheet) -> list[str]:
    said = []
    for one in sheet.wrong:
        why = visit.word(
            f"contacts.{one.word}",
            **{"columns": ", ".join(COLUMNS)} if one.word == "why_header" else {},
            **{"kinds": ", ".join(KINDS)} if one.word == "why_kind" else {},
            **{"n": LINES_MAX} if one.word == "why_many" else {},
            **{"n": FILE_MAX // MIB} if one.word == "why_large" else {},
        )
        said.append(visit.word("contacts.line", n=one.line, why=why) if one.line else why)
    return said


@page(*ADMINS)
def take(visit: Visit) -> Response:
    """Put the list in the place of the old one, all or nothing."""
    content = visit.form.get("text", "").replace("\r\n", "\n").encode()  # a browser made them CR LF
    sheet = _read(content)
    if sheet.wrong:
        return _preview(visit, content)
    with visit.writing() as connection:
        store.replace_all(connection, sheet.contacts, visit.site.now_ms())
        visit.audit(connection, "contacts_imported", detail=f"count={len(sheet.contacts)}")
    return visit.redirect("/contacts", "contacts.done", n=len(sheet.contacts))


routes = [
    Route("/contacts", contacts),
    Route("/contacts/preview", preview, methods=["POST"]),
    Route("/contacts/import", take, methods=["POST"]),
]
