"""Which stages the kiosks have yet to hear by MQTT. Pure.

A kiosk is told a stage only once that is durable, and again until the broker has it. Copies of an alert and
connections of its kiosk that come in a row (a broker hands over what waited while we were away) are answered
together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from kiosk.bodies import AlertId, KioskId, ReplyStage
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.effects import FleetEffect, SendReply
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.records import Case, StageEntry

RESEND_S = 10.0  # a broker that has not taken a reply by then is asked again
REST_S = 1.0  # a stage is told at most so often, however many copies ask for it
ASKED_MS = 600_000  # a kiosk asks itself what became of its alert, each 300 s and on each new connection


@dataclass(slots=True)
class _Debt:
    """A stage that is owed; `is_sent`: to the broker, which has not taken it yet."""

    due_s: float
    is_sent: bool = False


class Untold:
    """Owed stages by alert."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._owed: dict[AlertId, dict[ReplyStage, _Debt]] = {}
        self._told_s: dict[tuple[AlertId, ReplyStage], float] = {}  # in the last moments, oldest first
        self._due_s = inf  # none is due before

    def __contains__(self, alert_id: str) -> bool:
        """Tell whether a kiosk has yet to hear something of this alert."""
        return AlertId(alert_id) in self._owed

    def owe(self, case: Case, but: tuple[StageEntry, ...] = ()) -> None:
        """Owe the kiosk every stage of its alert `but` those, and none that another monitor's word replaced.

        One known by its SMS only would not know its name. What was told a moment ago rests first.
        """
        alert_id = AlertId(case.alert.alert_id)
        if cases.is_sms_name(alert_id):
            return
        stages = {entry.stage for entry in case.stages}
        owed = {stage: debt for stage, debt in self._owed.get(alert_id, {}).items() if stage in stages}
        for entry in case.stages:
            if entry not in but:
                owed[entry.stage] = _Debt(self._told_s.get((alert_id, entry.stage), -inf) + REST_S)
        if owed:
            self._owed[alert_id] = owed
            self._due_s = min(self._due_s, *(debt.due_s for debt in owed.values()))
        else:
            self.forget(alert_id)

    def owe_again(self, case: Case, now: Now) -> None:
        """Owe what may be lost with a connection: all of an open alert, a fresh end of a closed one."""
        lost = case.stages
        if cases.is_closed(case):
            lost = tuple(one for one in lost if one.stage == "closed" and now.utc_ms - one.at_ms < ASKED_MS)
        if lost:
            self.owe(case, but=tuple(entry for entry in case.stages if entry not in lost))

    def taken(self, alert_id: AlertId, stage: ReplyStage) -> None:
        """Note that the broker has a reply; one that is owed again since is owed all the same."""
        owed = self._owed.get(alert_id, {})
        if stage in owed and owed[stage].is_sent:
            del owed[stage]
        if not owed:
            self._owed.pop(alert_id, None)

    def forget(self, alert_id: AlertId) -> None:
        """Owe nothing more of an alert."""
        self._owed.pop(alert_id, None)

    def tell(self, known: Mapping[AlertId, Case], now: Now) -> list[FleetEffect]:
        """Send every stage that is due and durable, in order."""
        out: list[FleetEffect] = []
        if now.s < self._due_s:
            return out
        self._forget_old(now.s - REST_S)
        for alert_id, owed in self._owed.items():
            case = known[alert_id]
            if not self._ledger.is_durable("alert", alert_id):
                continue
            for entry in case.stages:
                debt = owed.get(entry.stage)
                due = debt is not None and debt.due_s <= now.s
                if due and self._ledger.is_durable("stage", alert_id, entry.stage):
                    owed[entry.stage] = _Debt(now.s + RESEND_S, is_sent=True)
                    self._told_s.pop((alert_id, entry.stage), None)
                    self._told_s[alert_id, entry.stage] = now.s
                    out.append(SendReply(KioskId(case.alert.kiosk_id), cases.reply(case, entry)))
        self._due_s = min((debt.due_s for owed in self._owed.values() for debt in owed.values()), default=inf)
        return out

    def _forget_old(self, before_s: float) -> None:
        old = []
        for key, told_s in self._told_s.items():
            if told_s > before_s:
                break
            old.append(key)
        for key in old:
            del self._told_s[key]
