"""The centre's durable memory in one SQLite file: commit returns only when the disk has it.

A damaged file is set aside under its time and an empty one begun: the centre starts whatever it finds.
It never decides anything.
"""

import logging
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, assert_never

import msgspec

from kiosk.bodies import Alert, Event
from kiosk.messages import KioskError
from kiosk.monitor.records import (
    Case,
    Change,
    Kiosk,
    StageEntry,
    StoreAlert,
    StoreEvent,
    StoreKiosk,
    StoreStage,
)

LOG = logging.getLogger(__name__)
T = TypeVar("T")
BUSY_S = 5.0  # somebody looks into the file with sqlite3
EVENTS_KEPT = 200  # of each kiosk; alerts are never dropped here
CLOSED_LOADED = 500  # closed alerts of the last hours that a kiosk may still ask about

# `synchronous=FULL` makes a WAL commit wait for the disk: what was acknowledged survives a power cut.
SETTINGS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")
SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (
  alert_id TEXT PRIMARY KEY, kiosk_id TEXT NOT NULL, received_ms INTEGER NOT NULL, door TEXT NOT NULL,
  age_s INTEGER NOT NULL, late INTEGER NOT NULL, clock_note TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS alerts_received ON alerts (received_ms);
CREATE TABLE IF NOT EXISTS stages (
  alert_id TEXT NOT NULL, stage TEXT NOT NULL, at_ms INTEGER NOT NULL, who TEXT NOT NULL,
  note TEXT NOT NULL, via TEXT NOT NULL, PRIMARY KEY (alert_id, stage)) STRICT;
CREATE TABLE IF NOT EXISTS kiosks (kiosk_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (
  number INTEGER PRIMARY KEY, kiosk_id TEXT NOT NULL, event_id TEXT NOT NULL, body BLOB NOT NULL,
  UNIQUE (kiosk_id, event_id)) STRICT;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""
PUT_ALERT = """INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (alert_id) DO UPDATE SET body = excluded.body"""
PUT_STAGE = "INSERT INTO stages VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
PUT_KIOSK = "INSERT INTO kiosks VALUES (?, ?) ON CONFLICT (kiosk_id) DO UPDATE SET body = excluded.body"
PUT_EVENT = "INSERT INTO events (kiosk_id, event_id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
TRIM_EVENTS = """DELETE FROM events WHERE kiosk_id = ?1 AND number <= (
  SELECT number FROM events WHERE kiosk_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)"""
GET_ALERTS = "SELECT alert_id, received_ms, door, age_s, late, clock_note, body FROM alerts"
IS_CLOSED = "EXISTS (SELECT 1 FROM stages s WHERE s.alert_id = alerts.alert_id AND s.stage = 'closed')"


class StoreBroken(KioskError, OSError):
    """The store cannot be read or written; nothing of the failed commit is in it."""


class Store:
    """Alerts, stages, kiosks and events; one thread owns it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self.quarantined = ""

    def open(self) -> None:
        """Open the file, setting a damaged one aside; raises StoreBroken when none can be made at all."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._connect()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError) and not _is_damage(error):
                    raise
                self._quarantine(error)
                self._db = self._connect()
        except (OSError, sqlite3.Error) as error:
            raise StoreBroken(f"{self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        try:
            for setting in SETTINGS:
                db.execute(setting)
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(f"malformed: {verdict}")
            db.executescript(SCHEMA)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _quarantine(self, error: sqlite3.Error) -> None:
        """Rename the damaged file and its companions; they belong together and may be mended by hand."""
        mark = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                old = Path(f"{self._path}{ending}")
                old.rename(f"{self._path}.damaged-{mark}{ending}")
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.quarantined = f"{self._path}.damaged-{mark}"
        LOG.error("store quarantined=%s reason=%r", self.quarantined, str(error))

    def _open_db(self) -> sqlite3.Connection:
        if self._db is None:
            self.open()
        if self._db is None:
            raise StoreBroken(f"{self._path}: closed")
        return self._db

    def next_boot(self, utc_s: int) -> int:
        """Give a number higher than at any earlier start: the first half of the centre's epoch."""
        db = self._open_db()
        try:
            row = db.execute("SELECT value FROM facts WHERE name = 'boot'").fetchone()
            boot = max(utc_s, (row[0] if row else 0) + 1)
            db.execute("INSERT OR REPLACE INTO facts VALUES ('boot', ?)", (boot,))
        except sqlite3.Error as error:
            raise StoreBroken(f"{self._path}: {error}") from error
        return boot

    def commit(self, changes: Iterable[Change]) -> None:
        """Make all changes durable together, or none of them; raises StoreBroken."""
        db = self._open_db()
        try:
            db.execute("BEGIN IMMEDIATE")
            for change in changes:
                _write(db, change)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            if _is_damage(error):
                self.close()  # the next commit opens the file anew, and sets it aside if it must
            raise StoreBroken(f"{self._path}: {error}") from error

    def find(self, alert_id: str) -> Case | None:
        """Give one alert, however old; None when it is not there or cannot be read."""
        try:
            cases = self._cases("WHERE alert_id = ?", (alert_id,))
        except (sqlite3.Error, StoreBroken) as error:
            LOG.warning("store find=failed reason=%r", str(error))
            return None
        return cases[0] if cases else None

    def load(self, closed_since_ms: int) -> tuple[tuple[Case, ...], tuple[Kiosk, ...], tuple[Event, ...]]:
        """Give every open alert, those closed but received since, all kiosks and their events.

        Raises StoreBroken.
        """
        try:
            still_open = self._cases(f"WHERE NOT {IS_CLOSED} ORDER BY received_ms", ())
            closed = self._cases(
                f"WHERE {IS_CLOSED} AND received_ms >= ? ORDER BY received_ms DESC LIMIT ?",
                (closed_since_ms, CLOSED_LOADED),
            )
            db = self._open_db()
            kiosks = _readable(db.execute("SELECT body FROM kiosks"), Kiosk)
            events = _readable(db.execute("SELECT body FROM events ORDER BY number"), Event)
        except sqlite3.Error as error:
            raise StoreBroken(f"{self._path}: {error}") from error
        return tuple(closed[::-1] + still_open), tuple(kiosks), tuple(events)

    def _cases(self, where: str, values: tuple[str | int, ...]) -> list[Case]:
        db = self._open_db()
        found: list[Case] = []
        for row in db.execute(f"{GET_ALERTS} {where}", values).fetchall():
            alert_id, received_ms, door, age_s, late, clock_note, body = row
            for alert in _readable([(body,)], Alert):
                case = Case(
                    alert=alert,
                    received_ms=received_ms,
                    door=door,
                    age_s=age_s,
                    late=bool(late),
                    clock_note=clock_note,
                )
                found.append(replace(case, stages=_stages(db, alert_id)))
        return found

    def close(self) -> None:
        """Close the file; idempotent."""
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error), closing(db):
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def _readable(rows: Iterable[tuple[Any, ...]], kind: type[T]) -> list[T]:
    """Decode each row; one that an older or newer version wrote differently is logged and passed over."""
    values: list[T] = []
    for (body,) in rows:
        try:
            values.append(msgspec.json.decode(body, type=kind))
        except msgspec.DecodeError as error:
            LOG.warning("store row=unreadable kind=%s reason=%r", kind.__name__, str(error))
    return values


def _stages(db: sqlite3.Connection, alert_id: str) -> tuple[StageEntry, ...]:
    rows = db.execute(
        "SELECT stage, at_ms, who, note, via FROM stages WHERE alert_id = ? ORDER BY rowid", (alert_id,)
    )
    return tuple(
        StageEntry(stage=stage, at_ms=at_ms, by=by, note=note, via=via)
        for stage, at_ms, by, note, via in rows
    )


def _write(db: sqlite3.Connection, change: Change) -> None:
    match change:
        case StoreAlert(case):
            alert = case.alert
            body = msgspec.json.encode(alert)
            row = (alert.alert_id, alert.kiosk_id, case.received_ms, case.door, case.age_s, int(case.late))
            db.execute(PUT_ALERT, (*row, case.clock_note, body))
        case StoreStage(alert_id, entry):
            db.execute(PUT_STAGE, (alert_id, entry.stage, entry.at_ms, entry.by, entry.note, entry.via))
        case StoreEvent(event):
            db.execute(PUT_EVENT, (event.kiosk_id, event.event_id, msgspec.json.encode(event)))
            db.execute(TRIM_EVENTS, (event.kiosk_id, EVENTS_KEPT))
        case StoreKiosk(kiosk):
            db.execute(PUT_KIOSK, (kiosk.kiosk_id, msgspec.json.encode(kiosk)))
        case _:
            assert_never(change)
