"""Which faults lie on which stretch of the way, and since when it has been clear. Pure."""

from collections.abc import Callable, Mapping

from kiosk.simulate.agenda import Agenda

HEALED = ""  # what watchers hear when the last fault of a kind ends
NONE: Mapping[str, int] = {}


class Weather:
    """Stretches are named `mqtt:k1`, `modem:k1`, `broker`, `store` and so on; a fault is one word."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._faults: dict[str, dict[str, int]] = {}
        self._clear_s: dict[str, float] = {}
        self._watchers: dict[str, list[Callable[[str], None]]] = {}

    def begin(self, where: str, how: str) -> None:
        """Let a fault begin; equal ones overlap."""
        faults = self._faults.setdefault(where, {})
        faults[how] = faults.get(how, 0) + 1
        for watcher in self._watchers.get(where, ()):
            watcher(how)

    def end(self, where: str, how: str) -> None:
        """Let a fault end."""
        faults = self._faults[where]
        faults[how] -= 1
        if not faults[how]:
            del faults[how]
        if not faults:
            del self._faults[where]
            self._clear_s[where] = self._agenda.now_s
        for watcher in self._watchers.get(where, ()):
            watcher(HEALED)

    def touch(self, where: str) -> None:
        """Note a fault that is over in a moment."""
        self._clear_s[where] = self._agenda.now_s

    def watch(self, where: str, watcher: Callable[[str], None]) -> None:
        """Be told of each fault that begins there, and `HEALED` when one ends."""
        self._watchers.setdefault(where, []).append(watcher)

    def has(self, where: str, how: str) -> bool:
        """Tell whether a fault lies on a stretch now."""
        faults = self._faults.get(where)
        return faults is not None and how in faults

    def on(self, where: str) -> Mapping[str, int]:
        """Give all that is wrong with a stretch now, with how often."""
        return self._faults.get(where, NONE)

    def clear_since(self, where: str) -> float | None:
        """Give since when a stretch has been well, None while it is not."""
        return None if where in self._faults else self._clear_s.get(where, 0.0)
