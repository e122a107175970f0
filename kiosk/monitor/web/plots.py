"""Plots of a kiosk's heartbeats as SVG, drawn on the server by pygal: no script, a title and a description.

Owns their look and what they say in words; never reads the database.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pygal

from kiosk.monitor.store.history import COARSE_S, FINE_S, Beats
from kiosk.monitor.web import bars, times

What = Literal["beats", "signal", "temperature", "balance", "faults"]
WHATS: tuple[What, ...] = get_args(What)
Span = Literal["24h", "30d"]
SPANS: dict[str, tuple[int, int]] = {"24h": (FINE_S, 288), "30d": (COARSE_S, 720)}  # step in s, how many
FAULTS_MAX = 8  # rows of the plot; the table has them all
LABEL_MAX = 26
COLOURS: dict[What, str] = {
    "beats": "#1d6b3a", "signal": "#1f5fa8", "temperature": "#a8431f", "balance": "#5b3fa0",
    "faults": "#a11616",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """One step of a timeline; `told` is None where nothing was heard."""

    begins_s: int
    told: Beats | None


def slots(beats: Iterable[Beats], span: str, now_ms: int) -> tuple[Slot, ...]:
    """Lay spans onto a whole timeline that ends now."""
    step_s, count = SPANS[span]
    by_begin = {one.begins_s: one for one in beats}
    last_s = now_ms // 1000 // step_s * step_s
    return tuple(
        Slot(begins_s, by_begin.get(begins_s))
        for begins_s in range(last_s - (count - 1) * step_s, last_s + 1, step_s)
    )


def values(line: tuple[Slot, ...], what: What) -> list[float | None]:
    """Give one figure of every step; None where it was not told."""
    if what == "beats":
        most = max((slot.told.beats for slot in line if slot.told), default=0) or 1
        return [100 * slot.told.beats / most if slot.told else 0.0 for slot in line]
    pick: dict[str, Callable[[Beats], float | None]] = {
        "signal": lambda told: told.signal_dbm,
        "temperature": lambda told: told.temp_c,
        "balance": lambda told: told.balance_kzt,
        "faults": lambda told: float(len(told.faults)),
    }
    return [pick[what](slot.told) if slot.told else None for slot in line]


def codes(line: tuple[Slot, ...]) -> list[str]:
    """Give every fault that was seen, by name."""
    return sorted({code for slot in line if slot.told for code in slot.told.faults})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gist:
    """What a plot says in words: None and 0 where nothing was told."""

    least: float | None = None
    most: float | None = None
    newest: float | None = None
    heard_percent: int = 0
    gap_s: int = 0


def gist(line: tuple[Slot, ...], what: What) -> Gist:
    """Sum a plot up for those who do not see it."""
    told = [value for value in values(line, what) if value is not None]
    step_s = line[1].begins_s - line[0].begins_s if len(line) > 1 else 0
    heard = [bool(slot.told and slot.told.beats) for slot in line]
    gap = longest = 0
    for one in heard:
        gap = 0 if one else gap + 1
        longest = max(longest, gap)
    return Gist(
        least=min(told, default=None),
        most=max(told, default=None),
        newest=told[-1] if told else None,
        heard_percent=100 * sum(heard) // max(1, len(heard)),
        gap_s=longest * step_s,
    )


def draw(
    line: tuple[Slot, ...], what: What, span: str, *, title: str, text: str, name: Callable[[str], str]
) -> bytes:
    """Draw one plot; `name` words a fault's code."""
    chart = pygal.Line(**_look(what, span))
    chart.uuid = what
    chart.x_labels = [_label(slot.begins_s, span) for slot in line]
    if what == "faults":
        _rows(chart, line, name)
    else:
        chart.add(title, [None if value is None else round(value, 1) for value in values(line, what)])
    return bars.finish(chart, title, text)


def _look(what: What, span: str) -> dict[str, Any]:
    look_of = bars.style((COLOURS[what],) * FAULTS_MAX, opacity=".35", stroke_opacity="1", stroke_width="2")
    look: dict[str, Any] = {
        "width": 640, "height": 200, "style": look_of, "js": (), "show_legend": False, "show_dots": False,
        "allow_interruptions": True, "fill": what == "beats", "margin": 8, "spacing": 8,
        "x_labels_major_every": 48 if span == "24h" else 120, "show_minor_x_labels": False,
        "truncate_label": -1, "no_data_text": "—", "pretty_print": False,
    }  # fmt: skip
    if what == "beats":
        look |= {"range": (0, 100), "y_labels": [0, 50, 100]}
    if what == "faults":
        look |= {"show_dots": True, "dots_size": 2.5, "stroke_style": {"width": 5}}
    return look


def _rows(chart: Any, line: tuple[Slot, ...], name: Callable[[str], str]) -> None:
    shown = codes(line)[:FAULTS_MAX]
    said = {code: bars.plain(name(code)) for code in shown}
    chart.y_labels = [{"value": row, "label": said[code][:LABEL_MAX]} for row, code in enumerate(shown)]
    chart.range = (-0.5, max(0.5, len(shown) - 0.5))
    for row, code in enumerate(shown):
        chart.add(said[code], [row if slot.told and code in slot.told.faults else None for slot in line])


def _label(begins_s: int, span: str) -> str:
    text = times.local(begins_s * 1000)
    return text[11:16] if span == "24h" else text[:5]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table beside the plots: an hour of a day, or a day of a month."""

    begins_ms: int
    heard_percent: int
    signal_dbm: int | None
    temp_c: int | None
    balance_kzt: float | None
    faults: tuple[str, ...]


def table(line: tuple[Slot, ...], span: str) -> tuple[Row, ...]:
    """Give the same in figures, newest first."""
    step_ms = 3_600_000 if span == "24h" else times.DAY_MS
    groups: dict[int, list[Slot]] = {}
    for slot in line:
        local_ms = slot.begins_s * 1000 + 5 * 3_600_000
        groups.setdefault(local_ms // step_ms * step_ms - 5 * 3_600_000, []).append(slot)
    return tuple(_row(begins_ms, groups[begins_ms]) for begins_ms in sorted(groups, reverse=True))


def _row(begins_ms: int, group: list[Slot]) -> Row:
    told = [slot.told for slot in group if slot.told]
    balances = [one.balance_kzt for one in told if one.balance_kzt is not None]
    return Row(
        begins_ms=begins_ms,
        heard_percent=100 * sum(one.beats > 0 for one in told) // len(group),
        signal_dbm=min((one.signal_dbm for one in told if one.signal_dbm is not None), default=None),
        temp_c=max((one.temp_c for one in told if one.temp_c is not None), default=None),
        balance_kzt=balances[-1] if balances else None,
        faults=tuple(sorted({code for one in told for code in one.faults})),
    )
