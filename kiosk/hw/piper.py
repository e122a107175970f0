"""Own the optional Piper command: one text becomes one WAV file in a child that is killed at its deadline.

Used only at provisioning, where a site installed `piper` and configured a model for the language.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import msgspec

from kiosk.messages import Language, VoiceFailed

_CALM = "1.15"  # length scale: a little slower than the speaker's own pace
_REASON_CHARS = 300


class _Espeak(msgspec.Struct):
    voice: str


class _Card(msgspec.Struct):
    espeak: _Espeak


def installed() -> bool:
    """Tell whether the `piper` command exists."""
    return shutil.which("piper") is not None


def assert_language(model: Path, language: Language) -> None:
    """Demand that the model's card (`<model>.json`) speaks `language`; VoiceFailed says what it speaks."""
    card = model.with_name(model.name + ".json")
    try:
        speaks = msgspec.json.decode(card.read_bytes(), type=_Card).espeak.voice
    except (OSError, msgspec.DecodeError) as error:
        raise VoiceFailed(f"piper: {card} is needed beside the model and cannot be read: {error}") from error
    if speaks.split("-")[0].lower() != language:
        raise VoiceFailed(f"piper: {model} speaks {speaks}, not {language}")


def synthesise(text: str, model: Path, path: Path, *, deadline_s: float = 120.0) -> None:
    """Render `text` to `path` within `deadline_s` seconds; raises VoiceFailed and leaves no file."""
    command = ["piper", "--model", str(model), "--length-scale", _CALM, "--output_file", str(path)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(text.encode("utf-8"), timeout=deadline_s)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        path.unlink(missing_ok=True)
        raise VoiceFailed(f"piper: no answer in {deadline_s:g} s; killed") from error
    if process.returncode != 0 or not path.exists():
        path.unlink(missing_ok=True)
        reason = said.decode("utf-8", "replace").strip()[-_REASON_CHARS:]
        raise VoiceFailed(f"piper: {reason or f'exit code {process.returncode}'}")
