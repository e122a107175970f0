"""Many rows or many keys in one statement, by the fastest way that each database has.

SQLite runs one prepared statement over and over; PostgreSQL takes all rows as one JSON text, which costs the
centre's own processor least.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    LargeBinary,
    String,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.monitor.store.rows import Values

Insert = postgresql.Insert | sqlite.Insert
Finish = Callable[[Any], Any]  # adds ON CONFLICT, and what to give back
MANY = 500  # keys in one question of SQLite


def keep_old(statement: Any) -> Any:
    """Leave a row that is there as it is."""
    return statement.on_conflict_do_nothing()


def insert_many(
    connection: Connection, table: Table, made: Sequence[Values], finish: Finish
) -> CursorResult[Any]:
    """Insert rows that all have the same columns; they are spent afterwards."""
    names = tuple(made[0])
    if connection.dialect.name == "sqlite":
        statement, order, constants = _for_sqlite(table, names, finish)
        pick = itemgetter(*order)
        return connection.exec_driver_sql(statement, [pick(row | constants) for row in made])
    raw = [name for name in names if isinstance(table.c[name].type, LargeBinary)]
    for row in made:
        for name in raw:
            row[name] = row[name].hex()
    listed = msgspec.json.encode(made).decode()
    return connection.execute(_for_postgres(table, names, finish), {"made": listed})


def run_many(connection: Connection, statement: Any, made: Sequence[Values]) -> None:
    """Run one statement, whose parameters are named, for one row after the other."""
    if made and connection.dialect.name == "sqlite":
        text, order, constants = _compiled(statement, tuple(made[0]))
        pick = itemgetter(*order)
        connection.exec_driver_sql(text, [pick(row | constants) for row in made])
    elif made:
        connection.execute(statement, made)


@lru_cache(maxsize=64)
def _for_sqlite(table: Table, names: tuple[str, ...], finish: Finish) -> tuple[str, tuple[str, ...], Values]:
    return _compiled(finish(sqlite.insert(table).values({name: bindparam(name) for name in names})), names)


def _compiled(statement: Any, names: tuple[str, ...]) -> tuple[str, tuple[str, ...], Values]:
    compiled = statement.compile(dialect=sqlite.dialect())
    constants = {name: value for name, value in compiled.params.items() if name not in names}
    return str(compiled), tuple(compiled.positiontup or ()), constants


@lru_cache(maxsize=64)
def _for_postgres(table: Table, names: tuple[str, ...], finish: Finish) -> Any:
    columns = [column(name, _wire_type(table.c[name].type)) for name in names]
    listed = cast(bindparam("made", type_=String), postgresql.JSON)
    source = func.json_to_recordset(listed).table_valued(*columns, name="made")
    given = source.render_derived(with_types=True).c
    values = [_value(given[name], table.c[name].type) for name in names]
    return finish(postgresql.insert(table).from_select(names, select(*values)))


def _wire_type(kind: Any) -> Any:
    return Text() if isinstance(kind, LargeBinary | String) else kind


def _value(given: ColumnElement[Any], kind: Any) -> ColumnElement[Any]:
    return func.decode(given, "hex") if isinstance(kind, LargeBinary) else given


def among(connection: Connection, column: Any, keys: Iterable[str]) -> list[ColumnElement[bool]]:
    """Give conditions that together ask for these keys, in a bearable number of questions."""
    ordered = sorted(set(keys))
    if not ordered:
        return []
    if connection.dialect.name == "postgresql":
        return [column == any_(bindparam(None, ordered, type_=postgresql.ARRAY(column.type), unique=True))]
    return [column.in_(ordered[start : start + MANY]) for start in range(0, len(ordered), MANY)]
