"""The people of the centre: who may sign in as what, and whose phone the duty ladder calls. For admins only.

The last admin who can sign in stays one. A password is never shown, only set anew.
"""

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor.store import people, sessions
from kiosk.monitor.store.people import LANGUAGES, ROLES, Member, PhoneTaken
from kiosk.monitor.web import placeform
from kiosk.monitor.web.page import Refused, Visit, page
from kiosk.monitor.web.passwords import SHORTEST, is_fit
from kiosk.monitor.web.registry import tell_centre

ADMINS = ("admin",)
ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
NAME_MAX = 60
FIELDS = ("person_id", "name", "role", "language", "phone", "active")


@page(*ADMINS)
def staff(visit: Visit) -> Response:
    """List everybody."""
    return _list(visit, {}, ())


def _list(visit: Visit, typed: Mapping[str, str], wrong: tuple[str, ...], holder: str = "") -> Response:
    with visit.reading() as connection:
        found = people.all_of(connection)
    values = {name: typed.get(name, "").strip()[:100] for name in FIELDS}
    return visit.render(
        "staff.html", 422 if wrong else 200, people=found, roles=ROLES, tongues=LANGUAGES, typed=values,
        wrong=wrong, holder=holder, shared=_shared(found), shortest=SHORTEST,
    )  # fmt: skip


def _shared(found: Sequence[Member]) -> list[str]:
    """Name those who are active and share a phone, each phone's together."""
    of_phone: dict[str, list[str]] = {}
    for one in found:
        if one.active and one.phone:
            of_phone.setdefault(one.phone, []).append(one.name)
    return [", ".join(names) for names in of_phone.values() if len(names) > 1]


def _problems(form: Mapping[str, str], person_id: str) -> tuple[str, ...]:
    """Name the fields that cannot be kept."""
    name, phone = form.get("name", "").strip(), placeform.phone(form.get("phone", "").strip())
    wrong = [
        ("person_id", not ID.fullmatch(person_id)),
        ("name", not (0 < len(name) <= NAME_MAX and name.isprintable())),
        ("role", form.get("role") not in ROLES),
        ("language", form.get("language") not in LANGUAGES),
        ("phone", bool(phone) and not placeform.is_phone(phone)),
        ("password", bool(form.get("password")) and not is_fit(form.get("password", ""))),
    ]
    return tuple(field for field, bad in wrong if bad)


@page(*ADMINS)
def add(visit: Visit) -> Response:
    """Add a person."""
    form = visit.form
    person_id = form.get("person_id", "").strip()
    wrong = _problems(form, person_id)
    if wrong:
        return _list(visit, form, wrong)
    password = form.get("password", "")
    member = Member(
        person_id=person_id,
        name=form["name"].strip(),
        role=form["role"],  # type: ignore[arg-type]  # one of ROLES, checked above
        language=form["language"],  # type: ignore[arg-type]  # one of LANGUAGES, checked above
        phone=placeform.phone(form.get("phone", "").strip()),
        password_hash=visit.site.passwords.hash(password) if password else "",
    )
    try:
        with visit.writing() as connection:
            added = people.add(connection, member, visit.site.now_ms())
            if added:
                visit.audit(connection, "user_add", person_id, f"role={member.role}")
    except PhoneTaken as error:
        return _list(visit, form, ("phone_taken",), error.holder)
    if not added:
        return _list(visit, form, ("taken",))
    tell_centre(visit)
    return visit.redirect("/staff", "staff.added")


@page(*ADMINS)
def change(visit: Visit) -> Response:
    """Change a person; a new role, a new password or the end of the work here ends every session."""
    form, person_id = visit.form, visit.path("person_id")
    wrong = _problems(form, person_id)
    if wrong:
        return visit.redirect("/staff", f"staff.error_{wrong[0]}", good=False)
    columns: dict[str, object] = {
        "name": form["name"].strip(),
        "role": form["role"],
        "language": form["language"],
        "phone": placeform.phone(form.get("phone", "").strip()),
        "active": form.get("active") == "yes",
    }
    if form.get("password"):
        columns["password_hash"] = visit.site.passwords.hash(form["password"])
    try:
        with visit.writing() as connection:
            old = people.find(connection, person_id)
            if old is None:
                raise Refused(404, "base.missing")
            people.change(connection, person_id, visit.site.now_ms(), **columns)
            if people.admins(connection) == 0:
                raise Refused(409, "staff.last_admin")  # undoes the change
            _record(visit, connection, old, columns)
    except PhoneTaken as error:
        return visit.redirect("/staff", "staff.error_phone_taken", good=False, holder=error.holder)
    tell_centre(visit)
    return visit.redirect("/staff", "staff.changed")


def _record(visit: Visit, connection: Connection, old: Member, columns: Mapping[str, object]) -> None:
    """Keep which fields changed, not what phones and names they hold."""
    changed = [name for name, value in columns.items() if getattr(old, name) != value]
    if {"role", "active", "password_hash"} & set(changed):
        mine = visit.person.session_hash if visit.person and visit.who == old.person_id else ""
        sessions.end_all(connection, old.person_id, but=mine)
    role = f" role={columns['role']}" if "role" in changed else ""
    visit.audit(connection, "user_change", old.person_id, " ".join(changed) + role)


routes = [
    Route("/staff", staff),
    Route("/staff/add", add, methods=["POST"]),
    Route("/staff/{person_id}", change, methods=["POST"]),
]
