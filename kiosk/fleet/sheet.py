"""A sheet of kiosks as CSV: rows, and every fault with its line, column and reason. Pure; opens no file."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

PLACE_WORDS = ("name", "address", "entrance")
WORDS = tuple(f"{what}_{language}" for what in PLACE_WORDS for language in ("kk", "ru"))
PLACE = (*WORDS, "lat", "lon", "accuracy_m", "kato", "phone")  # as in `kiosk monitor registry import`
OTHER = ("imei", "note")
SITE = ("voice", "languages", "short_kk", "short_ru", "short_latin", "cover_kk", "cover_ru", "profile")
SECRET = ("token", "sms_key")  # for a desk without the centre's store
COLUMNS = ("kiosk_id", "number", *PLACE, *OTHER, *SITE, *SECRET)
ROWS_MAX = 100_000
SECRETS = frozenset(SECRET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with a row. `line` counts from 1; `column` is its name, empty for the whole row."""

    line: int
    column: str
    letter: str  # as spreadsheets name it
    kiosk: str
    what: str

    def text(self, file: str) -> str:
        """Say it in one line."""
        place = (
            f"column {self.letter} ({self.column}): "
            if self.letter
            else f"{self.column}: " * bool(self.column)
        )
        return f"{file}:{self.line}: {place}{self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kiosk of the sheet; a cell that is empty or has no column is ""."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    @property
    def kiosk(self) -> str:
        """Give its id as written."""
        return self["kiosk_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What could be read, and what could not."""

    columns: Sequence[str]
    rows: Sequence[Row]
    faults: Sequence[Fault]

    def fault(self, row: Row, column: str, what: str) -> Fault:
        """Make a fault of one of its rows."""
        return Fault(
            line=row.line, column=column, letter=letter_of(self.columns, column), kiosk=row.kiosk, what=what
        )


def read(text: str) -> Sheet:
    """Read a sheet with a head line; comma or semicolon. Faults of the head leave no rows."""
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",", strict=True
    )
    rows: list[Row] = []
    faults: list[Fault] = []
    columns: list[str] = []
    begun = 1
    try:
        columns = [name.strip() for name in next(reader, [])]
        faults += _head_faults(columns)
        if faults:
            return Sheet(columns=columns, rows=(), faults=faults)
        begun = reader.line_num + 1
        for cells in reader:
            line, begun = begun, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                what = f"has {len(cells)} cells, the head has {len(columns)}"
                faults.append(Fault(line=line, column="", letter="", kiosk="", what=what))
            elif len(rows) == ROWS_MAX:
                faults.append(_head(f"at most {ROWS_MAX} kiosks are read", line))
                break
            else:
                named = zip(columns, cells, strict=True)
                rows.append(Row(line=line, cells={name: cell.strip() for name, cell in named}))
    except csv.Error as error:
        faults.append(_head(f"is not CSV: {error}", begun))
    sheet = Sheet(columns=columns, rows=rows, faults=faults)
    doubles = _doubles(sheet)
    bad = {fault.line for fault in doubles}
    good = [row for row in rows if row.line not in bad]
    return Sheet(columns=columns, rows=good, faults=[*faults, *doubles])


def chosen(sheet: Sheet, kiosks: Sequence[str], *, voice: str = "") -> Sheet:
    """Keep some kiosks only, all where none is named; rows that choose no voice take `voice`."""
    rows = [
        replace(row, cells={**row.cells, "voice": row["voice"] or voice})
        for row in sheet.rows
        if not kiosks or row.kiosk in kiosks
    ]
    found = {row.kiosk for row in sheet.rows} | {fault.kiosk for fault in sheet.faults}
    missing = [_head(f"{name} is not in the sheet") for name in kiosks if name not in found]
    faults = [fault for fault in sheet.faults if not kiosks or fault.kiosk in ("", *kiosks)]
    return Sheet(columns=sheet.columns, rows=rows, faults=[*faults, *missing])


def letter_of(columns: Sequence[str], column: str) -> str:
    """Give a column's letter as a spreadsheet does: A … Z, AA …; empty when the sheet has no such column."""
    if column not in columns:
        return ""
    number, letters = list(columns).index(column) + 1, ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _head_faults(columns: Sequence[str]) -> list[Fault]:
    unknown = [name for name in columns if name not in COLUMNS]
    twice = sorted({name for name in columns if columns.count(name) > 1} - set(unknown))
    found = [
        f"column {letter_of(columns, name)}: {name!r} is unknown; known: {', '.join(COLUMNS)}"
        for name in unknown
    ]
    found += [f"column {name} stands twice" for name in twice]
    if "kiosk_id" not in columns:
        found.append("the column kiosk_id is missing")
    return [_head(what) for what in found]


def _head(what: str, line: int = 1) -> Fault:
    return Fault(line=line, column="", letter="", kiosk="", what=what)


def _doubles(sheet: Sheet) -> list[Fault]:
    """Find what must stand once only; the first row keeps it."""
    faults = []
    for column in ("kiosk_id", "number", "token", "sms_key"):
        first: dict[str, Row] = {}
        for row in sheet.rows:
            value = row[column]
            if column == "kiosk_id" and not value:
                faults.append(sheet.fault(row, column, "is empty; every row needs the kiosk's id"))
            elif value and value in first:
                shown = "the same secret" if column in SECRETS else value
                faults.append(sheet.fault(row, column, f"{shown} stands in line {first[value].line} too"))
            elif value:
                first[value] = row
    return faults
