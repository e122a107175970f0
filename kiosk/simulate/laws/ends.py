"""Laws 7 and 8: only persons and the 6 h rule end an alarm; once all has healed all becomes quiet. Pure."""

from kiosk.cases import CASES_MAX
from kiosk.effects import Effect, Tell
from kiosk.monitor import cases
from kiosk.monitor.records import Change, StoreStage
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.hosts.store import SharedStore
from kiosk.simulate.laws.fact import Fact
from kiosk.simulate.laws.truth import Broken, Truth

EARLY_S = 1.0  # a wall clock's own millisecond
CAUSED = frozenset(
    {"balance_unknown", "restart_loop", "balance_low"}
)  # asked again within the hour; told until a restart


class Ends:
    """Watches that nothing ends by itself, and judges the end of a story."""

    def __init__(self, truth: Truth, store: SharedStore, centres: list[Centre]) -> None:
        self._truth = truth
        self._store = store
        self._centres = centres

    # ---- law 7

    def turned(self, box: Box, effects: list[Effect], now_s: float) -> None:
        """Judge what a turn says has ended."""
        for effect in effects:
            if isinstance(effect, Tell) and effect.what in {"closed", "expired"}:
                fact = self._truth.facts.get(str(dict(effect.detail).get("alert_id")))
                if fact is None:
                    raise Broken(7, "something ended that never began")
                self._judge(box, fact, effect.what, now_s)

    def _judge(self, box: Box, fact: Fact, what: str, now_s: float) -> None:
        if (
            what == "closed" and "closed" not in fact.said and fact.kind != "drill"
        ):  # the centre ends forgotten ones
            raise Broken(7, f"{fact.alert_id} was closed at the kiosk, and no person had closed it")
        # A clock that cannot be believed makes an incident start afresh; it never ends one sooner.
        if what == "expired" and now_s - fact.last_s < box.shop.max_s - EARLY_S:
            raise Broken(7, f"{fact.alert_id} expired {now_s - fact.last_s:.0f} s after its last press")

    def tick(self, boxes: dict[str, Box]) -> None:
        """Demand that every core still has what nobody ended."""
        for who, facts in self._truth.open.items():
            core = boxes[who].core
            if core is None or not facts or not boxes[who].loaded:
                continue
            held = {str(case.incident.alert_id) for case in core.parts.alarm.cases.open}
            gone = [fact for fact in facts.values() if fact.kind == "press" and fact.alert_id not in held]
            if gone and len(held) < CASES_MAX:
                raise Broken(7, f"{gone[0].alert_id} is gone from the kiosk, and nobody ended it")

    def kept(self, changes: list[Change]) -> None:
        """Judge what a commit closed."""
        for change in changes:
            if not isinstance(change, StoreStage) or change.entry.stage != "closed":
                continue
            row = self._store.rows.get(self._store.name(change.alert_id))
            fact = self._truth.of_row(row.case) if row is not None else None
            if fact is not None and fact.kind != "drill" and "closed" not in fact.said:
                raise Broken(7, f"{fact.alert_id} is closed at the centre, and no person had closed it")

    # ---- law 8

    def at_the_end(self, boxes: dict[str, Box]) -> None:
        """Demand quiet: nothing open, no fault without a cause, nothing owed, everybody online."""
        for box in boxes.values():
            self._demand_kiosk(box)
        for row in self._store.rows.values():
            if not cases.is_closed(row.whole()):
                raise Broken(8, f"{row.case.alert.alert_id} is still open at the centre")
        for centre in self._centres:
            self._demand_centre(centre)
        self._demand_truth()

    def _demand_kiosk(self, box: Box) -> None:
        if box.core is None:
            raise Broken(8, f"{box.who} did not come back")
        status = box.core.status(box.now())
        if status["incidents"]:
            raise Broken(
                8, f"{box.who} still has an open incident that nobody else has: {status['incidents']}"
            )
        faults = [code for code in box.core.parts.reports.health.faults if code not in CAUSED]
        if faults:
            raise Broken(8, f"{box.who} still tells {', '.join(faults)}")
        if status["unsent_events"]:
            raise Broken(8, f"{box.who} still owes {status['unsent_events']} events")

    def _demand_centre(self, centre: Centre) -> None:
        if not centre.alive:
            raise Broken(8, f"monitor {centre.who} did not come back")
        if centre.fleet.store_fault or not centre.fleet.link_up:
            raise Broken(8, f"monitor {centre.who} is not well: {centre.fleet.store_fault or 'no link'}")
        for known in centre.fleet.roster.all():
            if known.life != "online":
                raise Broken(8, f"monitor {centre.who} shows {known.kiosk_id} as {known.life}")
        sizes = centre.sizes()
        owed = {name: sizes[name] for name in ("unsaved", "texts", "untold", "queue") if sizes[name]}
        if owed:
            raise Broken(8, f"monitor {centre.who} still has {owed}")

    def _demand_truth(self) -> None:
        for fact in self._truth.presses():
            never = fact.reached_s < 0
            if never and fact.forgotten_s < 0 and not fact.expired:
                raise Broken(8, f"{fact.alert_id} never reached the centre")
