"""The loop and its workers: hangs, exceptions and floods of a device stay its own."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from queue import SimpleQueue

import pytest
from fakes.mqtt_bench import PATIENCE_S, Ear

from kiosk import runtime
from kiosk.bodies import Token
from kiosk.effects import Effect, ReadBoard, Stop, Tell
from kiosk.messages import (
    DeviceError,
    JournalBroke,
    KioskEvent,
    Now,
    SmsFailed,
    StatusAsked,
    Woken,
    WorkerFailed,
    WorkerRecovered,
)
from kiosk.runtime import BUSY_MAX_S, JOBS_MAX, TURN_MAX_S, Loop, Worker, read_now

Device = list[str]


class Bench:
    """One worker around a list that notes what was done to it, and a gate that holds its thread."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.device: Device = []
        self.made = 0
        self.unmakeable: Exception | None = None
        self.gate = threading.Event()
        self.worker: Worker[Device] = Worker("thing", self._make, self.ear, broken=JournalBroke)

    def _make(self) -> Device:
        self.made += 1
        if self.unmakeable is not None:
            raise self.unmakeable
        return self.device

    def hold(self) -> None:
        """Let a job hang until `gate` is set; returns once it hangs."""
        hangs = threading.Event()

        def job(_: Device) -> None:
            hangs.set()
            self.gate.wait(PATIENCE_S)

        self.worker.submit(job)
        assert hangs.wait(PATIENCE_S)

    def note(self, what: str, *, newest: str = "") -> None:
        self.worker.submit(lambda device: device.append(what), newest=newest)

    def fail(self, error: Exception) -> None:
        def job(_: Device) -> None:
            raise error

        self.worker.submit(job, failed=lambda reason: SmsFailed(Token("t"), reason))

    def close_while_it_hangs(self, *, finish: bool) -> None:
        """Begin to close, then let the hanging job end."""
        closing = threading.Thread(
            target=lambda: self.worker.close(
                lambda device: device.append("closed"), timeout_s=PATIENCE_S, finish=finish
            )
        )
        closing.start()
        while not self.worker._closing:
            self.gate.wait(0.001)
        self.gate.set()
        closing.join(PATIENCE_S)

    def idle(self) -> None:
        """Wait until all that was submitted is done, and told."""
        done = threading.Event()
        self.worker.submit(lambda _: done.set())
        assert done.wait(PATIENCE_S)
        while self.worker._busy_since_s is not None:
            time.sleep(0.001)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.worker.start()
    yield bench
    bench.gate.set()
    bench.worker.close(lambda _: None, timeout_s=PATIENCE_S)


# ---- a worker


def test_jobs_are_done_in_order_on_one_thread_that_is_not_ours(bench: Bench) -> None:
    threads: list[str] = []
    for what in "abc":
        bench.note(what)
        bench.worker.submit(lambda _: threads.append(threading.current_thread().name))
    bench.idle()
    assert bench.device == ["a", "b", "c"]
    assert set(threads) == {"thing"}
    assert bench.made == 1


def test_submitting_never_waits_for_a_device_that_hangs(bench: Bench) -> None:
    bench.hold()
    for number in range(1000):
        bench.note(str(number))
    assert bench.device == []
    bench.gate.set()
    bench.idle()
    assert bench.device[-1] == "999"


def test_what_waits_is_bounded_and_the_newest_stays(bench: Bench) -> None:
    bench.hold()
    for number in range(JOBS_MAX + 100):
        bench.note(str(number))
    bench.gate.set()
    bench.idle()
    assert len(bench.device) <= JOBS_MAX
    assert bench.device[-1] == str(JOBS_MAX + 99)


def test_of_jobs_with_one_key_only_the_newest_is_done(bench: Bench) -> None:
    """Pitfall 12: heartbeats that wait are replaced, other jobs keep their place."""
    bench.hold()
    bench.note("hb 1", newest="hb")
    bench.note("alert")
    bench.note("hb 2", newest="hb")
    bench.note("lamp", newest="show")
    bench.gate.set()
    bench.idle()
    assert bench.device == ["alert", "hb 2", "lamp"]


def test_an_expected_error_is_an_event_and_the_worker_goes_on(bench: Bench) -> None:
    bench.fail(DeviceError("disk full"))
    assert bench.ear.hear(JournalBroke).reason == "DeviceError: disk full"
    assert bench.ear.hear(SmsFailed).reason == "DeviceError: disk full"
    bench.note("after")
    bench.idle()
    assert bench.device == ["after"]
    assert bench.ear.all(WorkerFailed) == []


def test_an_unexpected_error_is_told_with_its_worker_and_cleared_by_the_next_success(bench: Bench) -> None:
    bench.fail(KeyError("x" * 500))
    failed = bench.ear.hear(WorkerFailed)
    assert failed.worker == "thing"
    assert failed.reason.startswith("KeyError: ")
    assert len(failed.reason) == 200
    bench.idle()
    assert bench.ear.hear(WorkerRecovered).worker == "thing"


def test_a_failure_that_concerns_nobody_else_is_told_once(bench: Bench) -> None:
    bench.worker.submit(lambda _: None, failed=lambda _: None)

    def job(_: Device) -> None:
        raise DeviceError("no")

    bench.worker.submit(job, failed=lambda _: None)
    bench.ear.hear(JournalBroke)
    bench.idle()
    assert [type(event) for event in bench.ear.events] == [JournalBroke, WorkerRecovered]


def test_a_device_that_cannot_be_made_is_made_anew_at_the_next_job(bench: Bench) -> None:
    bench.unmakeable = DeviceError("not there yet")
    bench.note("lost")
    bench.ear.hear(JournalBroke)
    bench.unmakeable = None
    bench.note("kept")
    bench.idle()
    assert bench.device == ["kept"]
    assert bench.made == 2


def test_a_job_that_hangs_is_told_once_and_so_is_its_end(bench: Bench) -> None:
    bench.hold()
    since_s = bench.worker._busy_since_s
    assert since_s is not None
    bench.worker.check(since_s + BUSY_MAX_S - 5)
    assert bench.ear.all(WorkerFailed) == []
    for _ in range(3):
        bench.worker.check(time.monotonic() + BUSY_MAX_S + 1)
    assert [failed.reason for failed in bench.ear.all(WorkerFailed)] == ["busy for more than 150 s"]
    bench.gate.set()
    bench.ear.hear(WorkerRecovered)
    bench.idle()
    bench.worker.check(time.monotonic())
    assert len(bench.ear.all(WorkerRecovered)) == 1


def test_a_job_that_may_take_long_is_not_called_hung() -> None:
    """Rendering all clips takes minutes on a small board."""
    bench = Bench()
    bench.worker = Worker("render", lambda: bench.device, bench.ear, broken=JournalBroke, busy_max_s=900)
    bench.worker.start()
    bench.hold()
    bench.worker.check(time.monotonic() + 800)
    assert bench.ear.all(WorkerFailed) == []
    bench.worker.check(time.monotonic() + 1000)
    assert bench.ear.hear(WorkerFailed).reason == "busy for more than 900 s"
    bench.gate.set()
    bench.worker.close(lambda _: None, timeout_s=PATIENCE_S)


def test_closing_drops_what_waits_and_closes_the_device_on_its_own_thread(bench: Bench) -> None:
    bench.note("first")
    bench.idle()
    bench.hold()
    bench.note("dropped")
    bench.close_while_it_hangs(finish=False)
    assert bench.device == ["first", "closed"]


def test_closing_can_finish_what_waits_first(bench: Bench) -> None:
    """The newest snapshot of an open incident must reach the disk before the journal is closed."""
    bench.note("first")
    bench.idle()
    bench.hold()
    bench.note("save")
    bench.close_while_it_hangs(finish=True)
    assert bench.device == ["first", "save", "closed"]


def test_closing_waits_no_longer_than_it_was_told_for_a_device_that_hangs(bench: Bench) -> None:
    bench.hold()
    bench.worker.close(lambda device: device.append("closed"), timeout_s=0.01)
    assert bench.device == []


def test_a_device_that_was_never_used_is_not_made_to_be_closed(bench: Bench) -> None:
    bench.worker.close(lambda device: device.append("closed"), timeout_s=PATIENCE_S)
    assert bench.made == 0


def test_a_worker_that_never_started_can_be_closed() -> None:
    bench = Bench()
    bench.worker.close(lambda device: device.append("closed"), timeout_s=0.0)
    assert bench.device == []


def test_an_error_at_closing_is_told_and_ends_the_thread(bench: Bench) -> None:
    bench.idle()

    def close(_: Device) -> None:
        raise DeviceError("will not close")

    bench.worker.close(close, timeout_s=PATIENCE_S)
    assert bench.ear.hear(JournalBroke).reason == "DeviceError: will not close"


def test_a_job_that_never_blocks_need_not_wait_for_the_thread(bench: Bench) -> None:
    bench.idle()
    bench.hold()
    bench.worker.at_once(lambda device: device.append("alert"))
    assert bench.device == ["alert"]


def test_a_device_that_is_not_built_yet_is_built_on_its_own_thread(bench: Bench) -> None:
    bench.worker.at_once(lambda device: device.append(threading.current_thread().name))
    bench.idle()
    assert bench.device == ["thing"]


def test_an_error_of_a_job_at_once_stays_with_the_device(bench: Bench) -> None:
    bench.idle()

    def job(_: Device) -> None:
        raise RuntimeError("choked")

    bench.worker.at_once(job, failed=lambda reason: SmsFailed(Token("t"), reason))
    assert [type(event) for event in bench.ear.events] == [JournalBroke, SmsFailed, WorkerFailed]


# ---- the loop


class Brain:
    """A core that gives what it is told to give for each event."""

    def __init__(self, think: Callable[[KioskEvent], list[Effect]]) -> None:
        self.think = think
        self.seen: list[KioskEvent] = []
        self.wake_s = float("inf")
        self.first: list[Effect] = []

    def start(self, now: Now) -> list[Effect]:
        return self.first

    def handle(self, event: KioskEvent, now: Now) -> list[Effect]:
        self.seen.append(event)
        return self.think(event)

    def next_wake_s(self) -> float:
        return self.wake_s


def run(
    brain: Brain, execute: Callable[[Effect], None] = lambda _: None, *events: KioskEvent, **more: object
) -> Loop:
    queue: SimpleQueue[KioskEvent] = SimpleQueue()
    loop = Loop(brain, execute, queue=queue, **more)  # type: ignore[arg-type]
    for event in events:
        loop.post(event)
    return loop


ASKED = StatusAsked(Token("a"))


def at(now_s: float) -> Now:
    return Now(s=now_s, utc_ms=0, chance=0.5, fresh_id="x")


def test_effects_are_carried_out_in_their_order_until_a_stop() -> None:
    done: list[Effect] = []
    brain = Brain(lambda event: [Tell("one"), Tell("two"), Stop(75, "ordered")] if event == ASKED else [])
    brain.first = [ReadBoard()]
    assert run(brain, done.append, ASKED).run() == Stop(75, "ordered")
    assert done == [ReadBoard(), Tell("one"), Tell("two")]


def test_an_effect_that_cannot_be_handed_over_stops_neither_the_next_nor_the_loop() -> None:
    done: list[Effect] = []

    def execute(effect: Effect) -> None:
        if effect == Tell("one"):
            raise RuntimeError("a bug in the wiring")
        done.append(effect)

    brain = Brain(lambda _: [Tell("one"), Tell("two"), Stop(0, "")])
    run(brain, execute, ASKED).run()
    assert done == [Tell("two")]


def test_an_error_of_the_core_ends_the_loop_and_feeds_no_watchdog() -> None:
    fed: list[None] = []

    def think(event: KioskEvent) -> list[Effect]:
        if event == ASKED:
            raise ZeroDivisionError
        return []

    loop = run(Brain(think), lambda _: None, Woken(), ASKED, progress=lambda: fed.append(None))
    with pytest.raises(ZeroDivisionError):
        loop.run()
    assert len(fed) == 1, "only the healthy turn before fed it"


def test_the_watchdog_is_fed_after_a_turn_and_not_at_the_start() -> None:
    order: list[str] = []
    seconds = count(100.0, runtime.FED_EVERY_S)

    def think(event: KioskEvent) -> list[Effect]:
        order.append("turn")
        return [Stop(0, "")] if event == ASKED else []

    loop = run(
        Brain(think), lambda _: None, Woken(), ASKED,
        progress=lambda: order.append("fed"), now=lambda: at(next(seconds)),
    )  # fmt: skip
    loop.run()
    assert order == ["turn", "fed"] * 2


def test_a_busy_second_feeds_the_watchdog_once() -> None:
    """Ten words that nobody read yet fill the manager's queue: the next, told once, would be lost."""
    fed: list[float] = []
    seconds = count(100.0, 0.125)
    now = at(100.0)

    def tick() -> Now:
        nonlocal now
        now = at(next(seconds))
        return now

    brain = Brain(lambda event: [Stop(0, "")] if event == ASKED else [])
    events = [*[Woken()] * 23, ASKED]
    run(brain, lambda _: None, *events, progress=lambda: fed.append(now.s), now=tick).run()
    assert fed == [100.125, 101.125, 102.125]


def test_stopping_wakes_the_loop_and_gives_the_code() -> None:
    brain = Brain(lambda _: [])
    loop = run(brain)
    loop.stop(0, "SIGTERM")
    assert loop.run() == Stop(0, "SIGTERM")


def test_a_stop_from_a_signal_handler_ends_a_sleeping_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "TURN_MAX_S", PATIENCE_S)
    brain = Brain(lambda _: [])
    loop = run(brain)
    stopper = threading.Thread(target=lambda: loop.stop(0, "SIGTERM"))
    monkeypatch.setattr(brain, "next_wake_s", lambda: stopper.start() or float("inf"))
    assert loop.run().reason == "SIGTERM"
    assert brain.seen == [Woken()]
    stopper.join()


def test_a_wake_time_that_has_come_is_a_turn_without_an_event() -> None:
    brain = Brain(lambda _: [Stop(0, "")])
    brain.wake_s = time.monotonic() - 5
    run(brain).run()
    assert brain.seen == [Woken()]


def test_it_never_sleeps_longer_than_the_watchdog_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 37: the core may want nothing for a day; systemd asks for a sign within 10 s."""
    assert TURN_MAX_S <= 10 / 5
    monkeypatch.setattr(runtime, "TURN_MAX_S", 0.0)
    brain = Brain(lambda _: [Stop(0, "")])
    run(brain).run()
    assert brain.seen == [Woken()]


def test_the_loop_looks_after_its_workers(bench: Bench) -> None:
    bench.hold()
    times = iter([0.0, time.monotonic() + BUSY_MAX_S + 1])

    def now() -> Now:
        return at(next(times))

    run(Brain(lambda _: [Stop(0, "")]), lambda _: None, ASKED, workers=[bench.worker], now=now).run()
    assert bench.ear.hear(WorkerFailed).worker == "thing"


def test_each_now_has_its_own_id_and_chance() -> None:
    first, second = read_now(), read_now()
    assert first.fresh_id != second.fresh_id
    assert len(first.fresh_id) == 26
    assert 0 <= first.chance < 1
    assert first.s <= second.s <= time.monotonic()
    assert abs(first.utc_ms - time.time() * 1000) < 60_000
