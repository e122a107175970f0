"""A store in memory that keeps the contract of kiosk.monitor.store, with a fault knob."""

from collections.abc import Iterable
from dataclasses import replace

from kiosk.bodies import Event
from kiosk.monitor.records import Case, Change, Kiosk, StoreAlert, StoreEvent, StoreKiosk, StoreStage
from kiosk.monitor.store import StoreBroken


class MemoryStore:
    """What is committed stays; `fault` makes every commit fail as a whole."""

    def __init__(self) -> None:
        self.fault = ""
        self.boot = 0
        self.cases: dict[str, Case] = {}
        self.kiosks: dict[str, Kiosk] = {}
        self.kept_events: dict[tuple[str, str], Event] = {}

    def next_boot(self, utc_s: int) -> int:
        self.boot = max(utc_s, self.boot + 1)
        return self.boot

    def commit(self, changes: Iterable[Change]) -> None:
        if self.fault:
            raise StoreBroken(self.fault)
        for change in changes:
            match change:
                case StoreAlert(case):
                    old = self.cases.get(case.alert.alert_id)
                    new = replace(case, stages=()) if old is None else replace(old, alert=case.alert)
                    self.cases[case.alert.alert_id] = new
                case StoreStage(alert_id, entry):
                    case = self.cases[alert_id]
                    if all(known.stage != entry.stage for known in case.stages):
                        self.cases[alert_id] = replace(case, stages=(*case.stages, entry))
                case StoreEvent(event):
                    self.kept_events.setdefault((event.kiosk_id, event.event_id), event)
                case StoreKiosk(kiosk):
                    self.kiosks[kiosk.kiosk_id] = kiosk

    def find(self, alert_id: str) -> Case | None:
        case = self.cases.get(alert_id)
        return case if case is not None and case.stages else None

    def load(self, closed_since_ms: int) -> tuple[tuple[Case, ...], tuple[Kiosk, ...], tuple[Event, ...]]:
        cases = [
            case
            for case in self.cases.values()
            if case.stages
            and (case.received_ms >= closed_since_ms or all(entry.stage != "closed" for entry in case.stages))
        ]
        return tuple(cases), tuple(self.kiosks.values()), tuple(self.kept_events.values())

    def close(self) -> None:
        """Nothing to close."""
