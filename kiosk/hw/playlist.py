"""Decide what sounds next: the sentence under way ends, then the newest true thing is said.

Pure values and functions without time, threads or files; `kiosk.hw.voice` acts on what they return.
Only a cut or a hush may end a sentence; a stale prompt is never said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from kiosk.messages import Language
from kiosk.prompts import COVER

Mode = Literal["spoken", "cover", "off"]

SENTENCE_PAUSE_S = 0.35  # a calm reader's breath between two sentences of one language
ONLY_SPOKEN = frozenset({"trying"})  # it says that help was not reached: only where no aggressor listens
ANSWERS = frozenset({"received", "accepted", "en_route", "on_scene"})  # each says more than "already given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a site speaks; `sentences` counts the sentences of each (language, key) that it has."""

    mode: Mode
    languages: tuple[Language, ...]
    gap_s: float
    sentences: Mapping[tuple[Language, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One sentence to play; `sentence` counts from 0."""

    key: str
    language: Language
    sentence: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence of `s` seconds before the next decision."""

    s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Playlist:
    """What is being said (`rest` is still to come), what is newest, and how long it has been quiet."""

    saying: str | None = None
    rest: tuple[Line, ...] = ()
    newest: str | None = None
    heard: Language | None = None
    quiet_s: float = 0.0


def ask(rules: Rules, playlist: Playlist, key: str, *, cut: bool = False) -> tuple[Playlist, bool]:
    """Make `key` the newest true thing to say; True when the sentence under way must stop at once.

    What is already being said goes on and is not begun again. A further press is answered by the news that
    somebody heard, where that is pending or being said. In cover mode every key becomes the cover
    phrase, said once however many states pass meanwhile.
    """
    if rules.mode == "off" or (key in ONLY_SPOKEN and rules.mode != "spoken"):
        return playlist, False
    if key == "pressed_again" and (playlist.newest or playlist.saying) in ANSWERS:
        return playlist, False  # whoever presses in fright must not lose the news that somebody heard
    wanted = COVER if rules.mode == "cover" else key
    if playlist.saying == wanted:
        return replace(playlist, newest=None), False
    if not _lines(rules, wanted):
        return playlist, False
    if cut and rules.mode == "spoken":
        return Playlist(newest=wanted), playlist.saying is not None
    return replace(playlist, newest=wanted), False


def hush(playlist: Playlist) -> tuple[Playlist, bool]:
    """Forget everything; True when something is being said and must stop at once."""
    return Playlist(), playlist.saying is not None


def drop(playlist: Playlist) -> Playlist:
    """Give up what is being said (it cannot be played); what came newer is kept."""
    return Playlist(newest=playlist.newest)


def step(rules: Rules, playlist: Playlist) -> tuple[Playlist, Line | Pause | None]:
    """Return what to do now that nothing sounds: play a line, be quiet for a while, or wait (None)."""
    if playlist.newest is not None:
        lines = _lines(rules, playlist.newest)
        playlist = replace(playlist, saying=playlist.newest, rest=lines, newest=None)
    wanted_s = _silence_before(rules, playlist)
    if playlist.quiet_s < wanted_s:
        return replace(playlist, quiet_s=wanted_s), Pause(round(wanted_s - playlist.quiet_s, 3))
    if not playlist.rest:
        return Playlist(), None
    line, *rest = playlist.rest
    return replace(playlist, rest=tuple(rest), heard=line.language, quiet_s=0.0), line


def _silence_before(rules: Rules, playlist: Playlist) -> float:
    if playlist.heard is None:
        return 0.0
    if playlist.rest and playlist.rest[0].language != playlist.heard:
        return rules.gap_s
    return SENTENCE_PAUSE_S


def _lines(rules: Rules, key: str) -> tuple[Line, ...]:
    return tuple(
        Line(key=key, language=language, sentence=sentence)
        for language in rules.languages
        for sentence in range(rules.sentences.get((language, key), 0))
    )
