"""Drills: they travel every step that an alarm travels and are judged route by route. Pure.

A real press ends a drill at once: nothing of it may be taken for the alarm, nor the alarm for it.
"""

from dataclasses import dataclass, replace

from kiosk.alarm import Alarm
from kiosk.bodies import Route
from kiosk.cases import Case, tell
from kiosk.effects import Effect, Say, Tell
from kiosk.messages import Now
from kiosk.reports import Reports
from kiosk.sms_route import Sent

INTERRUPTED = "a real alert came"
WHOLE_MORE_S = 90.0  # a text twice, and its answer, through a slow network
TEXT_AGAIN_S = 35.0  # the centre takes what comes again within 30 s for a copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A drill under way; `command_id` is empty for one asked for at the site.

    A `whole` one wants an answer by each path; `told` are the paths whose answer was told.
    """

    alert_id: str
    until_s: float
    command_id: str = ""
    silent: bool = False
    whole: bool = False
    told: tuple[Route, ...] = ()
    again_s: float = 0.0
    extended: bool = False


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

    @property
    def alert_id(self) -> str:
        """Name the drill that is under way; empty when none is."""
        return self._drill.alert_id if self._drill else ""

    def refusal(self) -> str:
        """Say why no drill can begin now; empty when one can."""
        if self._drill:
            return "a drill is under way"
        if not self._alarm.knows_seq:  # an incident may be open that only the journal knows
            return "the journal is not read yet"
        return "an incident is open" if self._alarm.cases.open else ""

    def begin(
        self, now: Now, *, duty: bool, command_id: str = "", silent: bool = False, whole: bool = False
    ) -> list[Effect]:
        """Begin a drill; with `duty` it goes to the duty officers' SMS too, a `silent` one has no words."""
        words = [] if silent else [Say("drill")]
        opened = self._alarm.open("drill", "drill", now, self._reports.health.clock, duty=duty)
        case = self._alarm.cases.open[-1]
        until_s = now.s + self._alarm.ladder.timing.drill_s
        self._drill = Drill(
            alert_id=case.incident.alert_id, until_s=until_s, command_id=command_id, silent=silent,
            whole=whole, again_s=now.s + TEXT_AGAIN_S,
        )  # fmt: skip
        if whole:
            self._alarm.cases.put(replace(case, post=replace(case.post, itself=True)))
        return [*words, *opened]

    def follow(self, now: Now) -> list[Effect]:
        """Tell by which path an answer came; text a gateway again that has not answered.

        A centre that hears the kiosk by MQTT answers by SMS only what was texted twice (docs/contract.md).
        """
        drill = self._drill
        case = self._alarm.cases.find(drill.alert_id) if drill else None
        if drill is None or case is None:
            return []
        fresh = tuple(link for link in case.incident.heard_by if link not in drill.told)
        self._drill = drill = replace(drill, told=(*drill.told, *fresh))
        if drill.whole and now.s >= drill.again_s:
            self._drill = replace(drill, again_s=now.s + TEXT_AGAIN_S)
            if "sms" not in case.incident.heard_by:
                self._alarm.modem.text_gateways(case, now)
        return [tell("answered", case.incident, path=link) for link in fresh]

    def run(self, now: Now) -> list[Verdict]:
        """Judge the drill once all routes have passed, time is up or a real press came."""
        if self._drill is None:
            return []
        if self._alarm.cases.newest("press"):
            return [self._end(self._drill, INTERRUPTED, now)]
        case = self._alarm.cases.find(self._drill.alert_id)
        found = self._missing(case) if case else ("lost",)
        if found and case and now.s < self._deadline_s(self._drill, found, now):
            return []
        return [self._end(self._drill, ", ".join(found), now)]

    def _deadline_s(self, drill: Drill, missing: tuple[str, ...], now: Now) -> float:
        """Give when a drill is judged: texts and their answers take longer than the Internet does."""
        by_internet = not set(missing) - {"mqtt", "https"}
        if drill.extended:
            return now.s if by_internet else drill.until_s
        if drill.whole and not by_internet and now.s >= drill.until_s:
            self._drill = drill = replace(drill, until_s=drill.until_s + WHOLE_MORE_S, extended=True)
        return drill.until_s

    def _missing(self, case: Case) -> tuple[str, ...]:
        """Name the routes that have not passed: MQTT by the centre's receipt, SMS by the network's.

        HTTPS is tried, and then judged, only where MQTT did not bring the receipt.
        """
        heard, config = case.incident.heard_by, self._alarm.site.config
        mqtt = () if "mqtt" in heard else ("mqtt",)
        asked = case.post.attempt or (case.post.itself and config.https is not None)
        doors = ("https",) if asked and "https" not in heard else ()
        texts = sorted(job.mark for job in case.sms.jobs if not isinstance(job.state, Sent))
        sms = self._alarm.site.config.sms
        owed = sms is not None and not case.sms.begun
        unsigned = sms is not None and sms.gateways and not self._alarm.site.key
        keyless = ("sms_key",) if unsigned else ()
        silent = case.post.itself and sms is not None and sms.gateways and "sms" not in heard
        answer = ("sms_answer",) if silent and not unsigned else ()
        return (*mqtt, *doors, *texts, *(("sms",) if owed else ()), *keyless, *answer)

    def _end(self, drill: Drill, missing: str, now: Now) -> Verdict:
        self._drill = None
        self._alarm.cases.drop(drill.alert_id, now.s)
        what = "drill_failed" if missing else "drill_passed"
        if not missing:
            self._reports.health = replace(self._reports.health, last_test_utc_ms=now.utc_ms)
        self._reports.tell_centre(what, now, detail=missing)
        told = Tell(
            what, (("alert_id", drill.alert_id), ("missing", missing)), "warning" if missing else "info"
        )
        words = (
            [] if missing == INTERRUPTED or drill.silent else [Say("check_failed" if missing else "check_ok")]
        )
        return Verdict(command_id=drill.command_id, missing=missing, effects=(told, *words))

    def wake_s(self) -> float | None:
        """Give when the drill's time is up, or a text is due again."""
        if self._drill is None:
            return None
        return min(self._drill.until_s, self._drill.again_s) if self._drill.whole else self._drill.until_s
