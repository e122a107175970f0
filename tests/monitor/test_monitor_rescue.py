"""What a damaged SQLite file still gives goes over into the new one, and a foreign log does not."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.registry_rows import a_certificate, a_draft
from fakes.virtual_centre import UTC_MS, an_alert
from sqlalchemy import insert

from kiosk.bodies import AlertId
from kiosk.monitor.records import Case, Change, StageEntry, StoreAlert, StoreStage
from kiosk.monitor.store import Store, audit, certificates, duty, registry, rescue, schema
from kiosk.monitor.store.backup import back_up
from kiosk.monitor.store.damage import set_aside
from kiosk.monitor.store.engine import sqlite_url

PAGE = 4096
MANY = 1500


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescue, "BUDGET_S", 1e9)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.sqlite"


def opened(path: Path) -> Store:
    store = Store(sqlite_url(path))
    store.open()
    return store


@pytest.fixture
def again(path: Path) -> Iterator[Callable[[], Store]]:
    """Open the file as a start does; closed at the end."""
    made: list[Store] = []

    def start() -> Store:
        made.append(opened(path))
        return made[-1]

    yield start
    for store in made:
        store.close()


def changes(alert_id: str, *stages: str) -> list[Change]:
    case = Case(alert=an_alert(alert_id=alert_id), received_ms=UTC_MS, door="mqtt", age_s=0, late=False)
    entries = [StageEntry(stage=stage, at_ms=UTC_MS) for stage in ("received", *stages)]  # type: ignore[arg-type]
    return [StoreAlert(case), *(StoreStage(AlertId(alert_id), entry) for entry in entries)]


def a_person(number: int) -> dict[str, Any]:
    return {
        "person_id": f"p{number:05}", "name": f"name of {number:05}", "role": "officer", "language": "kk",
        "phone": f"+7701{number:07}", "password_hash": f"hash {number:05}", "active": True,
        "created_ms": 1, "changed_ms": 1,
    }  # fmt: skip


def fill(path: Path, *, people: int = 3) -> None:
    store = opened(path)
    store.commit(changes("OPEN", "accepted"))
    store.commit(changes("ENDED", "closed"))

    def rows(db: Any) -> None:
        db.execute(insert(schema.people), [a_person(number) for number in range(people)])
        session = {"session_hash": "s", "person_id": "p00000", "csrf": "c", "created_ms": 1, "seen_ms": 1}
        db.execute(insert(schema.sessions).values(session))
        registry.create(db, a_draft(), who="admin", now_ms=1)
        certificates.keep(db, a_certificate("ab", revoked_ms=5, reason="stolen"))
        audit.write(db, at_ms=1, who="admin", what="signed_in")

    store.run(rows, writes=True)
    store.close()


def tear(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(b"\xa5" * PAGE)


def tear_root(path: Path, name: str) -> None:
    db = sqlite3.connect(path)
    (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
    db.close()
    tear(path, page - 1)


def tear_text(path: Path, words: str) -> None:
    """Tear the page on which these words stand."""
    data = path.read_bytes()
    assert data.count(words.encode()) == 1
    tear(path, data.index(words.encode()) // PAGE)


def values(store: Store, query: str) -> list[Any]:
    return store.run(lambda db: list(db.exec_driver_sql(query).scalars()))


def test_a_torn_page_of_an_index_loses_nothing_that_people_and_kiosks_live_by(
    path: Path, again: Callable[[], Store]
) -> None:
    fill(path)
    tear_root(path, "events_at")
    store = again()
    assert store.quarantined
    assert values(store, "SELECT password_hash FROM people ORDER BY 1") == [
        "hash 00000",
        "hash 00001",
        "hash 00002",
    ]
    assert values(store, "SELECT person_id FROM sessions") == ["p00000"]
    assert values(store, "SELECT serial FROM certificates WHERE revoked_ms = 5") == ["ab"]
    assert values(store, "SELECT what FROM audit ORDER BY number")[-1] == "signed_in"
    plan = store.run(lambda db: duty.load_plan(db, UTC_MS))
    assert (len(plan.people), len(plan.kiosks)) == (3, 1)
    still_open, _, _ = store.load(UTC_MS + 1)
    assert [case.alert.alert_id for case in still_open] == ["OPEN"]
    assert [entry.stage for entry in still_open[0].stages] == ["received", "accepted"]
    assert store.find("ENDED") is not None
    store.commit(changes("OPEN", "accepted", "en_route"))
    with pytest.raises(Exception, match="cannot be changed"):
        store.run(lambda db: db.exec_driver_sql("DELETE FROM audit"), writes=True)


@pytest.mark.parametrize("number", [MANY // 2, MANY - 1])
def test_around_a_torn_page_every_row_is_read(
    path: Path, again: Callable[[], Store], number: int, caplog: pytest.LogCaptureFixture
) -> None:
    fill(path, people=MANY)
    tear_text(path, f"hash {number:05}")
    store = again()
    left = values(store, "SELECT person_id FROM people ORDER BY person_id")
    gone = sorted({f"p{each:05}" for each in range(MANY)} - set(left))
    assert f"p{number:05}" in gone
    assert len(gone) <= 100
    assert int(gone[-1][1:]) - int(gone[0][1:]) == len(gone) - 1, "all of one page"
    assert f"table=people rows={len(left)} torn=1 refused=0" in caplog.text


def test_two_torn_pages_hide_nothing_between_them(path: Path, again: Callable[[], Store]) -> None:
    fill(path, people=MANY)
    tear_text(path, "hash 00400")
    tear_text(path, "hash 01000")
    store = again()
    left = set(values(store, "SELECT person_id FROM people"))
    assert {f"p{each:05}" for each in range(500, 900)} <= left
    assert len(left) >= MANY - 200


def test_an_alert_whose_stages_were_lost_has_those_of_its_own_row(
    path: Path, again: Callable[[], Store]
) -> None:
    fill(path)
    tear_root(path, "stages")
    store = again()
    (case,) = store.load(UTC_MS + 1)[0]
    assert [entry.stage for entry in case.stages] == ["received", "accepted"]
    ended = store.find("ENDED")
    assert ended is not None
    assert ended.stages[-1].stage == "closed"


def test_what_no_table_of_today_takes_is_left_out(path: Path, again: Callable[[], Store]) -> None:
    fill(path)
    db = sqlite3.connect(path)
    db.execute("UPDATE people SET name = CAST(x'ff' AS TEXT) WHERE person_id = 'p00000'")
    db.execute("UPDATE people SET created_ms = x'00' WHERE person_id = 'p00001'")
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'role VARCHAR(12) NOT NULL', 'role VARCHAR(12)')")
    db.commit()
    db.close()
    db = sqlite3.connect(path)
    db.execute("UPDATE people SET role = NULL WHERE person_id = 'p00002'")
    db.commit()
    db.close()
    tear_root(path, "events_at")
    store = again()
    assert values(store, "SELECT count(*) FROM people") == [0]
    assert values(store, "SELECT count(*) FROM registry") == [1]


def test_a_file_of_older_tables_gives_the_columns_that_both_have(
    path: Path, again: Callable[[], Store]
) -> None:
    fill(path)
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE people DROP COLUMN phone")
    db.execute("DROP TABLE contacts")
    db.commit()
    db.close()
    tear_root(path, "events_at")
    store = again()
    assert values(store, "SELECT min(name || phone) FROM people") == ["name of 00000"]


def test_a_broken_head_or_list_of_tables_costs_all_and_the_centre_begins(
    path: Path, again: Callable[[], Store], caplog: pytest.LogCaptureFixture
) -> None:
    fill(path)
    tear(path, 0)
    assert values(again(), "SELECT count(*) FROM people") == [0]
    assert "table=people rows=0 torn=1 refused=0 complete=false" in caplog.text


def test_a_rescue_that_fails_leaves_an_empty_store_and_no_litter(
    path: Path, again: Callable[[], Store], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(path)
    tear_root(path, "events_at")
    monkeypatch.setattr(rescue, "_copy_all", lambda *_: 1 / 0)
    assert values(again(), "SELECT count(*) FROM people") == [0]
    assert "rescue=failed" in caplog.text
    assert not [file for file in path.parent.iterdir() if ".part" in file.name or ".rescued" in file.name]


def test_a_rescue_ends_when_its_time_is_over(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(path, people=MANY)
    monkeypatch.setattr(rescue, "BUDGET_S", 800.0)
    passed_s = iter(range(10**9))
    rescue.carry_over(path, seconds=lambda: float(next(passed_s)))
    db = sqlite3.connect(rescue._ready(path))
    found = [number for (number,) in db.execute("SELECT person_id FROM people ORDER BY person_id DESC")]
    db.close()
    assert 0 < len(found) < 800
    assert found[0] == f"p{MANY - 1:05}", "the newest first"
    assert "table=people" in caplog.text
    assert "complete=false" in caplog.text


def test_a_start_that_ended_between_the_two_names_goes_on_with_what_was_rescued(
    path: Path, again: Callable[[], Store]
) -> None:
    fill(path)
    rescue.carry_over(path)
    set_aside(path, "damaged")
    assert values(again(), "SELECT count(*) FROM people") == [3]
    assert not rescue._ready(path).exists()


def test_a_rescue_of_a_start_that_ended_before_is_dropped(path: Path, again: Callable[[], Store]) -> None:
    fill(path)
    rescue.carry_over(path)
    again().commit(changes("NEW"))
    assert not rescue._ready(path).exists()


def test_the_damaged_file_stays_as_it_was(path: Path, again: Callable[[], Store]) -> None:
    fill(path)
    tear_root(path, "events_at")
    before = path.read_bytes()
    assert Path(again().quarantined).read_bytes() == before


def test_a_copy_put_in_place_beside_the_log_of_the_file_before_is_what_is_opened(
    path: Path, again: Callable[[], Store], caplog: pytest.LogCaptureFixture
) -> None:
    """A restore that forgot the `-wal`: SQLite would write it over the copy, which was then set aside."""
    store = opened(path)
    for number in range(50):
        store.commit(changes(f"A{number}"))
    copy, log = path.with_name("copy"), path.with_name("log")
    back_up(sqlite_url(path), None, copy)
    for number in range(600):
        store.commit(changes(f"B{number}"))
    shutil.copy(f"{path}-wal", log)
    store.close()
    shutil.copy(copy, path)
    shutil.copy(log, f"{path}-wal")
    restored = again()
    assert restored.quarantined == ""
    assert values(restored, "SELECT count(*) FROM alerts") == [50]
    assert "wal=set_aside" in caplog.text
    assert [file.read_bytes() for file in path.parent.glob("*.stale-*-wal")] == [log.read_bytes()]
