"""What every gpiozero program may expect of a pin factory: gpiozero's own mock, ours, ours on real pins.

fakes/gpio_boards.py says how to run it on real pins.
"""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.gpio_bench import Heard
from fakes.gpio_boards import BOARDS, Board
from gpiozero import LED, PWMLED, Button, DigitalInputDevice, DigitalOutputDevice, InputDevice
from gpiozero.exc import (
    GPIOPinInUse,
    PinFixedPull,
    PinInvalidFunction,
    PinInvalidPin,
    PinInvalidPull,
    PinSetInput,
)


@pytest.fixture(params=BOARDS, ids=lambda make: make.__name__)
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Board]:
    made = request.param(tmp_path)
    yield made
    made.factory.close()


def test_an_output_is_read_at_the_other_end_of_its_wire(board: Board) -> None:
    with (
        LED(board.output, pin_factory=board.factory) as led,
        InputDevice(board.input, pin_factory=board.factory) as sensor,
    ):
        for level in (1, 0, 1):
            led.value = level
            assert led.value == level
            assert sensor.value == level


def test_an_output_begins_at_its_initial_value(board: Board) -> None:
    with DigitalOutputDevice(board.output, initial_value=True, pin_factory=board.factory) as relay:
        assert relay.value == 1
    with DigitalOutputDevice(
        board.output, active_high=False, initial_value=False, pin_factory=board.factory
    ) as inverted:
        assert inverted.value == 0
        assert inverted.pin.state == 1


def test_toggling_and_blinking_reach_the_pin(board: Board) -> None:
    with LED(board.output, pin_factory=board.factory) as led:
        led.toggle()
        assert led.is_lit
        led.blink(on_time=0.001, off_time=0.001, n=3, background=False)
        assert not led.is_lit


def test_a_button_tells_its_press_and_its_release(board: Board) -> None:
    pressed, released = Heard(), Heard()
    with (
        LED(board.output, initial_value=True, pin_factory=board.factory) as hand,
        Button(board.input, pin_factory=board.factory) as button,
    ):
        button.when_pressed = lambda: pressed("press")
        button.when_released = lambda: released("release")
        assert not button.is_pressed
        hand.off()
        pressed.wait(1)
        assert button.is_pressed
        hand.on()
        released.wait(1)
    assert pressed.calls == ["press"]
    assert released.calls == ["release"]


def test_a_held_button_tells_that_it_is_held(board: Board) -> None:
    held = Heard()
    with (
        LED(board.output, initial_value=True, pin_factory=board.factory) as hand,
        Button(board.input, hold_time=0.01, pin_factory=board.factory) as button,
    ):
        button.when_held = lambda: held("held")
        hand.off()
        held.wait(1)


@pytest.mark.parametrize(("edges", "expected"), [("both", [1, 0, 1]), ("rising", [1, 1]), ("falling", [0])])
def test_only_the_wanted_edges_are_told(board: Board, edges: str, expected: list[int]) -> None:
    heard = Heard()
    with (
        LED(board.output, pin_factory=board.factory) as hand,
        InputDevice(board.input, pin_factory=board.factory) as sensor,
    ):
        handler = lambda ticks, state: heard((ticks, int(state)))  # noqa: E731  # the pin keeps it weakly
        sensor.pin.edges = edges
        sensor.pin.when_changed = handler
        for level in (1, 0, 1):
            hand.value = level
        states = [state for _, state in heard.wait(len(expected))]
        sensor.pin.when_changed = None
        hand.off()
    assert states == expected
    assert len(heard.calls) == len(expected)


def test_the_ticks_of_an_edge_are_on_the_factory_s_clock(board: Board) -> None:
    heard = Heard()
    with (
        LED(board.output, pin_factory=board.factory) as hand,
        InputDevice(board.input, pin_factory=board.factory) as sensor,
    ):
        sensor.pin.when_changed = heard.__call__
        before = board.factory.ticks()
        hand.on()
        ((ticks, _),) = heard.wait(1)
        after = board.factory.ticks()
        assert board.factory.ticks_diff(ticks, before) >= 0
        assert board.factory.ticks_diff(after, ticks) >= 0
        sensor.pin.when_changed = None


def test_a_watcher_that_is_gone_is_not_kept_alive(board: Board) -> None:
    class Watcher:
        def changed(self, ticks: float, state: int) -> None:
            raise AssertionError("called after it was dropped")

    with (
        LED(board.output, pin_factory=board.factory) as hand,
        InputDevice(board.input, pin_factory=board.factory) as sensor,
    ):
        watcher = Watcher()
        sensor.pin.when_changed = watcher.changed
        assert sensor.pin.when_changed is not None
        del watcher
        gc.collect()
        hand.on()
        assert sensor.pin.when_changed is None


@pytest.mark.parametrize(("pull", "level"), [("up", 1), ("down", 0)])
def test_a_pull_decides_the_level_of_an_open_input(board: Board, pull: str, level: int) -> None:
    with DigitalInputDevice(board.spare, pull_up=pull == "up", pin_factory=board.factory) as sensor:
        assert sensor.pin.pull == pull
        assert sensor.pin.state == level
        assert sensor.value == 0


def test_a_floating_input_has_no_pull(board: Board) -> None:
    with InputDevice(board.spare, pull_up=None, active_state=True, pin_factory=board.factory) as sensor:
        assert sensor.pin.pull == "floating"
        assert sensor.pull_up is None


def test_a_pin_turns_from_input_to_output_and_back(board: Board) -> None:
    pin = board.factory.pin(board.output)
    for function in ("input", "output", "input"):
        pin.function = function
        assert pin.function == function
    pin.output_with_state(1)
    assert (pin.function, pin.state) == ("output", 1)
    pin.input_with_pull("up")
    assert (pin.function, pin.pull) == ("input", "up")


def test_wrong_use_is_refused_by_name(board: Board) -> None:
    pin = board.factory.pin(board.spare)
    pin.function = "input"
    with pytest.raises(PinSetInput):
        pin.state = 1
    with pytest.raises(PinInvalidPull):
        pin.pull = "sideways"
    with pytest.raises(PinInvalidFunction):
        pin.function = "teapot"
    pin.function = "output"
    with pytest.raises(PinFixedPull):
        pin.pull = "up"
    with pytest.raises(PinInvalidPin):
        board.factory.pin(999)


def test_one_pin_has_one_object_whatever_it_is_called(board: Board) -> None:
    assert board.factory.pin(board.input) is board.factory.pin(f"GPIO{board.input}")
    info = board.factory.pin(board.input).info
    assert info.name == f"GPIO{board.input}"
    assert "gpio" in info.interfaces


def test_two_devices_cannot_share_a_pin(board: Board) -> None:
    with LED(board.output, pin_factory=board.factory), pytest.raises(GPIOPinInUse):
        LED(board.output, pin_factory=board.factory)


def test_a_closed_device_leaves_an_input_that_another_may_use(board: Board) -> None:
    led = LED(board.output, initial_value=True, pin_factory=board.factory)
    led.close()
    led.close()
    assert board.factory.pin(board.output).function == "input"
    with InputDevice(board.output, pull_up=True, pin_factory=board.factory) as sensor:
        assert sensor.pin.state == 1
    with LED(board.output, pin_factory=board.factory) as again:
        again.on()
        assert again.is_lit


def test_a_bounce_time_is_kept_and_can_be_taken_back(board: Board) -> None:
    with Button(board.input, bounce_time=0.01, pin_factory=board.factory) as button:
        assert button.pin.bounce == pytest.approx(0.01)
        button.pin.bounce = None
        assert button.pin.bounce is None


def test_a_light_is_dimmed_by_pwm(board: Board) -> None:
    board.allow_pwm()
    with PWMLED(board.spare, frequency=200, pin_factory=board.factory) as lamp:
        assert lamp.pin.frequency == 200
        lamp.value = 0.25
        assert lamp.value == pytest.approx(0.25)
        lamp.frequency = 100
        assert lamp.pin.frequency == 100
        lamp.on()
        assert lamp.value == 1
        lamp.off()
        assert lamp.value == 0
    assert board.factory.pin(board.spare).frequency is None


def test_closing_the_factory_twice_is_harmless(board: Board) -> None:
    Button(board.input, pin_factory=board.factory).close()
    board.factory.close()
    board.factory.close()
