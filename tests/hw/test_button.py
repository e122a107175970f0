"""The kiosk's contacts on our own factory: what goes wrong, and that the pure core can use what they post."""

import sys
import threading
import types
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes.gpio_bench import PATIENCE_S, GpioBench, Heard
from gpiod.line import Edge
from gpiozero.pins.mock import MockFactory, MockPin

from kiosk import press
from kiosk.config import Button, Gpio
from kiosk.config import Contact as ContactSettings
from kiosk.hw import edges
from kiosk.hw.button import Contact, GpioInputs
from kiosk.hw.edges_limit import FREE
from kiosk.hw.gpio import PinSource
from kiosk.hw.gpiopin import LibgpiodPin
from kiosk.messages import EdgeSeen, InputLost, InputName, KioskEvent, LevelRead, WorkerFailed
from kiosk.press import Press, Rules

COUNTER, TAMPER = InputName("counter"), InputName("tamper")


class Site:
    """A counter button on GPIO17 and a tamper contact on GPIO27, on a simulated Pi."""

    def __init__(self, folder: Path) -> None:
        self.bench = GpioBench(folder)
        self.posted = Heard()
        self.pins = PinSource(Gpio(), makers={"libgpiod": lambda _: self.bench.factory})
        self.inputs = GpioInputs(
            self.posted, {COUNTER: Button(name="counter", pin=17), TAMPER: ContactSettings(pin=27)}, self.pins
        )

    def lost(self) -> list[InputLost]:
        return [event for event in self.posted.calls if isinstance(event, InputLost)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.inputs.close()
    made.pins.close()


def test_a_vanished_chip_is_posted_once_for_every_input(site: Site) -> None:
    """Pitfall 18b: ButtonLost event, reopen."""
    site.inputs.open()
    site.bench.chip.vanish()
    site.posted.wait(4)
    site.inputs.read()
    assert {lost.input for lost in site.lost()} == {COUNTER, TAMPER}
    assert len(site.posted.calls) == 4
    assert "does not answer: No such device" in site.lost()[0].reason


def test_a_chip_that_came_back_is_opened_again_on_request(site: Site) -> None:
    site.inputs.open()
    site.bench.chip.vanish()
    site.posted.wait(4)
    site.inputs.reopen(COUNTER)
    assert isinstance(site.posted.wait(5)[4], InputLost)
    site.bench.chip.come_back()
    site.inputs.reopen(COUNTER)
    site.bench.chip.drive(17, False)
    again, edge = site.posted.wait(7)[5:]
    assert isinstance(again, LevelRead)
    assert isinstance(edge, EdgeSeen)


def test_a_chip_that_vanishes_unseen_is_found_by_the_next_read(site: Site) -> None:
    """Older kernels do not wake the poll: the level re-check finds it."""
    site.inputs.open()
    site.bench.chip.present = False
    site.inputs.read()
    assert {lost.input for lost in site.lost()} == {COUNTER, TAMPER}


def test_lost_edges_make_the_level_be_read_again(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Pitfall 18b: a gap triggers a level re-read."""
    site.inputs.open()
    request = site.bench.chip.wires[17].request
    assert request is not None
    request._seqno += 3
    site.bench.chip.drive(17, False)
    edge, read = site.posted.wait(4)[2:]
    assert isinstance(edge, EdgeSeen)
    assert read == LevelRead(input=COUNTER, high=False, at_s=read.at_s)
    assert "edges_lost=3" in caplog.text


def test_a_board_whose_chip_is_not_there_yet_is_posted_and_opened_later(site: Site) -> None:
    site.bench.chip.present = False
    site.inputs.open()
    assert [type(event) for event in site.posted.calls] == [InputLost, InputLost]
    assert "gpio.factory = 'libgpiod'" in site.lost()[0].reason
    site.bench.chip.come_back()
    site.inputs.reopen(TAMPER)
    assert isinstance(site.posted.wait(3)[2], LevelRead)


def test_a_line_held_by_another_program_says_whose_it_is(site: Site) -> None:
    site.bench.chip.occupy(27, "w1-gpio")
    site.inputs.open()
    (lost,) = site.lost()
    assert lost.input == TAMPER
    assert "in use by w1-gpio" in lost.reason


def test_a_line_that_cannot_tell_edges_is_posted_as_lost(site: Site) -> None:
    site.bench.chip.without_edges = True
    site.inputs.open()
    assert {lost.input for lost in site.lost()} == {COUNTER, TAMPER}
    assert site.bench.chip.wires[17].consumer == ""


def test_a_dead_reader_is_noticed_and_reopening_cures_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 17: liveness check; with lgpio even a new Button stayed deaf."""

    def die(*_: object) -> None:
        raise MemoryError("what no guard can catch")

    site.inputs.open()
    with monkeypatch.context() as patch:
        patch.setattr(edges.EdgeReader, "_serve", die)
        patch.setattr(threading, "excepthook", lambda _: None)
        site.bench.chip.drive(17, False)
        reader = site.pins.factory().reader
        reader._thread.join(PATIENCE_S)
    site.inputs.read()
    assert {lost.reason for lost in site.lost()} == {"the thread that waits for edges died"}
    site.inputs.reopen(COUNTER)
    before = len(site.posted.calls)
    site.bench.chip.drive(17, True)
    assert isinstance(site.posted.wait(before + 1)[before], EdgeSeen)


def test_a_failing_post_costs_one_edge_and_not_the_button(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 17."""
    bench, posted = GpioBench(tmp_path), Heard()

    def post(event: KioskEvent) -> None:
        posted(event)
        if isinstance(event, EdgeSeen) and not event.high:
            raise RuntimeError("a bug in the core's door")

    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: bench.factory})
    inputs = GpioInputs(post, {COUNTER: Button(name="counter", pin=17)}, pins)
    inputs.open()
    bench.chip.drive(17, False)
    posted.wait(2)
    bench.chip.drive(17, True)
    posted.wait(3)
    inputs.close()
    pins.close()
    assert "a bug in the core's door" in caplog.text


def test_no_driver_s_thread_ever_sees_an_exception_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """Pitfall 17: lgpio has no guard of its own."""

    def post(event: KioskEvent) -> None:
        raise RuntimeError("a bug in the core's door")

    Contact(COUNTER, device=None, post=post, clock=lambda: 1.0)._changed(0.5, 1)
    assert "a bug in the core's door" in caplog.text


def test_the_kernel_is_asked_for_raw_edges(site: Site) -> None:
    """Pitfalls 13 and 14: no debounce but the core's."""
    site.inputs.open()
    settings = site.bench.chip.wires[17].settings
    assert settings.debounce_period == timedelta()
    assert settings.edge_detection is Edge.BOTH


def test_a_loss_that_two_threads_notice_is_posted_once(site: Site) -> None:
    site.inputs.open()
    contact = site.inputs._open[COUNTER]
    site.inputs._lose(contact, "noticed by the reader")
    site.inputs._lose(contact, "noticed by the re-check")
    assert [lost.reason for lost in site.lost()] == ["noticed by the reader"]


class Handle(MockFactory):  # type: ignore[misc]  # gpiozero ships no types
    """As lgpio's: it cannot revive itself, and its pins give None for a closed chip to the library."""

    def __init__(self) -> None:
        super().__init__(pin_class=HandledPin)
        self.handle: int | None = 1

    def close(self) -> None:
        super().close()
        self.handle = None


class HandledPin(MockPin):  # type: ignore[misc]
    def _get_state(self) -> float:
        if self.factory.handle is None:
            raise TypeError("an integer is required (got type NoneType)")
        return float(super()._get_state())


def test_an_input_whose_chip_another_ones_loss_closed_is_lost_and_reopened_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one lost input makes the others deaf for good."""
    module = types.ModuleType("lgpio")
    module.error = type("error", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lgpio", module)
    posted = Heard()
    pins = PinSource(Gpio(factory="lgpio"), makers={"lgpio": lambda _: Handle})
    wired = {COUNTER: Button(name="counter", pin=17), TAMPER: ContactSettings(pin=27)}
    inputs = GpioInputs(posted, wired, pins)
    inputs.open()
    inputs._lose(inputs._open[COUNTER], "its line is gone")
    inputs.read()
    assert [event.input for event in posted.calls[2:] if isinstance(event, InputLost)] == [COUNTER, TAMPER]
    for name in wired:
        inputs.reopen(name)
    assert [event.input for event in posted.calls[4:] if isinstance(event, LevelRead)] == [COUNTER, TAMPER]
    inputs.close()
    pins.close()


def test_a_level_is_never_newer_than_an_edge_that_came_while_it_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a stale level would undo a press."""
    bench, posted, now_s = GpioBench(tmp_path), Heard(), iter((1.0, 2.0, 3.0, 4.0))
    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: bench.factory})
    inputs = GpioInputs(posted, {COUNTER: Button(name="counter", pin=17)}, pins, clock=lambda: next(now_s))
    original = LibgpiodPin._get_state

    def slow(pin: LibgpiodPin) -> float:
        level = original(pin)
        next(now_s)
        return level

    monkeypatch.setattr(LibgpiodPin, "_get_state", slow)
    inputs.open()
    assert posted.wait(1)[0].at_s == 1.0
    inputs.close()
    pins.close()


def test_an_edge_on_another_clock_is_put_on_ours(tmp_path: Path) -> None:
    """lgpio gives wall time on some kernels."""
    bench, posted = GpioBench(tmp_path), Heard()
    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: bench.factory})
    inputs = GpioInputs(posted, {COUNTER: Button(name="counter", pin=17)}, pins, clock=lambda: 100.0)
    inputs.open()
    bench.chip.drive(17, False, at_ns=1_790_000_000_000_000_000)
    bench.chip.drive(17, True, at_ns=99_500_000_000)
    assert [event.at_s for event in posted.wait(3)] == [100.0, 100.0, 99.5]
    inputs.close()
    pins.close()


def test_a_fallback_of_auto_is_told_to_the_core(tmp_path: Path) -> None:
    bench, posted = GpioBench(tmp_path), Heard()

    def absent(_: str) -> object:
        raise ImportError("libgpiod v2 is missing")

    pins = PinSource(Gpio(factory="auto"), makers={"libgpiod": absent, "lgpio": lambda _: bench.factory})
    inputs = GpioInputs(posted, {COUNTER: Button(name="counter", pin=17)}, pins)
    inputs.open()
    assert WorkerFailed("libgpiod", "lgpio drives the pins: libgpiod v2 is missing") in posted.calls
    inputs.close()
    pins.close()


def judged(events: list[KioskEvent], until_s: float) -> list[str]:
    """Feed what was posted to the pure core's debounce, and give its verdicts."""
    state, said = Press(rules=Rules()), []
    for event in events:
        assert isinstance(event, EdgeSeen | LevelRead)
        state, verdicts = press.observe(state, high=event.high, at_s=event.at_s)
        said += verdicts
    _, verdicts = press.advance(state, until_s)
    return [*said, *verdicts]


@pytest.mark.parametrize(
    ("edges_ms", "verdicts"),
    [
        pytest.param([0, 30], ["pressed"], id="a 30 ms tap, which 50 ms of debounce would lose (pitfall 14)"),
        pytest.param([0, 2, 4, 6, 8, 200], ["pressed"], id="a bouncing press is one press (pitfall 13)"),
        pytest.param([0, 1, 5, 6, 9, 10], [], id="interference shorter than the stable time (pitfall 19)"),
    ],
)
def test_the_core_judges_raw_edges_by_the_kernel_s_time(
    tmp_path: Path, edges_ms: list[int], verdicts: list[str]
) -> None:
    bench, posted = GpioBench(tmp_path), Heard()
    bench.chip.drive(17, True)
    pins = PinSource(Gpio(), makers={"libgpiod": lambda _: bench.factory})
    inputs = GpioInputs(posted, {COUNTER: Button(name="counter", pin=17)}, pins, clock=lambda: 19.5)
    inputs.open()
    for index, at_ms in enumerate(edges_ms):
        bench.chip.drive(17, index % 2 == 1, at_ns=20_000_000_000 + at_ms * 1_000_000)
    events = posted.wait(1 + len(edges_ms))
    inputs.close()
    pins.close()
    assert judged(events, until_s=21.0) == verdicts


def test_a_storm_on_one_input_leaves_the_queue_short_and_every_press_in_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken wire to the tamper contact must not make an alert late: each event costs the core a turn."""
    now_ns = 19_000_000_000

    def passing() -> int:
        nonlocal now_ns
        now_ns += 2_000_000  # twice at each read
        return now_ns

    site.inputs.open()
    monkeypatch.setattr(site.pins.factory(), "ticks", lambda: now_ns / 1e9)
    site.bench.chip.clock_ns = passing
    site.bench.chip.storm(27, 25_000)
    site.posted.wait(200)
    for at_ms, high in ((0, False), (1, True), (2, False), (200, True)):  # a hand that bounces
        site.bench.chip.drive(17, high, at_ns=20_000_000_000 + at_ms * 1_000_000)
    before = len(site.posted.calls)
    site.posted.wait(before + 100)
    site.inputs.close()
    counter = [event for event in site.posted.calls if event.input == COUNTER]
    noise = [event for event in site.posted.calls if event.input == TAMPER and isinstance(event, EdgeSeen)]
    assert judged([event for event in counter if isinstance(event, EdgeSeen)], until_s=21.0) == ["pressed"]
    storm_s = noise[-1].at_s - 19.0
    assert len(noise) <= FREE + storm_s / 0.003
    assert judged(noise, until_s=noise[-1].at_s) in ([], ["noisy"])
    reads = [event for event in site.posted.calls if event.input == TAMPER and isinstance(event, LevelRead)]
    assert len(reads) <= 3 + storm_s
