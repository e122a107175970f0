"""`kiosk monitor user …`: the people who may sign in. Each change is recorded.

A password comes from a prompt or a file, never from the command line, where every process could read it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kiosk.monitor.commands.shelf import Act, Shelf, config_option, passed
from kiosk.monitor.commands.terminal import json_option, put_json, put_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kiosk.monitor.store.people import Member

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
PHONE = re.compile(r"\+[0-9]{8,15}")
ROLE = click.Choice(["officer", "technician", "admin"])
LANGUAGE = click.Choice(["kk", "ru", "en"])
FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
PASSWORD_FILE = click.option(
    "--password-file", type=FILE, default=None, help="Its first line is the password.  [default: ask for it]"
)
PERSON = click.argument("person")


@click.group()
@config_option
@click.pass_context
def user(context: click.Context, file: Path) -> None:
    """People: who may sign in, as what."""
    context.obj = Shelf(file, context.find_object(object))


@user.command()
@PERSON
@click.option("--name", required=True, help="As colleagues know this person; at most 60 letters.")
@click.option("--role", type=ROLE, required=True)
@click.option("--language", type=LANGUAGE, default="kk", show_default=True)
@click.option("--phone", default="", help="For SMS of the duty ladder: + and 8 to 15 digits.")
@PASSWORD_FILE
@passed
def add(shelf: Shelf, /, person: str, name: str, **fields: Any) -> None:
    """Add PERSON: an id of a-z 0-9 . _ - that kiosks and reports may show."""
    from kiosk.monitor.store import people

    if not ID.fullmatch(person):
        raise click.BadParameter("1 to 32 of a-z 0-9 . _ -, first a letter or digit", param_hint="PERSON")
    if not name.strip() or len(name) > 60 or not name.isprintable():
        raise click.BadParameter("1 to 60 letters", param_hint="--name")
    role, phone = fields["role"], fields["phone"]
    if phone and not PHONE.fullmatch(phone):
        raise click.BadParameter("+ and 8 to 15 digits", param_hint="--phone")
    kept = _hash(fields.pop("password_file"))
    member = people.Member(person_id=person, name=name.strip(), password_hash=kept, **fields)
    with _own_phones(), shelf.change() as (db, act):
        if not people.add(db, member, act["now_ms"]):
            raise _refused(f"{person}: somebody has this id already")
        _record(db, act, "user_add", person, role)
    click.echo(f"{person} may sign in as {role}")


@user.command("list")
@json_option
@passed
def list_command(shelf: Shelf, /, *, as_json: bool) -> None:
    """List everybody."""
    from rich.table import Table

    from kiosk.monitor.store import people

    with shelf.read() as db:
        found = [_view(member) for member in people.all_of(db)]
    if as_json:
        put_json(found)
        return
    table = Table("id", "name", "role", "language", "phone", "state")
    for view in found:
        state = "" if view["active"] else "disabled"
        table.add_row(*(str(view[key]) for key in ("person_id", "name", "role", "language", "phone")), state)
    put_table(table)


@user.command()
@PERSON
@click.argument("role", type=ROLE)
@passed
def role(shelf: Shelf, /, person: str, role: str) -> None:
    """Give PERSON another role."""
    _change(shelf, person, "user_role", role, role=role)
    click.echo(f"{person} is {role} now")


@user.command()
@PERSON
@PASSWORD_FILE
@passed
def password(shelf: Shelf, /, person: str, password_file: Path | None) -> None:
    """Give PERSON a new password and end this person's sessions."""
    _change(shelf, person, "user_password", password_hash=_hash(password_file))
    click.echo(f"{person} has a new password; every session has ended")


@user.command()
@PERSON
@passed
def disable(shelf: Shelf, /, person: str) -> None:
    """Let PERSON sign in no more and end this person's sessions."""
    _change(shelf, person, "user_disable", active=False)
    click.echo(f"{person} is disabled")


@user.command()
@PERSON
@passed
def enable(shelf: Shelf, /, person: str) -> None:
    """Let PERSON sign in again."""
    _change(shelf, person, "user_enable", active=True)
    click.echo(f"{person} is enabled")


def _change(shelf: Shelf, person: str, what: str, detail: str = "", **columns: object) -> None:
    from kiosk.monitor.store import people, sessions

    with _own_phones(), shelf.change() as (db, act):
        before = people.admins(db)
        if not people.change(db, person, act["now_ms"], **columns):
            raise _refused(f"{person}: nobody has this id; kiosk monitor user list shows all")
        if before and not people.admins(db):
            raise _refused(f"{person} is the last administrator: name another one first")
        sessions.end_all(db, person)
        _record(db, act, what, person, detail)


@contextmanager
def _own_phones() -> Iterator[None]:
    """Refuse a phone that another active person has."""
    from kiosk.monitor.store.people import PhoneTaken

    try:
        yield
    except PhoneTaken as error:
        raise _refused(str(error)) from error


def _record(db: "Connection", act: Act, what: str, person: str, detail: str = "") -> None:
    from kiosk.monitor.store import audit

    audit.write(db, at_ms=act["now_ms"], who=act["who"], what=what, subject=person, detail=detail)


def _hash(file: Path | None) -> str:
    from kiosk.monitor.web.passwords import LONGEST, SHORTEST, Passwords, is_fit

    if file is None:
        given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        given = (file.read_text(encoding="utf-8").splitlines() or [""])[0]
    if not is_fit(given):
        raise _refused(f"a password has {SHORTEST} to {LONGEST} characters")
    return Passwords().hash(given)


def _refused(text: str) -> Exception:
    from kiosk.check.daemon import Refused

    return Refused(text)


def _view(member: "Member") -> dict[str, Any]:
    """Show a person without the password's hash."""
    view = asdict(member)
    view["can_sign_in"] = member.active and bool(view.pop("password_hash"))
    return view
