"""An installation as it is printed: plain values, already told in one language."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from kiosk import commissioning
from kiosk.commissioning import Commissioning, Level, Verdict
from kiosk.messages import KioskError, Language
from kiosk.prompts import Catalogue

BY_PATH = "path"  # the drill's rows: path:mqtt, path_sms …


class PaperError(KioskError):
    """Something cannot be printed; the sentence says what to do."""


class Line(Struct, frozen=True, kw_only=True):
    """What was found of one part, or by one path of the drill; `do` is empty where nothing has to be done."""

    part: str
    title: str
    level: Level
    found: str
    do: str = ""


class Sheet(Struct, frozen=True, kw_only=True):
    """One installation: who made it where and when (`at` in UTC), what was found, and whether it passed.

    `signal_dbm` and `balance_kzt` are None where there is no modem; `drill` has one line a path.
    """

    kiosk_id: str
    number: int
    place: str
    by: str
    at: str
    version: str
    verdict: Verdict
    rows: tuple[Line, ...]
    drill: tuple[Line, ...] = ()
    clock: Literal["synced", "unsynced"] = "synced"
    imei: str = ""
    operator: str = ""
    signal_dbm: int | None = None
    balance_kzt: float | None = None


def sheet_of(data: Any) -> Sheet:
    """Read a sheet from a plain mapping; raises PaperError that names the key."""
    try:
        return msgspec.convert(data, Sheet)
    except msgspec.ValidationError as error:
        raise PaperError(f"the record of the installation: {error}") from error


def tell(
    record: Commissioning,
    *,
    number: int,
    places: Mapping[Language, str],
    words: Catalogue,
    languages: Sequence[Language] = ("kk", "ru"),
) -> dict[Language, Sheet]:
    """Put the record of a check into words, a sheet a language; `places` names the place in each."""
    return {
        language: _told(record, number, places.get(language) or places["ru"], words, language)
        for language in languages
    }


def _told(record: Commissioning, number: int, place: str, words: Catalogue, language: Language) -> Sheet:
    lines = tuple(
        Line(
            part=row.part,
            title=commissioning.title(row.part, words, language),
            level=row.level,
            found=commissioning.found(row.code, row.values, words, language),
            do=commissioning.advice(row, words, language),
        )
        for row in record.rows
    )
    return Sheet(
        kiosk_id=record.kiosk_id,
        number=number,
        place=place,
        by=record.by,
        at=record.at,
        clock=record.clock,
        version=f"{record.version} ({record.config_hash})",
        verdict=record.verdict,
        rows=tuple(line for line in lines if not line.part.startswith(BY_PATH)),
        drill=tuple(line for line in lines if line.part.startswith(BY_PATH)),
        imei=record.imei,
        operator=record.operator,
        signal_dbm=record.signal_dbm,
        balance_kzt=record.balance_kzt,
    )
