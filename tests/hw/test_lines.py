"""One line: what the kernel is asked for, what it tells, and what happens when it fails."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import gpiod
import pytest
from fakes.gpio_bench import PATIENCE_S, GpioBench, Heard
from gpiod.line import Bias, Direction, Edge

from kiosk.hw.chips import LineBusy, LineLost, LineRefused
from kiosk.hw.edges_limit import FREE
from kiosk.hw.lines import BATCH_REST_S, Line, Setup
from kiosk.hw.pins import LibgpiodFactory

WATCHED = Setup(direction="input", pull="up", edges="both")


class Ear:
    """A listener that keeps what it hears, and may fail at it."""

    def __init__(self, *, clumsy: bool = False) -> None:
        self.edges, self.missed, self.lost = Heard(), Heard(), Heard()
        self.clumsy = clumsy

    def on_edge(self, *, high: bool, at_s: float, seqno: int) -> None:
        self.edges((high, at_s, seqno))
        if self.clumsy:
            raise RuntimeError("a bug in a callback")

    def on_missed(self, count: int) -> None:
        self.missed(count)

    def on_lost(self, error: OSError) -> None:
        self.lost(error)
        if self.clumsy:
            raise RuntimeError("a bug in a callback")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GpioBench]:
    made = GpioBench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def factory(bench: GpioBench) -> LibgpiodFactory:
    return bench.factory()


@pytest.fixture
def line(factory: LibgpiodFactory) -> Line:
    return Line(factory, 17)


def test_a_line_is_claimed_at_its_first_use_and_given_back(bench: GpioBench, line: Line) -> None:
    wire = bench.chip.wires[17]
    assert not line.claimed
    assert wire.consumer == ""
    assert line.read() == 0
    assert line.claimed
    assert wire.consumer == "gpiozero"
    assert wire.settings.direction is Direction.AS_IS
    line.release()
    line.release()
    assert wire.consumer == ""


def test_an_input_asks_for_pull_edges_and_the_kernel_s_debounce(bench: GpioBench, line: Line) -> None:
    line.apply(Setup(direction="input", pull="up", bounce_s=0.02, edges="falling"))
    settings = bench.chip.wires[17].settings
    assert (settings.direction, settings.bias) == (Direction.INPUT, Bias.PULL_UP)
    assert settings.edge_detection is Edge.FALLING
    assert settings.debounce_period.total_seconds() == pytest.approx(0.02)


@pytest.mark.parametrize("direction", [None, "input", "output"])
@pytest.mark.parametrize("pull", ["up", "down", "floating"])
@pytest.mark.parametrize("edges", ["both", "rising", "falling", "none"])
def test_the_real_libgpiod_takes_every_setting_we_make(
    line: Line, direction: Literal["input", "output"] | None, pull: str, edges: str
) -> None:
    settings = line._settings(Setup(direction=direction, level=True, pull=pull, bounce_s=0.02, edges=edges))
    config = gpiod._ext.LineConfig()
    config.add_line_settings([17], gpiod.line_settings._line_settings_to_ext(settings))


def test_an_output_is_claimed_at_its_level_without_a_blip(bench: GpioBench, line: Line) -> None:
    line.apply(Setup(direction="output", level=True))
    assert bench.chip.wires[17].history == [(Direction.OUTPUT, True)]
    line.write(level=False)
    assert bench.chip.level(17) is False


def test_an_edge_carries_the_kernel_s_own_time(bench: GpioBench, line: Line) -> None:
    """Pitfall 14: `press` needs raw edges with kernel timestamps, not the time a thread got to run."""
    ear = Ear()
    line.watch(WATCHED, ear)
    bench.chip.drive(17, False, at_ns=5_000_000_000)
    bench.chip.drive(17, True, at_ns=5_030_000_000)
    assert ear.edges.wait(2) == [(False, 5.0, 1), (True, 5.03, 2)]
    assert ear.missed.calls == []


def test_a_short_tap_and_every_bounce_come_through(bench: GpioBench, line: Line) -> None:
    """Pitfalls 13 and 14: no debounce of a library eats a short tap."""
    ear = Ear()
    line.watch(WATCHED, ear)
    for step in range(10):
        bench.chip.drive(17, step % 2 == 1, at_ns=1_000_000 * step)
    assert [round(at_s * 1000) for _, at_s, _ in ear.edges.wait(10)] == list(range(10))


def test_the_kernel_is_asked_to_keep_256_edges_and_lost_ones_are_told(
    bench: GpioBench, factory: LibgpiodFactory, line: Line
) -> None:
    """Pitfall 18b: the default buffer keeps 16; a gap in line_seqno triggers a level re-read."""
    ear, blocker, holding = Ear(), Line(factory, 4), Heard()
    release, hold = os.pipe()

    class Stalled(Ear):
        def on_edge(self, *, high: bool, at_s: float, seqno: int) -> None:
            holding("stalled")
            os.read(release, 1)

    line.watch(WATCHED, ear)
    blocker.watch(Setup(direction="input", edges="both"), Stalled())
    bench.chip.drive(4, True)
    holding.wait(1)
    for step in range(300):
        bench.chip.drive(17, step % 2 == 1, at_ns=step * 20_000_000)
    os.write(hold, b"go")
    told = ear.edges.wait(256)
    assert ear.missed.wait(1) == [44]
    assert [seqno for _, _, seqno in told] == list(range(45, 301))
    os.close(release)
    os.close(hold)


class Clock:
    """Time for a chip and a factory; it passes only when told, or `pass_ns` at each look of the factory."""

    def __init__(self, bench: GpioBench, factory: LibgpiodFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns, self.pass_ns = 100_000_000_000, 0
        bench.chip.clock_ns = lambda: self.now_ns
        monkeypatch.setattr(factory, "ticks", self.ticks)

    def ticks(self) -> float:
        self.now_ns += self.pass_ns
        return self.now_ns / 1e9


@pytest.fixture
def clock(bench: GpioBench, factory: LibgpiodFactory, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(bench, factory, monkeypatch)


@pytest.fixture
def by_hand(factory: LibgpiodFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread reads the line: the test does."""
    monkeypatch.setattr(factory.reader, "watch", lambda *_: None)


@pytest.mark.usefixtures("by_hand")
@pytest.mark.parametrize("every_ns", [5_000, 25_000, 250_000])
def test_a_storm_is_told_in_a_bounded_number_of_edges(
    bench: GpioBench, clock: Clock, line: Line, every_ns: int
) -> None:
    """However many come: each costs the core a whole turn, and alerts of other inputs wait behind it."""
    ear, rests = Ear(), []
    line.watch(WATCHED, ear)
    bench.chip.storm(17, every_ns)
    for _ in range(1000):
        clock.now_ns += 4_000_000  # as late as the reader may be
        rests.append(line._ready())
    assert 1000 <= len(ear.edges.calls) <= FREE + 4_000 // 3  # in 4 s
    assert all(rest_s is not None and 0 < rest_s <= 0.003 for rest_s in rests)
    assert [at_s for _, at_s, _ in ear.edges.calls] == sorted(at_s for _, at_s, _ in ear.edges.calls)
    assert 4 <= len(ear.missed.calls) <= 5  # in 4 s


@pytest.mark.usefixtures("by_hand")
def test_after_a_storm_its_last_edge_and_the_edges_lost_are_told_at_once(
    bench: GpioBench, clock: Clock, line: Line
) -> None:
    ear = Ear()
    line.watch(WATCHED, ear)
    bench.chip.storm(17, 25_000)
    for _ in range(10):
        clock.now_ns += 4_000_000
        line._ready()
    bench.chip.calm(17, high=True)
    ended_s = clock.now_ns / 1e9
    rest_s = line._ready()
    while rest_s is not None:
        clock.now_ns += round(rest_s * 1e9)
        rest_s = line._ready()
    high, at_s, _ = ear.edges.calls[-1]
    assert (high, at_s) == (True, ended_s)
    assert clock.now_ns / 1e9 - ended_s < 0.005
    last = bench.chip.wires[17].request._seqno  # type: ignore[union-attr]
    assert sum(ear.missed.calls) == last - 11 * 256
    bench.chip.drive(17, False)
    line._ready()
    assert ear.edges.calls[-1] == (False, clock.now_ns / 1e9, last + 1)


@pytest.mark.usefixtures("by_hand")
def test_where_reading_cannot_keep_up_the_line_rests_all_the_same(
    bench: GpioBench, clock: Clock, line: Line
) -> None:
    ear = Ear()
    line.watch(WATCHED, ear)
    bench.chip.storm(17, 5_000)
    clock.pass_ns = 20_000_000  # a batch takes that long
    for _ in range(9):
        assert line._ready() == BATCH_REST_S


def test_a_storm_on_one_line_does_not_delay_the_others(
    bench: GpioBench, factory: LibgpiodFactory, line: Line, clock: Clock
) -> None:
    told: list[str] = []
    pressed = Heard()
    clock.pass_ns = 4_000_000
    button = Line(factory, 4)

    class Noise(Ear):
        def on_edge(self, *, high: bool, at_s: float, seqno: int) -> None:
            told.append("noise")
            if len(told) == FREE + 100:
                bench.chip.drive(4, True)
                told.append("pressed")

    class Button(Ear):
        def on_edge(self, *, high: bool, at_s: float, seqno: int) -> None:
            told.append("told")
            pressed(high)

    button.watch(Setup(direction="input", pull="down", edges="both"), Button())
    line.watch(WATCHED, Noise())
    bench.chip.storm(17, 25_000)
    pressed.wait(1)
    line.unwatch()
    assert told.index("told") - told.index("pressed") <= 4


def test_what_an_earlier_watch_left_behind_is_not_told_to_the_next(bench: GpioBench, line: Line) -> None:
    ear = Ear()
    line.watch(WATCHED, ear)
    line.unwatch()
    bench.chip.drive(17, False)
    line.watch(WATCHED, ear)
    bench.chip.drive(17, True)
    assert [(high, seqno) for high, _, seqno in ear.edges.wait(1)] == [(True, 2)]
    assert ear.missed.calls == []


def test_a_bug_in_a_callback_costs_nothing_but_a_line_in_the_log(
    bench: GpioBench, factory: LibgpiodFactory, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 17: an exception in a callback made the whole process deaf."""
    ear = Ear(clumsy=True)
    line.watch(WATCHED, ear)
    for count, high in enumerate((False, True, False), start=1):
        bench.chip.drive(17, high)
        ear.edges.wait(count)
    assert factory.alive
    bench.chip.vanish()
    ear.lost.wait(1)
    assert "a bug in a callback" in caplog.text


def test_a_vanished_chip_is_told_once_and_every_use_says_so(
    bench: GpioBench, factory: LibgpiodFactory, line: Line
) -> None:
    """Pitfall 18b: with lgpio no callback heard of it."""
    ear = Ear()
    line.watch(WATCHED, ear)
    bench.chip.vanish()
    (error,) = ear.lost.wait(1)
    assert isinstance(error, LineLost)
    assert error.errno == errno.ENODEV
    assert "GPIO17 of gpiochip0 (pinctrl-bcm2711) does not answer: No such device" in str(error)
    assert not line.claimed
    for use in (line.read, lambda: line.write(level=True), lambda: line.apply(WATCHED)):
        with pytest.raises(LineLost):
            use()
    assert factory.alive


def test_a_lost_line_does_not_keep_the_reader_busy(
    bench: GpioBench, factory: LibgpiodFactory, line: Line
) -> None:
    """Pitfall 18b: lgpio wrote 2000 lines a second."""
    ear, rounds = Ear(), Heard()
    line.watch(WATCHED, ear)
    bench.chip.vanish()
    ear.lost.wait(1)
    beat, push = os.pipe()
    factory.reader.watch(beat, lambda: rounds(os.read(beat, 1)))
    for count in range(1, 4):  # each is one more round of the reader, which saw the dead line if it still can
        os.write(push, b".")
        rounds.wait(count)
    assert len(ear.lost.calls) == 1
    factory.reader.forget(beat)
    os.close(beat)
    os.close(push)


def test_no_lock_is_held_while_a_listener_is_told(bench: GpioBench, line: Line) -> None:
    """Else a listener that waits for a closing thread, and that thread, wait for each other for ever."""
    entered, done = threading.Event(), threading.Event()

    class Waiting(Ear):
        def on_lost(self, error: OSError) -> None:
            entered.set()
            done.wait(PATIENCE_S)

    line.watch(WATCHED, Waiting())
    bench.chip.vanish()
    assert entered.wait(PATIENCE_S)
    closer = threading.Thread(target=line.release)
    closer.start()
    closer.join(PATIENCE_S / 2)
    stuck = closer.is_alive()
    done.set()
    closer.join(PATIENCE_S)
    assert not stuck


def test_a_chip_that_came_back_serves_again_after_release(bench: GpioBench, line: Line) -> None:
    ear = Ear()
    line.watch(WATCHED, ear)
    bench.chip.vanish()
    ear.lost.wait(1)
    bench.chip.come_back()
    line.release()
    line.watch(WATCHED, ear)
    bench.chip.drive(17, False)
    assert [(high, seqno) for high, _, seqno in ear.edges.wait(1)] == [(False, 1)]


def test_a_busy_line_says_who_holds_it(bench: GpioBench, line: Line) -> None:
    bench.chip.occupy(17, "onewire@11")
    with pytest.raises(LineBusy, match=r"GPIO17 of gpiochip0 \(pinctrl-bcm2711\) is in use by onewire@11"):
        line.read()


def test_a_line_that_cannot_tell_edges_is_refused_and_not_lost(bench: GpioBench, line: Line) -> None:
    bench.chip.without_edges = True
    with pytest.raises(LineRefused, match=r"GPIO17 of .* refuses"):
        line.watch(WATCHED, Ear())
    assert line.read() == 0
    with pytest.raises(LineRefused, match=r"GPIO17 of .* refuses"):
        line.watch(WATCHED, Ear())
    assert line.claimed


def test_an_unwatched_line_that_is_ready_is_not_told(bench: GpioBench, line: Line) -> None:
    ear = Ear()
    line.watch(WATCHED, ear)
    line.unwatch()
    line._ready()
    assert ear.edges.calls == []
