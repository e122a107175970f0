"""Own where a prompt's sound may come from, best first: a human recording, Piper, pyttsx3.

Tells a bad source and goes on to the next; never writes a clip.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from kiosk.hw import mastering, piper, tts
from kiosk.hw.clips import Source, file_sha256, text_sha256
from kiosk.hw.espeak import VOICES
from kiosk.messages import Language, VoiceFailed
from kiosk.prompts import Prompt

_MASTERING = "1"  # raised when the same source would come out of `mastering` differently


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where voices come from: the folder of human recordings, and Piper models by language."""

    human: Path
    piper: Mapping[str, Path]
    speak: Callable[[str, Language, Path], None] = tts.synthesise


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One source of one prompt; `sound` makes its sentences in a scratch folder, or raises VoiceFailed."""

    source: Source
    voice: str
    recipe: str
    sound: Callable[[Path], list[mastering.Samples]]


def candidates(prompt: Prompt, sources: Sources, problems: list[str]) -> Iterator[Candidate]:
    """Offer the sources that a prompt has, best first; what is wrong with one is added to `problems`."""
    language = prompt.language
    recording = sources.human / language / f"{prompt.key}.wav"
    model = sources.piper.get(language)
    if recording.exists():
        yield Candidate(
            source="human",
            voice=recording.name,
            recipe=_recipe(prompt, "human", _content(recording)),
            sound=lambda _: mastering.split(mastering.read_recording(recording), len(prompt.sentences)),
        )
    if model is not None and piper.installed():
        try:
            piper.assert_language(model, language)
        except VoiceFailed as error:
            problems.append(f"{language} {prompt.key}: {error}")
        else:
            yield Candidate(
                source="piper",
                voice=model.name,
                recipe=_recipe(prompt, "piper", _identity(model)),
                sound=lambda scratch: _spoken(
                    prompt, scratch, lambda text, path: piper.synthesise(text, model, path)
                ),
            )
    yield Candidate(
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
