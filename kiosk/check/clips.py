"""The clip set on disk against the words that this site must be able to say.

Reads every file. Never renders, never plays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kiosk.check.row import Row, fault, ok, unused, warning
from kiosk.config import Config
from kiosk.hw.clips import MANIFEST, Manifest, faults, site_prompts
from kiosk.hw.shelves import Shelf, candidates, choice, open_shelves, version_folder
from kiosk.messages import Language
from kiosk.prompts import Catalogue, Prompt

NAMED = 6  # lines named in one row; the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of this site; `stale` is a clip of other words, `lufs` its quietest or loudest sentence."""

    key: str
    language: Language
    state: Literal["ok", "missing", "stale"]
    source: str
    voice: str
    lufs: float | None
    approved: bool


def lines_of(config: Config, words: Catalogue) -> list[Line]:
    """List every line that this site may say, with what is known of its clip."""
    shelves = _shelves(config)
    return [_line(prompt, shelves) for prompt in site_prompts(config, words)]


def _shelves(config: Config) -> tuple[Shelf, ...]:
    return open_shelves((version_folder(), Path(config.voice.clips)))


def _line(prompt: Prompt, shelves: Sequence[Shelf]) -> Line:
    current = choice(shelves, prompt)
    clip = next((found.clip for found in (current, *candidates(shelves, prompt)) if found), None)
    return Line(
        key=prompt.key,
        language=prompt.language,
        state="missing" if clip is None else "ok" if current else "stale",
        source=clip.source if clip else "",
        voice=clip.voice if clip else "",
        lufs=max((part.lufs for part in clip.sentences), key=lambda lufs: abs(lufs + 23)) if clip else None,
        approved=prompt.approved,
    )


def check_clips(config: Config, words: Catalogue) -> list[Row]:
    """Judge the clips: damaged, missing or of other words, not yet approved by a native speaker."""
    if config.voice.mode == "off":
        return [unused("clips")]
    rows = []
    shelves = _shelves(config)
    lines = lines_of(config, words)
    unread = [shelf.problem for shelf in shelves if shelf.problem and (shelf.folder / MANIFEST).exists()]
    if unread or all(shelf.problem for shelf in shelves):
        rows.append(warning("clips", "clips_none", reason="; ".join(unread) or shelves[-1].problem))
    else:
        damaged = _damaged(shelves, site_prompts(config, words))
        if damaged:
            rows.append(fault("clips", "clips_damaged", count=len(damaged), which=_named(damaged)))
        wanting = [f"{line.language} {line.key}" for line in lines if line.state != "ok"]
        if wanting:
            rows.append(warning("clips", "clips_missing", count=len(wanting), which=_named(wanting)))
    if not rows:
        rows.append(ok("clips", "clips_ok", count=len(lines), languages=", ".join(config.kiosk.languages)))
    unapproved = [f"{line.language} {line.key}" for line in lines if not line.approved]
    if unapproved:
        rows.append(warning("words", "words_unapproved", count=len(unapproved), which=", ".join(unapproved)))
    else:
        rows.append(ok("words", "words_ok", count=len(lines)))
    return rows


def _damaged(shelves: Sequence[Shelf], prompts: Sequence[Prompt]) -> list[str]:
    """Name every file of a clip that would be played and cannot be."""
    used = [found for found in (choice(shelves, prompt) for prompt in prompts) if found]
    return [text for found in used for text in faults(found.folder, Manifest(clips=(found.clip,)))]


def _named(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" … +{more}" if more > 0 else "")
