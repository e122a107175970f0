"""When the modem's child looks through the card, by a clock that the test moves."""

from typing import Any

import gammu
import pytest

from kiosk.net import gammu_child
from kiosk.net.gammu_child import Session

ASK = {"id": 1, "do": "send", "text": "SOS", "number": "+77011234567"}


class Clock:
    """The child's clock."""

    def __init__(self) -> None:
        self.s = 1000.0

    def monotonic(self) -> float:
        return self.s


class Machine:
    """A driver that takes or refuses every text."""

    def __init__(self) -> None:
        self.refuses = False

    def SendSMS(self, _message: dict[str, Any]) -> int:  # noqa: N802  gammu's name
        if self.refuses:
            raise gammu.ERR_UNKNOWN({"Text": "refused.", "Where": "SendSMS", "Code": 27})
        return 7


class Box:
    """A mailbox that counts how often it is looked through."""

    def __init__(self) -> None:
        self.reading = False
        self.looks = 0
        self.can = True

    def begin(self) -> bool:
        self.looks += 1
        return self.can


class Child:
    """An open session on such a driver."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        monkeypatch.setattr(gammu_child, "time", self.clock)
        self.told: list[dict[str, Any]] = []
        self.session = Session(self.told.append)
        self.machine = self.session._machine = Machine()
        self.box = Box()
        self.session._mailbox = self.box  # type: ignore[assignment]

    def send(self) -> None:
        self.session.answer(ASK)
        self.session.work()

    def looks_after(self, pause_s: float) -> int:
        self.clock.s += pause_s
        self.session.work()
        return self.box.looks


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    return Child(monkeypatch)


@pytest.mark.parametrize("refuses", [False, True])
def test_after_a_text_the_card_is_looked_through_once_in_the_pause(child: Child, refuses: bool) -> None:
    child.machine.refuses = refuses
    child.send()
    assert ("error" in child.told[0]) is refuses
    assert child.looks_after(1.0) == 0
    assert child.session.wait_ms() == 1000
    assert child.looks_after(1.0) == 1
    assert child.session.wait_ms() is None
    assert child.looks_after(600.0) == 1


def test_a_text_soon_after_puts_the_look_off_but_not_for_long(child: Child) -> None:
    looks = []
    for _ in range(20):
        child.clock.s += 3.0  # what a text takes: the last one's look would be due by now
        child.send()
        looks.append(child.box.looks)
    assert looks[:10] == [0] * 10
    assert looks[-1] == 1


def test_a_notice_is_not_put_off_by_texts(child: Child) -> None:
    child.send()
    child.session._heard(None, "SMS", {})
    child.send()
    assert child.box.looks == 1


def test_a_card_that_was_busy_is_looked_at_again_though_texts_go_on(child: Child) -> None:
    child.session._heard(None, "SMS", {})
    child.box.can = False
    child.send()
    child.box.can = True
    for _ in range(2):
        child.clock.s += 1.0
        child.send()
    assert child.box.looks == 2
