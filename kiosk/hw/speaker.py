"""Own the one child that sounds (aplay) and the one that speaks live (espeak-ng); decide nothing.

Each child has a deadline, can be stopped within milliseconds and is killed with its whole group.
Sound is handed to aplay through its standard input, so a dead parent falls silent by itself.
"""

import fcntl
import logging
import math
import os
import select
import signal
import subprocess
import time
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from kiosk.hw.espeak import live_command
from kiosk.messages import Language, VoiceFailed

log = logging.getLogger(__name__)

MARGIN_S = 3.0  # beyond a sound's own length: opening a device (a sound server took up to 0.6 s) and draining
LIVE_DEADLINE_S = 3.0  # espeak-ng needs 22 ms for a sentence, 0.2 s at a tenth of a core
_KILLED_S = 0.3  # a killed child that is not gone after this hangs in the kernel and is left behind
_MAX_STUCK = 2
_REAP_S = 1.0
_BUFFERS = ("-F", "25000", "-B", "400000")  # us; aplay fills its last period up with silence, so: a short one
_CHUNK = 8192
_MOST_BYTES = 8 << 20
_REASON_CHARS = 200
_GLANCE_S = 0.25

Ended = Literal["ended", "stopped"]


@dataclass(frozen=True, slots=True)
class Pcm:
    """Mono s16 samples."""

    samples: bytes
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / 2 / self.rate_hz


@dataclass(frozen=True, slots=True)
class Stop:
    """How a running child learns that it is no longer wanted: `fd` wakes, `asked` tells whether to end."""

    fd: int
    asked: Callable[[], bool]


class Speaker:
    """Plays one sound at a time on an ALSA device (by name, never by number); used by one thread."""

    def __init__(
        self, device: str, *, gain_db: float = 0.0, environ: Mapping[str, str] | None = None
    ) -> None:
        self._device = device
        self._gain = 10 ** (min(gain_db, 0.0) / 20)
        self._environ = {**os.environ, **(environ or {})}
        self._stuck: list[subprocess.Popen[bytes]] = []

    def play(self, sound: Pcm, stop: Stop, began: Callable[[], None] = lambda: None) -> Ended:
        """Play to the end or until asked to stop; `began` is called once the device takes the sound.

        Raises VoiceFailed when there is no device or aplay, or when it is not done in its time.
        """
        form = [*_BUFFERS, "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(sound.rate_hz), "-"]
        command = ["aplay", "-q", "-D", self._device, *form]
        child = _Child(command, sound.samples, self._environ, gain=self._gain, began=began)
        return self._run(child, stop, sound.duration_s + MARGIN_S)

    def speak(self, text: str, language: Language, stop: Stop) -> Pcm | None:
        """Synthesise `text` in the very voice of `language`; None when asked to stop; raises VoiceFailed."""
        child = _Child(live_command(language), text.encode("utf-8"), self._environ)
        if self._run(child, stop, LIVE_DEADLINE_S) == "stopped":
            return None
        return _pcm(bytes(child.said))

    def close(self) -> None:
        """Wait a moment for the killed children that were left behind; else they stay as zombies."""
        for process in self._stuck:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_REAP_S)

    def _run(self, child: "_Child", stop: Stop, deadline_s: float) -> Ended:
        self._stuck = [process for process in self._stuck if process.poll() is None]
        if len(self._stuck) >= _MAX_STUCK:
            raise VoiceFailed(f"sound device {self._device} hangs in the kernel; replug or restart it")
        child.start()
        try:
            return child.serve(stop, time.monotonic() + deadline_s)
        finally:
            if not child.end():
                self._stuck.append(child.process)


class _Child:
    """One process that is fed, listened to and killed; no call blocks longer than its deadline."""

    def __init__(
        self,
        command: list[str],
        feed: bytes,
        environ: Mapping[str, str],
        *,
        gain: float = 1.0,
        began: Callable[[], None] = lambda: None,
    ) -> None:
        self.said = bytearray()
        self._command = command
        self._chunk = b""
        self._rest = memoryview(feed)
        self._gain = gain
        self._environ = environ
        self._began: Callable[[], None] | None = began
        self._room = 0  # bytes that the child's pipe can still hold if nobody takes any
        self._complaint = bytearray()
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=pipe, env=self._environ, process_group=0
            )
        except OSError as error:
            raise VoiceFailed(
                f"{self._command[0]} cannot be started: {error.strerror}; install it"
            ) from error

    def serve(self, stop: Stop, deadline_s: float) -> Ended:
        stdin, stdout, stderr = self._pipes()
        self._room = fcntl.fcntl(stdin, fcntl.F_GETPIPE_SZ)
        for pipe in (stdin, stdout, stderr):
            os.set_blocking(pipe, False)
        poller = select.poll()
        poller.register(stdin, select.POLLOUT)
        for fd in (stdout, stderr, stop.fd):
            poller.register(fd, select.POLLIN)
        open_ends = 2
        while open_ends:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise VoiceFailed(f"{self._command[0]} was not done in its time; killed")
            for fd, _ in poller.poll(min(left_s, _GLANCE_S) * 1000):
                if fd == stop.fd:
                    if stop.asked():
                        return "stopped"
                elif fd == stdin:
                    if self._fed(stdin):
                        poller.unregister(stdin)
                        self._close_stdin()
                elif not _read(fd, self.said if fd == stdout else self._complaint):
                    poller.unregister(fd)
                    open_ends -= 1
        return self._result(deadline_s)

    def end(self) -> bool:
        """Kill the group if it still runs and release everything; False when even that did not end it."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        try:
            self.process.wait(_KILLED_S)
        except subprocess.TimeoutExpired:
            log.exception("voice child=%s state=unkillable", self._command[0])
        self._close_stdin()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return self.process.returncode is not None

    def _pipes(self) -> tuple[int, int, int]:
        stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        assert stdin is not None and stdout is not None and stderr is not None  # noqa: S101, PT018  just opened
        return stdin.fileno(), stdout.fileno(), stderr.fileno()

    def _fed(self, stdin: int) -> bool:
        """Hand over what fits; True when all is handed over or nobody takes it."""
        try:
            while self._chunk or self._rest:
                if not self._chunk:
                    self._chunk = self._quieter(self._rest[:_CHUNK])
                    self._rest = self._rest[_CHUNK:]
                count = os.write(stdin, self._chunk)
                self._chunk = self._chunk[count:]
                self._room -= count
                if self._room < 0:
                    self._tell_began()  # more than a pipe holds is handed over: the device takes sound
        except BlockingIOError:
            return False
        except BrokenPipeError:
            pass
        return True

    def _quieter(self, chunk: memoryview) -> bytes:
        """Lower one chunk just before it is handed over, so that the first one is not delayed by the rest."""
        if math.isclose(self._gain, 1.0):
            return bytes(chunk)
        return array("h", [int(value * self._gain) for value in array("h", bytes(chunk))]).tobytes()

    def _result(self, deadline_s: float) -> Ended:
        try:
            code = self.process.wait(max(deadline_s - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired as error:
            raise VoiceFailed(f"{self._command[0]} was not done in its time; killed") from error
        if code != 0:
            reason = " ".join(self._complaint.decode("utf-8", "replace").split())[:_REASON_CHARS]
            raise VoiceFailed(f"{self._command[0]} ended with {code}: {reason or 'no reason given'}")
        self._tell_began()  # shorter than the pipe, and played
        return "ended"

    def _tell_began(self) -> None:
        began, self._began = self._began, None
        if began is not None:
            began()

    def _close_stdin(self) -> None:
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()


def _read(fd: int, into: bytearray) -> bool:
    """Take what is there; False at the end of the stream."""
    try:
        data = os.read(fd, 1 << 16)
    except BlockingIOError:
        return True
    into += data[: _MOST_BYTES - len(into)]
    return bool(data)


def _pcm(wav: bytes) -> Pcm:
    """Take the samples out of espeak-ng's stream; its header cannot know the length."""
    start = wav.find(b"data")
    if not wav.startswith(b"RIFF") or start < 0 or len(wav) <= start + 8:
        raise VoiceFailed("espeak-ng gave no sound")
    samples = wav[start + 8 :]
    return Pcm(samples[: len(samples) // 2 * 2], int.from_bytes(wav[24:28], "little"))
