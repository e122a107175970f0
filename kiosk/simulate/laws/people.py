"""Laws 4 and 5: people are called until one accepts and not after; drills stay drills. Pure."""

from kiosk import effects as kiosk_do
from kiosk.bodies import Alert
from kiosk.effects import Effect
from kiosk.monitor.effects import FleetEffect, SendText
from kiosk.monitor.records import Case
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.hosts.store import SharedStore
from kiosk.simulate.laws.fact import Fact
from kiosk.simulate.laws.truth import Broken, Truth
from kiosk.simulate.laws.ways import BOUNDS, FOREVER, Ways
from kiosk.simulate.net.gsm import Sms

TAKEN = frozenset({"accepted", "en_route", "on_scene", "closed"})
MODEM_STEADY_S = 180.0  # a modem that hung is open again by then
CALL_GAP_S = 215.0  # tier_every_s + a text with a modem that hangs + its retry + other incidents' texts
CENTRE_STEADY_S = 40.0  # the lease's life, a start, the plan
PAGE_GAP_S = 230.0  # every_s + SEND_MAX_S + the longest rest of a text that failed + a tick
NEWS_S = 4.0  # what one monitor wrote the others have read by then
STOP_S = 75.0  # a kiosk whose way is up has heard of an acceptance by then
TEST = ("TEST", "ТЕСТ")


class Calls:
    """Watches who is called about what."""

    def __init__(self, truth: Truth, ways: Ways, store: SharedStore, *, has_people: bool) -> None:
        self._truth = truth
        self._ways = ways
        self._store = store
        self._has_people = has_people
        self.call_gap_s = 0.0
        self.page_gap_s = 0.0

    # ---- what goes out

    def kiosk_did(self, box: Box, effect: Effect, now_s: float) -> None:
        """Judge what a kiosk sends."""
        match effect:
            case kiosk_do.SendSms(token=token, text=text):
                fact = self._truth.facts.get(token.split(".")[1])
                if fact is None:
                    raise Broken(5, "a text about nothing")
                self._judge_text(box, fact, token, text, now_s)
            case kiosk_do.Publish(_, Alert() as alert) | kiosk_do.PostAlert(_, alert):
                fact = self._truth.facts.get(alert.alert_id)
                if fact is None:
                    raise Broken(2, f"{alert.alert_id} is told, which nobody gave")
                if fact.kind != alert.kind:
                    raise Broken(5, f"a {fact.kind} travels as a {alert.kind}")
            case _:
                pass

    def _judge_text(self, box: Box, fact: Fact, token: str, text: str, now_s: float) -> None:
        to_people = ".duty" in token
        if to_people and fact.kind == "tamper":
            raise Broken(5, "people were written to about tamper")
        if to_people and fact.kind == "drill" and not fact.duty:
            raise Broken(5, "people were written to about a drill that nobody wanted them to hear of")
        if (fact.kind == "drill") != text.startswith(TEST):
            raise Broken(5, f"a text about a {fact.kind} begins with {text[:5]!r}")
        if fact.kind == "drill":
            return
        tells_centre = not to_people and fact.kind == "press" and not fact.answered
        serves = fact.kiosk_knows != "closed" and (fact.calls_again or tells_centre)
        if fact.kiosk_knows in TAKEN and not serves:
            raise Broken(
                4, f"a text went out about {fact.alert_id}, which the kiosk knows as {fact.kiosk_knows}"
            )
        taken_s = fact.kept_taken_s
        if taken_s >= 0:
            taken_s = max(taken_s, fact.last_s)
            for way in ("mqtt", "https"):
                up_s = self._ways.up_since(box, way)
                if up_s != FOREVER and now_s > max(taken_s, up_s + BOUNDS[way].y_s) + STOP_S:
                    raise Broken(4, f"the kiosk still writes about {fact.alert_id}, taken at {taken_s:.1f} s")

    def centre_did(self, centre: Centre, effect: FleetEffect, now_s: float) -> None:
        """Judge what a monitor sends."""
        if not isinstance(effect, SendText) or effect.text.kind != "page":
            return
        row = self._store.rows.get(self._store.name(effect.text.alert_id))
        named = self._truth.of_name(effect.text.alert_id)  # while the disk is broken an alert does not wait
        fact = self._truth.of_row(row.case) if row is not None else named
        if fact is None:
            raise Broken(5, f"people were called to {effect.text.alert_id}, which nobody gave")
        fact.paged_s = now_s
        if fact.kind == "tamper" or (fact.kind == "drill" and not fact.duty):
            raise Broken(5, f"the centre called people to a {fact.kind}")
        if (fact.kind == "drill") != effect.body.startswith(TEST):
            raise Broken(5, f"the centre's text about a {fact.kind} begins with {effect.body[:5]!r}")
        reads_s, taken_s = self._ways.reads_since(centre), fact.kept_taken_s
        if taken_s >= 0 and reads_s != FOREVER and now_s > max(taken_s, reads_s) + NEWS_S:
            raise Broken(4, f"the centre still calls people to {fact.alert_id}, taken at {taken_s:.1f} s")

    def read(self, person: str, sms: Sms, now_s: float) -> None:
        """Judge what reaches a telephone: who reads it must know what it is."""
        _ = now_s
        if not sms.sender.startswith("+77"):
            raise Broken(5, f"{person} got a text from {sms.sender}")

    def shown(self, case: Case) -> None:
        """Judge what boards show."""
        fact = self._truth.of_row(case)
        if fact is not None and fact.kind != case.alert.kind:
            raise Broken(5, f"a {fact.kind} is shown as a {case.alert.kind}")

    # ---- that somebody is called at all

    def tick(self, boxes: dict[str, Box], now_s: float) -> None:
        """Demand that people are being called to what nobody has taken."""
        for who, facts in self._truth.open.items():
            box = boxes[who]
            presses = [fact for fact in facts.values() if fact.kind == "press"]
            waiting = [fact for fact in presses if fact.kiosk_knows not in TAKEN or fact.anew_s >= 0]
            if waiting and box.core is not None and box.shop.sms and box.shop.tiers:
                self._demand_calls(box, waiting, now_s)
        if self._has_people:
            self._demand_pages(now_s)

    def _demand_calls(self, box: Box, waiting: list[Fact], now_s: float) -> None:
        up_s = self._ways.modem_since(box)
        for fact in waiting:
            since_s = max(up_s + MODEM_STEADY_S, fact.opened_s, fact.anew_s, fact.called_s)
            if now_s < since_s or up_s == FOREVER:
                continue
            self.call_gap_s = max(self.call_gap_s, now_s - since_s)
            if now_s > since_s + CALL_GAP_S * max(1, len(waiting)):
                raise Broken(4, f"the kiosk calls nobody to {fact.alert_id} since {since_s:.1f} s")

    def _demand_pages(self, now_s: float) -> None:
        calm_s = self._ways.escalates_since()
        if calm_s == FOREVER:
            return
        for fact in self._truth.waiting.values():
            since_s = max(calm_s + CENTRE_STEADY_S, fact.reached_s, fact.paged_s)
            if now_s <= since_s or not self._ways.waits(fact.alert_id):
                continue
            self.page_gap_s = max(self.page_gap_s, now_s - since_s)
            if now_s > since_s + PAGE_GAP_S:
                raise Broken(4, f"the centre calls nobody to {fact.alert_id} since {since_s:.1f} s")
