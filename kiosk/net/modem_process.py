"""The killable child that holds the modem: commands with a deadline, and what it tells unasked.

Owns one child process and the thread that reads it. Never waits past a deadline; never starts another
child by itself.
"""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import IO, Literal, cast

import msgspec

from kiosk.messages import ModemFailed

COMMAND = (sys.executable, "-m", "kiosk.net.gammu_child")
_LINE_MAX = 65536
_REAP_S = 1.0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the modem tells of itself, in gammu's words."""

    imei: str
    sim: str
    registration: str
    operator: str
    signal_dbm: int | None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The reference (TP-MR) that the network gave."""

    reference: int
    parts: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the child told unasked."""

    event: Literal["received", "reported", "ussd", "reading", "pin_refused", "pin_failed", "gone"]
    number: str = ""
    text: str | None = None
    reason: str = ""
    reference: int = 0
    status: int = 0
    place: int = 0


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    result: msgspec.Raw = msgspec.Raw(b"{}")
    error: str | None = None
    dead: bool = False


class Hung(ModemFailed):
    """The modem did not answer in time, its session was killed; what it was doing may have been done."""


class Ended(ModemFailed):
    """The session is dead: the child ended or the modem is gone."""


class ModemProcess:
    """Run the child; the reading thread calls `hear(told)`, and `ended(reason, crashed)` once at its end."""

    def __init__(
        self,
        hear: Callable[[Told], None],
        ended: Callable[[str, bool], None],
        *,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._hear = hear
        self._ended = ended
        self._answers: SimpleQueue[_Answer | None] = SimpleQueue()
        self._last_id = 0
        self._reason = ""
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self._reader = threading.Thread(target=self._read, name="modem-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Name the child's process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the child is there yet; one that still is after `close` hangs in the kernel."""
        return self._process.poll() is None

    def ask(self, do: str, *, deadline_s: float, **fields: object) -> msgspec.Raw:
        """Give one command and wait for its answer; raises Hung, Ended or ModemFailed (it was refused)."""
        self._last_id += 1
        line = msgspec.json.encode({"id": self._last_id, "do": do, **fields}) + b"\n"
        try:
            self._stdin.write(line)
            answer = self._answers.get(timeout=deadline_s)
        except Empty:
            self.kill()
            raise Hung(f"the modem did not answer `{do}` in {deadline_s:g} s") from None
        except (OSError, ValueError):
            answer = None
        if answer is None:
            self.kill()
            raise Ended(self._reason or "the modem's session ended")
        if answer.error is not None:
            if answer.dead:
                self.kill()
                raise Ended(answer.error)
            raise ModemFailed(answer.error)
        return answer.result

    def kill(self) -> None:
        """End the child by SIGKILL and wait until it is gone; idempotent."""
        self._process.kill()
        self._close_stdin()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP_S)

    def close(self, *, grace_s: float) -> None:
        """Let the child end by itself, kill it after `grace_s`; idempotent."""
        self._close_stdin()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
        if threading.current_thread() is not self._reader:
            self._reader.join(_REAP_S)

    def _close_stdin(self) -> None:
        with contextlib.suppress(OSError):
            self._stdin.close()

    def _read(self) -> None:
        with self._stdout as stream:
            pending = b""
            while chunk := stream.read(_LINE_MAX):
                *lines, pending = (pending + chunk).split(b"\n")
                if not all(self._take(line) for line in lines) or len(pending) > _LINE_MAX:
                    self._process.kill()
        code = self._process.wait()
        self._reason = self._reason or f"the modem's process ended with {code}"
        # told before whoever waits for an answer goes on: it may begin the next session at once
        self._ended(self._reason, code < 0 and code != -signal.SIGKILL)
        self._answers.put(None)

    def _take(self, line: bytes) -> bool:
        try:
            if line.startswith(b'{"id"'):
                self._answers.put(msgspec.json.decode(line, type=_Answer))
                return True
            told = msgspec.json.decode(line, type=Told)
        except msgspec.MsgspecError:
            self._reason = "the modem's process wrote something unreadable"
            return False
        if told.event == "gone":
            # gammu's own leave-taking from a dead modem takes long: do not wait for it
            self._reason = told.reason
            return False
        self._hear(told)
        return True
