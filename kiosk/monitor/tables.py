"""Alerts and kiosks as tables for a terminal.

Owns their look and nothing else. Outside text is stripped of control letters: it must not drive the terminal.
"""

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

Word = Callable[[str], str]
View = dict[str, Any]

STAGE_STYLE = {"received": "bold red", "accepted": "yellow", "en_route": "cyan", "on_scene": "green"}
LIFE_STYLE = {"online": "green", "silent": "bold red", "stopped": "yellow"}
DRILL_STYLE = "bold black on yellow"
TAIL = 6  # letters of an alert's id that are enough to name it


def clean(text: object) -> str:
    """Make outside text safe for a terminal: one line, printable."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def alerts(found: list[View], word: Word, language: str) -> Table:
    """Lay alerts out, one a row."""
    table = Table(title=word("alerts_title"))
    for column in ("alert", "stage", "kiosk", "place", "pressed", "presses", "path", "notes", "by"):
        table.add_column(word(f"column_{column}"))
    place_language = "kk" if language == "kk" else "ru"
    for view in found:
        place = view["place"]
        where = f"{place['name'][place_language]}, {place['address'][place_language]}"
        stage = Text(word(f"stage_{view['stage']}"), style=STAGE_STYLE.get(view["stage"], ""))
        if view["drill"]:
            stage = Text(word("drill"), style=DRILL_STYLE) + Text(" ") + stage
        table.add_row(
            clean(view["alert_id"][-TAIL:]),
            stage,
            clean(view["kiosk_id"]),
            clean(f"{where} ({place['entrance'][place_language]})"),
            clean(view["pressed_at"][:19].replace("T", " ")),
            str(view["presses"]),
            clean(view["path"]),
            clean(", ".join(_notes(view, word))),
            clean(view["by"]),
        )
    return table


def _notes(view: View, word: Word) -> list[str]:
    notes = [word("tamper")] if view["kind"] == "tamper" else []
    if view["late"]:
        notes.append(f"{word('late')} {view['age_s']} s")
    if view["clock"] != "synced":
        notes.append(word(f"clock_{view['clock']}"))
    return notes


def kiosks(found: list[View], word: Word) -> Table:
    """Lay kiosks out, one a row."""
    table = Table(title=word("kiosks_title"))
    for column in ("kiosk", "life", "since", "state", "faults", "notes", "version"):
        table.add_column(word(f"column_{column}"))
    for view in found:
        beat = view["heartbeat"] or {}
        life = word(f"life_{view['life']}") + (f" ({word('why_' + view['why'])})" if view["why"] else "")
        table.add_row(
            clean(view["kiosk_id"]),
            Text(life, style=LIFE_STYLE.get(view["life"], "")),
            clean(view["since"][:19].replace("T", " ")),
            clean(beat.get("state", "")),
            clean(", ".join(beat.get("faults", ()))),
            clean(", ".join(_kiosk_notes(view, word))),
            clean(view["version"]),
        )
    return table


def _kiosk_notes(view: View, word: Word) -> list[str]:
    notes = [word("twin")] if view["twin"] else []
    if view["missing_alerts"]:
        notes.append(f"{word('missing')} {', '.join(str(number) for number in view['missing_alerts'])}")
    if view["refused"]:
        notes.append(f"{word('refused')} {view['refused']}")
    return notes


def event(seen: View) -> str:
    """Write one event of the watch as a line."""
    rest = " ".join(
        f"{name}={value}" for name, value in seen.items() if name not in {"what", "at", "level", "drill"}
    )
    drill = "DRILL " if seen.get("drill") is True else ""
    return clean(f"{seen.get('at', '')} {drill}{seen.get('what', '')} {rest}")
