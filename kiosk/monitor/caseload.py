"""All alerts that people may still have to act on, each once whichever ways its copies came. Pure.

The store has them all; memory holds the newest and never lets an open real alert go before others.
"""

from itertools import takewhile

from msgspec import structs

from kiosk.bodies import Alert, AlertId, KioskId, ReplyStage
from kiosk.messages import Now
from kiosk.monitor import bulletins, cases
from kiosk.monitor.effects import Answer, FleetEffect, Show
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import Acted, AlertArrived, Overruled
from kiosk.monitor.records import Case, StageEntry, StoreAlert, StoreRenamed, StoreStage
from kiosk.monitor.untold import Untold
from kiosk.wire import Rejected

REMIND_S = 60.0  # the kiosk's own ladder climbs each 60 s while nobody accepts; so does the reminder
# A drill ends by itself at the kiosk after 600 s at most; one that people forgot must not hide alerts.
DRILL_OPEN_MS = 3_600_000
# The kiosk's own limit of an incident: until then it may come back and must hear how its alert stands.
KEEP_CLOSED_MS = 21_600_000


class Caseload:
    """Alerts by id, at most `limit` of them in memory; the store has them all."""

    def __init__(self, ledger: Ledger, limit: int) -> None:
        self._ledger = ledger
        self._limit = limit
        self._cases: dict[AlertId, Case] = {}
        self._presses: dict[cases.Press, AlertId] = {}
        self._renamed: dict[str, AlertId] = {}
        self._untold = Untold(ledger)
        self._remind_s: dict[AlertId, float] = {}
        self._closed_s: dict[AlertId, float] = {}  # in order; a wall clock that jumps makes none of them old
        self.touched: dict[AlertId, None] = {}  # in the order of their touch: a set's is the process's
        self.renames: list[tuple[AlertId, AlertId]] = []

    def all(self) -> tuple[Case, ...]:
        """Give every alert in memory, oldest first."""
        return tuple(self._cases.values())

    def get(self, alert_id: str) -> Case | None:
        """Give one alert by its whole id, or by the name that it had while only its SMS was known."""
        return self._cases.get(self._renamed.get(alert_id, AlertId(alert_id)))

    def twin(self, alert: Alert) -> Case | None:
        """Give the same alert as it came another way: one of the two is known by its SMS only."""
        found = self._cases.get(self._presses.get(cases.press_of(alert), AlertId("")))
        if found is None or cases.is_sms_name(found.alert.alert_id) == cases.is_sms_name(alert.alert_id):
            return None
        return found

    def find(self, text: str) -> Case | Rejected:
        """Give the alert whose id is, begins with or ends with `text`; an open one goes first."""
        wanted = text.strip().upper()
        if exact := self.get(text.strip()):
            return exact
        found = [
            case
            for alert_id, case in self._cases.items()
            if wanted and (alert_id.upper().startswith(wanted) or alert_id.upper().endswith(wanted))
        ]
        still_open = [case for case in found if not cases.is_closed(case)]
        if len(found) == 1 or len(still_open) == 1:
            return (still_open or found)[0]
        return Rejected(f"{len(found)} alerts match; write more of the id" if found else "no such alert")

    def restore(self, restored: tuple[Case, ...], now: Now) -> None:
        """Begin with what the store held; what may be lost is told again."""
        for stored in restored:
            fresh, case = self.get(stored.alert.alert_id) or self.twin(stored.alert), stored
            if fresh is not None:
                named, fresh, _ = self._same_name(stored, fresh, now)
                case = cases.rejoin(named, fresh, now)
            self._put(case, stored, now, told=case.stages)
            self._untold.owe_again(case, now)

    def take(self, notice: AlertArrived, now: Now) -> list[FleetEffect] | Rejected:
        """Take in one copy of an alert; Rejected when its id belongs to another kiosk."""
        alert = notice.alert
        if cases.is_sms_name(alert.alert_id) and notice.door != "sms":
            return Rejected("alert id that only texts may have")
        old = self.get(alert.alert_id) or self.twin(alert) or notice.known
        if old is not None and old.alert.kiosk_id != alert.kiosk_id:
            return Rejected("alert id of another kiosk")
        out: list[FleetEffect] = []
        if old is None:
            case = cases.open_case(alert, notice.door, now, notice.sms_from)
        else:
            held, out = self._one_name(old, alert, now)
            case = cases.merge(held, alert, now, door=notice.door, sms_from=notice.sms_from)
        if case is not old or cases.is_pressed_after_the_end(old, alert.presses):
            out += [Show(case), bulletins.arrived(case, old, alert.presses)]
        self._put(case, old, now)
        return out + self._make_room(AlertId(case.alert.alert_id))

    def _one_name(self, held: Case, alert: Alert, now: Now) -> tuple[Case, list[FleetEffect]]:
        """Give what is known of an alert the kiosk's own id, as soon as that comes."""
        old_id, new_id = AlertId(held.alert.alert_id), AlertId(alert.alert_id)
        if old_id == new_id or not cases.is_sms_name(old_id):
            return held, []
        case = cases.named(held, alert)
        self._forget(held)
        self._rename(old_id, new_id)
        self._put(case, held, now)
        return case, [bulletins.renamed(case, old_id)]

    def _rename(self, old_id: AlertId, new_id: AlertId) -> None:
        self._ledger.write(StoreRenamed(old_id, new_id))
        self._renamed[old_id] = new_id
        self.renames.append((old_id, new_id))

    def _same_name(self, news: Case, held: Case, now: Now) -> tuple[Case, Case, list[FleetEffect]]:
        """Give what another one knows and what we hold of an alert under its kiosk's own id."""
        held, out = self._one_name(held, news.alert, now)
        if news.alert.alert_id != held.alert.alert_id:  # the other one has not heard of its name yet
            self._rename(AlertId(news.alert.alert_id), AlertId(held.alert.alert_id))
            out.append(bulletins.renamed(held, news.alert.alert_id))
            alert = structs.replace(news.alert, alert_id=held.alert.alert_id, place=held.alert.place)
            news = cases.named(news, cases.join(held.alert, alert))
        return news, held, out

    def learn(self, news: Case, now: Now) -> list[FleetEffect]:
        """Take in how an alert stands by the word of another monitor."""
        held = self.get(news.alert.alert_id) or self.twin(news.alert)
        if held is None:
            self._put(news, news, now)
            return [Show(news), *self._make_room(AlertId(news.alert.alert_id))]
        news, held, out = self._same_name(news, held, now)
        if (joined := cases.rejoin(news, held, now)) != held:
            self._put(joined, news, now, told=held.stages)
            out.append(Show(joined))
        return out

    def overrule(self, over: Overruled, now: Now) -> list[FleetEffect]:
        """Believe the store, which had another monitor's word on this stage, or beyond it, before ours."""
        held = self.get(over.alert_id)
        if held is None:
            return []
        case = cases.overruled(held, over.entry, over.asked)
        if case == held:
            return []
        self._put(case, case, now, told=held.stages)
        return [Show(case)]

    def act(self, notice: Acted, now: Now) -> list[FleetEffect]:
        """Let a person accept, advance or close; the answer waits until it is on disk."""
        old = self.find(notice.alert)
        new = old if isinstance(old, Rejected) else cases.act(old, notice.action, notice.by, notice.note, now)
        if isinstance(old, Rejected) or isinstance(new, Rejected):
            reason = new.reason if isinstance(new, Rejected) else ""
            return [Answer(token=notice.token, ok=False, text=reason)]
        if new is not old:
            new = cases.with_outcome(new, notice.outcome, notice.referral)
        answer = Answer(token=notice.token, ok=True, text=cases.top(new), alert_id=new.alert.alert_id)
        return self.advance(new, old, now) + self._ledger.when_durable(answer)

    def advance(self, new: Case, old: Case, now: Now) -> list[FleetEffect]:
        """Keep what became of an alert and tell it; nothing when it is the very same."""
        if new is old:
            return []
        self._put(new, old, now, told=old.stages)
        return [Show(new), bulletins.advanced(new)]

    def set_number(self, case: Case, sms_from: str, now: Now) -> None:
        """Note which SIM of a kiosk is answered, or (empty) that nothing more will be answered there."""
        self._put(cases.with_number(case, sms_from), case, now, told=case.stages)

    def _put(self, case: Case, old: Case | None, now: Now, told: tuple[StageEntry, ...] = ()) -> None:
        """Hold a case, write what `old` has not, owe its kiosk every stage but those `told`."""
        alert_id = AlertId(case.alert.alert_id)
        self._cases[alert_id] = case
        self._presses[cases.press_of(case.alert)] = alert_id
        self.touched[alert_id] = None
        self._write(case, old)
        self._untold.owe(case, but=told)
        if cases.is_waiting(case) and not cases.is_drill(case):
            self._remind_s.setdefault(alert_id, now.s + REMIND_S)
        else:
            self._remind_s.pop(alert_id, None)
        if cases.is_closed(case):
            self._closed_s.setdefault(alert_id, now.s)

    def _write(self, case: Case, old: Case | None) -> None:
        if old is None or _kept(old) != _kept(case):
            self._ledger.write(StoreAlert(case))
        for entry in case.stages:
            if old is None or entry not in old.stages:
                self._ledger.write(StoreStage(AlertId(case.alert.alert_id), entry))

    def write_all(self) -> None:
        """Write every alert again, into a store that is new."""
        for case in self._cases.values():
            self._write(case, None)

    def owe_again(self, now: Now, kiosk_id: KioskId | None = None) -> None:
        """Tell a kiosk (or every one) again how its alerts stand: it or the broker may have forgotten."""
        for case in self._cases.values():
            if kiosk_id in {None, case.alert.kiosk_id}:
                self._untold.owe_again(case, now)

    def taken(self, alert_id: AlertId, stage: ReplyStage) -> None:
        """Note that the broker has a reply."""
        self._untold.taken(alert_id, stage)

    def tell(self, now: Now) -> list[FleetEffect]:
        """Send every stage that is due and durable, in order."""
        return self._untold.tell(self._cases, now)

    def tick(self, now: Now) -> list[FleetEffect]:
        """Remind of alerts that nobody took, end forgotten drills, let go of old ones."""
        out: list[FleetEffect] = []
        for alert_id, due_s in list(self._remind_s.items()):
            if due_s <= now.s:
                self._remind_s[alert_id] = now.s + REMIND_S
                case = self._cases[alert_id]
                out.append(bulletins.waiting(case, (now.utc_ms - case.received_ms) // 1000))
        old = [case for case in self._cases.values() if now.utc_ms - case.received_ms > DRILL_OPEN_MS]
        for case in (one for one in old if cases.is_drill(one) and not cases.is_closed(one)):
            out += self.advance(cases.expire(case, now), case, now)
        over = takewhile(lambda one: now.s - one[1] > KEEP_CLOSED_MS / 1000, self._closed_s.items())
        for alert_id in [name for name, _ in over if name not in self._untold]:
            self._forget(self._cases[alert_id])
        return out

    def _make_room(self, newest: AlertId) -> list[FleetEffect]:
        """Let the least needed alert go from memory."""
        if len(self._cases) <= self._limit:
            return []
        victim = cases.least_needed(case for alert_id, case in self._cases.items() if alert_id != newest)
        self._forget(victim)
        return [] if cases.is_closed(victim) else [bulletins.out_of_memory(victim)]

    def _forget(self, case: Case) -> None:
        alert_id = AlertId(case.alert.alert_id)
        del self._cases[alert_id]
        self._presses.pop(cases.press_of(case.alert), None)
        self._renamed = {old: new for old, new in self._renamed.items() if new != alert_id}
        self._untold.forget(alert_id)
        self._remind_s.pop(alert_id, None)
        self._closed_s.pop(alert_id, None)
        self.touched[alert_id] = None


def _kept(case: Case) -> tuple[object, ...]:
    return case.alert, case.also_by, case.sms_from
