"""The SQLite store against damage, full and read-only disks, and sudden death."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.virtual_centre import UTC_MS, an_alert, an_event
from sqlalchemy import Connection, Engine, delete, select

from kiosk.bodies import AlertId, KioskId
from kiosk.monitor.records import Case, Kiosk, StageEntry, StoreAlert, StoreEvent, StoreKiosk, StoreStage
from kiosk.monitor.store import Store, StoreBroken
from kiosk.monitor.store.damage import set_aside
from kiosk.monitor.store.engine import make_engine, sqlite_url
from kiosk.monitor.store.schema import alerts

RECEIVED = StageEntry(stage="received", at_ms=UTC_MS)


def opened(path: Path) -> Store:
    store = Store(sqlite_url(path))
    store.open()
    return store


def raw(store: Store) -> sqlite3.Connection:
    """Give the connection below the store's."""
    assert store._connection is not None
    connection = store._connection.connection.dbapi_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


def changes(alert_id: str) -> list[StoreAlert | StoreStage]:
    case = Case(alert=an_alert(alert_id=alert_id), received_ms=UTC_MS, door="mqtt", age_s=0, late=False)
    return [StoreAlert(case), StoreStage(AlertId(alert_id), RECEIVED)]


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    store = opened(tmp_path / "c.sqlite")
    store.commit(changes("A"))
    store.close()
    store.close()
    again = opened(tmp_path / "c.sqlite")
    assert [case.alert.alert_id for case in again.load(0)[0]] == ["A"]
    assert again.quarantined == ""
    again.close()


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    store = opened(tmp_path / "c.sqlite")
    assert raw(store).execute("PRAGMA synchronous").fetchone() == (2,)
    assert raw(store).execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


@pytest.mark.parametrize("rubbish", [b"this is not a database" * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_file_is_set_aside_and_the_centre_starts(tmp_path: Path, rubbish: bytes) -> None:
    """Pitfall 34: power cuts corrupt stores."""
    path = tmp_path / "c.sqlite"
    path.write_bytes(rubbish)
    store = opened(path)
    assert Path(store.quarantined).read_bytes() == rubbish
    assert ".damaged-" in store.quarantined
    store.commit(changes("A"))
    assert store.find("A") is not None
    store.close()


def test_a_page_torn_in_the_middle_is_found_and_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    store = opened(path)
    for number in range(200):
        store.commit(changes(f"A{number}"))
    store.close()
    with path.open("r+b") as file:
        for page in range(2, 20):
            file.seek(page * 4096)
            file.write(os.urandom(4096))
    again = opened(path)
    assert again.quarantined
    again.commit(changes("B"))
    again.close()


def test_damage_met_while_running_sets_the_file_aside_at_the_next_commit(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    store = opened(path)
    for number in range(300):
        store.commit(changes(f"A{number}"))
    db = raw(store)
    for forget in ("wal_checkpoint(TRUNCATE)", "cache_size = 1", "shrink_memory"):
        db.execute(f"PRAGMA {forget}")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StoreBroken):
        store.commit([change for number in range(50) for change in changes(f"B{number}")])
    store.commit(changes("C"))
    assert store.quarantined
    assert store.find("C") is not None
    store.close()


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Engine]:
    """Give the connections that another process, or another thread of the core, keeps to the same file."""
    engine = make_engine(sqlite_url(tmp_path / "c.sqlite"))
    yield engine
    engine.dispose()


def alerts_seen(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.execute(select(alerts.c.alert_id)).scalars())


def test_whoever_kept_a_file_that_was_set_aside_goes_on_with_the_new_one(
    tmp_path: Path, beside: Engine
) -> None:
    """Pages, doors and the core's rounds read and wrote the damaged file until somebody restarted them."""
    path = tmp_path / "c.sqlite"
    store = opened(path)
    store.commit(changes("OLD"))
    assert alerts_seen(beside) == ["OLD"]
    store.close()
    set_aside(path, "damaged")
    assert alerts_seen(beside) == ["OLD"], "there is no new file yet"
    assert not path.exists(), "only the core makes one"
    store.open()
    store.commit(changes("NEW"))
    assert alerts_seen(beside) == ["NEW"]
    beside.dispose()
    store.commit(changes("NEWER"))
    assert alerts_seen(beside) == ["NEW", "NEWER"]
    with beside.execution_options(writes=True).begin() as connection:
        connection.execute(delete(alerts).where(alerts.c.alert_id == "NEW"))
    assert store.find("NEW") is None
    store.close()


def test_a_full_disk_fails_the_whole_commit_and_the_next_one_works(tmp_path: Path) -> None:
    store = opened(tmp_path / "c.sqlite")
    store.commit(changes("A"))
    db = raw(store)
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreBroken, match="full"):
        store.commit([change for number in range(500) for change in changes(f"B{number}")])
    assert store.find("B0") is None
    db.execute("PRAGMA max_page_count = 1000000")
    store.commit(changes("C"))
    assert store.find("C") is not None
    store.close()


def test_a_file_that_cannot_be_written_is_told_and_not_set_aside(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = Store(sqlite_url(tmp_path / "file" / "c.sqlite"))
    with pytest.raises(StoreBroken):
        store.open()
    with pytest.raises(StoreBroken):
        store.commit(changes("A"))
    with pytest.raises(StoreBroken):
        store.next_boot(1)
    with pytest.raises(StoreBroken):
        store.load(0)
    assert store.find("A") is None
    (tmp_path / "file").unlink()
    store.commit(changes("A"))
    assert store.find("A") is not None
    store.close()


def test_a_locked_file_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.monitor.store.engine.BUSY_S", 0.05)
    store = opened(tmp_path / "c.sqlite")
    other = sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBroken, match="locked"):
        store.commit(changes("A"))
    with pytest.raises(StoreBroken, match="locked"):
        store.next_boot(1)
    other.execute("ROLLBACK")
    other.close()
    store.commit(changes("A"))
    assert store.quarantined == ""
    store.close()


def test_a_server_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alert that arrives looks into the store: a silent server must not make it wait."""
    goes_on = threading.Event()
    store = Store("postgresql://nobody@/nothing?host=/nowhere")

    def never(_: Engine) -> None:
        goes_on.wait(20)

    monkeypatch.setattr("kiosk.monitor.store.keeper.bring_up_to_date", never)
    monkeypatch.setattr("kiosk.monitor.store.keeper.PATIENCE_S", 0.01)
    for _ in range(3):
        with pytest.raises(StoreBroken, match="does not answer"):
            store.commit(changes("A"))
    goes_on.set()
    assert store._attempt is not None
    store._attempt.join(10)
    with pytest.raises(StoreBroken, match="nowhere"):
        store.commit(changes("A"))
    store.close()


def test_an_attempt_that_trips_over_a_bug_says_so_and_another_one_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store("postgresql://nobody@/nothing?host=/nowhere")
    tried: list[Engine] = []

    def trip(engine: Engine) -> None:
        tried.append(engine)
        raise RuntimeError("what nobody thought of")

    monkeypatch.setattr("kiosk.monitor.store.keeper.bring_up_to_date", trip)
    monkeypatch.setattr("kiosk.monitor.store.keeper.PATIENCE_S", 20)
    for count in (1, 2):
        with pytest.raises(StoreBroken, match="what nobody thought of"):
            store.commit(changes("A"))
        assert len(tried) == count
    assert "Traceback" in caplog.text
    store.close()


@pytest.mark.parametrize("closed", ["before it comes", "after it came"])
def test_a_connection_that_nobody_wants_any_more_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    goes_on = threading.Event()
    store = Store("postgresql://nobody@/nothing?host=/nowhere")
    made: list[Connection] = []

    def late() -> Connection:
        goes_on.wait(45)
        made.append(make_engine(sqlite_url(tmp_path / "c.sqlite")).connect())
        return made[0]

    monkeypatch.setattr(store, "_connect", late)
    monkeypatch.setattr("kiosk.monitor.store.keeper.PATIENCE_S", 0.01)
    with pytest.raises(StoreBroken, match="does not answer"):
        store.commit(changes("A"))
    attempt = store._attempt
    assert attempt is not None
    if closed == "before it comes":
        store.close()
    goes_on.set()
    attempt.join(45)
    store.close()
    assert made[0].closed


@pytest.mark.parametrize("wrong", [OverflowError("too large"), ValueError("surrogates not allowed")])
def test_a_value_that_no_driver_takes_is_a_refusal_and_the_store_goes_on(
    tmp_path: Path, wrong: Exception
) -> None:
    """It left the core's commit as it was, and the core ended."""
    store = opened(tmp_path / "c.sqlite")

    def trip(_: Connection) -> None:
        raise wrong

    with pytest.raises(StoreBroken, match=str(wrong)):
        store.run(trip, writes=True)
    store.commit(changes("A"))
    assert store.find("A") is not None
    store.close()


def test_an_alert_that_is_refused_fails_the_whole_commit(tmp_path: Path) -> None:
    """Only telemetry is given up: nobody is told that an alert is durable which is not."""
    store = opened(tmp_path / "c.sqlite")
    bad = StoreStage(AlertId("A"), replace(RECEIVED, at_ms=2**70))
    with pytest.raises(StoreBroken):
        store.commit([changes("A")[0], bad, StoreKiosk(Kiosk(kiosk_id=KioskId("kz-1")))])
    assert store.load(0)[1] == ()
    assert store.find("A") is None
    store.close()


def test_a_row_of_another_version_is_passed_over(tmp_path: Path) -> None:
    store = opened(tmp_path / "c.sqlite")
    store.commit([*changes("A"), StoreKiosk(Kiosk(kiosk_id=KioskId("kz-1")))])
    raw(store).execute("UPDATE kiosks SET body = ?", (b'{"kiosk_id": 7}',))
    assert store.load(0)[1] == ()
    assert len(store.load(0)[0]) == 1
    raw(store).execute("DROP TABLE kiosks")
    with pytest.raises(StoreBroken):
        store.load(0)
    raw(store).execute("DROP TABLE stages")
    assert store.find("A") is None
    store.close()


def test_a_kiosk_gone_mad_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.monitor.store.writing.EVENTS_KEPT", 200)
    store = opened(tmp_path / "c.sqlite")
    store.commit([StoreKiosk(Kiosk(kiosk_id=KioskId(name))) for name in ("kz-1", "kz-2")])
    store.commit([StoreEvent(an_event(number)) for number in range(250)])
    store.commit([StoreEvent(an_event(1, kiosk="kz-2"))])
    kept = raw(store).execute("SELECT kiosk_id, count(*) FROM events GROUP BY kiosk_id").fetchall()
    assert kept == [("kz-1", 200), ("kz-2", 1)]
    events = store.load(0)[2]
    assert [event.event_id for event in events] == [*(f"ev-{number}" for number in range(230, 250)), "ev-1"]
    store.close()


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_monitor_store import changes, opened
store = opened(Path(sys.argv[1]))
number = 0
while True:
    store.commit(changes(f"A{number}"))
    print(number, flush=True)
    number += 1
"""


@pytest.mark.real
def test_kill_9_in_the_middle_keeps_every_commit_that_returned(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    here = Path(__file__).parent
    env = os.environ | {"PYTHONPATH": f"{here.parents[1]}:{here.parent}"}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(here)], stdout=subprocess.PIPE, text=True, env=env
    ) as child:
        assert child.stdout is not None
        deadline_s = time.monotonic() + 20
        done = -1
        while done < 60 and time.monotonic() < deadline_s:
            done = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        done = max([done, *(int(line) for line in child.stdout.read().splitlines() if line)])
    store = opened(path)
    assert store.quarantined == ""
    found = {case.alert.alert_id for case in store.load(0)[0]}
    assert found >= {f"A{number}" for number in range(done + 1)}
    assert len(found) <= done + 2
    assert all(case.stages == (replace(RECEIVED),) for case in store.load(0)[0])
    store.close()
