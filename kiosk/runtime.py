"""The loop that turns the core, and one worker thread for each blocking device.

Owns the queue, the threads and the clock that is read into `Now`. Never decides anything, and lets no
device's fault, hang or exception reach the loop: each becomes an event.
"""

import gc
import logging
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from ulid import ULID

from kiosk.effects import Effect, Stop
from kiosk.messages import DeviceError, KioskEvent, Now, Woken, WorkerFailed, WorkerRecovered
from kiosk.ports import Post

log = logging.getLogger(__name__)
D = TypeVar("D")
TURN_MAX_S = 1.0  # a turn at least that often
FED_EVERY_S = 1.0  # the watchdog; a word after each turn of a busy second would crowd out what is said once
JOBS_MAX = 512
BUSY_MAX_S = 150.0  # longer than every device's own deadline


# CPython lets a busy thread keep the others waiting for 5 ms; an alert passes through three of them.
SWITCH_S = 0.0002


def hand_on_soon() -> None:
    """Let the process's threads take turns within `SWITCH_S` seconds."""
    sys.setswitchinterval(SWITCH_S)


# Of a storm of messages a seventh of the time went into looking for cycles that are not there (measured).
CYCLES_AFTER = (50_000, 20, 50)


def collect_seldom() -> None:
    """Let the garbage collector pass over all that was loaded so far, and look at the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*CYCLES_AFTER)


def read_now() -> Now:
    """Read time and chance for one turn of the core."""
    return Now(
        s=time.monotonic(),
        utc_ms=time.time_ns() // 1_000_000,
        chance=random.random(),  # noqa: S311 - jitter of heartbeats, no secret
        fresh_id=str(ULID()),
    )


Failed = Callable[[str], KioskEvent | None]


class Worker(Generic[D]):
    """One device, built, used and closed on one thread; `submit` never blocks."""

    def __init__(
        self,
        name: str,
        make: Callable[[], D],
        post: Post,
        *,
        broken: Failed,
        busy_max_s: float = BUSY_MAX_S,
    ) -> None:
        self.name = name
        self._busy_max_s = busy_max_s
        self._make = make
        self._post = post
        self._broken = broken
        self._device: D | None = None
        self._jobs: deque[tuple[str, Callable[[D], None], Failed | None]] = deque()
        self._lock = threading.Condition()
        self._busy_since_s: float | None = None
        self._failed = self._hung = self._closing = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> "Worker[D]":
        """Start the thread; the device is built on it at the first job."""
        self._thread.start()
        return self

    def submit(self, job: Callable[[D], None], *, newest: str = "", failed: Failed | None = None) -> None:
        """Queue a job; one with the same `newest` key that still waits is replaced.

        `failed` names the event to post when the job raises, beside the worker's own.
        """
        with self._lock:
            if newest:
                self._jobs = deque(waiting for waiting in self._jobs if waiting[0] != newest)
            if len(self._jobs) >= JOBS_MAX:
                self._jobs.popleft()
            self._jobs.append((newest, job, failed))
            self._lock.notify()

    def at_once(self, job: Callable[[D], None], *, newest: str = "", failed: Failed | None = None) -> None:
        """Do a job that never blocks on the calling thread; queue it while the device is not built yet.

        It saves an alert the wait for one more thread.
        """
        if self._device is None or self._closing:
            self.submit(job, newest=newest, failed=failed)
        else:
            self._do(job, failed)

    def check(self, now_s: float) -> None:
        """Say once that a job hangs, and once that it came back."""
        since_s = self._busy_since_s
        hung = since_s is not None and now_s - since_s > self._busy_max_s
        if hung and not self._hung:
            self._post(WorkerFailed(self.name, f"busy for more than {self._busy_max_s:.0f} s"))
        self._hung = hung or self._hung

    def close(self, close: Callable[[D], None], *, timeout_s: float, finish: bool = False) -> None:
        """Let the thread close its device after the job under way; wait at most `timeout_s`.

        With `finish` what waits is done first, else it is dropped.
        """
        with self._lock:
            self._closing = True
            if not finish:
                self._jobs.clear()
            self._jobs.append(("", close, None))
            self._lock.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._jobs:
                    self._lock.wait()
                _, job, failed = self._jobs.popleft()
                last = self._closing and not self._jobs
            if last and self._device is None:
                return
            self._busy_since_s = time.monotonic()
            self._do(job, failed)
            self._busy_since_s = None
            if last:
                return

    def _do(self, job: Callable[[D], None], failed: Failed | None) -> None:
        try:
            if self._device is None:
                self._device = self._make()
            job(self._device)
        except Exception as error:  # noqa: BLE001 - a driver's bug must not end the kiosk; it is told
            self._tell(error, failed)
        else:
            if self._failed or self._hung:
                self._failed = self._hung = False
                self._post(WorkerRecovered(self.name))

    def _tell(self, error: Exception, failed: Failed | None) -> None:
        expected = isinstance(error, DeviceError)
        reason = f"{type(error).__name__}: {error}"[:200]
        level = logging.WARNING if expected else logging.ERROR
        log.log(level, "worker=%s failed reason=%s", self.name, reason, exc_info=not expected)
        for make in (self._broken, failed):
            event = make(reason) if make else None
            if event is not None:
                self._post(event)
        if not expected:
            self._post(WorkerFailed(self.name, reason))
        self._failed = True  # last: a job on another thread may end now, and must not say "recovered" before


class Brain(Protocol):
    """What the loop turns: the core."""

    def start(self, now: Now) -> list[Effect]:
        """Begin."""

    def handle(self, event: KioskEvent, now: Now) -> list[Effect]:
        """Take in one event."""

    def next_wake_s(self) -> float:
        """Give the next time at which a turn is needed."""


class Loop:
    """Event in, effects out, on the calling thread, until a Stop."""

    def __init__(
        self,
        core: Brain,
        execute: Callable[[Effect], None],
        *,
        queue: SimpleQueue[KioskEvent],
        workers: Sequence[Worker[Any]] = (),
        progress: Callable[[], object] = lambda: None,
        now: Callable[[], Now] = read_now,
    ) -> None:
        self._core = core
        self._execute = execute
        self._workers = workers
        self._progress = progress
        self._now = now
        self._queue = queue
        self._stop: Stop | None = None
        self._feed_s = float("-inf")

    def post(self, event: KioskEvent) -> None:
        """Queue an event from any thread or signal handler; never blocks."""
        self._queue.put(event)

    def stop(self, code: int, reason: str) -> None:
        """End the loop after the turn under way; callable from a signal handler."""
        self._stop = Stop(code, reason)
        self._queue.put(Woken())

    def run(self) -> Stop:
        """Turn until a Stop; an exception of the core is not caught: the journal and systemd follow."""
        self._carry_out(self._core.start(self._now()))
        while self._stop is None:
            wait_s = min(max(self._core.next_wake_s() - time.monotonic(), 0.0), TURN_MAX_S)
            try:
                event = self._queue.get(timeout=wait_s)
            except Empty:
                event = Woken()
            now = self._now()
            self._carry_out(self._core.handle(event, now))
            for worker in self._workers:
                worker.check(now.s)
            if now.s >= self._feed_s:
                self._feed_s = now.s + FED_EVERY_S
                self._progress()
        return self._stop

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Stop):
                self._stop = effect
                continue
            try:
                self._execute(effect)
            except Exception:
                log.exception("effect=%s could not be handed over", type(effect).__name__)
