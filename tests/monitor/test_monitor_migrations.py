"""Migrations: what they make is what the models say, and a database of the first centre is adopted."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fakes.postgres import PostgresServer
from fakes.virtual_centre import UTC_MS, a_beat, an_alert, an_event
from sqlalchemy import Engine, delete, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from kiosk.bodies import KioskId
from kiosk.monitor.records import Kiosk, StageEntry
from kiosk.monitor.store import Store, StoreBroken, migrations
from kiosk.monitor.store.engine import make_engine, sqlite_url
from kiosk.monitor.store.migrate import StoreTooNew, bring_up_to_date
from kiosk.monitor.store.schema import audit, facts, metadata

FIRST_CENTRE = """
CREATE TABLE alerts (
  alert_id TEXT PRIMARY KEY, kiosk_id TEXT NOT NULL, received_ms INTEGER NOT NULL, door TEXT NOT NULL,
  age_s INTEGER NOT NULL, late INTEGER NOT NULL, clock_note TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX alerts_received ON alerts (received_ms);
CREATE TABLE stages (
  alert_id TEXT NOT NULL, stage TEXT NOT NULL, at_ms INTEGER NOT NULL, who TEXT NOT NULL,
  note TEXT NOT NULL, via TEXT NOT NULL, PRIMARY KEY (alert_id, stage)) STRICT;
CREATE TABLE kiosks (kiosk_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE events (
  number INTEGER PRIMARY KEY, kiosk_id TEXT NOT NULL, event_id TEXT NOT NULL, body BLOB NOT NULL,
  UNIQUE (kiosk_id, event_id)) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
"""
KIOSK = Kiosk(
    kiosk_id=KioskId("kz-1"), life="online", heartbeat=a_beat(faults=("modem",)), missing=(4,), version="0.1"
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Give a database without tables."""
    if request.param == "sqlite":
        engine = make_engine(sqlite_url(tmp_path / "c.sqlite"))
        yield engine
        engine.dispose()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.fresh(empty=True)
    engine = make_engine(url)
    yield engine
    engine.dispose()
    server.drop(url)


def test_the_steps_make_what_the_models_say(empty: Engine) -> None:
    bring_up_to_date(empty)
    bring_up_to_date(empty)
    with empty.connect() as connection:
        opts = {"compare_type": True, "include_object": _is_of(empty)}
        context = MigrationContext.configure(connection, opts=opts)
        differing = compare_metadata(context, metadata)
    assert differing == [], "a table was changed without a step in kiosk/monitor/store/migrations/versions"


def _is_of(engine: Engine) -> Any:
    """Leave out what the models keep for another dialect: autogenerate does not look at `ddl_if`."""

    def include(item: Any, _name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        condition = item._ddl_if if kind == "index" else None
        return condition is None or condition.dialect == engine.dialect.name

    return include


def test_the_head_is_the_newest_step() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_current_head() == migrations.HEAD
    assert {step.revision for step in script.walk_revisions()} == migrations.KNOWN


def test_many_that_start_at_once_do_not_clash(empty: Engine) -> None:
    failed: list[BaseException] = []

    def start() -> None:
        try:
            bring_up_to_date(empty)
        except (DBAPIError, OSError, RuntimeError) as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert {"alerts", "audit", "leases"} <= set(inspect(empty).get_table_names())


def test_a_database_of_the_first_centre_is_adopted(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    old = sqlite3.connect(path)
    old.executescript(FIRST_CENTRE)
    for number in range(3):
        body = msgspec.json.encode(an_alert(alert_id=f"A{number}"))
        old.execute(
            "INSERT INTO alerts VALUES (?, 'kz-1', ?, 'mqtt', 7, 1, 'unsynced', ?)",
            (f"A{number}", UTC_MS, body),
        )
        old.execute("INSERT INTO stages VALUES (?, 'received', ?, '', '', 'centre')", (f"A{number}", UTC_MS))
    old.execute("INSERT INTO stages VALUES ('A1', 'accepted', ?, 'op', 'n', 'kiosk')", (UTC_MS + 5,))
    old.execute("INSERT INTO stages VALUES ('A2', 'closed', ?, 'op', '', 'centre')", (UTC_MS + 9,))
    old.execute("INSERT INTO kiosks VALUES ('kz-1', ?)", (msgspec.json.encode(KIOSK),))
    old.execute("INSERT INTO events VALUES (7, 'kz-1', 'ev-1', ?)", (msgspec.json.encode(an_event(1)),))
    old.execute("INSERT INTO facts VALUES ('boot', 5000)")
    old.commit()
    old.close()
    store = Store(sqlite_url(path), writer="monitor-1")
    store.open()
    cases, kiosks, events = store.load(0)
    assert {case.alert.alert_id for case in cases} == {"A0", "A1", "A2"}
    found = store.find("A1")
    assert found is not None
    assert (found.late, found.clock_note, found.age_s) == (True, "unsynced", 7)
    assert found.stages[1] == StageEntry(stage="accepted", at_ms=UTC_MS + 5, by="op", note="n", via="kiosk")
    assert kiosks == (KIOSK,)
    assert [event.event_id for event in events] == ["ev-1"]
    assert store.next_boot(10) == 5001
    tables = store.run(lambda connection: inspect(connection).get_table_names())
    assert not [name for name in tables if name.startswith("old_")]
    row = store.run(lambda c: c.execute(text("SELECT faults, missing, state FROM kiosks")).one())
    assert tuple(row) == ("modem", 1, "armed")
    store.close()


def test_an_unreadable_row_of_the_first_centre_keeps_its_old_table(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    old = sqlite3.connect(path)
    old.executescript(FIRST_CENTRE)
    old.execute("INSERT INTO alerts VALUES ('A', 'kz-1', 1, 'mqtt', 7, 1, '', ?)", (b"{}",))
    old.commit()
    old.close()
    store = Store(sqlite_url(path))
    store.open()
    assert store.load(0)[0] == ()
    assert "old_alerts" in store.run(lambda connection: inspect(connection).get_table_names())
    store.close()


# ---- a program older than its database


@pytest.fixture(params=["9999", "0010", "000x", ""])
def ahead(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a database that a newer program has changed."""
    path = tmp_path / "c.sqlite"
    store = Store(sqlite_url(path))
    store.open()
    store.close()
    db = sqlite3.connect(path)
    db.execute("UPDATE alembic_version SET version_num = ?", (request.param,))
    db.commit()
    db.close()
    return path


def test_a_program_older_than_its_database_says_so_and_leaves_it_alone(ahead: Path) -> None:
    """alembic's own error went past every `except` and ended the centre, every 2 s."""
    before = ahead.read_bytes()
    store = Store(sqlite_url(ahead))
    for _ in range(2):
        with pytest.raises(StoreBroken, match="start the newer program, or put a copy") as caught:
            store.open()
        assert str(ahead) in str(caught.value)
    with pytest.raises(StoreBroken, match=r"knows 0\d{3} at most"):
        store.commit([])
    assert store.quarantined == ""
    store.close()
    assert ahead.read_bytes() == before


def test_the_whole_file_is_not_read_again_and_again_for_a_version_that_stays_unknown(
    ahead: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each alert looks into the store: it must not wait for a check of the file each time."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the file was read")

    store = Store(sqlite_url(ahead))
    monkeypatch.setattr("kiosk.monitor.store.damage.check", never)
    with pytest.raises(StoreBroken):
        store.open()
    store.close()


def test_an_older_program_reaches_a_shared_database_and_says_so(empty: Engine) -> None:
    bring_up_to_date(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreTooNew, match="of version 9999"):
        bring_up_to_date(empty)


# ---- the audit log


@pytest.mark.parametrize(
    "statement",
    [
        update(audit).values(who="nobody"),
        delete(audit),
        text("INSERT OR REPLACE INTO audit SELECT number, at_ms, 'x', what, subject, detail FROM audit"),
        text("TRUNCATE audit"),
    ],
    ids=["update", "delete", "replace", "truncate"],
)
def test_nobody_changes_the_audit_log(empty: Engine, statement: object) -> None:
    bring_up_to_date(empty)
    with empty.begin() as connection:
        connection.execute(insert(audit).values(**entry(1_000)))
    with pytest.raises(DBAPIError), empty.begin() as connection:
        connection.execute(statement)  # type: ignore[call-overload]
    with empty.connect() as connection:
        assert connection.execute(select(audit.c.who)).scalars().all() == ["op"]


def entry(at_ms: int) -> dict[str, object]:
    return {"at_ms": at_ms, "who": "op", "what": "sign-in", "subject": "", "detail": ""}


def test_only_what_is_below_the_floor_and_old_may_go(empty: Engine) -> None:
    bring_up_to_date(empty)
    young_ms = 2**52  # far in the future: younger than 30 days for ever
    with empty.begin() as connection:
        for at_ms in (1_000, 5_000, young_ms):
            connection.execute(insert(audit).values(**entry(at_ms)))
        connection.execute(insert(facts).values(name="audit_floor_ms", value=4_000))
        connection.execute(delete(audit).where(audit.c.at_ms < 4_000))
    for at_ms in (5_000, young_ms):
        with empty.begin() as connection:
            connection.execute(update(facts).values(value=young_ms + 1 if at_ms == young_ms else 4_000))
        with pytest.raises(DBAPIError, match="cannot be changed"), empty.begin() as connection:
            connection.execute(delete(audit).where(audit.c.at_ms == at_ms))
    with empty.connect() as connection:
        assert connection.execute(select(audit.c.at_ms)).scalars().all() == [5_000, young_ms]
