"""Laws 1 and 2: a press reaches the centre in time, and the centre has each incident once. Pure."""

from kiosk.monitor.records import Change, StoreAlert, StoreRenamed, StoreStage
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.hosts.store import SharedStore
from kiosk.simulate.laws.fact import Fact
from kiosk.simulate.laws.truth import Broken, Truth
from kiosk.simulate.laws.ways import BOUNDS, FOREVER, Ways
from kiosk.sms_signed import PRESSES_MAX

DOUBLE_MAX_S = (
    40.0  # two monitors may each have heard another copy; they read each other's news within seconds
)


class Arrivals:
    """Watches what presses become at the centre; `late_s` is the longest that was seen, by way."""

    def __init__(self, truth: Truth, ways: Ways, store: SharedStore, centres: list[Centre]) -> None:
        self._truth = truth
        self._ways = ways
        self._store = store
        self._centres = centres
        self.late_s = dict.fromkeys(BOUNDS, 0.0)
        self.well_s = dict.fromkeys(BOUNDS, 0.0)

    def kept(self, changes: list[Change], now_s: float) -> None:
        """Look at what a commit made of alerts."""
        for change in changes:
            match change:
                case StoreAlert(case):
                    alert_id = self._store.name(case.alert.alert_id)
                case StoreStage(named, _):
                    alert_id = self._store.name(named)
                case StoreRenamed(_, new_id):
                    alert_id = new_id
                case _:
                    continue
            self._look(alert_id, now_s)

    def _look(self, alert_id: str, now_s: float) -> None:
        row = self._store.rows.get(alert_id)
        if row is None:
            return
        fact = self._truth.reached(row.case, now_s)
        if fact is None:
            raise Broken(2, f"the centre holds {alert_id}, which nobody gave")
        if row.case.alert.presses > max(fact.most, PRESSES_MAX if row.case.door == "sms" else 0):
            raise Broken(
                2, f"the centre counts {row.case.alert.presses} presses of {fact.most} at {alert_id}"
            )
        if fact.kept_taken_s < 0 and len(row.stages) > 1:
            fact.kept_taken_s = now_s
            self._truth.waiting.pop(fact.alert_id, None)
        if self._names_of(fact) < 2:
            fact.double_s = -1.0
        elif fact.double_s < 0:
            fact.double_s = now_s

    def _names_of(self, fact: Fact) -> int:
        own = fact.alert_id in self._store.rows
        texted = [f"sms-{fact.number}-{seq}-{second}" for seq, second in fact.names]
        return own + sum(name in self._store.rows for name in texted)

    # ---- as time passes

    def tick(self, boxes: dict[str, Box], now_s: float) -> None:
        """Demand what is due."""
        for fact in self._truth.unreached.values():
            if fact.kind == "press" and fact.on_kiosk:
                self._demand(fact, fact.opened_s, boxes[fact.who], now_s)
        for fact in self._truth.facts.values():
            if self._owes_press(fact):
                self._demand(fact, fact.anew_s, boxes[fact.who], now_s)
            if fact.double_s >= 0:
                self._demand_once(fact, now_s)

    def _owes_press(self, fact: Fact) -> bool:
        """Tell whether the centre does not count a press that came long after a person's word."""
        if fact.anew_s < 0 or not fact.on_kiosk or "closed" in fact.said:
            return False
        texted = [f"sms-{fact.number}-{seq}-{second}" for seq, second in fact.names]
        rows = [self._store.rows[name] for name in (fact.alert_id, *texted) if name in self._store.rows]
        counted = max((row.case.alert.presses for row in rows), default=0)
        return counted < min(fact.anew_presses, PRESSES_MAX)

    def _demand(self, fact: Fact, pressed_s: float, box: Box, now_s: float) -> None:
        for way, bound in BOUNDS.items():
            up_s = self._ways.up_since(box, way)
            if up_s == FOREVER:
                continue
            was_well = up_s + bound.y_s <= pressed_s
            due_s = pressed_s + bound.well_s if was_well else max(pressed_s, up_s + bound.y_s) + bound.x_s
            kept = self.well_s if was_well else self.late_s
            since_s = pressed_s if was_well else max(pressed_s, up_s)
            kept[way] = max(kept[way], now_s - since_s)
            if now_s > due_s:
                what = "" if was_well else f" after its {bound.y_s:g} s"
                since = f"though {way} is up since {up_s:.1f} s{what}"
                raise Broken(1, f"{fact.alert_id} of {pressed_s:.1f} s has not reached the centre {since}")

    def _demand_once(self, fact: Fact, now_s: float) -> None:
        if self._names_of(fact) < 2:
            fact.double_s = -1.0
            return
        able_s = max([fact.double_s, *(self._ways.reads_since(centre) for centre in self._centres)])
        if now_s > able_s + DOUBLE_MAX_S:
            raise Broken(2, f"the centre holds {fact.alert_id} twice")

    def at_the_end(self) -> None:
        """Demand that each incident is there once and no more, in the store and in every memory."""
        for fact in self._truth.facts.values():
            count = self._names_of(fact)
            if count > 1 or (count == 0 and fact.reached_s >= 0):
                raise Broken(2, f"the centre holds {fact.alert_id} {count} times")
        for centre in self._centres:
            held = [self._truth.of_row(case) for case in centre.fleet.caseload.all()]
            names = [fact.alert_id for fact in held if fact is not None]
            if len(names) != len(set(names)):
                raise Broken(2, f"monitor {centre.who} shows one incident twice")
