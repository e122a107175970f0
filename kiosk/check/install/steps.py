"""The steps that need a person: every button pressed, every prompt heard, asked of the running daemon.

A press that the daemon takes for an alarm ends the check at once: `AlarmOpen`.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kiosk.check.daemon import STATUS, Refused, follow, question
from kiosk.check.install.people import Person
from kiosk.check.row import Row, fault, ok, untested, unused
from kiosk.config import Config
from kiosk.hw.clips import site_prompts
from kiosk.messages import KioskError, Language
from kiosk.prompts import COVER, Catalogue
from kiosk.site import Site

Object = dict[str, Any]
TRIAL_S = 60.0
MARGIN_S = 5.0
SAY_S = 60.0  # the longest prompt in three languages, at a calm pace
REAL = frozenset({"pressed", "pressed_again", "tamper"})
FIRST = "drill"  # "this is a test": said before all that does not hold now


class AlarmOpen(KioskError):
    """A real alarm is open: nobody goes on testing."""


class Steps:
    """The steps at one kiosk; `socket` is its daemon's."""

    def __init__(self, site: Site, socket: Path, person: Person, language: Language) -> None:
        self._config: Config = site.config
        self._words: Catalogue = site.words
        self._socket = socket
        self._person = person
        self._language = language

    def demand_peace(self) -> None:
        """Raise AlarmOpen while an alarm is open; DaemonAway without a daemon."""
        if question(self._socket, STATUS)["incidents"]:
            raise AlarmOpen(self._say("stopped"))

    # ---- buttons

    def buttons(self) -> list[str]:
        """Name the buttons."""
        return [button.name for button in self._config.buttons]

    def press(self, name: str) -> Row:
        """Have one button pressed once, as often as the installer wants to try."""
        part = f"button:{name}"
        while True:
            try:
                seen = self._trial(name)
            except Refused as error:
                return untested(part, "refused", reason=str(error))
            if seen:
                self._person.tell(self._say("button_seen"))
                return ok(part, "button_seen")
            if self._person.ask(part, self._say("button_again")) != "again":
                return fault(part, "button_unseen", seconds=f"{TRIAL_S:g}")

    def _trial(self, name: str) -> bool:
        request = {"ask": "trial", "button": name, "seconds": TRIAL_S}
        for event in self._follow(request, TRIAL_S + MARGIN_S):
            match event:
                case {"what": "trial_pressed", "button": str(which)} if which == name:
                    return True
                case {"what": "trial_over"}:
                    return False
                case {"ok": True}:
                    self._person.tell(self._say("button_ask", name=name, seconds=f"{TRIAL_S:g}"))
        return False

    # ---- prompts

    def prompts(self) -> list[str]:
        """Name the prompts that this site can be heard to say, the test's own first."""
        mode = self._config.voice.mode
        if mode == "off":
            return []
        keys = list(dict.fromkeys(prompt.key for prompt in site_prompts(self._config, self._words)))
        if mode == "cover":
            return [key for key in keys if key == COVER]
        return [FIRST, *(key for key in keys if key not in (FIRST, COVER))]

    def silent(self) -> Row:
        """Say that this site has no voice."""
        return unused("heard")

    def hear(self, key: str) -> Row:
        """Have one prompt said, and ask whether it was heard."""
        part = f"heard:{key}"
        while True:
            try:
                said = self._rehearse(key)
            except Refused as error:
                return untested(part, "refused", reason=str(error))
            if not said:
                return fault(part, "heard_nothing", device=self._config.voice.device)
            text = self._text(key)
            answer = self._person.ask(part, self._say("heard_ask", text=text))
            if answer == "yes":
                return ok(part, "heard_ok")
            if answer == "no":
                return fault(part, "heard_no", device=self._config.voice.device)

    def _rehearse(self, key: str) -> bool:
        """Let the daemon say a prompt; tell whether the device took it."""
        for event in self._follow({"ask": "say", "key": key}, SAY_S):
            match event:
                case {"what": "rehearsed", "key": str(which), "sounded": bool(sounded)} if which == key:
                    return sounded
        return False

    def _text(self, key: str) -> str:
        prompts = site_prompts(self._config, self._words)
        return next((p.text for p in prompts if p.key == key and p.language == self._language), key)

    # ---- the daemon

    def _follow(self, request: Object, seconds: float) -> Iterator[Object]:
        """Yield what happens until time is up; raises AlarmOpen when somebody needs help."""
        end_s = time.monotonic() + seconds
        try:
            for event in follow(self._socket, request=request, end_s=end_s):
                if event.get("what") in REAL:
                    raise AlarmOpen(self._say("stopped"))
                yield event
        except KioskError:
            if time.monotonic() < end_s:
                raise

    def _say(self, key: str, **values: object) -> str:
        return self._words.word(self._language, "install", key, **values)
