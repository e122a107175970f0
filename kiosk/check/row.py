"""The outcome of testing one part, as a value; its words are the catalogue's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from kiosk.messages import Language
from kiosk.prompts import Catalogue

Level = Literal["ok", "warning", "fault", "untested", "unused"]
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
    name, _, which = row.part.partition(":")
    title = words.word(language, "check", f"part_{name}")
    do = ""
    key = "untested_do" if row.level == "untested" else f"{row.code}_do"
    if row.level not in ("ok", "unused") and (language, "check", key) in words.words:
        do = words.word(language, "check", key, **row.values)
    return Told(
        part=row.part,
        level=row.level,
        code=row.code,
        title=f"{title} {which}".strip(),
        found=words.word(language, "check", row.code, **row.values),
        do=do,
    )


def count(rows: Sequence[Row], level: Level) -> int:
    """Count the rows of one level."""
    return sum(row.level == level for row in rows)
