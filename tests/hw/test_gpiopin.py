"""The gpiozero face of a line, where it goes beyond the contract of every factory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.gpio_bench import GpioBench, Heard
from gpiod.line import Bias, Direction, Edge
from gpiozero import PWMLED, Button, OutputDevice
from gpiozero.exc import PinFixedPull, PinInvalidBounce, PinInvalidEdges, PinInvalidState, PinPWMFixedValue

from kiosk.hw.chips import LineBusy, LineLost
from kiosk.hw.pins import LibgpiodFactory


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GpioBench]:
    made = GpioBench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def factory(bench: GpioBench) -> LibgpiodFactory:
    return bench.factory()


def test_an_output_left_on_by_others_is_taken_over_as_it_is(
    bench: GpioBench, factory: LibgpiodFactory
) -> None:
    """A modem's power line must not blip when the daemon starts again."""
    wire = bench.chip.wires[5]
    wire.direction, wire.output = Direction.OUTPUT, True
    with OutputDevice(5, initial_value=None, pin_factory=factory) as power:
        assert power.value == 1
        assert {level for _, level in wire.history} == {True}


def test_a_fresh_output_may_be_written_at_once(bench: GpioBench, factory: LibgpiodFactory) -> None:
    bench.chip.wires[5].direction = Direction.OUTPUT
    pin = factory.pin(5)
    assert pin.function == "output"
    pin.state = 1
    assert bench.chip.level(5) is True


def test_an_initially_low_output_is_never_high(bench: GpioBench, factory: LibgpiodFactory) -> None:
    bench.chip.drive(5, True)
    with OutputDevice(5, active_high=True, initial_value=False, pin_factory=factory):
        assert bench.chip.wires[5].history == [(Direction.OUTPUT, False)]


def test_a_button_asks_the_kernel_for_both_edges_and_its_pull(
    bench: GpioBench, factory: LibgpiodFactory
) -> None:
    with Button(17, pin_factory=factory):
        settings = bench.chip.wires[17].settings
        assert (settings.bias, settings.edge_detection) == (Bias.PULL_UP, Edge.BOTH)
    assert bench.chip.wires[17].consumer == ""


def test_a_bounce_time_is_the_kernel_s_debounce(bench: GpioBench, factory: LibgpiodFactory) -> None:
    with Button(17, bounce_time=0.02, pin_factory=factory) as button:
        assert bench.chip.wires[17].settings.debounce_period.total_seconds() == pytest.approx(0.02)
        button.pin.edges = "none"
        assert bench.chip.wires[17].settings.edge_detection is Edge.NONE


def test_a_watched_output_tells_no_edges_until_it_is_an_input(
    bench: GpioBench, factory: LibgpiodFactory
) -> None:
    pin, heard = factory.pin(17), Heard()
    pin.function = "output"
    pin.when_changed = heard.__call__
    pin.state = 1
    assert bench.chip.wires[17].settings.edge_detection is Edge.NONE
    pin.function = "input"
    bench.chip.drive(17, False)
    heard.wait(1)


def test_an_edge_after_the_watcher_left_is_dropped(bench: GpioBench, factory: LibgpiodFactory) -> None:
    pin = factory.pin(17)
    pin.on_edge(high=True, at_s=1.0, seqno=3)
    assert pin.line_seqno == 3
    assert bench.chip.wires[17].consumer == ""


def test_a_watched_pin_that_becomes_an_output_is_claimed_without_edges(
    bench: GpioBench, factory: LibgpiodFactory
) -> None:
    pin = factory.pin(17)
    heard = Heard()
    pin.when_changed = heard.__call__
    assert pin.function == "input"
    pin.function = "output"
    assert bench.chip.wires[17].settings.edge_detection is Edge.NONE
    pin.when_changed = None
    assert pin.state == 0


def test_lost_edges_and_a_lost_chip_reach_whoever_asked(bench: GpioBench, factory: LibgpiodFactory) -> None:
    """Pitfall 18b, through gpiozero's own Button."""
    with Button(17, pin_factory=factory) as button:
        missed, lost, pressed = Heard(), Heard(), Heard()
        button.pin.when_missed, button.pin.when_lost = missed, lost
        button.when_pressed = lambda: pressed(button.pin.line_seqno)
        bench.chip.drive(17, False)
        assert pressed.wait(1) == [1]
        request = bench.chip.wires[17].request
        assert request is not None
        request._seqno += 7
        bench.chip.drive(17, True)
        assert missed.wait(1) == [7]
        bench.chip.vanish()
        assert isinstance(lost.wait(1)[0], LineLost)
        with pytest.raises(LineLost):
            _ = button.is_pressed


def test_nobody_need_listen_for_lost_edges(bench: GpioBench, factory: LibgpiodFactory) -> None:
    with Button(17, pin_factory=factory) as button:
        heard = Heard()
        button.when_pressed = lambda: heard("pressed")
        request = bench.chip.wires[17].request
        assert request is not None
        request._seqno += 7
        bench.chip.drive(17, False)
        heard.wait(1)
        bench.chip.vanish()
        assert factory.alive


def test_a_device_on_a_vanished_chip_can_be_closed_and_made_again(
    bench: GpioBench, factory: LibgpiodFactory
) -> None:
    relay = OutputDevice(5, initial_value=True, pin_factory=factory)
    bench.chip.vanish()
    with pytest.raises(LineLost):
        relay.off()
    relay.close()
    bench.chip.come_back()
    with OutputDevice(5, initial_value=True, pin_factory=factory) as again:
        assert again.value == 1


def test_an_output_whose_chip_vanished_unseen_is_closed_quietly(
    bench: GpioBench, factory: LibgpiodFactory
) -> None:
    relay = OutputDevice(5, initial_value=True, pin_factory=factory)
    bench.chip.vanish()
    relay.close()
    assert relay.closed


def test_a_busy_line_leaves_no_half_made_watch(bench: GpioBench, factory: LibgpiodFactory) -> None:
    bench.chip.occupy(17, "other")
    pin = factory.pin(17)
    with pytest.raises(LineBusy):
        pin.when_changed = Heard().__call__
    assert pin.when_changed is None
    with pytest.raises(LineBusy):
        Button(17, pin_factory=factory)


def test_closing_a_dimmed_light_leaves_it_dark(bench: GpioBench, factory: LibgpiodFactory) -> None:
    with PWMLED(18, initial_value=0.5, frequency=1000, pin_factory=factory) as lamp:
        lamp.pin.function = "output"
        assert lamp.pin.frequency is None
        lamp.frequency = 500
        lamp.value = 1
    assert bench.chip.wires[18].direction is Direction.INPUT


def test_a_fixed_pull_of_the_board_cannot_be_changed(factory: LibgpiodFactory) -> None:
    pin = factory.pin(2)
    assert pin.pull == "up"
    with pytest.raises(PinFixedPull, match="physical pull-up"):
        pin.pull = "down"


def test_wrong_values_are_refused_by_name(factory: LibgpiodFactory) -> None:
    pin = factory.pin(5)
    with pytest.raises(PinInvalidEdges):
        pin.edges = "sharp"
    with pytest.raises(PinInvalidBounce):
        pin.bounce = -1
    pin.function = "input"
    with pytest.raises(PinPWMFixedValue):
        pin.frequency = 100
    pin.function = "output"
    with pytest.raises(PinInvalidState):
        pin.state = 2


def test_a_watcher_that_closes_its_own_device_does_not_hang(
    bench: GpioBench, factory: LibgpiodFactory
) -> None:
    button = Button(17, pin_factory=factory)
    closed = Heard()

    def close() -> None:
        button.close()
        closed("closed")

    button.when_pressed = close
    bench.chip.drive(17, False)
    assert closed.wait(1) == ["closed"]
    assert button.closed
