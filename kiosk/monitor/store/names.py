"""Names that no kiosk may have: its certificate would make it the centre itself on the broker.

They are those of the centre's own configuration, and those of certificates that were made by hand, for other
monitors on the same database. A kiosk's certificates always have a row of the registry.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, Connection, exists, select

from kiosk.monitor.store.bulk import among
from kiosk.monitor.store.drafts import RegistryError
from kiosk.monitor.store.schema import certificates, registry

UNREGISTERED = ~exists().where(registry.c.kiosk_id == certificates.c.kiosk_id)


class NameTaken(RegistryError):
    """A kiosk would get a name of the centre itself."""

    def __init__(self, kiosk_id: str) -> None:
        super().__init__(
            f"{kiosk_id} is a name of the centre itself (its configuration, or a certificate made by hand): "
            "choose another id for the kiosk"
        )


def demand_free(db: Connection, kiosk_id: str, own: Collection[str]) -> None:
    """Refuse a name of the centre; `own` are those of its configuration. Raises NameTaken."""
    demand_all_free(db, (kiosk_id,), own)


def demand_all_free(db: Connection, kiosk_ids: Iterable[str], own: Collection[str] = ()) -> None:
    """Refuse any name of the centre among many; raises NameTaken for the first."""
    wanted = set(kiosk_ids)
    found = wanted & set(own)
    for some in among(db, certificates.c.kiosk_id, wanted - found):
        found |= _made_by_hand(db, some)
    if found:
        raise NameTaken(min(found))


def barred(db: Connection, own: Collection[str]) -> frozenset[str]:
    """Give every name that `demand_free` refuses."""
    return _made_by_hand(db) | frozenset(own)


def _made_by_hand(db: Connection, *among_these: ColumnElement[bool]) -> frozenset[str]:
    query = select(certificates.c.kiosk_id).where(UNREGISTERED, *among_these).distinct()
    return frozenset(db.execute(query).scalars())
