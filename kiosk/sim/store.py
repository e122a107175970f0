"""The simulated modem's answers about the messages on its card (3GPP TS 27.005, PDU mode).

Owns nothing: each function reads or changes the card that it is given.
"""

from __future__ import annotations

from collections.abc import Callable

from kiosk.sim.card import SLOTS, Card

NO_CARD, CARD_LOCKED, BAD_INDEX, BAD_MEMORY = 310, 311, 321, 302


class AtError(Exception):
    """Carry the final line of a command that failed."""


def cms(code: int) -> AtError:
    """Make the error of a message service command (27.005, 3.2.5)."""
    return AtError(f"+CMS ERROR: {code}")


def need(card: Card) -> None:
    """Raise AtError unless the card can be used."""
    if not card.ready():
        raise cms(CARD_LOCKED if card.present else NO_CARD)


def state(card: Card, _value: str) -> list[str]:
    """+CPMS?: how full the card is."""
    need(card)
    return ["+CPMS: " + ",".join([f'"SM",{len(card.slots)},{SLOTS}'] * 3)]


def choose(card: Card, value: str) -> list[str]:
    """+CPMS="SM",…: there is no other memory."""
    need(card)
    if set(value.replace('"', "").split(",")) != {"SM"}:
        raise cms(BAD_MEMORY)
    return ["+CPMS: " + ",".join([f"{len(card.slots)},{SLOTS}"] * 3)]


def read(card: Card, value: str) -> list[str]:
    """+CMGR=n."""
    need(card)
    kept = card.slots.get(int(value) if value.isdigit() else 0)
    if kept is None:
        raise cms(BAD_INDEX)
    status, kept.read = int(kept.read), True
    return [f"+CMGR: {status},,{len(kept.tpdu)}\r\n00{kept.tpdu.hex().upper()}"]


def list_all(card: Card, value: str) -> list[str]:
    """+CMGL=4: everything on the card; 0 and 1 only what is unread or read."""
    need(card)
    lines = []
    for place, kept in sorted(card.slots.items()):
        if value in {"4", str(int(kept.read))}:
            shown = f"{len(kept.tpdu)}\r\n00{kept.tpdu.hex().upper()}"
            lines.append(f"+CMGL: {place},{int(kept.read)},,{shown}")
            kept.read = True
    return lines


def delete(card: Card, value: str) -> list[str]:
    """+CMGD=n."""
    need(card)
    place = value.partition(",")[0]
    if not place.isdigit() or not 1 <= int(place) <= SLOTS:
        raise cms(BAD_INDEX)
    card.slots.pop(int(place), None)
    return []


STORE: dict[tuple[str, str], Callable[[Card, str], list[str]]] = {
    ("+CPMS", "?"): state,
    ("+CPMS", "="): choose,
    ("+CMGR", "="): read,
    ("+CMGL", "="): list_all,
    ("+CMGD", "="): delete,
}
