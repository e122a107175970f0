"""The messages on the card: each read by itself, so that a text can go out between two, whatever it holds."""

import fcntl
import json
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fakes.sms_bench import OFFICER, PATIENCE_S

from kiosk.net.mailbox import Mailbox
from kiosk.net.modem_process import COMMAND
from kiosk.sim.card import SLOTS, StoredSms
from kiosk.sim.modem import SimModem
from kiosk.sim.phone import Phone


class Failed(Exception): ...


class Empty(Failed): ...


class Dead(Failed): ...


class Machine:
    """A driver in memory: place -> a message's text, or what reading it raises."""

    def __init__(self, **places: str | Exception) -> None:
        self.places = {int(place.strip("_")): held for place, held in places.items()}
        self.status: dict[str, int] | Exception | None = None

    def GetSMSStatus(self) -> dict[str, int]:  # noqa: N802  gammu's name
        if isinstance(self.status, Exception):
            raise self.status
        phone = sum(place > 100_000 for place in self.places)
        sim = len(self.places) - phone
        return {"SIMUsed": sim, "SIMSize": 10, "PhoneUsed": phone, "PhoneSize": 10}

    def GetSMS(self, _folder: int, place: int) -> list[dict[str, Any]]:  # noqa: N802  gammu's name
        held = self.places.get(place, Empty())
        if isinstance(held, Exception):
            raise held
        return [{"Number": OFFICER, "Text": held}]

    def DeleteSMS(self, _folder: int, place: int) -> None:  # noqa: N802  gammu's name
        del self.places[place]


class Box:
    """A mailbox over such a driver, and what it told; what it deletes unread is gone from the driver, too."""

    def __init__(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[dict[str, Any]] = []
        self.unread: list[int] = []
        self.machine = machine
        self.mailbox = Mailbox(machine, 0, self.told.append, empty=(Empty,), dead=(Dead,), failed=Failed)
        monkeypatch.setattr(self.mailbox, "delete", self._delete)

    def _delete(self, place: int) -> None:
        self.unread.append(place)
        del self.machine.places[place]

    def read_all(self) -> None:
        assert self.mailbox.begin()
        while self.mailbox.reading:
            self.mailbox.read_on()

    def texts(self) -> list[str]:
        return [one["text"] for one in self.told if one["event"] == "received"]


def test_one_place_is_read_at_a_time_and_both_memories_to_their_last_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box = Box(Machine(_2="two", _4="four", _100003="phone"), monkeypatch)
    assert not box.mailbox.reading
    assert box.mailbox.begin()
    read: list[int] = []
    while box.mailbox.reading:
        before = len(box.texts())
        box.mailbox.read_on()
        read.append(len(box.texts()) - before)
    assert max(read) == 1
    assert box.texts() == ["two", "four", "phone"]
    assert box.machine.places == {}


def test_no_place_is_named_as_being_read_while_a_command_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should gammu die of a command, the message that lies there by then must not be deleted unread."""
    box = Box(Machine(_1="one", _2=Failed(), _3="three"), monkeypatch)
    box.mailbox.begin()
    while box.mailbox.reading:
        box.mailbox.read_on()
        assert [one["place"] for one in box.told if one["event"] == "reading"][-1] == 0


def test_a_card_that_cannot_say_what_it_holds_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(Machine(_1="one"), monkeypatch)
    box.machine.status = Failed()
    assert not box.mailbox.begin()
    assert not box.mailbox.reading
    box.machine.status = Dead()
    with pytest.raises(Dead):
        box.mailbox.begin()


@pytest.mark.parametrize(
    "failure", [Failed(), ValueError("month"), TypeError(), IndexError(), KeyError("Text"), OverflowError()]
)
def test_what_cannot_be_read_twice_is_deleted_unread_and_the_others_are_read(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """python-gammu's own converters raise no GSMError, for example on a date that cannot be."""
    box = Box(Machine(_1="one", _2=failure, _3="three"), monkeypatch)
    box.read_all()
    assert (box.texts(), box.unread) == (["one", "three"], [])
    box.read_all()
    assert (box.unread, box.machine.places) == ([2], {})


def test_noise_that_passes_deletes_nothing_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(Machine(_1=ValueError()), monkeypatch)
    box.read_all()
    box.machine.places = {1: "read at last"}
    box.read_all()
    box.machine.places = {1: ValueError()}
    box.read_all()
    assert (box.texts(), box.unread) == (["read at last"], [])


def test_a_lost_modem_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(Machine(_1="one", _2=Dead()), monkeypatch)
    with pytest.raises(Dead):
        box.read_all()
    assert box.told[-1] == {"event": "reading", "place": 2}


# ---- the real driver


class Slots(dict[int, StoredSms]):
    """A card's places; the third is not read until the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()

    def get(self, place: int, _default: object = None) -> StoredSms | None:  # type: ignore[override]
        if place == 3:
            self.reached.set()
            self.go_on.wait(PATIENCE_S)
        return super().get(place)


class Child:
    """The real child on a simulated modem whose card is full."""

    def __init__(self) -> None:
        self.slots = Slots()
        self.sim = SimModem(phones=[Phone(OFFICER)])
        self.sim.card.slots = self.slots
        self.sim.start()
        for number in range(SLOTS):
            self.sim.deliver(OFFICER, f"text {number}")
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, ask_id: int, do: str, **fields: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": ask_id, "do": do, **fields}).encode() + b"\n")
        self.process.stdin.flush()

    def wait_until_all_is_taken(self) -> None:
        """Wait until the child has read what it was asked, though not yet answered it."""
        assert self.process.stdin is not None
        deadline_s = time.monotonic() + PATIENCE_S
        while struct.unpack("i", fcntl.ioctl(self.process.stdin, termios.FIONREAD, b"\0" * 4))[0]:
            assert time.monotonic() < deadline_s, "the child does not listen"
            time.sleep(0.01)

    def tells(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def close(self) -> None:
        self.slots.go_on.set()
        self.process.kill()
        self.process.communicate()
        self.sim.close()


@pytest.fixture
def child() -> Iterator[Child]:
    one = Child()
    yield one
    one.close()


@pytest.mark.real
def test_a_text_goes_out_before_a_full_card_is_read(child: Child) -> None:
    child.ask(1, "open", device=child.sim.path, reset="none", pin=None, smsc=None, poison=0)
    assert child.slots.reached.wait(PATIENCE_S)
    child.ask(2, "send", number=OFFICER, text="help")
    child.wait_until_all_is_taken()
    child.slots.go_on.set()
    order: list[str] = []
    for told in child.tells():
        if told.get("id") == 2:
            assert told.get("error") is None
            order.append("sent")
        elif told.get("event") == "received":
            order.append("received")
        if "sent" in order and order.count("received") == SLOTS:
            break
    assert order[-1] == "received", f"the text went out last of all: {order}"
