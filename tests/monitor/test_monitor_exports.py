import csv
import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import centre_world
from fakes.centre_engines import engine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from kiosk.monitor import exports, months, sheets
from kiosk.monitor.commands import monitor
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date

__all__ = ["engine"]
NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


@given(st.lists(st.lists(st.text() | st.integers() | st.none(), min_size=2, max_size=4), max_size=5))
def test_no_cell_that_leaves_begins_a_formula_and_a_reader_finds_every_cell(
    rows: list[list[str | int | None]],
) -> None:
    text = "".join(sheets.write(("a", "b"), rows))
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in read[1:]] == [len(row) for row in rows]
    for told, row in zip(read[1:], rows, strict=True):
        for cell, value in zip(told, row, strict=True):
            if isinstance(value, str):
                assert not cell.lstrip(" ").startswith(sheets.FORMULA)
            else:
                assert cell == ("" if value is None else str(value))


@pytest.mark.parametrize("text", ["=1+1", "+7", "-x", "@a", "\tx", " =cmd|' /C calc'!A0", "%0a"])
def test_what_looks_like_a_formula_gets_a_quote(text: str) -> None:
    assert sheets.cell(text) == f"'{text}"
    assert sheets.cell(-5) == "-5"


@given(st.text())
def test_any_text_is_read_as_a_table_or_refused(text: str) -> None:
    try:
        found = sheets.read(text)
    except csv.Error:
        return
    assert all(any(row) for _, row in found)


def test_semicolons_quotes_and_a_mark_of_order_are_understood() -> None:
    assert sheets.read('\ufeffa;b\r\n"x;y"; z \r\n\r\n') == [(1, ["a", "b"]), (2, ["x;y", "z"])]


def test_a_month_is_one_of_almaty_and_they_follow_without_a_gap() -> None:
    assert months.name_of(1_767_207_599_999) == "2025-12"  # 31.12.2025 23:59:59.999 in Almaty
    assert months.name_of(1_767_207_600_000) == "2026-01"
    found = months.stretch((2025, 11), (2026, 2))
    assert [name for name, _, _ in found] == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert [begin for _, begin, _ in found[1:]] == [end for _, _, end in found[:-1]]
    assert months.begins_ms(2025, 14) == months.begins_ms(2026, 2)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "1999-01", "２０２６-01", "x-y"]
)
def test_no_other_text_is_a_month(text: str) -> None:
    assert months.parse(text) is None


def test_a_stretch_is_cut_at_the_ends_of_months() -> None:
    since_ms, until_ms = 1_767_207_600_000 - DAY_MS, 1_767_207_600_000 + DAY_MS
    first, second = exports.months_between(since_ms, until_ms)
    assert (first.name, first.begins_ms, first.ends_ms) == ("2025-12", since_ms, 1_767_207_600_000)
    assert (second.name, second.ends_ms) == ("2026-01", until_ms)
    assert exports.months_between(5, 5) == ()
    assert exports.months_between(-(10**12), -(10**11)) == ()


def test_exports_hold_every_alert_and_kiosk_and_no_person(engine: Engine) -> None:
    with engine.begin() as connection:
        centre_world.fill(connection, NOW_MS, count=40, alerts_count=60)
        alerts = list(exports.alert_rows(connection, 0, NOW_MS + 1))
        kiosks = list(exports.kiosk_rows(connection))
        wanted = exports.months_between(*exports.trimmed(connection, 0, NOW_MS + 1))
        figures = list(exports.statistics_rows(connection, wanted))
    assert len(alerts) == 60
    assert len(kiosks) == 40
    assert sum(int(row[2] or 0) + int(row[3] or 0) for row in figures) == 60
    for header, rows in ((exports.ALERTS, alerts), (exports.KIOSKS, kiosks), (exports.STATISTICS, figures)):
        assert {len(row) for row in rows} == {len(header)}
        assert not any("aigerim" in str(cell) or "+7700" in str(cell) for row in rows for cell in row)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    made = make_engine(f"sqlite:///{tmp_path}/centre.sqlite")
    bring_up_to_date(made)
    with made.begin() as connection:
        centre_world.fill(connection, NOW_MS, count=5, alerts_count=20)
    made.dispose()
    file = tmp_path / "monitor.toml"
    file.write_text(
        f'[monitor]\nid = "centre-1"\n[mqtt]\nbrokers = ["localhost:1883"]\n'
        f'[paths]\nstate = "{tmp_path}"\nrun = "{tmp_path}"\n',
        encoding="utf-8",
    )
    return file


def run(site: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(monitor, ["export", *arguments, "--config", str(site)])
    return result.exit_code, result.output


def test_the_command_writes_each_kind(site: Path, tmp_path: Path) -> None:
    for kind, header in exports.HEADERS.items():
        code, out = run(site, kind, "--format", "csv")
        assert code == 0, out
        assert out.splitlines()[0] == ",".join(header)
        assert len(out.splitlines()) > 5
    file = tmp_path / "out.csv"
    assert run(site, "kiosks", "--bom", "--output", str(file))[0] == 0
    assert file.read_bytes().startswith(b"\xef\xbb\xbfkiosk_id")
    assert len(run(site, "alerts", "--from", "2001-01-01", "--to", "2001-01-02")[1].splitlines()) == 1
    assert len(run(site, "statistics", "--to", "2001-01-02")[1].splitlines()) == 1


@pytest.mark.parametrize("days", [("--from", "yesterday"), ("--to", "2026-02-30"), ("--from", "2099-01-01")])
def test_a_day_that_is_none_is_refused(site: Path, days: tuple[str, str]) -> None:
    code, out = run(site, "alerts", *days)
    assert code == 2
    assert "days like 2026-01-31" in out
