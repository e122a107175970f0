"""Own the manifest of rendered clips: which file says which sentence, and whether it may be trusted.

Reads and replaces it atomically, so a power cut leaves the old clips or the new ones. Never renders.
"""

import hashlib
import io
import os
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from kiosk.config import Config
from kiosk.messages import ConfigError, Language
from kiosk.prompts import KEYS, Catalogue, Prompt, cover_prompts

MANIFEST = "manifest.json"
RATE_HZ = 48_000
LOUDNESS_LUFS = -23.0
LOUDNESS_TOLERANCE_LU = 0.5
TRUE_PEAK_LIMIT_DBFS = -2.0

Source = Literal["human", "piper", "pyttsx3"]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Sentence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file, 48 kHz mono s16; `end_s` counts from the prompt's start, pauses included."""

    file: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,80}\.wav$")]
    duration_s: Annotated[float, Meta(gt=0, le=60)]
    end_s: Annotated[float, Meta(gt=0, le=600)]
    lufs: float
    true_peak_dbfs: float
    sha256: Sha256


class Clip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One prompt in one language; `recipe` changes whenever it would sound different if rendered now."""

    language: Language
    key: Annotated[str, Meta(pattern=r"^[a-z_]{1,32}$")]
    text_sha256: Sha256
    recipe: Sha256
    source: Source
    voice: str
    approved: bool
    sentences: Annotated[tuple[Sentence, ...], Meta(min_length=1, max_length=8)]


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All clips of one folder."""

    clips: tuple[Clip, ...]
    v: Literal[1] = 1

    def clip(self, language: str, key: str) -> Clip | None:
        """Find one clip, or None."""
        return next((clip for clip in self.clips if clip.language == language and clip.key == key), None)


def text_sha256(text: str) -> str:
    """Give the hash that ties a clip to the words it says."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def file_sha256(path: Path) -> str:
    """Give the hash of a file's content; OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest; ConfigError names the file, the key and what to do."""
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no clips yet; run `kiosk voice render`") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}; run `kiosk voice render`") from error


def faults(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Tell every file that is missing, damaged or out of limits; reads all files, so not for a daemon."""
    for clip in manifest.clips:
        for sentence in clip.sentences:
            path = folder / sentence.file
            try:
                intact = file_sha256(path) == sentence.sha256
            except OSError as error:
                yield f"{path}: {error.strerror}"
                continue
            if not intact:
                yield f"{path}: is damaged"
            if abs(sentence.lufs - LOUDNESS_LUFS) > LOUDNESS_TOLERANCE_LU:
                yield f"{path}: loudness {sentence.lufs:.1f} LUFS"
            if sentence.true_peak_dbfs > TRUE_PEAK_LIMIT_DBFS:
                yield f"{path}: true peak {sentence.true_peak_dbfs:.1f} dBFS"


def wav_bytes(pcm: bytes) -> bytes:
    """Wrap 48 kHz mono s16 samples as a WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(pcm)
    return content.getvalue()


def read_pcm(path: Path) -> bytes:
    """Read a clip's samples; ConfigError when it is not a whole 48 kHz mono s16 WAV file."""
    try:
        with wave.open(str(path), "rb") as sound:
            form = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            pcm = sound.readframes(sound.getnframes())
            whole = len(pcm) == 2 * sound.getnframes() > 0
    except (OSError, EOFError, wave.Error) as error:
        raise ConfigError(f"{path}: is no clip: {error}") from error
    if form != (RATE_HZ, 1, 2) or not whole:
        raise ConfigError(f"{path}: is no whole 48 kHz mono s16 clip")
    return pcm


def site_prompts(config: Config, catalogue: Catalogue) -> tuple[Prompt, ...]:
    """List every prompt that a site may say, its own cover phrase last."""
    languages = config.kiosk.languages
    cover = config.voice.cover
    phrases = {"kk": cover.kk, "ru": cover.ru} if cover is not None else {}
    own = cover_prompts({language: phrases[language] for language in languages if language in phrases})
    return (*(catalogue.prompt(language, key) for language in languages for key in KEYS), *own)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step that survives a power cut (pitfall 34)."""
    write_durably(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def write_durably(path: Path, content: bytes) -> None:
    """Write a file beside `path`, fsync it, rename it over `path` and fsync the folder."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sweep(folder: Path, *keep: Manifest) -> None:
    """Delete clip files and leftovers that none of the manifests `keep` names."""
    named = {sentence.file for manifest in keep for clip in manifest.clips for sentence in clip.sentences}
    for path in (*folder.glob("*.wav"), *folder.glob(".*.part")):
        if path.name not in named:
            path.unlink(missing_ok=True)
