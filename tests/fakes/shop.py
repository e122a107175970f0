"""A shop in memory for the demo's page and play: it notes what is done to it and tells what tests feed it."""

from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from kiosk.messages import DeviceError

Event = dict[str, Any]
ALERT: Event = {
    "alert_id": "01JZZZZZZZZZZZZZZZZZZZZZZZ",
    "stage": "received",
    "drill": False,
    "late": False,
    "pressed_at": "2026-01-02T03:04:05.678Z",
    "place": {"address": {"kk": "Алматы, Абай даңғылы, 10", "ru": "Алматы, проспект Абая, 10"}},
}


class FakeShop:
    """What the page and a play use of `Shop`; `away` makes every question fail."""

    def __init__(self) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.done: list[str] = []
        self.state: Event = {"state": "armed", "mqtt": "up", "sms": "up"}
        self.alerts: list[Event] = []
        self.away = False
        self.ready = True
        self.pages = {"address": "http://127.0.0.1:1/", "user": "demo-officer", "password": "secret"}
        self.now_s = 0.0
        self.on_press: Callable[[], None] = lambda: None
        self.on_ask: Callable[[str, Event], None] = lambda _ask, _fields: None

    def tell(self, what: str, *, source: str = "kiosk", **detail: Any) -> None:
        self.events.put({"what": what, "from": source, "at_s": self.now_s, "t_s": self.now_s, **detail})

    def ask_kiosk(self, **question: Any) -> Event:
        self._note("kiosk", question)
        return self.state

    def ask_centre(self, **question: Any) -> Event:
        self._note("centre", question)
        self.on_ask(question["ask"], question)
        return {"ok": True, "alerts": list(self.alerts)}

    def _note(self, who: str, question: Event) -> None:
        if self.away:
            raise DeviceError(f"the {who} is not running")
        if question["ask"] not in ("status", "alerts"):
            self.done.append(" ".join([who, *(str(value) for value in question.values())]))

    def press(self) -> None:
        if self.away:
            raise DeviceError("the kiosk is not running")
        self.done.append("press")
        self.on_press()

    def reply(self) -> None:
        if self.away:
            raise DeviceError("the officer's phone has no text to answer")
        self.done.append("reply")

    def cut(self, network: str) -> None:
        self.done.append(f"cut {network}")

    def restore(self, network: str) -> None:
        self.done.append(f"restore {network}")

    def wait(self, ready: Callable[[], bool], within_s: float) -> bool:
        return self.ready and ready()

    def log(self, name: str) -> str:
        return f"the log of the {name}"
