"""The SQLite store against damage, full and read-only disks, and sudden death."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.virtual_centre import UTC_MS, an_alert, an_event

from kiosk.bodies import AlertId, KioskId
from kiosk.monitor.records import Case, Kiosk, StageEntry, StoreAlert, StoreEvent, StoreKiosk, StoreStage
from kiosk.monitor.store import EVENTS_KEPT, Store, StoreBroken

RECEIVED = StageEntry(stage="received", at_ms=UTC_MS)


def opened(path: Path) -> Store:
    store = Store(path)
    store.open()
    return store


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
    assert store._open_db().execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._open_db().execute("PRAGMA journal_mode").fetchone() == ("wal",)
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
    db = store._open_db()
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


def test_a_full_disk_fails_the_whole_commit_and_the_next_one_works(tmp_path: Path) -> None:
    store = opened(tmp_path / "c.sqlite")
    store.commit(changes("A"))
    db = store._open_db()
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
    store = Store(tmp_path / "file" / "c.sqlite")
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
    monkeypatch.setattr("kiosk.monitor.store.BUSY_S", 0.05)
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


def test_a_row_of_another_version_is_passed_over(tmp_path: Path) -> None:
    store = opened(tmp_path / "c.sqlite")
    store.commit([*changes("A"), StoreKiosk(Kiosk(kiosk_id=KioskId("kz-1")))])
    store._open_db().execute("UPDATE kiosks SET body = ?", (b'{"kiosk_id": 7}',))
    assert store.load(0)[1] == ()
    assert len(store.load(0)[0]) == 1
    store._open_db().execute("DROP TABLE kiosks")
    with pytest.raises(StoreBroken):
        store.load(0)
    store._open_db().execute("DROP TABLE stages")
    assert store.find("A") is None
    store.close()


def test_only_the_latest_events_of_each_kiosk_stay(tmp_path: Path) -> None:
    store = opened(tmp_path / "c.sqlite")
    store.commit([StoreEvent(an_event(number)) for number in range(EVENTS_KEPT + 50)])
    store.commit([StoreEvent(an_event(1, kiosk="kz-2"))])
    events = store.load(0)[2]
    assert len(events) == EVENTS_KEPT + 1
    assert events[0].event_id == "ev-50"
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
