"""Own pyttsx3: one text becomes one WAV file in a child process that can be killed.

Run as `python -m kiosk.hw.tts` it is the child; imported, it is the parent's side. The driver never runs in
the caller's process: it hangs on a dead device, returns before its file exists and tells no error.
"""

import os
import signal
import subprocess
import sys
import threading
import wave
from pathlib import Path

import msgspec

from kiosk.hw.espeak import VOICES, is_voice_of
from kiosk.messages import Language, VoiceFailed

_WORD_GAP = 7  # espeakWORDGAP in speak_lib.h; pyttsx3 has no property for it
_REASON_CHARS = 300
_CHILD = (sys.executable, "-m", "kiosk.hw.tts")


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the child is to render."""

    text: str
    language: Language
    path: str
    deadline_s: float


def synthesise(
    text: str, language: Language, path: Path, *, deadline_s: float = 20.0, child: tuple[str, ...] = _CHILD
) -> None:
    """Render `text` to the mono WAV file `path` within `deadline_s` seconds.

    Raises VoiceFailed with the child's reason; then no file is left behind. The whole process group of the
    child is killed at the deadline. `child` is the command of the child.
    """
    part = path.with_name(path.name + ".part")
    order = Order(text=text, language=language, path=str(part), deadline_s=deadline_s)
    process = subprocess.Popen(
        child,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        try:
            said, noise = process.communicate(msgspec.json.encode(order), timeout=deadline_s)
        except subprocess.TimeoutExpired as error:
            raise VoiceFailed(f"pyttsx3: no file after {deadline_s:g} s for {path.name}; killed") from error
        if process.returncode != 0:
            reason = (said.strip() or noise.strip()).decode("utf-8", "replace")[-_REASON_CHARS:]
            raise VoiceFailed(f"pyttsx3: {path.name}: {reason or f'exit code {process.returncode}'}")
        frames_in(part)
        part.replace(path)
    finally:
        _kill_group(process)
        part.unlink(missing_ok=True)


def frames_in(path: Path) -> int:
    """Count the frames of a complete WAV file; VoiceFailed when it is missing, empty or cut short."""
    try:
        with wave.open(str(path), "rb") as sound:
            promised = sound.getnframes()
            width = sound.getsampwidth() * sound.getnchannels()
            held = len(sound.readframes(promised)) // width
    except (OSError, EOFError, wave.Error) as error:
        raise VoiceFailed(f"pyttsx3: {path.name} is no complete WAV file: {error}") from error
    if promised == 0 or held != promised:
        raise VoiceFailed(f"pyttsx3: {path.name} holds {held} of {promised} frames")
    return promised


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:  # a reaped child's number may belong to somebody else by now
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=5)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


def render_order(order: Order) -> str:
    """Speak into the file; return why not, or an empty text."""
    import pyttsx3  # noqa: PLC0415  the parent must not load the driver
    from pyttsx3.drivers import _espeak  # noqa: PLC0415

    looked, finished = threading.Event(), threading.Event()
    faults: list[str] = []
    engine = pyttsx3.init("espeak")
    # espeak-ng does on its own thread what the driver set for itself: of 300 files 9 had the driver's rate.
    _espeak.Synchronize()
    voice = VOICES[order.language]
    figures = {_espeak.RATE: voice.rate, _espeak.PITCH: voice.pitch, _WORD_GAP: voice.gap}

    def started(**_: object) -> None:
        for figure, value in figures.items():
            _espeak.SetParameter(figure, value, 0)
        _espeak.Synchronize()
        current = _espeak.dll.espeak_GetParameter  # pyttsx3's own asks for the defaults only
        if any(current(figure, 1) != value for figure, value in figures.items()):
            faults.append("espeak-ng did not take rate, pitch and gap")
        speaking = str(engine.getProperty("voice"))
        if not is_voice_of(order.language, speaking):
            faults.append(f"voice {speaking} would read {order.language} text; install espeak-ng-data")
        looked.set()

    engine.connect("started-utterance", started)
    engine.connect("finished-utterance", lambda **_: finished.set())
    engine.connect("error", lambda **said: faults.append(str(said["exception"])))
    engine.setProperty("voice", voice.name)
    engine.save_to_file(order.text, order.path)
    engine.runAndWait()
    if not faults and not finished.wait(order.deadline_s):
        faults.append("the engine never finished")
    if not faults and not looked.is_set():  # pyttsx3 swallows what a callback raises
        faults.append("nobody looked at which voice speaks")
    return "; ".join(faults)


def main() -> None:
    """Render the order on standard input; exit code 1 with the reason on standard output.

    Standard error is the driver's: its callbacks may print a traceback there at any moment.
    """
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    signal.setitimer(signal.ITIMER_REAL, order.deadline_s + 1)  # ends this process if the parent is gone
    try:
        reason = render_order(order)
    except (ImportError, RuntimeError, OSError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
    sys.stdout.write(reason)
    sys.stdout.flush()
    os._exit(1 if reason else 0)  # espeak-ng may assert or wait while it is torn down


if __name__ == "__main__":
    main()
