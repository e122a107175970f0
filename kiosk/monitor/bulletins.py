"""What the log and the pages are told of an alert. Pure; nothing about a person, no phone number."""

from kiosk.effects import Tell
from kiosk.monitor import cases
from kiosk.monitor.records import Case

Detail = tuple[tuple[str, str | int | bool], ...]


def names(case: Case) -> Detail:
    """Name an alert."""
    alert = case.alert
    return ("alert", alert.alert_id), ("kiosk", alert.kiosk_id), ("drill", cases.is_drill(case))


def arrived(case: Case, old: Case | None, presses: int) -> Tell:
    """Say that an alert is new, or what a repeat of it with so many `presses` added."""
    what = "alert_received" if old is None else "alert_repeated"
    detail: Detail = (*names(case), ("presses", presses), ("stage", cases.top(case)))
    if old is None:
        detail += (("kind", case.alert.kind), ("path", case.door), ("age_s", case.age_s))
        detail += (("late", case.late), ("clock", case.clock_note or "synced"))
    late = old is not None and cases.is_pressed_after_the_end(old, presses)
    return Tell(what, detail, "error" if late or not cases.is_drill(case) else "warning")


def advanced(case: Case) -> Tell:
    """Say that an alert went on."""
    entry = case.stages[-1]
    return Tell("alert_advanced", (*names(case), ("stage", entry.stage), ("by", entry.by)))


def renamed(case: Case, old_id: str) -> Tell:
    """Say that an alert known by its SMS has its kiosk's own id now."""
    return Tell("alert_renamed", (*names(case), ("old", old_id)))


def waiting(case: Case, waited_s: int) -> Tell:
    """Say that nobody has taken an alert yet."""
    return Tell("alert_waiting", (*names(case), ("waited_s", waited_s)), "error")


def out_of_memory(case: Case) -> Tell:
    """Say that an open alert had to give way to newer ones; the store still has it."""
    return Tell("alert_out_of_memory", names(case), "error")
