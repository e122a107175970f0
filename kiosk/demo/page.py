"""The demo's terminal page: what happens to one signal, in words that a shop owner understands.

Owns what is on the screen and the keys. Everything real is the shop's; nothing here waits for it.
"""

import time
from collections.abc import Callable
from queue import Empty
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Header, RichLog, Static

from kiosk.demo.shop import Network, Shop
from kiosk.messages import DeviceError, Language
from kiosk.prompts import LANGUAGES, Catalogue
from kiosk.sms_text import local_time
from kiosk.wire import Rejected, utc_ms

ACTIONS = (
    ("p", "press"), ("i", "internet"), ("g", "gsm"), ("s", "sound"), ("r", "reply"), ("a", "accept"),
    ("e", "en_route"), ("o", "on_scene"), ("c", "close"), ("d", "drill"), ("l", "language"), ("q", "quit"),
)  # fmt: skip
OFFICER = "demo-officer"
PANES = ("kiosk", "victim", "officer", "centre")


class Page(App[None]):
    """The whole page; `lang` is the language of its words, the shop speaks its own two."""

    CSS = """
    Horizontal { height: auto; }
    Horizontal Static { border: round $primary; padding: 0 1; width: 1fr; height: 7; }
    RichLog { border: round $primary; height: 1fr; padding: 0 1; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, shop: Shop, words: Catalogue, lang: Language) -> None:
        super().__init__()
        self._shop = shop
        self._words = words
        self._lang = lang
        self._down: set[Network] = set()
        self._caption = ""
        self._text = ""
        self._state: dict[str, Any] = {}
        self._alert: dict[str, Any] | None = None
        self._start_s = time.monotonic()
        # Held, not looked up: a last turn may come when the screen has let go of them already.
        self._panes = {name: Static(id=name) for name in PANES}
        self._timeline = RichLog(id="timeline", wrap=True, markup=False)
        self._key_words()

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        yield Header(show_clock=True)
        with Vertical():
            with Horizontal():
                yield self._panes["kiosk"]
                yield self._panes["victim"]
            with Horizontal():
                yield self._panes["officer"]
                yield self._panes["centre"]
            yield self._timeline
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Begin to follow the shop."""
        self.set_interval(0.1, self._follow)
        self.set_interval(0.5, self._look)
        self._show()

    def _word(self, key: str) -> str:
        return self._words.word(self._lang, "demo", key)

    def _key_words(self) -> None:
        for key, action in ACTIONS:
            self._bindings.key_to_bindings[key] = [
                Binding(key, f"do('{action}')", self._word(f"key_{action}"))
            ]

    # ---- following

    def _follow(self) -> None:
        """Show what the parts have told since the last look."""
        for _ in range(50):
            try:
                event = self._shop.events.get_nowait()
            except Empty:
                break
            self._tell(event)
        self._show()

    def _tell(self, event: dict[str, Any]) -> None:
        what = event["what"]
        if event["from"] == "phone":
            self._text = event["text"]
        if event["from"] != "kiosk":
            return
        if what == "said":
            language, key = event["lang"], event["key"]
            self._caption = key if key == "cover" else self._words.prompt(language, key).text
            self._line(event, f"«{self._caption}»")
            return
        key = f"did_{what}_{event['path']}" if what == "sent" else f"did_{what}"
        if (self._lang, "demo", key) in self._words.words:
            self._line(event, " ".join(part for part in (self._word(key), self._about(event)) if part))

    def _about(self, event: dict[str, Any]) -> str:
        """Name the fault or the link in the page's words."""
        if "code" in event:
            return self._words.fault(self._lang, str(event["code"]))
        key = {"mqtt": "internet", "sms": "gsm"}.get(str(event.get("link")), "")
        return self._word(key) if key else ""

    def _line(self, event: dict[str, Any], text: str) -> None:
        since_s = event["at_s"] - self._start_s
        self._timeline.write(f"{since_s:7.1f} s  {text}")

    def _look(self) -> None:
        """Ask the kiosk and the centre how they are, aside from the page's own thread."""
        self.run_worker(self._ask_both, thread=True, exclusive=True, group="look")

    def _ask_both(self) -> None:
        try:
            state = self._shop.ask_kiosk(ask="status")
            alerts = self._shop.ask_centre(ask="alerts")["alerts"]
        except DeviceError:
            return
        self._state, self._alert = state, (alerts[0] if alerts else None)

    def _show(self) -> None:
        for name, pane in self._panes.items():
            pane.border_title = self._word(name)
            pane.update(getattr(self, f"_{name}_text")())
        self._timeline.border_title = self._word("timeline")
        self.title = self._word("title")
        self.sub_title = " ".join(self._shop.pages.values())

    def _kiosk_text(self) -> str:
        state = self._word(f"state_{self._state['state']}") if self._state else self._word("starting")
        networks: tuple[tuple[Network, str], ...] = (("mqtt", "internet"), ("gsm", "gsm"), ("sound", "sound"))
        rows = [
            f"{'✗' if network in self._down else '✓'} {self._word(key)}: "
            f"{self._word('no' if network in self._down else 'yes')}"
            for network, key in networks
        ]
        return "\n".join([state.upper(), *rows])

    def _victim_text(self) -> str:
        return self._caption or self._word("silence")

    def _officer_text(self) -> str:
        return self._text or self._word("no_text")

    def _centre_text(self) -> str:
        if self._alert is None:
            return self._word("no_alert")
        address = self._alert["place"]["address"]["kk" if self._lang == "kk" else "ru"]
        stage = self._word(f"did_{self._alert['stage']}")
        pressed_ms = utc_ms(self._alert["pressed_at"])
        moment = "" if isinstance(pressed_ms, Rejected) else local_time(pressed_ms)
        return f"{'ТЕСТ ' if self._alert['drill'] else ''}{stage}\n{address}\n{moment}"

    # ---- keys

    def action_do(self, name: str) -> None:
        """Do what a key stands for."""
        match name:
            case "quit":
                self.exit()
            case "language":
                place = LANGUAGES.index(self._lang) + 1
                self._lang = LANGUAGES[place % len(LANGUAGES)]
                self._key_words()
                self.refresh_bindings()
            case "internet" | "gsm" | "sound":
                networks: dict[str, Network] = {"internet": "mqtt", "gsm": "gsm", "sound": "sound"}
                self._switch(networks[name])
            case _:
                self.run_worker(lambda: self._do(name), thread=True, group="do")

    def _switch(self, network: Network) -> None:
        if network in self._down:
            self._down.discard(network)
            self._shop.restore(network)
        else:
            self._down.add(network)
            self._shop.cut(network)

    def _do(self, name: str) -> None:
        alert = str(self._alert["alert_id"]) if self._alert else ""
        steps: dict[str, Callable[[], Any]] = {
            "press": self._shop.press,
            "drill": lambda: self._shop.ask_kiosk(ask="drill"),
            "reply": self._shop.reply,
            "accept": lambda: self._shop.ask_centre(ask="accept", alert=alert, by=OFFICER),
            "en_route": lambda: self._shop.ask_centre(
                ask="advance", alert=alert, stage="en_route", by=OFFICER
            ),
            "on_scene": lambda: self._shop.ask_centre(
                ask="advance", alert=alert, stage="on_scene", by=OFFICER
            ),
            "close": lambda: self._shop.ask_centre(ask="close", alert=alert, by=OFFICER),
        }
        try:
            steps[name]()
        except DeviceError as error:
            self.call_from_thread(self.notify, str(error), severity="warning")
