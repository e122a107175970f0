"""The centre's durable memory, in SQLite or PostgreSQL: commit returns only when the disk has it.

A damaged SQLite file is set aside under its time and a new one begun with what it still gives: the centre
starts whatever it finds.
It never decides anything.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from kiosk.bodies import Event
from kiosk.messages import KioskError
from kiosk.monitor.messages import Overruled
from kiosk.monitor.records import Case, Change, Kiosk
from kiosk.monitor.store import damage, reading, rescue
from kiosk.monitor.store.attempt import Attempt, let_go, prove
from kiosk.monitor.store.engine import SILENT_MAX_S, make_engine
from kiosk.monitor.store.facts import keep
from kiosk.monitor.store.migrate import bring_up_to_date, refuse_newer
from kiosk.monitor.store.salvage import REFUSALS
from kiosk.monitor.store.schema import facts
from kiosk.monitor.store.writing import Writer

LOG = logging.getLogger(__name__)
T = TypeVar("T")
# PostgreSQL broke a circle of two waiting monitors, or another one inserted what we were about to rename to.
AGAIN = frozenset({"40P01", "40001", "23505"})
TRIES = 3
SNAPSHOT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # else each SELECT sees another moment
PATIENCE_S = 0.05  # a server that is there answers within that; one that is not holds nobody up for longer


class StoreBroken(KioskError, OSError):
    """The store cannot be read or written; nothing of the failed commit is in it."""


class RowRefused(StoreBroken):
    """The store is well, but one value is none that it can hold."""


class Store:
    """Alerts, stages, kiosks, events and SMS; one thread owns it.

    `writer` names this monitor among those that share the database; a server that says nothing for
    `silent_max_s` counts as gone, at the start too.
    """

    def __init__(
        self,
        url: str,
        password_file: str | None = None,
        *,
        writer: str = "",
        silent_max_s: float = SILENT_MAX_S,
    ) -> None:
        self._url = url
        self._password_file = password_file
        self._silent_max_s = silent_max_s
        self._writer = Writer(writer)
        self._writer_name = writer
        self._connection: Connection | None = None
        self._attempt: Attempt | None = None
        self._suspect = False
        self.quarantined = ""

    @property
    def shared(self) -> bool:
        """Tell whether other monitors may write into the same database."""
        return not self._url.startswith("sqlite")

    def open(self) -> None:
        """Open the database and bring it up to date, setting a damaged file aside; raises StoreBroken."""
        self.close()
        if self.shared:
            self._reach(self._silent_max_s)
            return
        try:
            try:
                self._connection = self._connect()
            except (sqlite3.DatabaseError, DBAPIError) as error:
                if not damage.is_damage(error):
                    raise
                rescue.carry_over(Path(self._where))
                self.quarantined = damage.set_aside(Path(self._where), reason_of(error))
                self._connection = self._connect()
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            raise StoreBroken(f"{self._where}: {reason_of(error)}") from error

    def _connect(self) -> Connection:
        engine = make_engine(self._url, self._password_file, silent_max_s=self._silent_max_s)
        try:
            if not self.shared:
                path = Path(self._where)
                path.parent.mkdir(parents=True, exist_ok=True)
                rescue.take_over(path)
                damage.part_from_wal(path)
                with engine.connect() as connection:
                    refuse_newer(connection)  # first: it is quick, and may be asked for each alert
                    damage.check(connection, path, suspect=self._suspect)
            bring_up_to_date(engine)
            made = engine.connect()
            if self.shared:
                prove(made)
        except BaseException:
            engine.dispose()
            raise
        self._suspect = False
        return made

    def _reconnect(self) -> None:
        """Open a lost database again."""
        if self.shared:
            self._reach(PATIENCE_S)
        else:
            self.open()

    def _reach(self, patience_s: float) -> None:
        """Ask a server on a thread, so that alerts need not wait for it; the next call asks on."""
        attempt = self._attempt = self._attempt or Attempt(self._connect)
        attempt.join(patience_s)
        if attempt.is_alive():
            raise StoreBroken(f"{self._where}: does not answer")
        self._attempt = None
        if attempt.failed is not None:
            raise StoreBroken(f"{self._where}: {reason_of(attempt.failed)}") from attempt.failed
        self._connection = attempt.made

    @property
    def _where(self) -> str:
        """Name the database in errors, without what may be secret."""
        return self._url.removeprefix("sqlite:///") if not self.shared else "the database"

    def run(self, work: Callable[[Connection], T], *, writes: bool = False) -> T:
        """Do some work in one transaction of the store's own connection; raises StoreBroken."""
        if self._connection is None:
            self._reconnect()
        for left in reversed(range(TRIES)):
            try:
                return self._once(work, writes=writes)
            except REFUSALS as error:
                if not left or _state(error) not in AGAIN:
                    raise RowRefused(f"{self._where}: {reason_of(error)}") from error
            except SQLAlchemyError as error:
                if not left or _state(error) not in AGAIN:
                    raise self._broken(error) from error
        raise AssertionError("the last try returns or raises")

    def _once(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        connection = self._connection
        if connection is None:
            raise StoreBroken(f"{self._where}: closed")
        connection.execution_options(writes=writes)
        with connection.begin():
            if self.shared and not writes:
                connection.execute(SNAPSHOT)
            return work(connection)

    def _broken(self, error: SQLAlchemyError) -> StoreBroken:
        """Let go of a connection that is lost or a file that is damaged: the next work opens it anew."""
        lost = self._connection is not None and (self._connection.invalidated or self._connection.closed)
        if damage.is_damage(error):
            self._suspect = True
            self.close()
        elif lost:
            self.close()
        return StoreBroken(f"{self._where}: {reason_of(error)}")

    def next_boot(self, utc_s: int) -> int:
        """Give a number higher than at any earlier start: the first half of the centre's epoch."""
        name = f"boot {self._writer_name}".strip()

        def count(connection: Connection) -> int:
            query = select(facts.c.value).where(facts.c.name.in_((name, "boot")))
            boot: int = max([utc_s, *(last + 1 for last in connection.execute(query).scalars())])
            keep(connection, {name: boot})
            return boot

        return self.run(count, writes=True)

    def commit(self, changes: Iterable[Change]) -> tuple[Overruled, ...]:
        """Make all changes durable together, or none of them; raises StoreBroken.

        Give what another monitor had decided before: there the database holds its word, not ours. Telemetry
        that no database takes is given up, so that it cannot hold back an alert for good.
        """
        listed = list(changes)
        try:
            return self.run(lambda connection: self._writer.write(connection, listed), writes=True)
        except RowRefused:
            return self.run(lambda connection: self._writer.salvage(connection, listed), writes=True)

    def find(self, alert_id: str) -> Case | None:
        """Give one alert, however old; None when it is not there or cannot be read."""
        try:
            return self.run(lambda connection: reading.find(connection, alert_id))
        except StoreBroken as error:
            LOG.warning("store find=failed reason=%r", str(error))
            return None

    def load(self, closed_since_ms: int) -> tuple[tuple[Case, ...], tuple[Kiosk, ...], tuple[Event, ...]]:
        """Give open alerts, young ones that are closed, all kiosks and their latest events.

        Raises StoreBroken.
        """

        def everything(
            connection: Connection,
        ) -> tuple[tuple[Case, ...], tuple[Kiosk, ...], tuple[Event, ...]]:
            still_open = reading.cases_of(connection, reading.open_alerts())
            closed = reading.cases_of(connection, reading.closed_alerts(closed_since_ms))
            kiosks = reading.all_kiosks(connection)
            return tuple(closed[::-1] + still_open), tuple(kiosks), tuple(reading.latest_events(connection))

        return self.run(everything)

    def close(self) -> None:
        """Close it; idempotent."""
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.forget()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, sqlite3.Error):
                raw = None if self.shared or connection.invalidated else connection.connection
                if raw is not None:
                    raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            let_go(connection)


def _state(error: Exception) -> str:
    """Give PostgreSQL's code of an error; SQLite has none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def reason_of(error: BaseException) -> str:
    """Say what a database said, in one line without the statement or its values."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(said).strip().splitlines() or [type(said).__name__])[0][:200]
