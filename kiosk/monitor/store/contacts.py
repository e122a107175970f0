"""Crisis centres, family-support services and numbers: data of the owner, for the officers' eyes only.

Nothing of it is ever sent to a kiosk. It holds institutions, never people who sought help.
"""

import math
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Row, delete, func, insert, or_, select

from kiosk.monitor.store.schema import contacts

NATIONAL = "national"  # numbers that answer everywhere: always listed
KINDS = (NATIONAL, "crisis_centre", "family_support", "medical", "legal", "police", "other")
EARTH_KM = 6371.0
SEARCH_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One institution; `kato` and the WGS 84 degrees are empty where it serves the whole country."""

    contact_id: str
    kind: str
    name_kk: str
    name_ru: str
    phone: str
    address_kk: str = ""
    address_ru: str = ""
    kato: str = ""
    lat: float | None = None
    lon: float | None = None
    hours: str = ""
    changed_ms: int = 0


@dataclass(frozen=True, slots=True)
class Near:
    """A contact and how far it is, km by great circle; None where it has no place of its own."""

    contact: Contact
    km: float | None


def _contact(row: Row[tuple[object, ...]]) -> Contact:
    return Contact(**row._asdict())


def nearest(connection: Connection, lat: float, lon: float, kato: str, limit: int = 3) -> tuple[Near, ...]:
    """Give the national numbers, then the `limit` nearest contacts.

    Those without a place that serve the same region (the first two digits of `kato`) come after the nearest,
    as far as the limit has room.
    """
    everyone = [_contact(row) for row in connection.execute(select(contacts).order_by(contacts.c.contact_id))]
    national = [Near(one, None) for one in everyone if one.kind == NATIONAL]
    placed = [
        Near(one, great_circle_km(lat, lon, one.lat, one.lon))
        for one in everyone
        if one.kind != NATIONAL and one.lat is not None and one.lon is not None
    ]
    placed.sort(key=lambda near: (near.km, near.contact.contact_id))
    regional = [
        Near(one, None)
        for one in everyone
        if one.kind != NATIONAL and one.lat is None and one.kato and one.kato[:2] == kato[:2]
    ]
    return (*national, *(placed + regional)[:limit])


def great_circle_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Give the distance of two places on the globe, km (haversine)."""
    here, there = math.radians(lat), math.radians(other_lat)
    up = math.sin((there - here) / 2) ** 2
    across = math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, up + math.cos(here) * math.cos(there) * across)))


def find(connection: Connection, contact_id: str) -> Contact | None:
    """Give one contact."""
    row = connection.execute(select(contacts).where(contacts.c.contact_id == contact_id)).one_or_none()
    return None if row is None else _contact(row)


def search(
    connection: Connection, text: str = "", *, after: str = "", limit: int = 100
) -> tuple[Contact, ...]:
    """List contacts by id, those after `after`, whose name, address, kind or phone holds `text`."""
    query = select(contacts).where(contacts.c.contact_id > after)
    text = text.strip()[:SEARCH_MAX].replace("\0", "")
    if text:
        columns = (
            contacts.c.contact_id, contacts.c.name_kk, contacts.c.name_ru, contacts.c.address_kk,
            contacts.c.address_ru, contacts.c.phone, contacts.c.kind,
        )  # fmt: skip
        forms = sorted({text, text.lower(), text.upper(), text.capitalize(), text.title()})
        query = query.where(or_(*(one.contains(form, autoescape=True) for one in columns for form in forms)))
    return tuple(
        _contact(row) for row in connection.execute(query.order_by(contacts.c.contact_id).limit(limit))
    )


def count(connection: Connection) -> int:
    """Tell how many there are."""
    return connection.execute(select(func.count()).select_from(contacts)).scalar_one()


def replace_all(connection: Connection, new: tuple[Contact, ...], now_ms: int) -> None:
    """Put `new` in the place of every contact; in the caller's transaction, so all or nothing."""
    connection.execute(delete(contacts))
    if new:
        connection.execute(insert(contacts), [{**asdict(one), "changed_ms": now_ms} for one in new])
