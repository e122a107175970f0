"""Officers with telephones and pages, and strangers who write: what persons do to alerts, and when. Pure.

An officer acts on what the telephone or the page shows, never on what the story knows. After the story has
healed, good ones take and close whatever is still open.
"""

import re
from collections import deque
from typing import Any, Protocol

from kiosk.bodies import STAGES
from kiosk.monitor import cases
from kiosk.monitor.records import Case
from kiosk.simulate import places
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.dice import Dice
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.net.gsm import Gsm, Sms
from kiosk.simulate.story import Deed

CODE = re.compile(r"OK (\d{4})")
INBOX_MAX = 50
ROUND_S = 7.0  # how often good officers look at the board
TAKE_S, CLOSE_S = 5.0, 20.0
WORDS = {"accept": ("ok", "ОК", "Prinyal", "қабылдадым"), "en_route": ("go", "еду", "БАРАМЫН")}
ACTIONS = ("accept", "en_route", "on_scene", "close")
STAGE = {"accept": "accepted", "en_route": "en_route", "on_scene": "on_scene", "close": "closed"}
BEFORE = {
    action: frozenset(known for known in STAGES if cases.rank(known) < cases.rank(stage))
    for action, stage in STAGE.items()
}


class Listener(Protocol):
    """Who sees what people get and do."""

    def person_read(self, person: str, sms: Sms) -> None:
        """A text reached an officer's telephone."""

    def person_said(self, person: str, action: str, alert: Case) -> None:
        """Somebody did something about an alert on a page."""

    def person_wrote(self, person: str, action: str, code: str) -> None:
        """Somebody wrote a word and a code."""


class People:
    """All officers of a story."""

    def __init__(
        self, agenda: Agenda, gsm: Gsm, centres: list[Centre], listener: Listener, *, dice: Dice,
        phones: dict[str, str],
    ) -> None:  # fmt: skip
        self._agenda = agenda
        self._gsm = gsm
        self._centres = centres
        self._listener = listener
        self._dice = dice
        self._phones = phones
        self._inbox: dict[str, deque[Sms]] = {name: deque(maxlen=INBOX_MAX) for name in phones}
        self._said: dict[str, float] = {}
        for name, number in phones.items():
            gsm.listen(number, f"phone:{name}", self._ear(name))

    def _ear(self, name: str) -> Any:
        def hear(sms: Sms) -> bool:
            self._inbox[name].append(sms)
            self._listener.person_read(name, sms)
            return True

        return hear

    # ---- what a story lets them do

    def act(self, deed: Deed) -> None:
        """Let an officer do something: `<action> <way>[+<way>]`; ways are web-a, web-b, sms."""
        action, _, ways = deed.how.partition(" ")
        for way in ways.split("+"):
            if way.startswith("web-"):
                self._click(deed.who, action, "ab".index(way[-1]), deed.n)
            else:
                self._write(deed.who, action, deed.n)

    def _click(self, person: str, action: str, place: int, which: int) -> None:
        centre = self._centres[min(place, len(self._centres) - 1)]
        if not centre.alive:
            return
        before = BEFORE[action]
        shown = [
            case
            for case in centre.fleet.caseload.all()
            if before.issuperset([entry.stage for entry in case.stages])
        ]
        if shown:
            self._ask(centre, person, action, shown[-1 - which % len(shown)])

    def _ask(self, centre: Centre, person: str, action: str, case: Case) -> None:
        self._listener.person_said(person, action, case)
        request: dict[str, Any] = {"alert": case.alert.alert_id, "by": person}
        if action in {"en_route", "on_scene"}:
            request |= {"ask": "advance", "stage": action}
        else:
            request |= {"ask": action}
        centre.ask(request, lambda _: None)

    def _write(self, person: str, action: str, which: int) -> None:
        """Answer the newest text, or an older one, to whoever it came from."""
        words = WORDS.get(action)
        inbox = [(sms, found[1]) for sms in self._inbox[person] if (found := CODE.search(sms.text))]
        if not inbox or words is None:
            return
        sms, code = inbox[-1 - which % len(inbox)]
        self._listener.person_wrote(person, action, code)
        text = f"{self._dice.pick(words)} {code}"
        self._gsm.send(Sms(self._phones[person], sms.sender, text), stretch=f"phone:{person}")

    # ---- strangers

    def forge(self, deed: Deed) -> None:
        """Let a stranger, or somebody who forges a sender, write: `how` says what to `who`."""
        number = places.sim_of(int(deed.who[1:])) if deed.who.startswith("k") else places.GATEWAYS[0]
        known = [sms for inbox in self._inbox.values() for sms in inbox if CODE.search(sms.text)]
        found = CODE.search(known[-1].text) if known else None
        code = found[1] if found else "4711"
        officer = next(iter(self._phones.values()), "")
        sms = {
            "unlisted": Sms("+77019999999", number, f"OK {code}"),
            "wrong code": Sms(officer, number, "OK 0000"),
            "close": Sms(officer, number, f"close {code}"),
            "unsigned": Sms(places.GATEWAYS[0], number, f"A1R {code} closed AAAAAAAAAA"),
            "name": Sms("Bank", number, f"OK {code}"),
            "long": Sms("+77019999999", number, "ё" * 1000),
            "machine": Sms("+77019999999", number, "SOS A1:" + "A" * 45),
        }[deed.how]
        self._gsm.send(sms)

    # ---- good people

    def settle(self, until_s: float) -> None:
        """Take and close whatever is open, from now on."""
        for centre in self._centres[:1] if self._agenda.now_s % 2 < 1 else self._centres[-1:]:
            if centre.alive:
                for case in centre.fleet.caseload.all():
                    self._finish(centre, case)
        if self._agenda.now_s < until_s:
            self._agenda.after(ROUND_S, lambda: self.settle(until_s))

    def _finish(self, centre: Centre, case: Case) -> None:
        alert_id = case.alert.alert_id
        if cases.is_closed(case):
            return
        since_s = self._said.setdefault(alert_id, self._agenda.now_s)
        waited_s = self._agenda.now_s - since_s
        if cases.is_waiting(case) and waited_s >= TAKE_S:
            self._ask(centre, "officer-good", "accept", case)
        elif waited_s >= CLOSE_S:
            self._ask(centre, "officer-good", "close", case)
