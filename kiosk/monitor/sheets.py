"""Tables as CSV for spreadsheets, both ways. Pure.

A cell that a spreadsheet would take for a formula is defused by a quote before it (OWASP: CSV injection).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

BOM = "\ufeff"  # tells a spreadsheet that the letters are UTF-8
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
Cell = str | int | float | None


def cell(value: Cell) -> str:
    """Write one cell: figures as they are, text so that no spreadsheet executes it."""
    match value:
        case None:
            return ""
        case int() | float():
            return str(value)
        case _:
            text = value.replace("\0", "")
            return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def write(header: Sequence[str], rows: Iterable[Sequence[Cell]], *, bom: bool = False) -> Iterator[str]:
    """Write a table line by line, by RFC 4180."""
    yield (BOM if bom else "") + _line(header)
    for row in rows:
        yield _line(row)


def _line(row: Sequence[Cell]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([cell(value) for value in row])
    return out.getvalue()


def read(text: str) -> list[tuple[int, list[str]]]:
    """Read the lines of a table with their numbers, from 1; comma or semicolon, whichever the first line has.

    Raises csv.Error for a text that is no table.
    """
    text = text.removeprefix(BOM).replace("\r\n", "\n").replace("\r", "\n")
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    return [
        (reader.line_num, [part.strip() for part in row])
        for row in reader
        if any(part.strip() for part in row)
    ]
