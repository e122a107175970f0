"""An attempt to reach a database server that was lost, on a thread of its own. It never tries twice."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

LOG = logging.getLogger(__name__)
TRIAL = text("SELECT pg_logical_emit_message(true, 'pana', '')")  # no row, and its commit waits for the disk


class Attempt(threading.Thread):
    """One attempt: it runs at once, and `made` or `failed` says what became of it."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        super().__init__(name="store-connect", daemon=True)
        self._connect = connect
        self._handing = threading.Lock()
        self._forgotten = False
        self.made: Connection | None = None
        self.failed: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Connect, or keep why not."""
        try:
            made = self._connect()
        except (OSError, SQLAlchemyError) as error:
            self.failed = error
            return
        except Exception as error:
            LOG.exception("store connect=failed")
            self.failed = error
            return
        with self._handing:
            if not self._forgotten:
                self.made = made
                return
        let_go(made)

    def forget(self) -> None:
        """Let go of what it made or will make."""
        with self._handing:
            self._forgotten, made, self.made = True, self.made, None
        if made is not None:
            let_go(made)


def let_go(connection: Connection) -> None:
    """Close a connection and all that belongs to it, whatever state it is in."""
    with suppress(SQLAlchemyError, sqlite3.Error):
        connection.close()
    connection.engine.dispose()


def prove(connection: Connection) -> None:
    """See one commit through: a server whose disk stalls shall hold up this thread and not the core."""
    try:
        with connection.begin():
            connection.execute(TRIAL)
    except DBAPIError:
        if connection.invalidated or connection.closed:
            raise  # any other error, as a standby's, is an answer
