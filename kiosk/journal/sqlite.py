"""The journal behind its port: what must outlive a power cut, on SQLite.

Owns when a store is opened, set aside or done without. It never raises and never keeps an alert waiting: the
core goes on with what it holds in memory, and every later save tries the disk again. Nothing runs on a timer.
"""

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from kiosk.journal import store
from kiosk.journal.quarantine import set_aside
from kiosk.journal.record import Packed, StageReached, new_stages, pack
from kiosk.messages import JournalBroke, JournalLoaded, JournalSaved, Snapshot
from kiosk.ports import Post

KEEP_ROWS = 10_000  # lines of history: about 1 MiB
KEEP_DAMAGED = 3
MAX_UNSAVED = 256  # lines of history that wait for a disk which is full


class SqliteJournal:
    """Keep the newest snapshot and the history of stages in one SQLite file."""

    def __init__(
        self, path: Path, post: Post, *, keep_rows: int = KEEP_ROWS, keep_damaged: int = KEEP_DAMAGED
    ) -> None:
        self._path = path
        self._post = post
        self._keep_rows = keep_rows
        self._keep_damaged = keep_damaged
        self._lock = threading.Lock()  # close() may come from another thread than load() and save()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._newest = Snapshot()
        self._saved: Snapshot | None = None
        self._unsaved: list[StageReached] = []

    def load(self) -> None:
        """Read the store; a damaged one is set aside and an empty snapshot posted."""
        with self._lock:
            self._disconnect()
            snapshot, quarantined, reason = self._read()
            self._newest = snapshot
            self._saved = None if reason or quarantined else snapshot
        self._post(JournalLoaded(snapshot, quarantined))
        if reason:
            self._post(JournalBroke(reason))

    def save(self, snapshot: Snapshot) -> None:
        """Write and fsync one snapshot and its new stages; one that is on disk already costs nothing."""
        with self._lock:
            self._unsaved += new_stages(self._newest, snapshot)
            del self._unsaved[:-MAX_UNSAVED]
            self._newest = snapshot
            broken = self._write(snapshot)
        self._post(JournalBroke(broken) if broken else JournalSaved())

    def close(self) -> None:
        """Close the store; idempotent; gives up after 1 s on a disk that hangs."""
        if self._lock.acquire(timeout=1.0):
            try:
                self._disconnect()
            finally:
                self._lock.release()

    def _read(self) -> tuple[Snapshot, str, str]:
        """Give the snapshot, the name of a store that was set aside, and why nothing can be saved."""
        try:
            return store.read(self._open()), "", ""
        except store.FAILURES as error:
            self._disconnect()
            reason = store.reason_of(error)
            if store.is_in_use(error) or not os.path.lexists(self._path):
                return Snapshot(), "", reason
        with suppress(*store.FAILURES):
            return store.read_only(self._path), "", reason
        try:
            quarantined = set_aside(self._path, self._keep_damaged)
        except OSError as error:
            return Snapshot(), "", f"{reason}; not set aside: {store.reason_of(error)}"
        try:
            self._open()
        except store.FAILURES as error:
            return Snapshot(), quarantined, store.reason_of(error)
        return Snapshot(), quarantined, ""

    def _write(self, snapshot: Snapshot) -> str:
        """Save, starting anew where the file went bad or away meanwhile; gives the reason of a failure."""
        try:
            packed = pack(snapshot)
            if not self._is_ours():
                self._disconnect()
            elif snapshot == self._saved:
                return ""
            try:
                self._commit(packed)
            except store.FAILURES as error:
                self._disconnect()
                if not store.is_damage(error):
                    return store.reason_of(error)
                set_aside(self._path, self._keep_damaged)
                self._commit(packed)
        except store.FAILURES as error:
            self._disconnect()
            return store.reason_of(error)
        self._saved = snapshot
        self._unsaved.clear()
        return ""

    def _commit(self, packed: Packed) -> None:
        connection = self._connection or self._open()
        store.write(connection, packed, self._unsaved, self._keep_rows)

    def _open(self) -> sqlite3.Connection:
        self._connection = store.open_store(self._path)
        self._inode = self._path.stat().st_ino
        return self._connection

    def _is_ours(self) -> bool:
        """Tell whether the open connection still writes to the file of that name: it may be removed."""
        if self._connection is None:
            return False
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._saved = None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
