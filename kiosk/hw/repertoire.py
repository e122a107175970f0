"""Know what a site can say: which sentence is a clip on disk and which must be spoken live.

Reads the manifests, never raises: what is missing, stale or damaged is spoken live instead.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.hw.clips import MANIFEST
from kiosk.hw.shelves import Shelf, choice, open_shelves
from kiosk.messages import Language
from kiosk.prompts import Prompt

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """One sentence: its words, and the clip that says them if there is one."""

    text: str
    clip: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repertoire:
    """All sentences of a site by (language, key); `mark` changes when the clips were rendered anew."""

    pieces: Mapping[tuple[Language, str], tuple[Piece, ...]]
    mark: int


def open_repertoire(folder: Path, prompts: Sequence[Prompt], *, version: Path | None = None) -> Repertoire:
    """Match the site's prompts with the clips of `folder` and those that came with the `version`.

    The kernel is asked to read them ahead.
    """
    mark = current_mark(folder)
    shelves = open_shelves((*(() if version is None else (version,)), folder))
    if all(shelf.problem for shelf in shelves):
        log.warning("voice clips=none reason=%s", shelves[-1].problem)
    pieces = {(prompt.language, prompt.key): _pieces(shelves, prompt) for prompt in prompts}
    for parts in pieces.values():
        for piece in parts:
            _read_ahead(piece.clip)
    return Repertoire(pieces=pieces, mark=mark)


def spoken_live(prompts: Sequence[Prompt]) -> Repertoire:
    """Give what can be said before any clip has been looked for; reads nothing."""
    return Repertoire(pieces={(prompt.language, prompt.key): _live(prompt) for prompt in prompts}, mark=-1)


def current_mark(folder: Path) -> int:
    """Give a figure that changes when the manifest is replaced; 0 when there is none."""
    try:
        stat = (folder / MANIFEST).stat()
    except OSError:
        return 0
    return stat.st_mtime_ns ^ stat.st_ino


def _pieces(shelves: Sequence[Shelf], prompt: Prompt) -> tuple[Piece, ...]:
    found = choice(shelves, prompt)
    texts = prompt.sentences
    if found is None:
        return _live(prompt)
    sentences = found.clip.sentences
    if len(sentences) == 1:
        texts = (prompt.text,)  # a recording without a pause to cut at
    elif len(sentences) != len(texts):
        return _live(prompt)
    return tuple(Piece(text, found.folder / part.file) for text, part in zip(texts, sentences, strict=True))


def _live(prompt: Prompt) -> tuple[Piece, ...]:
    return tuple(Piece(text, None) for text in prompt.sentences)


def _read_ahead(clip: Path | None) -> None:
    if clip is None:
        return
    try:
        fd = os.open(clip, os.O_RDONLY)
    except OSError:
        return  # told when it is to be played, and spoken live
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(fd)
