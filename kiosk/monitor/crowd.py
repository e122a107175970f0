"""How many connections there may be, and from whom. A newcomer is never turned away for an old one's sake.

A kiosk whose link flaps leaves dead connections behind: its oldest one goes, so that an alert finds a door.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

Drop = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many there may be of one known peer, of one stranger, of all strangers, and in all."""

    known_each: int
    stranger_each: int
    strangers: int
    everybody: int


class Crowd:
    """Counts connections by who they are; whoever must go is told by its own `drop`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._of: dict[str, deque[Drop]] = {}
        self._strangers: deque[tuple[str, Drop]] = deque()
        self._all = 0

    def enter(self, who: str, drop: Drop, *, stranger: bool) -> bool:
        """Count a connection in; False when there is no room at all."""
        room = self._room
        if self._all >= room.everybody:
            return False
        mine = self._of.setdefault(who, deque())
        mine.append(drop)
        self._all += 1
        if stranger:
            self._strangers.append((who, drop))
        if len(mine) > (room.stranger_each if stranger else room.known_each):
            mine[0]()
        elif len(self._strangers) > room.strangers:
            self._strangers[0][1]()
        return True

    def leave(self, who: str, drop: Drop) -> None:
        """Count a connection out; one that never came in changes nothing."""
        mine = self._of.get(who)
        if mine is None or drop not in mine:
            return
        mine.remove(drop)
        self._all -= 1
        if not mine:
            del self._of[who]
        if (who, drop) in self._strangers:
            self._strangers.remove((who, drop))


def network_of(host: str) -> str:
    """Name whom an address stands for: itself, or its /64 where one site has them all (IPv6)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"{int(address) >> 64:x}/64"
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)
