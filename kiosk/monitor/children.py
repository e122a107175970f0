"""The centre's other processes: pages and HTTPS doors, started again whenever they end or stand still.

They hold nothing that an alert by MQTT needs: whatever becomes of them, the centre goes on.
"""

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

LOG = logging.getLogger(__name__)
FIRST_REST_S, LONGEST_REST_S = 0.5, 30.0
STABLE_S = 60.0
STOP_S = 3.0
LIFE = "PANA_LIFE_FD"  # names the pipe on which a child's own event loop shows that it turns
STEP_S = 1.0  # silence counts in our own steps: a machine that stood still says nothing about a child
SILENT_STEPS, FIRST_STEPS = 30, 600  # a start may wait for tables that are brought up to date


def sign_of_life() -> Callable[[], None]:
    """Give what a child's event loop calls each second or so; it does nothing where nobody watches."""
    name = os.environ.pop(LIFE, "")
    if not name:
        return lambda: None
    pipe = int(name)
    os.set_blocking(pipe, False)
    os.set_inheritable(pipe, False)

    def sign() -> None:
        with suppress(OSError):  # full, or the centre is gone
            os.write(pipe, b".")

    return sign


class Child:
    """One process `kiosk monitor NAME …`, kept running until `close`."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, listen: Callable[[IO[bytes]], None] | None = None
    ) -> None:
        """Name the process; `listen` takes in what it writes, on this child's own thread."""
        self._listen = listen
        self._name = name
        self._command = [sys.executable, "-m", "kiosk", "monitor", *arguments]
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=f"child-{name}", daemon=True)

    def open(self) -> None:
        """Start it, and again when it ends; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """End it; idempotent; returns within 7 s."""
        self._closing.set()
        for number in (signal.SIGTERM, signal.SIGKILL):
            process = self._process  # anew each time: one may just have been born
            if process is not None and process.poll() is None:
                process.send_signal(number)
            if self._thread.is_alive():
                self._thread.join(STOP_S)  # it reaps; were it to stand still, closing would still go on

    def _run(self) -> None:
        rest_s = FIRST_REST_S
        while not self._closing.is_set():
            began_s = time.monotonic()
            try:
                code: int | str = self._serve()
            except OSError as error:
                code = str(error)
            except Exception as error:
                LOG.exception("child=%s failed", self._name)
                code = type(error).__name__
            if self._closing.is_set():
                return
            LOG.error("child=%s ended=%s", self._name, code)
            stable = time.monotonic() - began_s >= STABLE_S
            rest_s = FIRST_REST_S if stable else min(rest_s * 2, LONGEST_REST_S)
            self._closing.wait(rest_s)

    def _serve(self) -> int:
        """Run the process once; gives its exit code."""
        out = None if self._listen is None else subprocess.PIPE
        life, own = os.pipe()
        try:
            try:
                self._process = process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=out,
                    pass_fds=(own,), env={**os.environ, LIFE: str(own)},
                )  # fmt: skip
            finally:
                os.close(own)
            if self._closing.is_set():  # `close` may have looked before there was a process
                process.terminate()
            if process.stdout is not None and self._listen is not None:
                with process.stdout:
                    self._hear(process.stdout, self._listen)
                process.terminate()
            else:
                self._watch(process, life)
            return process.wait()
        finally:
            os.close(life)

    def _hear(self, stream: IO[bytes], listen: Callable[[IO[bytes]], None]) -> None:
        """Listen; whatever that trips over, the process must not go on unheard."""
        try:
            listen(stream)
        except Exception:
            LOG.exception("child=%s listen=failed", self._name)

    def _watch(self, process: subprocess.Popen[bytes], life: int) -> None:
        """Return when the process has ended, killed once it showed no life: its port stays with it else."""
        poll = select.poll()
        poll.register(life, select.POLLIN)
        left = FIRST_STEPS
        while left and process.poll() is None:
            if not poll.poll(STEP_S * 1000):
                left -= 1
            elif os.read(life, 4096):
                left = SILENT_STEPS
            else:
                return
        if not left:
            LOG.error("child=%s hangs: killed", self._name)
            process.kill()
