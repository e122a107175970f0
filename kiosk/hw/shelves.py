"""Own where clips lie: with the version, in its slot, and in the site's own folder; and which says a prompt.

An update lays the new version's clips into the new slot, so each finds its own, also after going back.
Reads only.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.hw.clips import Clip, Manifest, Source, read_manifest, text_sha256
from kiosk.messages import ConfigError
from kiosk.prompts import Prompt

QUALITY: dict[Source, int] = {"pyttsx3": 0, "piper": 1, "human": 2}


@dataclass(frozen=True, slots=True)
class Shelf:
    """One folder and what is in it; `problem` says why it cannot be read."""

    folder: Path
    manifest: Manifest
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A clip, and the folder of its files."""

    folder: Path
    clip: Clip


def version_folder() -> Path:
    """Name the folder of the clips that came with the version which runs: install-slot lays them there."""
    return Path(sys.prefix) / "voice"


def open_shelves(folders: Iterable[Path]) -> tuple[Shelf, ...]:
    """Read the manifests of folders, the version's own first."""
    return tuple(map(_open, folders))


def _open(folder: Path) -> Shelf:
    try:
        return Shelf(folder, read_manifest(folder))
    except ConfigError as error:
        return Shelf(folder, Manifest(clips=()), str(error))


def choice(shelves: Sequence[Shelf], prompt: Prompt) -> Found | None:
    """Choose the clip of a prompt's very words: the better source, among equals the first folder's."""
    words = text_sha256(prompt.text)
    fitting = [found for found in candidates(shelves, prompt) if found.clip.text_sha256 == words]
    return max(fitting, key=lambda found: QUALITY[found.clip.source], default=None)


def candidates(shelves: Sequence[Shelf], prompt: Prompt) -> tuple[Found, ...]:
    """List the clips of a prompt, whatever words they say."""
    found = ((shelf.folder, shelf.manifest.clip(prompt.language, prompt.key)) for shelf in shelves)
    return tuple(Found(folder, clip) for folder, clip in found if clip is not None)
