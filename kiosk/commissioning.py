"""What an installer leaves behind: the record of a check at the site, and the log of the set-up. Pure.

Owns the fields, the limits and the verdict. What a row means in words is the catalogue's, so a record can be
read in every language, here and at the centre.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kiosk.bodies import END, Clock, Id, Utc
from kiosk.messages import Language
from kiosk.prompts import Catalogue

RECORD_MAX_BYTES = 32_768
LOG_MAX_CHARS = 65_536
LOG_MAX_BYTES = 3 * LOG_MAX_CHARS  # as JSON, whatever letters it is made of, within reason
ROWS_MAX = 120

Level = Literal["ok", "warning", "fault", "untested", "unused"]
Verdict = Literal["passed", "waiting", "failed"]
LEVELS: tuple[Level, ...] = ("fault", "untested", "warning", "ok", "unused")  # the worst first
# What nobody can prove before the kiosk has enrolled; everything else, SMS both ways too, needs no Internet.
BY_INTERNET = frozenset({"broker", "door", "receipt", "certificate", "path_mqtt", "path_https"})
SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\+[0-9]{8,15}\b"),
    re.compile(r"\b[0-9A-Fa-f]{32,}\b"),
    re.compile(r"\b[A-Za-z0-9]{4}(-[A-Za-z0-9]{4}){4,}\b"),
    re.compile(r"\b[A-Z2-7]{40,}\b"),
)
UNENROLLED = "fault_cert_missing"

Text = Annotated[str, Meta(max_length=200)]
Person = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x20\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]{0,58}[^\x00-\x20\x7f-\x9f])?" + END,
        description="1 to 60 letters on one line, no space at either end",
    ),
]
Part = Annotated[
    str,
    Meta(pattern=r"^[a-z_]{1,24}(:[^\x00-\x1f\x7f-\x9f]{1,100})?" + END, description="what was tested"),
]
Code = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,48}" + END, description="the name of a finding")]
ImeiText = Annotated[
    str, Meta(pattern=r"^([0-9]{14,16})?" + END, description="the modem's IMEI: 14 to 16 digits, or nothing")
]
Figure = Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[float, Meta(ge=-1e15, le=1e15)]


class Finding(Struct, frozen=True, kw_only=True):
    """One row of the sheet: `values` fill the words that `code` names."""

    part: Part
    level: Level
    code: Code
    values: Annotated[dict[Annotated[str, Meta(max_length=24)], Text | Figure], Meta(max_length=12)] = {}


class Commissioning(Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """One check of one kiosk at its site: who, when, with what, and what was found; <= 32 kB as JSON."""

    record_id: Id
    kiosk_id: Id
    by: Person
    begun_at: Utc
    at: Utc
    clock: Clock
    version: Text
    config_hash: Text
    verdict: Verdict
    drill_id: Annotated[str, Meta(max_length=64)] = ""
    imei: ImeiText = ""
    operator: Annotated[str, Meta(max_length=60)] = ""
    signal_dbm: Annotated[int, Meta(ge=-200, le=0)] | None = None
    balance_kzt: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    cert_days_left: Annotated[int, Meta(ge=-100_000, le=100_000)] | None = None
    rows: Annotated[tuple[Finding, ...], Meta(max_length=ROWS_MAX)] = ()


class ProvisionLog(Struct, frozen=True, kw_only=True, tag_field="v", tag=1):
    """The newest part of what the set-up of a kiosk wrote."""

    kiosk_id: Id
    at: Utc
    text: Annotated[str, Meta(max_length=LOG_MAX_CHARS)]


class Kept(Struct, frozen=True, kw_only=True):
    """What the centre answers once it has it; `at` is when it first did."""

    id: str
    at: Utc


def judge(rows: Iterable[Finding]) -> Verdict:
    """Judge a sheet; it waits when only what the Internet brings to a kiosk not yet enrolled is missing."""
    bad = [row for row in rows if row.level in ("fault", "untested")]
    if not bad:
        return "passed"
    unenrolled = any(row.code == UNENROLLED for row in bad)
    return "waiting" if unenrolled and all(_by_internet(row) for row in bad) else "failed"


def _by_internet(row: Finding) -> bool:
    name, _, what = row.part.partition(":")
    return name in BY_INTERNET or (name == "path" and f"path_{what}" in BY_INTERNET)


def clean(text: str, most: int = LOG_MAX_CHARS) -> str:
    """Give the last `most` letters of a log without control characters, whole lines where it was cut."""
    text = text.replace("\r\n", "\n")
    kept = "".join(letter for letter in text if letter == "\n" or letter.isprintable())
    if len(kept) <= most:
        return kept
    tail = kept[len(kept) - most :]
    return tail.partition("\n")[2] or tail


def masked(text: str) -> str:
    """Take telephone numbers, keys and tokens out of a log."""
    for pattern in SECRETS:
        text = pattern.sub("…", text)
    return text


def title(part: str, words: Catalogue, language: Language) -> str:
    """Name a part in words; one that this software does not know as it is."""
    name, _, which = part.partition(":")
    key = f"part_{name}"
    known = (language, "check", key) in words.words
    return f"{words.word(language, 'check', key) if known else name} {which}".strip()


def found(code: str, values: Mapping[str, object], words: Catalogue, language: Language) -> str:
    """Say a finding in words; one of a newer kiosk, which has words that we lack, by its name."""
    try:
        return words.word(language, "check", code, **values)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError):
        return code


def advice(row: Finding, words: Catalogue, language: Language) -> str:
    """Say what to do; empty where nothing has to be done or we know nothing."""
    if row.level in ("ok", "unused"):
        return ""
    key = "untested_do" if row.level == "untested" else f"{row.code}_do"
    told = found(key, row.values, words, language)
    return "" if told == key else told
