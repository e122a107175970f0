"""Own the rendering of all prompts of a site into a folder of clips with a manifest.

Order of sources: a human recording, Piper where it is configured, pyttsx3. What is unchanged is kept; one
bad source is told and the next one is taken. Never imported by the daemon.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec

from kiosk.config import Config
from kiosk.hw import clips, mastering
from kiosk.hw.clips import Clip, Manifest, Sentence, site_prompts, text_sha256
from kiosk.hw.playlist import SENTENCE_PAUSE_S
from kiosk.hw.sources import Candidate, Sources, candidates
from kiosk.messages import ConfigError, VoiceFailed
from kiosk.prompts import Catalogue, Prompt

__all__ = ["Outcome", "Progress", "Report", "Sources", "render", "render_site"]

Outcome = Literal["kept", "rendered", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One more prompt is done."""

    done: int
    total: int
    prompt: Prompt
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a rendering came to; `problems` are sentences that name the file and what to do."""

    rendered: int
    kept: int
    problems: tuple[str, ...]
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    folder: Path
    sources: Sources
    before: Manifest
    scratch: Path
    problems: list[str]


def render_site(
    config: Config, catalogue: Catalogue, *, progress: Callable[[Progress], None] = lambda _: None
) -> Report:
    """Bring a site's clips up to date with its configuration and the catalogue; raises as `render`."""
    voice = config.voice
    models = {language: Path(model) for language, model in voice.piper.items()}
    sources = Sources(human=Path(voice.human), piper=models)
    return render(Path(voice.clips), site_prompts(config, catalogue), sources, progress=progress)


def render(
    folder: Path,
    prompts: Sequence[Prompt],
    sources: Sources,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Bring `folder` up to date with `prompts`; call `progress` after each prompt.

    Raises VoiceFailed when another rendering holds the folder or it cannot be written. The manifest is
    replaced last and at once; clips that the replaced one named stay until the next rendering, because a
    daemon may be playing them.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _sole(folder), TemporaryDirectory(prefix="kiosk-voice-") as scratch:
            work = _Work(
                folder=folder,
                sources=sources,
                before=_manifest_before(folder),
                scratch=Path(scratch),
                problems=[],
            )
            return _render_all(work, prompts, progress)
    except OSError as error:
        if isinstance(error, VoiceFailed):
            raise
        raise VoiceFailed(f"{folder}: clips cannot be written: {error.strerror or error}") from error


def _render_all(work: _Work, prompts: Sequence[Prompt], progress: Callable[[Progress], None]) -> Report:
    made: list[Clip] = []
    counts: dict[Outcome, int] = {"kept": 0, "rendered": 0, "failed": 0}
    for done, prompt in enumerate(prompts, start=1):
        clip, outcome = _one(work, prompt)
        if clip is not None:
            made.append(clip)
        counts[outcome] += 1
        progress(Progress(done=done, total=len(prompts), prompt=prompt, outcome=outcome))
    manifest = Manifest(clips=tuple(made))
    if manifest != work.before:
        clips.write_manifest(work.folder, manifest)
    clips.sweep(work.folder, manifest, work.before)
    return Report(
        rendered=counts["rendered"], kept=counts["kept"], problems=tuple(work.problems), manifest=manifest
    )


def _one(work: _Work, prompt: Prompt) -> tuple[Clip | None, Outcome]:
    old = work.before.clip(prompt.language, prompt.key)
    if old is not None and not _usable(work.folder, old, prompt):
        old = None
    for candidate in candidates(prompt, work.sources, work.problems):
        if old is not None and old.recipe == candidate.recipe:
            return msgspec.structs.replace(old, approved=prompt.approved), "kept"
        try:
            masters = [mastering.master(part) for part in candidate.sound(work.scratch)]
        except VoiceFailed as error:
            work.problems.append(f"{prompt.language} {prompt.key}: {error}")
            continue
        return _clip(work.folder, prompt, candidate, masters), "rendered"
    return old, "failed"


def _usable(folder: Path, clip: Clip, prompt: Prompt) -> bool:
    intact = not any(clips.faults(folder, Manifest(clips=(clip,))))
    return intact and clip.text_sha256 == text_sha256(prompt.text)


def _clip(folder: Path, prompt: Prompt, made: Candidate, masters: list[mastering.Master]) -> Clip:
    sentences: list[Sentence] = []
    end_s = -SENTENCE_PAUSE_S
    for number, sound in enumerate(masters, start=1):
        content = clips.wav_bytes(sound.pcm)
        sha256 = hashlib.sha256(content).hexdigest()
        name = f"{prompt.language}-{prompt.key}-{number}-{sha256[:12]}.wav"
        clips.write_durably(folder / name, content)
        end_s += SENTENCE_PAUSE_S + sound.duration_s
        sentences.append(
            Sentence(
                file=name,
                duration_s=sound.duration_s,
                end_s=round(end_s, 3),
                lufs=sound.lufs,
                true_peak_dbfs=sound.true_peak_dbfs,
                sha256=sha256,
            )
        )
    return Clip(
        language=prompt.language,
        key=prompt.key,
        text_sha256=text_sha256(prompt.text),
        recipe=made.recipe,
        source=made.source,
        voice=made.voice,
        approved=prompt.approved,
        sentences=tuple(sentences),
    )


def _manifest_before(folder: Path) -> Manifest:
    try:
        return clips.read_manifest(folder)
    except ConfigError:
        return Manifest(clips=())  # none yet, or one that cannot be trusted: render everything


@contextmanager
def _sole(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VoiceFailed(f"{folder}: another rendering is under way; wait for it to end") from error
        yield
