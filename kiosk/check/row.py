"""The outcome of testing one part, as a value; its words are the catalogue's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kiosk import commissioning
from kiosk.commissioning import Finding, Level
from kiosk.messages import Language
from kiosk.prompts import Catalogue

Why = Literal["hung", "broker", "modem", "pending", "refused", "driver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was found of one part.

    `part` is stable (`modem`, `input:counter`), `code` names the finding and its words, `values` fill them.
    `untested` means that it is not known; `unused` that this site has no such part.
    """

    part: str
    level: Level
    code: str
    values: Mapping[str, str | int | float] = field(default_factory=dict)


def ok(part: str, code: str, **values: str | float) -> Row:
    """Tell that a part works."""
    return Row(part=part, level="ok", code=code, values=values)


def warning(part: str, code: str, **values: str | float) -> Row:
    """Tell that a part works but somebody should look at it."""
    return Row(part=part, level="warning", code=code, values=values)


def fault(part: str, code: str, **values: str | float) -> Row:
    """Tell that a part does not work."""
    return Row(part=part, level="fault", code=code, values=values)


def untested(part: str, why: Why, **values: str | float) -> Row:
    """Tell that nothing is known of a part, and why."""
    return Row(part=part, level="untested", code=f"untested_{why}", values=values)


def unused(part: str) -> Row:
    """Tell that this site has no such part."""
    return Row(part=part, level="unused", code="unused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A row in one language; `do` is empty where nothing has to be done."""

    part: str
    level: Level
    code: str
    title: str
    found: str
    do: str


def tell(row: Row, words: Catalogue, language: Language) -> Told:
    """Put a row into words."""
    return Told(
        part=row.part,
        level=row.level,
        code=row.code,
        title=commissioning.title(row.part, words, language),
        found=commissioning.found(row.code, row.values, words, language),
        do=commissioning.advice(finding(row), words, language),
    )


def finding(row: Row) -> Finding:
    """Give a row as it stands in a record, its texts cut to what a record may hold."""
    values = {name: _short(value) for name, value in row.values.items()}
    return Finding(part=row.part[:125], level=row.level, code=row.code, values=values)


def _short(value: str | float) -> str | int | float:
    if not isinstance(value, str):
        return value
    return "".join(letter if letter.isprintable() else "?" for letter in value)[:200]


def count(rows: Sequence[Row], level: Level) -> int:
    """Count the rows of one level."""
    return sum(row.level == level for row in rows)
