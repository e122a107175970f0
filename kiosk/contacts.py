"""All inputs of the kiosk: what each contact's verdict means, and that each is still being read. Pure.

A button opens an alarm, the tamper contact an alert without people, the mains contact says which power.
An input that nobody reads is a fault: a dead button looks just like one that is not pressed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from kiosk import press as contact
from kiosk.alarm import Alarm
from kiosk.effects import Effect, OpenInput, ReadInputs
from kiosk.health import Level
from kiosk.incident import Over
from kiosk.messages import EdgeSeen, InputLost, InputName, LevelRead, Now
from kiosk.press import Press, Verdict
from kiosk.rehearsal import Rehearsal
from kiosk.reports import Reports
from kiosk.site import Site
from kiosk.wiring import rules_of

TAMPER = InputName("tamper")
MAINS = InputName("mains_lost")
READ_EVERY_S = 5.0  # level re-check: a lost edge is noticed within one period (pitfalls 15, 16)
QUEUE_PATIENCE_S = 1.0  # an edge that waited longer than this in the queue is not waited for
UNREAD_MAX_S = 16.0  # three periods without a level: the reader hangs
LEVELS: Mapping[type, Level] = {
    contact.Unread: "unknown",
    contact.Idle: "released",
    contact.Held: "pressed",
    contact.HeldAtStart: "pressed",
    contact.Stuck: "stuck",
}


class Contacts:
    """Every input's press machine, and when each was last read."""

    def __init__(self, site: Site, alarm: Alarm, reports: Reports) -> None:
        config = site.config
        self._alarm = alarm
        self._reports = reports
        self._inputs = {
            InputName(name): Press(rules=rules_of(wired)) for name, wired in config.inputs().items()
        }
        self._read_s = dict.fromkeys(self._inputs, 0.0)
        self._lost: frozenset[InputName] = frozenset()
        self._check_s = 0.0
        self._turned_s = 0.0
        self._late = self._slept = False
        self._stood_s = self._caught_up_s = 0.0
        self.rehearsal = Rehearsal(alarm, reports)

    def start(self, now: Now) -> None:
        """Begin: the inputs are being opened now."""
        self._check_s = now.s + READ_EVERY_S
        self._read_s = dict.fromkeys(self._inputs, now.s)
        self._turned_s = now.s

    def begin_turn(self, now: Now) -> None:
        """Notice that the process stood still while something was due; call before anything is taken in.

        What happened at the contacts meanwhile waits with its times, in the queue or in the kernel. Until it
        was seen only edges let time pass: two taps would look like a button that is stuck, one like a hold.
        Then every level is read. A process that is late at every turn lets time pass all the same.
        """
        was_late, late_s = self._late, now.s - QUEUE_PATIENCE_S
        self._late = late_s > self._turned_s and late_s > self.wake_s()
        if self._late and not was_late:
            self._slept, self._stood_s = True, self._turned_s
            self._caught_up_s = self._check_s = now.s + QUEUE_PATIENCE_S
        self._turned_s = now.s

    def take(self, event: EdgeSeen | LevelRead | InputLost, now: Now) -> list[Effect]:
        """Take in what was seen of one input; an unknown one is ignored."""
        if event.input not in self._inputs:
            return []
        match event:
            case InputLost(name, reason):
                return self._lose(name, reason, now)
            case EdgeSeen(input=name, high=high, at_s=at_s) | LevelRead(input=name, high=high, at_s=at_s):
                out = self._found(name, now)
                press = self._inputs[name]
                if isinstance(event, LevelRead) and press.contact and now.s < self._caught_up_s:
                    return out  # it may have overtaken edges that are older
                moved = contact.observe(press, high=high, at_s=min(at_s, now.s))
                return out + self._moved(name, *moved, now)
            case _:
                assert_never(event)

    def advance(self, now: Now, *, all_seen: bool) -> list[Effect]:
        """Let time pass for every contact; `all_seen` tells that no edge waits in the queue.

        Else edges that came late may wait there, and only their own times tell whether a level was stable:
        the newest second does not pass then. After a standstill a level counts that was there before it.
        """
        out: list[Effect] = []
        until_s = now.s if all_seen else now.s - QUEUE_PATIENCE_S
        for name, press in self._inputs.items():
            if now.s >= self._caught_up_s:
                out += self._moved(name, *contact.advance(press, until_s), now)
            elif press.contact and press.contact.since_s <= self._stood_s:
                out += self._moved(name, *contact.settle(press, until_s), now)
        return out

    def levels(self) -> dict[str, Level]:
        """Name every input's level in one word; of a lost one it is not known."""
        return {name: LEVELS[type(press.state)] for name, press in self._inputs.items()}

    def button_levels(self) -> dict[str, Level]:
        """Name every button's level for the heartbeat, which tells a lost one apart."""
        return {
            name: "lost" if name in self._lost else LEVELS[type(press.state)]
            for name, press in self._inputs.items()
            if name not in (TAMPER, MAINS)
        }

    def pressing(self, now: Now) -> bool:
        """Tell whether somebody may be in the middle of a press of a button."""
        buttons = (press for name, press in self._inputs.items() if name not in (TAMPER, MAINS))
        return any(_is_under_way(press, now.s) for press in buttons)

    def raw(self) -> dict[str, str]:
        """Tell of every input whether it is closed at this moment."""
        return {name: "pressed" if press.is_down else "released" for name, press in self._inputs.items()}

    # ---- what a verdict means

    def _moved(self, name: InputName, press: Press, verdicts: tuple[Verdict, ...], now: Now) -> list[Effect]:
        self._inputs[name] = press
        if name == MAINS:
            return self._mains(press, now)
        closed = isinstance(press.state, contact.Held | contact.HeldAtStart)
        out = self._reports.fault("tamper_open", now, wrong=closed) if name == TAMPER else []
        for verdict in verdicts:
            match verdict:
                case "pressed":
                    out += (
                        self._tampered(now, closed=closed)
                        if name == TAMPER
                        else self._pressed(name, press, now)
                    )
                case "stuck" | "freed":
                    out += self._reports.fault(f"button_stuck:{name}", now, wrong=verdict == "stuck")
                case "noisy" | "quiet":
                    out += self._reports.fault(f"button_noisy:{name}", now, wrong=verdict == "noisy")
                case _:
                    assert_never(verdict)
        return out

    def _pressed(self, name: InputName, press: Press, now: Now) -> list[Effect]:
        tried, told = self.rehearsal.takes(name, _began_s(press), now)
        if tried:
            return told
        self._reports.health = replace(self._reports.health, last_press_utc_ms=now.utc_ms)
        return [*told, *self._alarm.press(name, now, self._reports.health.clock)]

    def _tampered(self, now: Now, *, closed: bool) -> list[Effect]:
        case = self._alarm.cases.newest("tamper")
        if not closed or (case and not isinstance(case.incident.state, Over)):
            return []
        return self._alarm.open("tamper", TAMPER, now, self._reports.health.clock)

    def _mains(self, press: Press, now: Now) -> list[Effect]:
        if isinstance(press.state, contact.Unread):
            return []
        lost = isinstance(press.state, contact.Held | contact.HeldAtStart)
        self._reports.health = replace(self._reports.health, power="battery" if lost else "mains")
        return self._reports.fault("mains_lost", now, wrong=lost)

    # ---- that it is read at all

    def _lose(self, name: InputName, reason: str, now: Now) -> list[Effect]:
        self._inputs[name] = contact.lose(self._inputs[name])
        self._lost |= {name}
        return [
            *self._reports.fault(f"button_stuck:{name}", now, wrong=False),
            *self._reports.fault(f"button_noisy:{name}", now, wrong=False),
            *self._reports.fault(f"button_unread:{name}", now, wrong=False),
            *self._reports.fault(f"button_lost:{name}", now, wrong=True, detail=reason),
        ]

    def _found(self, name: InputName, now: Now) -> list[Effect]:
        self._read_s[name] = now.s
        self._lost -= {name}
        return [
            *self._reports.fault(f"button_lost:{name}", now, wrong=False),
            *self._reports.fault(f"button_unread:{name}", now, wrong=False),
        ]

    def run(self, now: Now) -> list[Effect]:
        """Read every level where that is due; open again what was lost; tell what nobody answers for."""
        out: list[Effect] = self.rehearsal.run(now)
        if now.s < self._check_s:
            return out
        slept, self._slept = self._slept, False  # that nobody read an input is no fault of it then
        self._check_s = now.s + READ_EVERY_S
        for name, read_s in self._read_s.items():
            if now.s >= read_s + UNREAD_MAX_S and name not in self._lost and not slept:
                out += self._reports.fault(f"button_unread:{name}", now, wrong=True)
        return [*out, ReadInputs(), *(OpenInput(name) for name in sorted(self._lost))]

    def wake_s(self) -> float:
        """Give the next monotonic time at which something is due."""
        moves = [at_s for press in self._inputs.values() if (at_s := contact.wake_s(press)) is not None]
        times = [self._check_s, *(max(at_s, self._caught_up_s) for at_s in moves)]
        rehearsal_s = self.rehearsal.wake_s()
        return min(times if rehearsal_s is None else [*times, rehearsal_s])


def _is_under_way(press: Press, now_s: float) -> bool:
    """Tell whether a press may still come of what the contact does or just did."""
    unsettled = press.contact is not None and not press.contact.settled
    match press.state:
        case contact.Held() | contact.HeldAtStart():
            return True
        case contact.Idle(tap_s=float(tap_s)) if now_s <= tap_s + press.rules.double_s:
            return True
        case _:
            return unsettled


def _began_s(press: Press) -> float:
    """Give since when somebody has been pressing at the latest; -inf where nobody can tell."""
    if not isinstance(press.state, contact.Held):
        return float("-inf")
    first_s = press.rules.double_s if press.rules.guard == "double" else 0.0
    return press.state.since_s - first_s
