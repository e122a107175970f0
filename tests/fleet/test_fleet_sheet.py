"""A sheet: what a spreadsheet writes is read, and every fault has its line, its column and its reason."""

import pytest
from fleet_desk import EXAMPLE_CSV, rows, sheet
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.fleet import sheet as sheets
from kiosk.fleet.sheet import letter_of, read


def test_the_example_is_read() -> None:
    assert [row.kiosk for row in read(EXAMPLE_CSV).rows] == ["kz-ala-0001", "kz-kok-0001"]
    assert not read(EXAMPLE_CSV).faults


def test_a_semicolon_and_a_mark_of_the_spreadsheet_are_understood() -> None:
    read_back = read("\ufeffkiosk_id;voice\r\nkz-1;off\r\n")
    assert [dict(row.cells) for row in read_back.rows] == [{"kiosk_id": "kz-1", "voice": "off"}]


def test_empty_lines_are_passed_over_and_lines_are_counted_as_an_editor_does() -> None:
    read_back = read('kiosk_id,note\n\n" kz-1 ","two\nlines"\nkz-2,x\n')
    assert [(row.line, row.kiosk) for row in read_back.rows] == [(3, "kz-1"), (5, "kz-2")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "the column kiosk_id is missing"),
        ("kiosk_id,colour\n", 1, "column B: 'colour' is unknown"),
        ("kiosk_id,voice,voice\n", 1, "column voice stands twice"),
        ("kiosk_id,voice\nkz-1\n", 2, "has 1 cells, the head has 2"),
        ('kiosk_id,voice\nkz-1,"off\n', 2, "is not CSV"),
    ],
)
def test_a_broken_sheet_is_told(text: str, line: int, words: str) -> None:
    faults = read(text).faults
    assert faults[0].line == line
    assert words in faults[0].text("x.csv")
    assert faults[0].text("x.csv").startswith(f"x.csv:{line}: ")


def test_what_must_stand_once_is_kept_where_it_stands_first() -> None:
    table = rows(3, token="T")
    table[1] |= {"kiosk_id": "kz-ala-0001", "token": "U"}
    table[2] |= {"number": "1"}
    read_back = read(sheet(table))
    assert [row.line for row in read_back.rows] == [2]
    assert [fault.text("k.csv") for fault in read_back.faults] == [
        "k.csv:3: column A (kiosk_id): kz-ala-0001 stands in line 2 too",
        "k.csv:4: column B (number): 1 stands in line 2 too",
        "k.csv:4: column N (token): the same secret stands in line 2 too",
    ]


def test_a_row_without_an_id_is_told() -> None:
    assert "every row needs the kiosk's id" in read("kiosk_id,voice\n,off\n").faults[0].what


def test_some_kiosks_can_be_chosen_and_one_that_is_not_there_is_told() -> None:
    chosen = sheets.chosen(read(sheet(rows(3))), ("kz-ala-0002", "kz-x"), voice="spoken")
    assert [row.kiosk for row in chosen.rows] == ["kz-ala-0002"]
    assert [fault.what for fault in chosen.faults] == ["kz-x is not in the sheet"]


def test_a_voice_for_all_fills_empty_cells_only() -> None:
    chosen = sheets.chosen(read("kiosk_id,voice\nkz-1,off\nkz-2,\n"), (), voice="spoken")
    assert [row["voice"] for row in chosen.rows] == ["off", "spoken"]


def test_too_many_rows_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "ROWS_MAX", 2)
    read_back = read(sheet(rows(3)))
    assert (len(read_back.rows), read_back.faults[0].what) == (2, "at most 2 kiosks are read")


def test_columns_have_a_spreadsheets_letters() -> None:
    columns = [str(n) for n in range(800)]
    assert [letter_of(columns, name) for name in ("0", "25", "26", "701", "702")] == [
        "A",
        "Z",
        "AA",
        "ZZ",
        "AAA",
    ]
    assert letter_of(columns, "x") == ""


@settings(deadline=None)
@given(st.text(max_size=300) | st.text('kiosk_id,;"\n\r voce', max_size=200))
def test_no_text_ever_raises(text: str) -> None:
    read_back = read(text)
    assert all(fault.line >= 1 for fault in read_back.faults)
    assert all(row.kiosk for row in read_back.rows)
