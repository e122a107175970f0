"""What the core may expect of the port `Inputs`, on every board (see fakes/gpio_boards.py)."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.gpio_bench import Heard
from fakes.gpio_boards import BOARDS, Board
from gpiozero import LED

from kiosk.config import Button, Contact, Gpio
from kiosk.hw.button import GpioInputs
from kiosk.hw.gpio import PinSource
from kiosk.messages import EdgeSeen, InputLost, InputName, LevelRead
from kiosk.ports import Inputs

COUNTER = InputName("counter")


class Site:
    """Inputs on a board, a hand on the button, and everything they post."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.posted = Heard()
        self.pins = PinSource(Gpio(), makers={"libgpiod": lambda _: lambda: board.factory})
        self.hand = LED(board.output, initial_value=True, pin_factory=board.factory)

    def inputs(self, **wired: Button | Contact) -> Inputs:
        named = {InputName(name): it for name, it in wired.items()}
        return GpioInputs(self.posted, named, self.pins)


@pytest.fixture(params=BOARDS, ids=lambda make: make.__name__)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    board = request.param(tmp_path)
    made = Site(board)
    yield made
    made.hand.close()
    made.pins.close()


def counter(site: Site) -> Button:
    return Button(name="counter", pin=site.board.input)


def test_opening_posts_the_level_that_is_there(site: Site) -> None:
    """Pitfall 15: a button held at start must be seen, and neither library tells of it."""
    site.hand.off()
    # With an external resistor: gpiozero's mock takes an internal pull for the level itself.
    inputs = site.inputs(counter=Button(name="counter", pin=site.board.input, pull="none"))
    before = time.monotonic()
    inputs.open()
    (read,) = site.posted.wait(1)
    assert isinstance(read, LevelRead)
    assert (read.input, read.high) == (COUNTER, False)
    assert before <= read.at_s <= time.monotonic()
    inputs.close()


def test_every_edge_is_posted_raw_with_its_own_time(site: Site) -> None:
    """Pitfalls 13 and 14: bounces are the pure core's business; here each is an edge."""
    inputs = site.inputs(counter=counter(site))
    inputs.open()
    before = time.monotonic()
    for high in (False, True) * 5:
        site.hand.value = high
    edges = site.posted.wait(11)[1:]
    assert all(isinstance(edge, EdgeSeen) and edge.input == COUNTER for edge in edges)
    assert [edge.high for edge in edges] == [False, True] * 5
    times = [edge.at_s for edge in edges]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= time.monotonic()
    inputs.close()


def test_the_levels_are_read_on_request(site: Site) -> None:
    """Pitfall 16: a lost release is found by reading the level again."""
    inputs = site.inputs(counter=counter(site))
    inputs.open()
    inputs.read()
    first, second = site.posted.wait(2)
    assert isinstance(second, LevelRead)
    assert second.high is first.high is True
    inputs.close()


@pytest.mark.parametrize(("pull", "high"), [("up", True), ("down", False)])
def test_the_pull_is_the_configured_one(site: Site, pull: str, high: bool) -> None:
    site.hand.close()
    inputs = site.inputs(tamper=Contact(pin=site.board.spare, pull=pull))  # type: ignore[arg-type]
    inputs.open()
    (read,) = site.posted.wait(1)
    assert read == LevelRead(input=InputName("tamper"), high=high, at_s=read.at_s)
    inputs.close()


def test_an_input_with_its_own_resistor_needs_no_pull(site: Site) -> None:
    inputs = site.inputs(counter=Button(name="counter", pin=site.board.input, pull="none", wiring="nc"))
    inputs.open()
    site.hand.off()
    _, edge = site.posted.wait(2)
    assert isinstance(edge, EdgeSeen)
    assert edge.high is False
    inputs.close()


def test_an_input_that_cannot_be_opened_is_posted_and_spares_the_others(site: Site) -> None:
    inputs = site.inputs(counter=counter(site), mains_lost=Contact(pin=site.board.input))
    inputs.open()
    read, lost = site.posted.wait(2)
    assert isinstance(read, LevelRead)
    assert isinstance(lost, InputLost)
    assert lost.input == "mains_lost"
    assert "already in use" in lost.reason
    site.hand.off()
    site.posted.wait(3)
    inputs.close()


def test_a_pin_that_the_board_lacks_is_posted_as_lost(site: Site) -> None:
    inputs = site.inputs(counter=Button(name="counter", pin=63))
    inputs.open()
    (lost,) = site.posted.wait(1)
    assert isinstance(lost, InputLost)
    assert "63" in lost.reason
    inputs.close()


def test_an_input_may_be_opened_again_at_any_time(site: Site) -> None:
    inputs = site.inputs(counter=counter(site))
    inputs.open()
    inputs.reopen(COUNTER)
    inputs.reopen(COUNTER)
    site.hand.off()
    events = site.posted.wait(4)
    assert [type(event) for event in events] == [LevelRead, LevelRead, LevelRead, EdgeSeen]
    inputs.close()


def test_after_close_nothing_is_posted(site: Site) -> None:
    inputs = site.inputs(counter=counter(site))
    inputs.open()
    inputs.close()
    inputs.close()
    site.hand.off()
    inputs.read()
    assert len(site.posted.calls) == 1
