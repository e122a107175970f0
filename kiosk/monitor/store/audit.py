"""What people did at the centre: written beside the change itself, in its transaction; never altered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from kiosk.monitor.store.bulk import run_many
from kiosk.monitor.store.schema import audit

PAGE = 100
WHAT_MAX, SUBJECT_MAX, DETAIL_MAX = 40, 128, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that somebody did."""

    number: int
    at_ms: int
    who: str
    what: str
    subject: str
    detail: str


def write(
    connection: Connection, *, at_ms: int, who: str, what: str, subject: str = "", detail: str = ""
) -> None:
    """Keep what `who` did; `detail` holds no personal data and no secret."""
    connection.execute(insert(audit).values(_row(what, subject, detail) | {"at_ms": at_ms, "who": who[:64]}))


def write_many(connection: Connection, done: Iterable[tuple[str, str, str]], *, at_ms: int, who: str) -> None:
    """Keep many things that `who` did at once: each is what, subject and detail."""
    made = [_row(*each) | {"at_ms": at_ms, "who": who[:64]} for each in done]
    names = ("at_ms", "who", "what", "subject", "detail")
    run_many(connection, insert(audit).values({name: bindparam(name) for name in names}), made)


def _row(what: str, subject: str, detail: str) -> dict[str, Any]:
    return {"what": what[:WHAT_MAX], "subject": subject[:SUBJECT_MAX], "detail": detail[:DETAIL_MAX]}


def read(connection: Connection, *, before: int | None = None, who: str = "", what: str = "") -> list[Entry]:
    """List the newest entries, or those with a number below `before`; at most one page and one more."""
    query = select(audit).order_by(audit.c.number.desc()).limit(PAGE + 1)
    if before is not None:
        query = query.where(audit.c.number < before)
    if who:
        query = query.where(audit.c.who == who)
    if what:
        query = query.where(audit.c.what == what)
    return [Entry(**row) for row in connection.execute(query).mappings()]
