"""The duty ladder: who is written to, and when, while nobody has accepted an alert. Pure.

Theory of operation: the first tier `first_after_s` after the alert came, then every `every_s` the next one,
round and round, until a person accepts or it is closed. Whoever has not got the last page about an alert is
passed over: with a slow modem pages would pile up. Tamper never calls people, a drill only while it is new
and if it says that whoever asked for it wanted that, and then each tier once. Only the monitor that holds
the lease climbs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kiosk.bodies import AlertId
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.effects import FleetEffect
from kiosk.monitor.outbox import Outbox
from kiosk.monitor.records import Case, Plan, Text

DRILL_IS_NEW_S = 180.0  # nobody is called out by an exercise that comes later than this
NEVER_S = float("inf")
STEP = re.compile(r"r([0-9]{1,6})t([0-9]{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When the first tier and each next one is written to (s)."""

    first_after_s: float = 0.0
    every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Climb:
    """Where the ladder of one alert stands: the step due at `due_s`; a drill's ladder is climbed `once`.

    `called` are the people of this round's steps, as far as this monitor has climbed them.
    """

    round: int
    tier: int
    due_s: float
    once: bool = False
    called: frozenset[str] = frozenset()

    @property
    def step(self) -> str:
        """Name it as texts do."""
        return f"r{self.round}t{self.tier}"

    def place(self, plan: Plan) -> int:
        """Give which of the tiers that are on duty now it is about: none is left out when others go home."""
        place = min(self.tier - 1, len(plan.tiers))
        tiers = [{person.person_id for person in tier} for tier in plan.tiers]
        while self.called and place and self.called.isdisjoint(tiers[place - 1]):
            place -= 1
        return place


class Escalation:
    """The ladder of every alert that nobody has taken."""

    def __init__(self, outbox: Outbox, pace: Pace) -> None:
        self._outbox = outbox
        self._pace = pace
        self._climbs: dict[AlertId, Climb] = {}
        self._left: dict[AlertId, Climb] = {}  # where the last holder stopped, also of alerts not wanted yet
        self._uncalled: set[AlertId] = set()
        self._unsettled: frozenset[tuple[AlertId, str]] = frozenset()  # pages, when this turn began

    def hurry(self, now: Now) -> None:
        """Climb at the next turn wherever nobody could be called: now there are people."""
        for alert_id in self._uncalled & self._climbs.keys():
            self._climbs[alert_id] = replace(self._climbs[alert_id], due_s=now.s)
        self._uncalled.clear()

    @staticmethod
    def wants(case: Case) -> bool:
        """Tell whether people are to be called to this alert."""
        called = case.alert.kind == "press" or (cases.is_drill(case) and case.alert.duty)
        return called and cases.is_waiting(case)

    def follow(self, case: Case, now: Now) -> None:
        """Put an alert on the ladder, or take it down."""
        alert_id = AlertId(case.alert.alert_id)
        waited_s = (now.utc_ms - case.received_ms) / 1000
        known, once = self._climbs.get(alert_id), cases.is_drill(case)
        is_past = once and known is None and waited_s + case.age_s > DRILL_IS_NEW_S
        if not self.wants(case) or is_past:
            self._climbs.pop(alert_id, None)
            return
        if known is not None and known.once == once:
            return
        first_after_s = self._pace.first_after_s
        rest_s = min(max(0.0, first_after_s - waited_s), first_after_s)  # the clock that took it may be ahead
        first = self._left.get(alert_id, Climb(1, 1, now.s + rest_s))
        self._climbs[alert_id] = replace(first, once=once)

    def resume(self, texts: tuple[Text, ...], now: Now) -> None:
        """Go on behind the last step that another monitor, or our last run, has climbed."""
        for text in texts:
            found = STEP.fullmatch(text.step)
            if text.kind != "page" or found is None:
                continue
            alert_id, number, tier = AlertId(text.alert_id), int(found[1]), int(found[2])
            known = self._left.get(alert_id)
            if known is None or (known.round, known.tier) <= (number, tier):
                rest_s = self._pace.every_s - (now.utc_ms - text.at_ms) / 1000
                due_s = now.s + min(max(0.0, rest_s), self._pace.every_s)
                self._left[alert_id] = Climb(number, tier + 1, due_s)

    def forget(self, alert_id: AlertId) -> None:
        """Let go of an alert."""
        self._climbs.pop(alert_id, None)
        self._left.pop(alert_id, None)
        self._uncalled.discard(alert_id)

    def rename(self, old_id: AlertId, new_id: AlertId) -> None:
        """Follow an alert that got its own name."""
        for climbs in (self._climbs, self._left):
            climb = climbs.pop(old_id, None)
            if climb is not None:
                climbs[new_id] = climb
        if old_id in self._uncalled:
            self._uncalled.discard(old_id)
            self._uncalled.add(new_id)

    def clear(self) -> None:
        """Climb no more: another monitor does."""
        self._climbs.clear()
        self._left.clear()

    def run(self, plan: Plan, now: Now, only: Iterable[AlertId] | None = None) -> list[FleetEffect]:
        """Plan the texts of every step that is due (of those alerts `only`)."""
        named = tuple(self._climbs if only is None else only)
        climbs = ((alert_id, self._climbs.get(alert_id)) for alert_id in named)
        due = [(alert_id, climb) for alert_id, climb in climbs if climb is not None and climb.due_s <= now.s]
        if due:
            self._unsettled = self._outbox.pages()
        return [told for alert_id, climb in due for told in self._climb(alert_id, climb, plan, now)]

    def _climb(self, alert_id: AlertId, climb: Climb, plan: Plan, now: Now) -> list[FleetEffect]:
        due_s = now.s + self._pace.every_s
        name = ("alert", alert_id)
        if not plan.tiers:
            if climb.once:  # an exercise is not made up for hours later
                due_s = NEVER_S
            else:
                self._uncalled.add(alert_id)
            self._climbs[alert_id] = replace(climb, due_s=due_s)
            return [Tell("nobody_on_duty", (name, ("reason", "nobody has a phone")), "error")]
        place = climb.place(plan)
        if place == len(plan.tiers):
            climb, place = replace(climb, round=climb.round + 1, tier=1, called=frozenset()), 0
        if climb.round > 1 and climb.once:
            self._climbs[alert_id] = replace(climb, due_s=NEVER_S)
            return []
        tier = plan.tiers[place]
        called = climb.called | {person.person_id for person in tier}
        self._climbs[alert_id] = replace(climb, tier=climb.tier + 1, due_s=due_s, called=called)
        people = [person for person in tier if (alert_id, person.person_id) not in self._unsettled]
        for person in people:
            text = Text(alert_id=alert_id, step=climb.step, to=person.person_id, kind="page", tier=place + 1)
            self._outbox.plan(text, now)
        counts = ("people", len(people)), ("waiting", len(tier) - len(people))
        told: list[FleetEffect] = [Tell("people_called", (name, ("step", climb.step), *counts), "warning")]
        if plan.nobody:
            told.append(Tell("nobody_on_duty", (name, ("called", len(people))), "error"))
        return told
