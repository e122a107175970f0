"""How a kiosk is, in plain words: life, faults, twins, gaps. Owns the words' choice only.

A code that has no words is shown as it is: a newer kiosk may send some that we do not know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kiosk.monitor.store.fleetlist import Line

Word = Callable[..., str]
Tone = Literal["good", "note", "warn", "bad"]
# The kiosk's own judgement (kiosk.health.MILD): these alone do not make it faulty.
MILD = frozenset(
    {
        "clock_unsynced", "balance_low", "balance_unknown", "cert_expiring", "mains_lost",
        "nobody_on_duty", "restart_loop",
    }
)  # fmt: skip
SIGNS: dict[Tone, str] = {"good": "●", "note": "○", "warn": "▲", "bad": "■"}  # never colour alone


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence about a kiosk, and how serious it is."""

    tone: Tone
    text: str

    @property
    def sign(self) -> str:
        """Give the shape that says what the colour says."""
        return SIGNS[self.tone]


def lasting(ms: int, word: Word) -> str:
    """Say how long something takes: seconds, minutes, hours and minutes, or days and hours."""
    seconds = max(0, ms) // 1000
    minutes, hours = seconds // 60, seconds // 3600
    if seconds < 60:
        return word("spoken.seconds", n=seconds)
    if hours < 1:
        return word("spoken.minutes", n=minutes)
    if hours < 48:
        return word("spoken.hours", h=hours, m=minutes % 60)
    return word("spoken.days", d=hours // 24, h=hours % 24)


def fault(code: str, word: Word, has: Callable[[str], bool]) -> Reason:
    """Say what a fault code means."""
    name, _, part = code.partition(":")
    tone: Tone = "note" if name in MILD else "warn"
    return Reason(tone, named(code, word, has) if not part or has(f"faults.{name}") else code)


def named(code: str, word: Word, has: Callable[[str], bool]) -> str:
    """Name a code of a fault or an event in words, or give it as it is."""
    name, _, part = code.partition(":")
    return word(f"faults.{name}", part=part) if has(f"faults.{name}") else code


def life(line: Line, word: Word, now_ms: int) -> Reason:
    """Say whether a kiosk is alive, and since when not."""
    time = lasting(now_ms - line.since_ms, word)
    match line.life:
        case "online" if line.state == "alerting":
            return Reason("bad", word("fleet.alerting"))
        case "online":
            return Reason("good", word("fleet.online"))
        case "silent":
            why = line.why if line.why in {"will", "heartbeats"} else ""
            return Reason("bad", word(f"fleet.silent_{why}", time=time))
        case "stopped":
            return Reason("warn", word("fleet.stopped", time=time))
        case _:
            return Reason("note", word("fleet.unknown"))


def reasons(line: Line, word: Word, has: Callable[[str], bool], now_ms: int) -> tuple[Reason, ...]:
    """Say all that is to be known of a kiosk in a list: its life first, then what is wrong."""
    if line.revoked:
        return (Reason("note", word("fleet.revoked")),)
    found = [life(line, word, now_ms)]
    if line.open_alerts:
        found.append(Reason("bad", word("fleet.open_alerts", n=line.open_alerts)))
    if line.twin:
        found.append(Reason("bad", word("fleet.twin")))
    if line.missing:
        numbers = ", ".join(str(number) for number in line.missing if number)
        found.append(Reason("bad", word("fleet.missing", numbers=numbers or len(line.missing))))
    found += [fault(code, word, has) for code in line.faults]
    if not line.registered:
        found.append(Reason("warn", word("fleet.unregistered")))
    return tuple(found)
