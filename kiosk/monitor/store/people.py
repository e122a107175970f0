"""The people of the centre and their passwords' hashes. Hashing itself is not done here."""

from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import RowMapping

from kiosk.monitor.store.locks import Lock, take
from kiosk.monitor.store.schema import people

Role = Literal["officer", "technician", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
Language = Literal["kk", "ru", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person who may sign in, be on duty, or both; `password_hash` is empty for who cannot sign in."""

    person_id: str
    name: str
    role: Role
    language: Language
    phone: str = ""
    active: bool = True
    password_hash: str = ""
    created_ms: int = 0
    changed_ms: int = 0


def find(connection: Connection, person_id: str) -> Member | None:
    """Give one person."""
    row = connection.execute(select(people).where(people.c.person_id == person_id)).mappings().first()
    return None if row is None else _member(row)


def all_of(connection: Connection) -> list[Member]:
    """List everybody, by name."""
    rows = connection.execute(select(people).order_by(people.c.name, people.c.person_id)).mappings()
    return [_member(row) for row in rows]


def names(connection: Connection) -> dict[str, str]:
    """Give everybody's name by id."""
    rows = connection.execute(select(people.c.person_id, people.c.name))
    return {row.person_id: row.name for row in rows}


def add(connection: Connection, member: Member, at_ms: int) -> bool:
    """Add a person; False when the id is taken."""
    if find(connection, member.person_id) is not None:
        return False
    connection.execute(
        insert(people).values(
            person_id=member.person_id,
            name=member.name,
            role=member.role,
            language=member.language,
            phone=member.phone,
            active=member.active,
            password_hash=member.password_hash,
            created_ms=at_ms,
            changed_ms=at_ms,
        )
    )
    return True


def change(connection: Connection, person_id: str, at_ms: int, **columns: object) -> bool:
    """Change name, role, language, phone, active or password_hash; False when nobody has this id.

    What `admins` gives after a new role or `active` holds to the end of the transaction.
    """
    if {"role", "active"} & columns.keys():
        take(connection, Lock.ADMINS)
    done = connection.execute(
        update(people).where(people.c.person_id == person_id).values(changed_ms=at_ms, **columns)
    )
    return done.rowcount == 1


def admins(connection: Connection) -> int:
    """Count the active admins who can sign in: the last one must stay."""
    query = select(func.count()).where(
        people.c.role == "admin", people.c.active.is_(True), people.c.password_hash != ""
    )
    return connection.execute(query).scalar_one()


def _member(row: RowMapping) -> Member:
    return Member(**row)
