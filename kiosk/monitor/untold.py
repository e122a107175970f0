"""Which stages the kiosks have yet to hear by MQTT. Pure.

A kiosk is told a stage only once that is durable, and again until the broker has it.
"""

from collections.abc import Mapping
from math import inf

from kiosk.bodies import AlertId, KioskId, ReplyStage
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.effects import FleetEffect, SendReply
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.records import Case, StageEntry

RESEND_S = 10.0  # a broker that has not taken a reply by then is asked again


class Untold:
    """Owed stages by alert, each with the time at which it is due."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._owed: dict[AlertId, dict[ReplyStage, float]] = {}
        self._due_s = inf  # none is due before

    def __contains__(self, alert_id: str) -> bool:
        """Tell whether a kiosk has yet to hear something of this alert."""
        return AlertId(alert_id) in self._owed

    def owe(self, case: Case, but: tuple[StageEntry, ...] = ()) -> None:
        """Owe the kiosk every stage of its alert `but` those, and none that another monitor's word replaced.

        One known by its SMS only would not know its name.
        """
        alert_id = AlertId(case.alert.alert_id)
        if cases.is_sms_name(alert_id):
            return
        stages = {entry.stage for entry in case.stages}
        owed = {stage: due_s for stage, due_s in self._owed.get(alert_id, {}).items() if stage in stages}
        owed |= {entry.stage: 0.0 for entry in case.stages if entry not in but}
        if owed:
            self._owed[alert_id] = owed
            self._due_s = min(self._due_s, *owed.values())
        else:
            self.forget(alert_id)

    def taken(self, alert_id: AlertId, stage: ReplyStage) -> None:
        """Note that the broker has a reply."""
        owed = self._owed.get(alert_id, {})
        owed.pop(stage, None)
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
        for alert_id, owed in self._owed.items():
            case = known[alert_id]
            if not self._ledger.is_durable("alert", alert_id):
                continue
            for entry in case.stages:
                due = owed.get(entry.stage, now.s + 1) <= now.s
                if due and self._ledger.is_durable("stage", alert_id, entry.stage):
                    owed[entry.stage] = now.s + RESEND_S
                    out.append(SendReply(KioskId(case.alert.kiosk_id), cases.reply(case, entry)))
        self._due_s = min((due_s for owed in self._owed.values() for due_s in owed.values()), default=inf)
        return out
