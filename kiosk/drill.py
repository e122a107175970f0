"""Drills: they travel every step that an alarm travels and are judged route by route. Pure.

A real press ends a drill at once: nothing of it may be taken for the alarm, nor the alarm for it.
"""

from dataclasses import dataclass, replace

from kiosk.alarm import Alarm
from kiosk.cases import Case
from kiosk.effects import Effect, Say, Tell
from kiosk.messages import Now
from kiosk.reports import Reports
from kiosk.texting import Sent

INTERRUPTED = "a real alert came"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A drill under way; `command_id` is empty for one asked for at the site."""

    alert_id: str
    until_s: float
    command_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a drill ended: `missing` names the routes that did not pass, empty when all did."""

    command_id: str
    missing: str
    effects: tuple[Effect, ...]


class DrillMaster:
    """The drill under way, at most one."""

    def __init__(self, alarm: Alarm, reports: Reports) -> None:
        self._alarm = alarm
        self._reports = reports
        self._drill: Drill | None = None

    def refusal(self) -> str:
        """Say why no drill can begin now; empty when one can."""
        if self._drill:
            return "a drill is under way"
        return "an incident is open" if self._alarm.cases.open else ""

    def begin(self, now: Now, *, duty: bool, command_id: str = "") -> list[Effect]:
        """Begin a drill; with `duty` it goes to the duty officers' SMS too."""
        until_s = now.s + self._alarm.ladder.timing.drill_s
        self._drill = Drill(alert_id=now.fresh_id, until_s=until_s, command_id=command_id)
        clock = self._reports.health.clock
        return [Say("drill"), *self._alarm.open("drill", "drill", now, clock, duty=duty)]

    def run(self, now: Now) -> list[Verdict]:
        """Judge the drill once all routes have passed, time is up or a real press came."""
        if self._drill is None:
            return []
        if self._alarm.cases.newest("press"):
            return [self._end(self._drill, INTERRUPTED, now)]
        case = self._alarm.cases.find(self._drill.alert_id)
        missing = ", ".join(self._missing(case)) if case else "lost"
        if missing and case and now.s < self._drill.until_s:
            return []
        return [self._end(self._drill, missing, now)]

    def _missing(self, case: Case) -> tuple[str, ...]:
        """Name the routes that have not passed: MQTT by the centre's receipt, SMS by the network's."""
        mqtt = () if "mqtt" in case.incident.heard_by else ("mqtt",)
        texts = sorted(job.mark for job in case.sms.jobs if not isinstance(job.state, Sent))
        owed = self._alarm.site.config.sms is not None and not case.sms.begun
        return (*mqtt, *texts, *(("sms",) if owed else ()))

    def _end(self, drill: Drill, missing: str, now: Now) -> Verdict:
        self._drill = None
        self._alarm.cases.drop(drill.alert_id)
        what = "drill_failed" if missing else "drill_passed"
        if not missing:
            self._reports.health = replace(self._reports.health, last_test_utc_ms=now.utc_ms)
        self._reports.tell_centre(what, now, detail=missing)
        told = Tell(
            what, (("alert_id", drill.alert_id), ("missing", missing)), "warning" if missing else "info"
        )
        words = [] if missing == INTERRUPTED else [Say("check_failed" if missing else "check_ok")]
        return Verdict(command_id=drill.command_id, missing=missing, effects=(told, *words))

    def wake_s(self) -> float | None:
        """Give when the drill's time is up."""
        return self._drill.until_s if self._drill else None
