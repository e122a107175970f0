"""One row, the fleet's template and what the registry knows -> one kiosk's files, or every fault. Pure.

The site's configuration is judged by the very code that the kiosk reads it with, before anything is signed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tomli_w

from kiosk.config import Config
from kiosk.config_check import check
from kiosk.config_text import decode
from kiosk.fleet.latin import latin
from kiosk.fleet.options import env_text, toml_data
from kiosk.fleet.sheet import PLACE_WORDS, Fault, Row, Sheet
from kiosk.fleet.template import SMS_KEY, TLS, Template
from kiosk.messages import ConfigError
from kiosk.prompts import Catalogue

SHORT_MAX = 24
MODES = ("spoken", "cover", "off")
PROBLEM = re.compile(r"^:(\d+)(?::\d+)?: (?:([A-Za-z_][A-Za-z0-9_.\[\]-]*): )?(.*)$|^(.*)$", re.DOTALL)
# Which column a key of site.toml comes from; whatever is not here comes from fleet.toml.
FROM_COLUMN: Mapping[str, str] = {
    "kiosk.id": "kiosk_id",
    "kiosk.number": "number",
    "kiosk.languages": "languages",
    "voice.mode": "voice",
    "voice.cover": "cover_kk",
    "voice.cover.kk": "cover_kk",
    "voice.cover.ru": "cover_ru",
    "site": "name_kk",
    **{f"site.{what}.{lang}": f"{what}_{lang}" for what in PLACE_WORDS for lang in ("kk", "ru")},
    **{f"site.short.{form}": f"short_{form}" for form in ("kk", "ru", "latin")},
    **{f"site.{key}": key for key in ("lat", "lon", "accuracy_m", "kato", "phone")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One kiosk's files but for its secrets; `config` is `toml`, decoded and checked."""

    row: Row
    config: Config
    toml: str
    options_toml: str
    options_env: str
    warnings: tuple[str, ...] = ()

    @property
    def kiosk(self) -> str:
        """Give its id."""
        return self.config.kiosk.id


class Unfit(Exception):
    """A row that no bundle can be made of."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.what for fault in faults))
        self.faults = faults


def plan(sheet: Sheet, row: Row, template: Template, words: Catalogue) -> Plan:
    """Make one kiosk's files out of a row whose place and number are complete. Raises Unfit."""
    faults = list(_missing(sheet, row, template))
    if faults:
        raise Unfit(faults)
    toml = tomli_w.dumps(site_data(sheet, row, template))
    head = f"# {row.kiosk}: made at the desk (kiosk fleet make). Change the sheet or fleet.toml instead."
    text = f"{head}\n{toml}"
    try:
        config = decode(Config, text, "")
    except ConfigError as error:
        raise Unfit([_placed(sheet, row, *_split(line)) for line in str(error).split("\n")]) from error
    problems = check(config, words)
    errors = [_placed(sheet, row, one.key, one.what) for one in problems if one.level == "error"]
    if errors:
        raise Unfit(errors)
    return Plan(
        row=row,
        config=config,
        toml=text,
        options_toml=tomli_w.dumps(toml_data(template.options)),
        options_env=env_text(template.options, row.kiosk),
        warnings=tuple(f"{one.key}: {one.what}" for one in problems),
    )


def site_data(sheet: Sheet, row: Row, template: Template) -> dict[str, Any]:
    """Put site.toml together. Raises Unfit for a cell that is no number."""
    tables = dict(template.tables[row["profile"]])
    number = _whole(sheet, row, "number")
    turn = number if template.shared.rotate else 0
    tables["mqtt"] = {"tls": TLS} | tables["mqtt"]
    tables["mqtt"]["brokers"] = _turned(tables["mqtt"]["brokers"], turn)
    if "https" in tables:
        tables["https"] = tables["https"] | {"centres": _turned(tables["https"]["centres"], turn)}
    if "sms" in tables:
        tables["sms"] = {"key_file": SMS_KEY} | tables["sms"]
    voice = {"mode": row["voice"]} | tables.pop("voice", {})
    phrases = {lang: row[f"cover_{lang}"] for lang in ("kk", "ru") if row[f"cover_{lang}"]}
    if phrases or (row["voice"] == "cover" and "cover" in voice):
        voice["cover"] = voice.get("cover", {}) | phrases
    else:
        voice.pop("cover", None)
    languages = row["languages"].split() or list(template.shared.languages)
    identity = {"id": row.kiosk, "number": number, "languages": languages}
    service = template.shared.service_phone
    site = _place(sheet, row) | ({"service_phone": service} if service else {})
    return {"kiosk": identity, "site": site, "voice": voice} | tables


def _place(sheet: Sheet, row: Row) -> dict[str, Any]:
    both = {what: {lang: row[f"{what}_{lang}"] for lang in ("kk", "ru")} for what in PLACE_WORDS}
    short = {lang: row[f"short_{lang}"] or row[f"address_{lang}"] for lang in ("kk", "ru")}
    place: dict[str, Any] = {
        "lat": _degrees(sheet, row, "lat"),
        "lon": _degrees(sheet, row, "lon"),
        "accuracy_m": _whole(sheet, row, "accuracy_m"),
        "kato": row["kato"],
        **both,
        "short": short | {"latin": row["short_latin"] or latin(short["ru"])[:SHORT_MAX].strip()},
    }
    return place | ({"phone": row["phone"]} if row["phone"] else {})


def _missing(sheet: Sheet, row: Row, template: Template) -> Iterator[Fault]:
    """Tell what the sheet must say and does not."""
    if row["voice"] not in MODES:
        yield sheet.fault(
            row, "voice", f"must be {', '.join(MODES[:-1])} or {MODES[-1]}: chosen for each shop, no default"
        )
    if row["profile"] not in template.tables:
        known = ", ".join(sorted(filter(None, template.tables))) or "there is none"
        yield sheet.fault(row, "profile", f"fleet.toml has no such profile; known: {known}")
    for lang in ("kk", "ru"):
        long = len(row[f"address_{lang}"])
        if not row[f"short_{lang}"] and long > SHORT_MAX:
            what = f"needed for SMS, at most {SHORT_MAX} letters, because the address has {long}"
            yield sheet.fault(row, f"short_{lang}", what)


def _placed(sheet: Sheet, row: Row, key: str, what: str) -> Fault:
    column = FROM_COLUMN.get(key.partition("[")[0], "")
    return sheet.fault(row, column, what) if column else sheet.fault(row, f"fleet.toml {key}".strip(), what)


def _split(line: str) -> tuple[str, str]:
    """Take a fault of the decoder apart: its line is that of a file that nobody has seen."""
    found = PROBLEM.match(line)
    if found is None or found[3] is None:
        return "", line
    return found[2] or "", found[3]


def _turned(names: list[str], number: int) -> list[str]:
    at = number % len(names)
    return names[at:] + names[:at]


def _whole(sheet: Sheet, row: Row, column: str) -> int:
    text = row[column]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Unfit([sheet.fault(row, column, "a whole number is expected")])
    return int(text)


def _degrees(sheet: Sheet, row: Row, column: str) -> float:
    try:
        return float(row[column].replace(",", "."))
    except ValueError:
        what = "a number of degrees is expected, like 43.23815"
        raise Unfit([sheet.fault(row, column, what)]) from None
