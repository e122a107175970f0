"""The people of the centre and their passwords' hashes. Hashing itself is not done here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import RowMapping

from kiosk.messages import KioskError
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


class PhoneTaken(KioskError):
    """Somebody active has this phone: an SMS from it could take an alert in the name of either."""

    def __init__(self, holder: Member) -> None:
        self.holder = f"{holder.name} ({holder.person_id})"
        super().__init__(f"{self.holder} has this phone; two who are active cannot share one")


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
    """Add a person; False when the id is taken. Raises PhoneTaken."""
    if find(connection, member.person_id) is not None:
        return False
    if member.active:
        _demand_own_phone(connection, member.person_id, member.phone)
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

    What `admins` gives after a new role or `active` holds to the end of the transaction. Raises PhoneTaken,
    but lets those go on who share a phone already.
    """
    if {"role", "active"} & columns.keys():
        take(connection, Lock.ADMINS)
    if {"phone", "active"} & columns.keys():
        _demand_own_phone_after(connection, person_id, columns)
    done = connection.execute(
        update(people).where(people.c.person_id == person_id).values(changed_ms=at_ms, **columns)
    )
    return done.rowcount == 1


def _demand_own_phone_after(connection: Connection, person_id: str, columns: Mapping[str, object]) -> None:
    old = find(connection, person_id)
    if old is None:
        return
    phone, active = str(columns.get("phone", old.phone)), columns.get("active", old.active)
    if active and (phone != old.phone or not old.active):
        _demand_own_phone(connection, person_id, phone)


def _demand_own_phone(connection: Connection, person_id: str, phone: str) -> None:
    if not phone:
        return
    take(connection, Lock.ADMINS)  # the people's lock: nobody else gives the phone away meanwhile
    other = select(people).where(
        people.c.phone == phone, people.c.active.is_(True), people.c.person_id != person_id
    )
    row = connection.execute(other.order_by(people.c.name, people.c.person_id)).mappings().first()
    if row is not None:
        raise PhoneTaken(_member(row))


def admins(connection: Connection) -> int:
    """Count the active admins who can sign in: the last one must stay."""
    query = select(func.count()).where(
        people.c.role == "admin", people.c.active.is_(True), people.c.password_hash != ""
    )
    return connection.execute(query).scalar_one()


def _member(row: RowMapping) -> Member:
    return Member(**row)
