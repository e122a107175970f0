"""Named whole numbers of a centre, one row each; and the INSERT that may meet its row already there."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.monitor.store.schema import facts


def insert_into(connection: Connection, table: Table) -> Any:
    """Begin an INSERT that knows `ON CONFLICT`, as the connection's database has it."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def keep(connection: Connection, values: Mapping[str, int], *, rising: bool = False) -> None:
    """Set facts, made where they are missing; one that is `rising` never goes back."""
    listed = [{"name": name, "value": value} for name, value in values.items()]
    statement = insert_into(connection, facts).values(listed)
    higher = facts.c.value < statement.excluded.value if rising else None
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": statement.excluded.value}, where=higher
        )
    )
