"""Own the rendering of all prompts of a site into a folder of clips with a manifest.

Order of sources: a human recording, Piper where it is configured, pyttsx3. What is unchanged is kept; one
bad source is told and the next one is taken. Never imported by the daemon.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec

from kiosk.hw import clips, mastering, piper, tts
from kiosk.hw.clips import Clip, Manifest, Sentence, Source, file_sha256, text_sha256
from kiosk.hw.espeak import VOICES
from kiosk.hw.playlist import SENTENCE_PAUSE_S
from kiosk.messages import ConfigError, Language, VoiceFailed
from kiosk.prompts import Prompt

_MASTERING = "1"  # raised when the same source would come out of `mastering` differently

Outcome = Literal["kept", "rendered", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where voices come from: the folder of human recordings, and Piper models by language."""

    human: Path
    piper: Mapping[str, Path]
    speak: Callable[[str, Language, Path], None] = tts.synthesise


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    source: Source
    voice: str
    recipe: str
    sound: Callable[[Path], list[mastering.Samples]]


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
    for candidate in _candidates(work, prompt):
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


def _candidates(work: _Work, prompt: Prompt) -> Iterator[_Candidate]:
    language, sources = prompt.language, work.sources
    recording = sources.human / language / f"{prompt.key}.wav"
    model = sources.piper.get(language)
    if recording.exists():
        yield _Candidate(
            source="human",
            voice=recording.name,
            recipe=_recipe(prompt, "human", _content(recording)),
            sound=lambda _: mastering.split(mastering.read_recording(recording), len(prompt.sentences)),
        )
    if model is not None and piper.installed():
        try:
            piper.assert_language(model, language)
        except VoiceFailed as error:
            work.problems.append(f"{language} {prompt.key}: {error}")
        else:
            yield _Candidate(
                source="piper",
                voice=model.name,
                recipe=_recipe(prompt, "piper", _identity(model)),
                sound=lambda scratch: _spoken(
                    prompt, scratch, lambda text, path: piper.synthesise(text, model, path)
                ),
            )
    yield _Candidate(
        source="pyttsx3",
        voice=f"espeak-ng/{VOICES[language].name}",
        recipe=_recipe(prompt, "pyttsx3", f"{version('pyttsx3')} {VOICES[language]}"),
        sound=lambda scratch: _spoken(
            prompt, scratch, lambda text, path: sources.speak(text, language, path)
        ),
    )


def _spoken(prompt: Prompt, scratch: Path, speak: Callable[[str, Path], None]) -> list[mastering.Samples]:
    path = scratch / "sentence.wav"
    sounds = []
    for sentence in prompt.sentences:
        speak(sentence, path)
        sounds.append(mastering.read_recording(path))
        path.unlink()
    return sounds


def _clip(folder: Path, prompt: Prompt, made: _Candidate, masters: list[mastering.Master]) -> Clip:
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


def _recipe(prompt: Prompt, source: str, identity: str) -> str:
    return text_sha256(f"{_MASTERING}\n{source}\n{identity}\n{prompt.text}")


def _content(recording: Path) -> str:
    try:
        return file_sha256(recording)
    except OSError as error:
        return f"unreadable: {error.strerror}"  # reading it as sound will tell the same, with its name


def _identity(model: Path) -> str:
    try:
        stat = model.stat()
    except OSError as error:
        return f"unreadable: {error.strerror}"
    return f"{model} {stat.st_size} {stat.st_mtime_ns}"


@contextmanager
def _sole(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VoiceFailed(f"{folder}: another rendering is under way; wait for it to end") from error
        yield
