"""Cover phrases, which the sites wrote: rendered at the desk, each once, as the kiosk would render it."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.config import Config
from kiosk.hw.clips import Clip, Manifest, site_prompts
from kiosk.messages import VoiceFailed
from kiosk.prompts import COVER, Catalogue, Prompt

Phrase = tuple[str, str]  # language, words


@dataclass(frozen=True, slots=True)
class Sound:
    """A phrase as clips: its entry of the manifest, and the files."""

    clip: Clip
    files: Mapping[str, bytes]


def phrases_of(config: Config, words: Catalogue) -> tuple[Prompt, ...]:
    """List a site's cover phrases; none unless its voice is `cover`."""
    if config.voice.mode != "cover":
        return ()
    return tuple(prompt for prompt in site_prompts(config, words) if prompt.key == COVER)


def sounds(prompts: Iterable[Prompt], cache: Path) -> Mapping[Phrase, Sound]:
    """Render every phrase that is not in the cache yet. Raises VoiceFailed where one cannot be rendered."""
    done: dict[Phrase, Sound] = {}
    for prompt in prompts:
        phrase = (prompt.language, prompt.text)
        if phrase not in done:
            done[phrase] = _one(prompt, cache / hashlib.sha256("|".join(phrase).encode()).hexdigest()[:32])
    return done


def cache_folder() -> Path:
    """Name the folder in which rendered phrases stay from run to run (XDG base directories)."""
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(home or Path.home() / ".cache") / "pana-kiosk" / "covers"


def merged(release: Manifest, own: Iterable[Clip]) -> Manifest:
    """Give the manifest of a kiosk that has the release's clips and its own phrases."""
    return Manifest(clips=(*(clip for clip in release.clips if clip.key != COVER), *own))


def _one(prompt: Prompt, folder: Path) -> Sound:
    from kiosk.hw.render import Sources, render

    report = render(folder, (prompt,), Sources(human=folder / "none", piper={}))
    clip = report.manifest.clip(prompt.language, prompt.key)
    if clip is None:
        reason = "; ".join(report.problems) or "no sound came"
        raise VoiceFailed(f"the cover phrase {prompt.text!r} cannot be rendered: {reason}")
    return Sound(clip, {part.file: (folder / part.file).read_bytes() for part in clip.sentences})
