"""Whose turn it is: the brokers in order, and how long to rest before the next attempt. Pure."""

from collections.abc import Callable

SHORTEST_S = 0.25
LONGEST_S = 10.0  # EN 50136-1 SP6 wants a loss reported within 20 s: a longer rest would spend it all
FIRST_CEILING_S = 0.75


def rest_s(rounds: int, chance: float) -> float:
    """Give the rest after `rounds` fruitless rounds over the list; `chance` in [0, 1) spreads the fleet."""
    ceiling = min(LONGEST_S, FIRST_CEILING_S * 2.0 ** min(rounds, 8))
    return SHORTEST_S + chance * (ceiling - SHORTEST_S)


class Turns:
    """The brokers (`host:port`) tried in turn, starting with the first."""

    def __init__(self, brokers: tuple[str, ...], chance: Callable[[], float]) -> None:
        self._brokers = brokers
        self._chance = chance
        self._next = 0
        self._failures = 0

    def take(self) -> tuple[str, int]:
        """Give host and port of the broker whose turn it is."""
        host, _, port = self._brokers[self._next % len(self._brokers)].rpartition(":")
        return host, int(port)

    @property
    def round(self) -> int:
        """Count the whole rounds taken; picks among a name's several addresses."""
        return self._next // len(self._brokers)

    def lost(self, *, stable: bool) -> float:
        """Move to the next broker and give the rest before it, in seconds.

        Only a link that was `stable` starts the back-off anew: two kiosks with one identity (a cloned
        card) throw each other out at once, and must not do so at full speed.
        """
        if stable:
            self._failures = 0
        rounds = self._failures // len(self._brokers)
        self._failures += 1
        self._next += 1
        return rest_s(rounds, self._chance())
