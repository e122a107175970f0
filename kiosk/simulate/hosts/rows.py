"""One alert as the shared store keeps it, and what another copy adds to it. Pure."""

from dataclasses import dataclass, field, replace

from msgspec import structs

from kiosk.bodies import Alert, ReplyStage, Route
from kiosk.monitor import cases
from kiosk.monitor.records import Case, StageEntry

DOORS: tuple[Route, ...] = ("mqtt", "https", "sms")


@dataclass(slots=True)
class Row:
    """One alert, its stages, and who wrote it last and when."""

    case: Case
    stages: dict[ReplyStage, StageEntry] = field(default_factory=dict)
    sms_id: str = ""
    version: int = 0
    writers: frozenset[str] = frozenset()

    def whole(self) -> Case:
        """Give the alert with its stages in order."""
        ordered = sorted(self.stages.values(), key=lambda entry: cases.rank(entry.stage))
        return replace(self.case, stages=tuple(ordered))


def as_it_ended(joined: Alert, known: Alert) -> Alert:
    """Count no more than was `known` to whoever closed it."""
    return structs.replace(joined, presses=known.presses, also=known.also)


def joined(row: Row, case: Case) -> Case | None:
    """Give what a copy adds; None when that is nothing."""
    old = row.case
    alert = cases.join(old.alert, structs.replace(case.alert, alert_id=old.alert.alert_id))
    if "closed" in row.stages:
        alert = as_it_ended(alert, old.alert)
    came_by = {*old.also_by, *case.also_by} - {old.door}
    sms_from = case.sms_from or old.sms_from
    if "closed" in row.stages:
        sms_from = old.sms_from if case.sms_from or not cases.is_closed(case) else ""
    also_by = tuple(door for door in DOORS if door in came_by)
    found = replace(old, alert=alert, also_by=also_by, sms_from=sms_from)
    return None if found == old else found
