"""What a damaged SQLite file still gives is carried into the one that takes its place.

Without it one torn page would sign everybody out, call nobody and let revoked kiosks back in. It only reads
the damaged file, never raises, and ends within `BUDGET_S`.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, String, Table
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from kiosk.monitor.store import schema
from kiosk.monitor.store.alarms import TIMED
from kiosk.monitor.store.damage import sync_folder
from kiosk.monitor.store.engine import make_engine, sqlite_url
from kiosk.monitor.store.migrate import bring_up_to_date

LOG = logging.getLogger(__name__)
BUDGET_S = 20.0  # alerts wait, and the watchdog counts to 60 s; a table may use half of what is left
TORN_MAX = 2000  # row numbers in succession that cannot be read: behind them there is nothing
TOP = 2**63 - 1
LONGEST_B = 4 * 1024 * 1024  # a length that damage made up asks for no memory
STEPS = 10_000  # of SQLite's machine between two looks at the time
# Not among them: telemetry (`events`, `spans`), and leases, which are of the moment.
TABLES = (
    schema.facts, schema.people, schema.registry, schema.certificates, schema.sessions, schema.shifts,
    schema.contacts, schema.tokens, schema.stages, schema.alerts, schema.texts, schema.kiosks, schema.audit,
    schema.inbox, schema.releases, schema.rollouts, schema.rollout_kiosks, schema.failures,
    schema.commissionings, schema.provision_logs,
)  # fmt: skip
KINDS: tuple[tuple[type, tuple[type, ...]], ...] = (
    (String, (str,)), (LargeBinary, (bytes,)), (Float, (int, float)), (Integer, (int,)), (Boolean, (int,)),
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What became of one table: places that could not be read, and rows that today's table refuses."""

    rows: int = 0
    torn: int = 0
    refused: int = 0
    complete: bool = True


def carry_over(path: Path, *, seconds: Callable[[], float] = time.monotonic) -> None:
    """Make a new file beside the damaged one from what can be read; `take_over` puts it in place."""
    part = Path(f"{path}.part")
    try:
        _remove(part)
        engine = make_engine(sqlite_url(part), pool=1)
        try:
            bring_up_to_date(engine)
        finally:
            engine.dispose()
        with closing(_source(path)) as source, closing(_target(part)) as target:
            _copy_all(source, target, seconds)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(_ready(path))
    except Exception:  # whatever damage does to us, the centre begins, with an empty file
        LOG.exception("store rescue=failed file=%s", path)
        with suppress(OSError):
            _remove(part)


def take_over(path: Path) -> None:
    """Put the file that `carry_over` made where none is; raises OSError."""
    ready = _ready(path)
    if path.exists():
        ready.unlink(missing_ok=True)  # of a start that ended before the damaged one was set aside
    elif ready.exists():
        ready.rename(path)
        sync_folder(path.parent)


def _ready(path: Path) -> Path:
    return Path(f"{path}.rescued")


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def _source(path: Path) -> sqlite3.Connection:
    source = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0, isolation_level=None
    )
    source.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_B)
    for setting in ("writable_schema=ON", "cell_size_check=ON"):  # read past a broken schema; look closely
        source.execute(f"PRAGMA {setting}").close()
    return source


def _target(part: Path) -> sqlite3.Connection:
    target = sqlite3.connect(part, isolation_level=None)
    for setting in ("journal_mode=DELETE", "synchronous=OFF"):  # it gets its name only once it is on disk
        target.execute(f"PRAGMA {setting}").close()
    return target


def _copy_all(source: sqlite3.Connection, target: sqlite3.Connection, seconds: Callable[[], float]) -> None:
    ends_s = seconds() + BUDGET_S
    target.execute("BEGIN")
    for table in TABLES:
        tally = _copy(source, target, table, _until((seconds() + ends_s) / 2, seconds))
        whole = tally.complete and not tally.torn and not tally.refused
        LOG.log(
            logging.INFO if whole else logging.ERROR,
            "store rescue table=%s rows=%d torn=%d refused=%d complete=%s",
            table.name, tally.rows, tally.torn, tally.refused, str(tally.complete).lower(),
        )  # fmt: skip
    _fill_stages(target)
    target.execute("COMMIT")


def _until(end_s: float, seconds: Callable[[], float]) -> Callable[[], bool]:
    return lambda: seconds() < end_s


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, table: Table, going: Callable[[], bool]
) -> Tally:
    """Copy one table by the columns that both files have; a new one gets its default."""
    tally = Tally()
    source.set_progress_handler(lambda: not going(), STEPS)
    try:
        there = {row[1] for row in source.execute(f"PRAGMA table_info({table.name})")}
    except sqlite3.Error:
        tally.torn, tally.complete = 1, False
        return tally
    common = [column for column in table.columns if column.name in there]
    if not common:  # an older file had no such table, or the list of tables is torn
        tally.complete = False
        return tally
    kinds = [_kind(column) for column in common]
    added = {
        column.name: column.default.arg
        for column in table.columns
        if column.name not in there and isinstance(column.default, ScalarElementColumnDefault)
    }
    names = ", ".join([*(column.name for column in common), *added])
    marks = ", ".join("?" * (len(common) + len(added)))
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own schema
    rest = tuple(added.values())
    for row in _rows(source, table.name, [column.name for column in common], going, tally):
        try:
            if not all(map(isinstance, row, kinds)):
                tally.refused += 1
                continue
            target.execute(statement, (*row, *rest))
            tally.rows += 1
        except (sqlite3.IntegrityError, sqlite3.DataError):
            tally.refused += 1
    return tally


def _rows(
    source: sqlite3.Connection, table: str, names: list[str], going: Callable[[], bool], tally: Tally
) -> Iterator[tuple[Any, ...]]:
    """Give every row that can be read, the newest first; around what is torn, from both sides and by halves.

    A table's own tree is walked by its row numbers: damage in an index hides nothing.
    """
    query = f"SELECT rowid, {', '.join(names)} FROM {table} WHERE rowid > ? AND rowid < ? ORDER BY rowid"  # noqa: S608 - as above
    spans = [(0, TOP)]
    in_succession = 0
    while spans:
        low, high = spans.pop()
        for order in ("DESC", "ASC"):
            try:
                for rowid, *row in source.execute(f"{query} {order}", (low, high)):
                    if not low < rowid < high:
                        raise sqlite3.DatabaseError("row numbers are out of order")
                    low, high = (low, rowid) if order == "DESC" else (rowid, high)
                    in_succession = 0
                    yield tuple(row)
                    if not going():
                        break
            except sqlite3.Error:
                continue
            break
        else:
            if high - low > 2:
                middle = (low + high + 1) // 2
                spans += [(middle - 1, high), (low, middle)]
            elif high - low == 2:
                tally.torn += not in_succession
                in_succession += 1
        if not going() or in_succession > TORN_MAX:
            tally.complete = False
            return


def _kind(column: Column[Any]) -> tuple[type, ...]:
    """Name what a column may hold: SQLite itself takes anything."""
    kinds = next((types for kind, types in KINDS if isinstance(column.type, kind)), (object,))
    return (*kinds, type(None)) if column.nullable else kinds


def _fill_stages(target: sqlite3.Connection) -> None:
    """Give alerts the stages whose rows were lost, as far as their own rows tell: else nobody sees them."""
    for stage in ("received", *TIMED):
        outcome = "outcome" if stage == "closed" else "''"
        target.execute(
            "INSERT OR IGNORE INTO stages (alert_id, stage, at_ms, who, note, via, outcome, referral) "  # noqa: S608 - as above
            f"SELECT alert_id, ?, {stage}_ms, '', '', 'centre', {outcome}, '' FROM alerts "
            f"WHERE {stage}_ms IS NOT NULL",
            (stage,),
        )
