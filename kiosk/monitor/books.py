"""What the store reports back to the fleet: saved, failed, restored, begun anew. Pure.

Whoever was a moment too late for another monitor is told so instead of a confirmation that is not true.
"""

from dataclasses import replace
from typing import assert_never

from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor.caseload import Caseload
from kiosk.monitor.effects import Answer, FleetEffect
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import Restored, Saved, SaveFailed, Stopped, StoreRenewed
from kiosk.monitor.roster import Roster
from kiosk.monitor.staff import Staff

SAVE_RETRY_S = 1.0

StoreNotice = Saved | SaveFailed | Restored | StoreRenewed | Stopped


class Books:
    """The ledger's outcomes, and when a broken store is tried again."""

    def __init__(self, ledger: Ledger, caseload: Caseload, roster: Roster, staff: Staff) -> None:
        self._ledger = ledger
        self._caseload = caseload
        self._roster = roster
        self._staff = staff
        self._retry_s = 0.0

    def handle(self, notice: StoreNotice, now: Now) -> list[FleetEffect]:
        """Take in what became of a Save, or what the store holds."""
        match notice:
            case Saved():
                mended = bool(self._ledger.fault)
                out = self._saved(notice, now)
                return [Tell("store_mended"), *out] if mended else out
            case SaveFailed():
                first = not self._ledger.fault
                excuses = self._ledger.failed(notice.reason)
                self._retry_s = now.s + SAVE_RETRY_S
                broke = Tell("store_broke", (("reason", notice.reason),), "error")
                return [broke, *excuses] if first else excuses
            case Restored():
                self._caseload.restore(notice.cases, now)
                self._roster.restore(notice.kiosks, notice.events, now)
                self._staff.restored(now)
                return [_set_aside(notice.quarantined)] if notice.quarantined else []
            case StoreRenewed():
                self._caseload.write_all()
                self._roster.write_all()
                return [_set_aside(notice.quarantined)]
            case Stopped():
                self._roster.flush()
                return []
            case _:
                assert_never(notice)

    def retry(self, now: Now) -> list[FleetEffect]:
        """Try a broken store again when it is time."""
        if not self._ledger.fault or now.s < self._retry_s:
            return []
        self._retry_s = now.s + SAVE_RETRY_S
        return self._ledger.retry()

    def _saved(self, notice: Saved, now: Now) -> list[FleetEffect]:
        out: list[FleetEffect] = []
        sooner = {
            (str(over.alert_id), str(over.asked)): over.entry
            for over in notice.overruled
            if over.asked != "received"  # whoever took the alert in, it is received
        }
        for over in notice.overruled:
            out += self._caseload.overrule(over, now)
        for promise in self._ledger.saved(notice.serial):
            entry = sooner.get((promise.alert_id, promise.text)) if isinstance(promise, Answer) else None
            if entry is None or not isinstance(promise, Answer):
                out.append(promise)
            else:
                text = f"already {entry.stage} by {entry.by or 'a person at the site'}"
                out.append(replace(promise, ok=False, text=text))
        return out


def _set_aside(file: str) -> Tell:
    return Tell("store_quarantined", (("file", file),), "error")
