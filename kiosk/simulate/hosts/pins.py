"""The fingers at a kiosk's contacts, and what its pins tell of them. Pure.

Faults of `pins:<who>`: `lost` (the chip vanished), `deaf` (nobody answers a read and edges are not seen).
"""

from typing import Protocol

from kiosk.messages import EdgeSeen, InputLost, InputName, KioskEvent, LevelRead
from kiosk.simulate import places
from kiosk.simulate.dice import Dice
from kiosk.simulate.hosts.around import Surroundings
from kiosk.simulate.story import Shop
from kiosk.wiring import rules_of

COUNTER, TAMPER = "counter", "tamper"
REST_S = 9.0  # of 16 s after which an input that nobody reads is a fault
BOUNCE_S = (0.0005, 0.004)


class Board(Protocol):
    """The kiosk to which contacts are wired."""

    around: Surroundings
    shop: Shop
    number: int
    who: str

    @property
    def mono_s(self) -> float:
        """Give its monotonic time."""

    def post(self, event: KioskEvent) -> None:
        """Take an event in."""


class Pins:
    """Contacts outlive the process; whether anybody looks at them, the process decides."""

    def __init__(self, board: Board, dice: Dice) -> None:
        self._board = board
        self._dice = dice
        wired = places.config_of(board.shop, board.number).inputs()
        self._rules = {name: rules_of(contact) for name, contact in wired.items()}
        self._where = f"pins:{board.who}"
        self._closed: dict[str, bool] = {}
        self._open: set[str] = set()
        self._known: set[str] = set()  # read in this life of the process
        self.watched_since_s: float | None = None
        self.busy_until_s = 0.0
        self._told_s = -REST_S  # when levels were told last, and nothing has moved since
        board.around.weather.watch(self._where, self._changed)

    def _changed(self, how: str) -> None:
        _ = how
        self._told_s = -REST_S

    # ---- the world

    def is_closed(self, name: str) -> bool:
        """Tell whether somebody holds a contact closed."""
        return self._closed.get(name, False)

    def is_watched(self, name: str) -> bool:
        """Tell whether the kiosk holds an input open and has once read its level."""
        return name in self._open and name in self._known

    def move(self, name: str, *, closed: bool) -> None:
        """Close or open a contact, with the bounce of a real one."""
        bounces = self._dice.whole(0, 2)
        for number in range(bounces):
            wait_s = number * 0.006
            self._board.around.agenda.after(wait_s, lambda: self._edge(name, closed=closed))
            back_s = wait_s + self._dice.between(*BOUNCE_S)
            self._board.around.agenda.after(back_s, lambda: self._edge(name, closed=not closed))
        self._board.around.agenda.after(bounces * 0.006, lambda: self._edge(name, closed=closed))

    def _edge(self, name: str, *, closed: bool) -> None:
        if self.is_closed(name) == closed:
            return
        self._closed[name] = closed
        self._told_s = -REST_S
        if name in self._open and not self._has("lost") and not self._has("deaf"):
            self._board.post(EdgeSeen(input=InputName(name), high=self._level(name), at_s=self._board.mono_s))

    def _level(self, name: str) -> bool:
        return self._rules[name].is_down(high=True) == self.is_closed(name)

    def _has(self, how: str) -> bool:
        return self._board.around.weather.has(self._where, how)

    # ---- the port

    def open(self) -> None:
        """Open every input."""
        self._open, self._known = set(self._rules), set()
        self.watched_since_s = self._board.around.agenda.now_s
        self._told_s = -REST_S
        self.read()

    def shut(self) -> None:
        """Let go of all, with the process."""
        self._open.clear()
        self.watched_since_s = None

    def read(self) -> None:
        """Post the level of each open input; a read that would tell nothing new is answered now and then."""
        now_s = self._board.around.agenda.now_s
        if self._has("deaf") or now_s < self._told_s + REST_S:
            return
        self._told_s = now_s
        for name in self._rules:
            if name in self._open or self._has("lost"):
                self._board.post(self._found(name))

    def reopen(self, name: str) -> None:
        """Open one input again."""
        if not self._has("deaf"):
            self._open.add(name)
            self._board.post(self._found(name))

    def _found(self, name: str) -> KioskEvent:
        if self._has("lost"):
            self._open.discard(name)
            self._told_s = -REST_S
            return InputLost(InputName(name), "ENODEV")
        self._known.add(name)
        return LevelRead(input=InputName(name), high=self._level(name), at_s=self._board.mono_s)
