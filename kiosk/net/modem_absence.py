"""How long a modem that answers has been off the network, and when it is worth opening it anew.

A modem can stay stuck in its search after a base station's outage until it is reset; a lost session makes the
recovery ladder reset it. Owns only that judgement: does no I/O, and gets the time as values.
"""

from kiosk.messages import Registration

_ON_AIR = ("home", "roaming")
AWAY_S = 300.0  # shorter than the ladder's STEADY_S, or it would begin at `reopen` each time
REFUSED_S = 180.0  # where texts are refused; a modem that was reset finds its network sooner
REFUSALS = 4
TURN = 4  # losses in which the ladder comes to a reset and to taking the power away, wherever it began
PAUSES_S = (600.0, 1200.0, 3600.0)  # after each turn: a place without any network is left alone for longer


class Absence:
    """Count the time and the refused texts since the modem was last seen on the network."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._refused = 0
        self._losses = 0

    def opened(self, registration: Registration, now_s: float) -> None:
        """Begin from new: the modem was opened, perhaps after a reset."""
        self._since_s, self._refused = now_s, 0
        if registration in _ON_AIR:
            self.sent()

    def sent(self) -> None:
        """Note that the network took a text."""
        self._since_s, self._refused, self._losses = None, 0, 0

    def refused(self, now_s: float) -> bool:
        """Note that a text was refused; tells whether the modem should be asked for its network now."""
        self._refused += 1
        if self._since_s is None:
            self._since_s = now_s
        return self._refused >= REFUSALS and now_s - self._since_s >= self._patience_s()

    def read(self, registration: Registration, now_s: float) -> str:
        """Judge what the modem told; gives why it must be opened anew, or ""."""
        if registration in _ON_AIR:
            self.sent()
            return ""
        if self._since_s is None:
            self._since_s = now_s
        away_s = now_s - self._since_s
        if away_s < self._patience_s():
            return ""
        self._since_s, self._refused = None, 0
        self._losses += 1
        return f"not registered for {away_s / 60:.0f} min"

    def _patience_s(self) -> float:
        turns, place = divmod(self._losses, TURN)
        if turns and place == 0:
            return PAUSES_S[min(turns, len(PAUSES_S)) - 1]
        return REFUSED_S if self._refused >= REFUSALS else AWAY_S
