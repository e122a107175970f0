"""The mobile network: texts between numbers, and what operators do to them. Pure.

Faults of `gsm`: `lose`, `late` (minutes), `twice`, `shuffle`, `question` (what is not Latin becomes `?`),
`cut` (only the first part arrives). A number's own stretch `sms:<who>` may `lose` what goes to or from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.simulate.agenda import Agenda
from kiosk.simulate.dice import Dice
from kiosk.simulate.weather import Weather

GSM = "gsm"
DELIVERY_S = (1.0, 6.0)
LATE_S = (30.0, 400.0)
HELD_MAX = 200  # texts for a telephone that is off


@dataclass(frozen=True, slots=True)
class Sms:
    """One text on its way."""

    sender: str
    number: str
    text: str


Hear = Callable[[Sms], bool]  # False: the telephone is off, the network keeps the text
Report = Callable[[bool], None]


class Gsm:
    """All numbers that there are; whoever has none is nobody's."""

    def __init__(self, agenda: Agenda, weather: Weather, dice: Dice) -> None:
        self._agenda = agenda
        self._weather = weather
        self._dice = dice
        self._owners: dict[str, tuple[str, Hear]] = {}
        self._held: dict[str, list[Sms]] = {}

    def listen(self, number: str, stretch: str, hear: Hear) -> None:
        """Give a number to somebody."""
        self._owners[number] = (stretch, hear)

    def send(self, sms: Sms, *, stretch: str = "", report: Report = lambda _: None) -> None:
        """Take a text; what becomes of it, the network decides."""
        weather, dice = self._weather, self._dice
        lost = weather.has(GSM, "lose") or (bool(stretch) and weather.has(stretch, "lose"))
        if lost and dice.yes(0.7):
            return
        wait_s = dice.between(*DELIVERY_S)
        if weather.has(GSM, "late"):
            wait_s = dice.between(*LATE_S)
        if weather.has(GSM, "shuffle"):
            wait_s += dice.between(0.0, 20.0)
        copies = 2 if weather.has(GSM, "twice") and dice.yes(0.5) else 1
        for copy in range(copies):
            self._later(wait_s + copy * 3.0, self._worn(sms), report if copy == 0 else _tell_nobody)

    def _later(self, in_s: float, sms: Sms, report: Report) -> None:
        self._agenda.after(in_s, lambda: self._arrive(sms, report))

    def _worn(self, sms: Sms) -> Sms:
        text = sms.text
        if self._weather.has(GSM, "question"):
            text = "".join(letter if letter.isascii() else "?" for letter in text)
        if self._weather.has(GSM, "cut") and self._dice.yes(0.7):
            text = text[: len(text) // 2]
        return Sms(sms.sender, sms.number, text)

    def _arrive(self, sms: Sms, report: Report) -> None:
        owner = self._owners.get(sms.number)
        if owner is None:
            return
        stretch, hear = owner
        if self._weather.has(stretch, "lose") and self._dice.yes(0.7):
            return
        if hear(sms):
            report(True)
            return
        held = self._held.setdefault(sms.number, [])
        held.append(sms)
        del held[:-HELD_MAX]

    def awake(self, number: str) -> None:
        """Hand over what was kept for a telephone that is on again."""
        for sms in self._held.pop(number, []):
            self._later(self._dice.between(*DELIVERY_S), sms, _tell_nobody)


def _tell_nobody(_: bool) -> None:
    return None
