"""A sheet of kiosks beside a centre that works: judged without the write lock, written at once or not."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.registry_rows import a_draft, change
from sqlalchemy import Engine, event

from kiosk.monitor.store import audit, drafts, imports, registry
from kiosk.monitor.store.drafts import RegistryError
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date

ACT: dict[str, Any] = {"who": "aida", "now_ms": 5000}
HEADER = (
    "kiosk_id,number,name_kk,name_ru,address_kk,address_ru,entrance_kk,entrance_ru,lat,lon,accuracy_m,kato"
)
REST = "Абай 1,Абая 1,Көше,Улица,43.2,76.9,15,751000000"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/centre.sqlite"
    else:
        url = request.getfixturevalue("postgres_url")
    plain = make_engine(url)
    bring_up_to_date(plain)
    yield plain
    plain.dispose()


def sheet(*lines: tuple[str, int | str] | tuple[str, int | str, str]) -> str:
    rows = [
        f"{kiosk_id},{number},Дүкен,{name[0] if name else 'Магазин'},{REST}"
        for kiosk_id, number, *name in lines
    ]
    return "\n".join([HEADER, *rows])


def judge(engine: Engine, text: str) -> imports.Judged:
    with engine.connect() as db:
        return imports.judge(db, text)


def write(engine: Engine, judged: imports.Judged) -> None:
    with engine.execution_options(writes=True).begin() as db:
        imports.write(db, judged, **ACT)


def load(engine: Engine, *lines: Any) -> imports.Judged:
    judged = judge(engine, sheet(*lines))
    write(engine, judged)
    return judged


def numbers(engine: Engine) -> dict[str, int]:
    with engine.connect() as db:
        return {entry.kiosk_id: entry.number for entry in registry.find(db)}


def record(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as db:
        return [(entry.what, entry.subject, entry.detail) for entry in reversed(audit.read(db))]


def test_the_centre_commits_while_a_sheet_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet of 100 000 lines held every alert's receipt up, even where it was only tried."""
    engine = make_engine(f"sqlite:///{tmp_path}/centre.sqlite")
    bring_up_to_date(engine)
    centre = sqlite3.connect(tmp_path / "centre.sqlite", isolation_level=None, timeout=0)
    judged_lines: list[str] = []

    def draft(data: dict[str, Any]) -> drafts.Draft:
        centre.execute("INSERT INTO facts VALUES (?, 1)", (data["kiosk_id"],))
        judged_lines.append(data["kiosk_id"])
        return drafts.draft(data)

    monkeypatch.setattr(imports, "draft", draft)
    load(engine, ("kz-1", 1), ("kz-2", ""), ("kz-3", ""))
    assert judged_lines == ["kz-1", "kz-2", "kz-3"]
    assert numbers(engine) == {"kz-1": 1, "kz-2": 2, "kz-3": 3}
    centre.close()
    engine.dispose()


def test_many_kiosks_are_written_by_few_statements(engine: Engine) -> None:
    load(engine, *((f"kz-{number}", number) for number in range(1, 101)))
    lines = [(f"kz-{number}", number, "Лавка") for number in range(1, 201)]
    judged = judge(engine, sheet(*lines))
    ran: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: ran.append(args[2]))
    write(engine, judged)
    assert (len(judged.created), len(judged.changed)) == (100, 100)
    assert len([statement for statement in ran if not statement.startswith("BEGIN")]) <= 6
    with engine.connect() as db:
        assert registry.count(db, text="Лавка") == 200


def test_what_somebody_changed_meanwhile_is_not_written_over(engine: Engine) -> None:
    load(engine, ("kz-1", 1))
    judged = judge(engine, sheet(("kz-1", 1, "Лавка"), ("kz-2", 2)))
    with engine.execution_options(writes=True).begin() as db:
        change(db, a_draft(kiosk_id="kz-1", number=1), who="x", now_ms=6000)
    with pytest.raises(RegistryError, match="import again"):
        write(engine, judged)
    with engine.connect() as db:
        assert registry.everyone(db) == [a_draft(kiosk_id="kz-1", number=1)]


def test_a_number_that_somebody_takes_at_the_last_moment_writes_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL others write at the same time; the database itself has the last word."""
    judged = judge(engine, sheet(("kz-1", 1), ("kz-2", 2)))
    load(engine, ("kz-3", 2))
    monkeypatch.setattr(registry, "changes", lambda _: judged.seen)
    with pytest.raises(RegistryError, match="import again"):
        write(engine, judged)
    assert numbers(engine) == {"kz-3": 2}


def test_numbers_pass_from_kiosk_to_kiosk_in_the_order_of_lines(engine: Engine) -> None:
    load(engine, ("kz-1", 1), ("kz-2", 2), ("kz-3", 3))
    lines = [
        ("kz-1", 5),
        ("kz-2", 1),
        ("kz-1", 7),
        ("kz-4", 8),
        ("kz-3", 5),
        ("kz-4", 2),
        ("kz-5", 3),
        ("kz-6", ""),
    ]
    done = load(engine, *lines)
    assert numbers(engine) == {"kz-1": 7, "kz-2": 1, "kz-3": 5, "kz-4": 2, "kz-5": 3, "kz-6": 9}
    assert [row["kiosk_id"] for row in done.created] == ["kz-4", "kz-5", "kz-6"]
    assert record(engine)[3:] == [
        ("kiosk_changed", "kz-1", "number"),
        ("kiosk_changed", "kz-2", "number"),
        ("kiosk_changed", "kz-1", "number"),
        ("kiosk_added", "kz-4", ""),
        ("kiosk_changed", "kz-3", "number"),
        ("kiosk_changed", "kz-4", "number"),
        ("kiosk_added", "kz-5", ""),
        ("kiosk_added", "kz-6", ""),
    ]
    with pytest.raises(RegistryError, match="line 2: number 1 belongs to kz-2; choose another"):
        load(engine, ("kz-1", 1), ("kz-2", 10))


def test_the_plan_follows_an_import_whatever_the_clock_says(engine: Engine) -> None:
    with engine.execution_options(writes=True).begin() as db:
        registry.create(db, a_draft(kiosk_id="kz-1", number=1), who="x", now_ms=9000)
    for name in ("Лавка", "Дүкен"):
        with engine.connect() as db:
            before = registry.changes(db)
        load(engine, ("kz-1", 1, name))
        with engine.connect() as db:
            assert registry.changes(db) > before


def test_empty_numbers_fill_the_gaps_once_the_highest_is_taken(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "NUMBER_MAX", 4)
    load(engine, ("kz-4", 4), ("kz-2", 2), ("kz-1", ""), ("kz-3", ""))
    assert numbers(engine) == {"kz-1": 1, "kz-2": 2, "kz-3": 3, "kz-4": 4}
    with pytest.raises(RegistryError, match="line 2: the registry is full"):
        load(engine, ("kz-5", ""))
