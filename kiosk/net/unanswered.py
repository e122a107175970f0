"""Publishes that the broker has not acknowledged yet, by packet id. Pure.

Owns their deadlines. A late answer still makes room, but is told to nobody: it was given up.
"""

from dataclasses import dataclass

from kiosk.bodies import Token

# A broker that answers pings but acknowledges nothing for so long is left: once its window is full it takes
# nothing more. Generous, as on a narrow line a PUBACK waits behind all that was sent: eight events and some
# tries of an alert, 7 kB in all, take 28 s at 2 kbit/s. HTTPS and SMS have begun long before.
MUTE_S = 30.0


@dataclass(slots=True)
class _Sent:
    token: Token | None
    at_s: float


class Unanswered:
    """Packet id -> what was sent and when; a None token is our own status."""

    def __init__(self) -> None:
        self._sent: dict[int, _Sent] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def add(self, mid: int, token: Token | None, now_s: float) -> None:
        """Note that a packet went out."""
        self._sent[mid] = _Sent(token, now_s)

    def answer(self, mid: int, now_s: float) -> tuple[Token | None, int] | None:
        """Take a packet off; gives its token and round trip in ms, or None where it is not ours."""
        sent = self._sent.pop(mid, None)
        return None if sent is None else (sent.token, round((now_s - sent.at_s) * 1000))

    def overdue(self, now_s: float, deadline_s: float) -> list[Token]:
        """Give up the packets sent before the deadline; gives the tokens, each once."""
        late = [sent for sent in self._sent.values() if sent.token and now_s - sent.at_s >= deadline_s]
        return [token for sent in late if (token := _taken(sent))]

    def waited_s(self, now_s: float) -> float:
        """Tell for how long the oldest packet has been unanswered, given up or not; 0 without any."""
        return max((now_s - sent.at_s for sent in self._sent.values()), default=0.0)

    def abandon(self) -> list[Token]:
        """Give up everything: the connection is gone."""
        tokens = [sent.token for sent in self._sent.values() if sent.token]
        self._sent.clear()
        return tokens


def _taken(sent: _Sent) -> Token | None:
    token, sent.token = sent.token, None
    return token
