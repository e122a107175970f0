"""How one contact is wired and guarded: the rules that `press` goes by. Pure."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from kiosk.config import Button, Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Wiring and guard of one contact; all times in seconds."""

    wiring: Literal["no", "nc"] = "no"
    pull: Literal["up", "down", "none"] = "up"
    guard: Literal["single", "hold", "double"] = "single"
    hold_s: float = 1.0
    double_s: float = 1.5
    stable_s: float = 0.015
    stuck_s: float = 30.0

    def is_down(self, *, high: bool) -> bool:
        """Tell whether this electrical level means pressed. `pull` none is taken as an external pull-up."""
        idle_high = self.pull != "down"
        return (high != idle_high) if self.wiring == "no" else (high == idle_high)


def rules_of(wired: Button | Contact) -> Rules:
    """Give the rules of a configured input; a tamper or mains contact may stay closed for ever."""
    if isinstance(wired, Contact):
        return Rules(wiring=wired.wiring, pull=wired.pull, stuck_s=inf)
    return Rules(
        wiring=wired.wiring,
        pull=wired.pull,
        guard=wired.guard,
        hold_s=wired.hold_s,
        double_s=wired.double_s,
        stable_s=wired.stable_ms / 1000,
        stuck_s=wired.stuck_s,
    )
