"""All alerts that people may still have to act on, and which stages their kiosks have yet to hear. Pure.

A kiosk is told a stage only once that is durable, and again until the broker has it.
"""

from collections import Counter

from kiosk.bodies import AlertId, KioskId, ReplyStage
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.effects import Answer, FleetEffect, SendReply
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import Acted, AlertArrived
from kiosk.monitor.records import Case, StageEntry, StoreAlert, StoreStage
from kiosk.wire import Rejected

RESEND_S = 10.0  # a broker that has not taken a reply by then is asked again
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
        self._untold: dict[AlertId, dict[ReplyStage, float]] = {}
        self._remind_s: dict[AlertId, float] = {}

    def all(self) -> tuple[Case, ...]:
        """Give every alert in memory, oldest first."""
        return tuple(self._cases.values())

    def get(self, alert_id: str) -> Case | None:
        """Give one alert by its whole id."""
        return self._cases.get(AlertId(alert_id))

    def find(self, text: str) -> Case | Rejected:
        """Give the alert whose id is, begins with or ends with `text`; an open one goes first."""
        wanted = text.strip().upper()
        if exact := self._cases.get(AlertId(text.strip())):
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
        """Begin with what the store held; every kiosk is told all stages again."""
        for stored in restored:
            fresh = self.get(stored.alert.alert_id)
            case = stored if fresh is None else cases.rejoin(stored, fresh, now)
            self._cases[AlertId(case.alert.alert_id)] = case
            self._write(case, stored)
            self._owe(case)
            self._watch(case, now)

    def take(self, notice: AlertArrived, now: Now) -> list[FleetEffect] | Rejected:
        """Take in one copy of an alert; Rejected when its id belongs to another kiosk."""
        alert = notice.alert
        old = self.get(alert.alert_id) or notice.known
        if old is not None and old.alert.kiosk_id != alert.kiosk_id:
            return Rejected("alert id of another kiosk")
        case = cases.open_case(alert, notice.door, now) if old is None else cases.merge(old, alert, now)
        out: list[FleetEffect] = []
        if case is not old:
            out = [_told(case, old)]
            self._write(case, old)
        self._cases[AlertId(alert.alert_id)] = case
        self._owe(case)
        self._watch(case, now)
        return out + self._make_room(AlertId(alert.alert_id))

    def act(self, notice: Acted, now: Now) -> list[FleetEffect]:
        """Let a person accept, advance or close; the answer waits until it is on disk."""
        old = self.find(notice.alert)
        new = old if isinstance(old, Rejected) else cases.act(old, notice.action, notice.by, notice.note, now)
        if isinstance(old, Rejected) or isinstance(new, Rejected):
            reason = new.reason if isinstance(new, Rejected) else ""
            return [Answer(token=notice.token, ok=False, text=reason)]
        out: list[FleetEffect] = []
        alert_id = new.alert.alert_id
        if new is not old:
            out.append(_advanced(new))
            self._replace(new, old, now)
        answer = Answer(token=notice.token, ok=True, text=cases.top(new), alert_id=alert_id)
        return out + self._ledger.when_durable(answer)

    def _replace(self, new: Case, old: Case, now: Now) -> None:
        self._cases[AlertId(new.alert.alert_id)] = new
        self._write(new, old)
        self._owe(new, but=old.stages)
        self._watch(new, now)

    def _write(self, case: Case, old: Case | None) -> None:
        if old is None or old.alert != case.alert:
            self._ledger.write(StoreAlert(case))
        for entry in case.stages:
            if old is None or entry not in old.stages:
                self._ledger.write(StoreStage(AlertId(case.alert.alert_id), entry))

    def write_all(self) -> None:
        """Write every alert again, into a store that is new."""
        for case in self._cases.values():
            self._write(case, None)

    def _owe(self, case: Case, but: tuple[StageEntry, ...] = ()) -> None:
        owed = self._untold.setdefault(AlertId(case.alert.alert_id), {})
        owed.update({entry.stage: 0.0 for entry in case.stages if entry not in but})

    def _watch(self, case: Case, now: Now) -> None:
        alert_id = AlertId(case.alert.alert_id)
        if cases.is_waiting(case) and not cases.is_drill(case):
            self._remind_s.setdefault(alert_id, now.s + REMIND_S)
        else:
            self._remind_s.pop(alert_id, None)

    def owe_again(self, kiosk_id: KioskId | None = None) -> None:
        """Tell a kiosk (or every one) again how its alerts stand: it or the broker may have forgotten."""
        for case in self._cases.values():
            if kiosk_id in {None, case.alert.kiosk_id}:
                self._owe(case)

    def taken(self, alert_id: AlertId, stage: ReplyStage) -> None:
        """Note that the broker has a reply."""
        owed = self._untold.get(alert_id, {})
        owed.pop(stage, None)
        if not owed:
            self._untold.pop(alert_id, None)

    def tell(self, now: Now) -> list[FleetEffect]:
        """Send every stage that is due and durable, in order."""
        out: list[FleetEffect] = []
        for alert_id, owed in self._untold.items():
            case = self._cases[alert_id]
            if not self._ledger.is_durable("alert", alert_id):
                continue
            for entry in case.stages:
                due = owed.get(entry.stage, now.s + 1) <= now.s
                if due and self._ledger.is_durable("stage", alert_id, entry.stage):
                    owed[entry.stage] = now.s + RESEND_S
                    out.append(SendReply(KioskId(case.alert.kiosk_id), cases.reply(case, entry)))
        return out

    def tick(self, now: Now) -> list[FleetEffect]:
        """Remind of alerts that nobody took, end forgotten drills, let go of old ones."""
        out: list[FleetEffect] = []
        for alert_id, due_s in list(self._remind_s.items()):
            if due_s <= now.s:
                self._remind_s[alert_id] = now.s + REMIND_S
                case = self._cases[alert_id]
                waited_s = (now.utc_ms - case.received_ms) // 1000
                out.append(Tell("alert_waiting", (*_names(case), ("waited_s", waited_s)), "error"))
        for case in self.all():
            age_ms = now.utc_ms - case.received_ms
            if cases.is_closed(case):
                if age_ms > KEEP_CLOSED_MS and case.alert.alert_id not in self._untold:
                    self._forget(case)
            elif cases.is_drill(case) and age_ms > DRILL_OPEN_MS:
                ended = cases.expire(case, now)
                self._replace(ended, case, now)
                out.append(_advanced(ended))
        return out

    def _make_room(self, newest: AlertId) -> list[FleetEffect]:
        """Let the least needed alert go from memory: closed, then drills, then of whoever has most."""
        if len(self._cases) <= self._limit:
            return []
        most = Counter(case.alert.kiosk_id for case in self._cases.values())
        victim = min(
            (case for alert_id, case in self._cases.items() if alert_id != newest),
            key=lambda case: (
                not cases.is_closed(case),
                not cases.is_drill(case),
                -most[case.alert.kiosk_id],
                case.received_ms,
            ),
        )
        self._forget(victim)
        return [] if cases.is_closed(victim) else [Tell("alert_out_of_memory", _names(victim), "error")]

    def _forget(self, case: Case) -> None:
        alert_id = AlertId(case.alert.alert_id)
        del self._cases[alert_id]
        self._untold.pop(alert_id, None)
        self._remind_s.pop(alert_id, None)


def _names(case: Case) -> tuple[tuple[str, str | int | bool], ...]:
    alert = case.alert
    return ("alert", alert.alert_id), ("kiosk", alert.kiosk_id), ("drill", cases.is_drill(case))


def _told(case: Case, old: Case | None) -> Tell:
    """Say that an alert is new, or what a repeat of it added."""
    what = "alert_received" if old is None else "alert_repeated"
    detail = (*_names(case), ("presses", case.alert.presses), ("stage", cases.top(case)))
    if old is None:
        detail += (("kind", case.alert.kind), ("path", case.door), ("age_s", case.age_s))
        detail += (("late", case.late), ("clock", case.clock_note or "synced"))
    after_the_end = old is not None and cases.is_closed(old) and case.alert.presses > old.alert.presses
    return Tell(what, detail, "error" if after_the_end or not cases.is_drill(case) else "warning")


def _advanced(case: Case) -> Tell:
    entry = case.stages[-1]
    return Tell("alert_advanced", (*_names(case), ("stage", entry.stage), ("by", entry.by)))
