"""Who is signed in, and which sign-ins failed. Only hashes of session cookies are kept."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from kiosk.monitor.store.people import Language, Role
from kiosk.monitor.store.schema import failures, people, sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A session with the person it belongs to."""

    session_hash: str
    person_id: str
    name: str
    role: Role
    language: Language
    csrf: str
    created_ms: int
    seen_ms: int


def begin(connection: Connection, *, session_hash: str, person_id: str, csrf: str, at_ms: int) -> None:
    """Keep a new session."""
    connection.execute(
        insert(sessions).values(
            session_hash=session_hash, person_id=person_id, csrf=csrf, created_ms=at_ms, seen_ms=at_ms
        )
    )


def find(
    connection: Connection, session_hash: str, *, created_after_ms: int, seen_after_ms: int
) -> Found | None:
    """Give a session that is neither too old nor too long unused, of a person who is still active."""
    query = (
        select(
            sessions.c.session_hash,
            sessions.c.person_id,
            people.c.name,
            people.c.role,
            people.c.language,
            sessions.c.csrf,
            sessions.c.created_ms,
            sessions.c.seen_ms,
        )
        .join(people, people.c.person_id == sessions.c.person_id)
        .where(
            sessions.c.session_hash == session_hash,
            sessions.c.created_ms > created_after_ms,
            sessions.c.seen_ms > seen_after_ms,
            people.c.active.is_(True),
        )
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Found(**row)


def touch(connection: Connection, session_hash: str, at_ms: int) -> None:
    """Keep that a session is in use."""
    connection.execute(update(sessions).where(sessions.c.session_hash == session_hash).values(seen_ms=at_ms))


def end(connection: Connection, session_hash: str) -> None:
    """End one session."""
    connection.execute(delete(sessions).where(sessions.c.session_hash == session_hash))


def end_all(connection: Connection, person_id: str, *, but: str = "") -> int:
    """End every session of a person (but one); tells how many there were."""
    done = connection.execute(
        delete(sessions).where(sessions.c.person_id == person_id, sessions.c.session_hash != but)
    )
    return done.rowcount


def sweep(
    connection: Connection, *, created_before_ms: int, seen_before_ms: int, failed_before_ms: int
) -> None:
    """Forget sessions that have expired and failures that no longer count."""
    old = or_(sessions.c.created_ms <= created_before_ms, sessions.c.seen_ms <= seen_before_ms)
    connection.execute(delete(sessions).where(old))
    connection.execute(delete(failures).where(failures.c.at_ms <= failed_before_ms))


def fail(connection: Connection, subjects: tuple[str, ...], at_ms: int) -> None:
    """Keep that a sign-in failed, once for each subject (account, address)."""
    connection.execute(insert(failures), [{"subject": subject[:128], "at_ms": at_ms} for subject in subjects])


def failed(connection: Connection, subject: str, after_ms: int) -> int:
    """Count the failures of a subject since `after_ms`."""
    query = select(func.count()).where(failures.c.subject == subject[:128], failures.c.at_ms > after_ms)
    return connection.execute(query).scalar_one()


def forgive(connection: Connection, subject: str) -> None:
    """Forget a subject's failures: it signed in."""
    connection.execute(delete(failures).where(failures.c.subject == subject[:128]))
