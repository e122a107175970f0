"""Which one of several monitors does a thing: a row that its holder renews, by the database's own clock."""

from sqlalchemy import Connection, delete, or_

from kiosk.monitor.store.engine import clock_ms
from kiosk.monitor.store.facts import insert_into
from kiosk.monitor.store.schema import leases

ESCALATION = "escalation"
LIFE_S = 10.0


def take(connection: Connection, name: str, holder: str, life_s: float = LIFE_S) -> bool:
    """Take or renew a lease for `life_s` from now; False while another one holds it."""
    now_ms = clock_ms(connection)
    until_ms = now_ms + round(life_s * 1000)
    statement = insert_into(connection, leases).values(name=name, holder=holder, until_ms=until_ms)
    free = or_(leases.c.holder == holder, leases.c.until_ms < now_ms)
    taken = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": statement.excluded.holder, "until_ms": statement.excluded.until_ms},
        where=free,
    )
    return connection.execute(taken.returning(leases.c.holder)).first() is not None


def give_up(connection: Connection, name: str, holder: str) -> None:
    """Let another monitor take it at once."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
