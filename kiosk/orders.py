"""Drills and the centre's commands. Pure.

A drill travels every step that an alarm travels and is judged route by route; no command can stop or
delay an alarm.
"""

from dataclasses import dataclass

from kiosk import wire
from kiosk.alarm import Alarm, Case
from kiosk.bodies import Clock, Command, CommandResult, CommandState, Route, Token
from kiosk.delivery import Sent
from kiosk.effects import Answer, Effect, RefreshVoice, Say, Stop, Tell
from kiosk.messages import Now
from kiosk.upkeep import Upkeep

REMEMBERED = 32
RESTART_AFTER_S = 2.0  # so that the command's result reaches the broker first
RESTART_CODE = 75  # EX_TEMPFAIL: systemd starts the service again


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A drill under way; `command_id` is empty for one asked for at the site."""

    alert_id: str
    until_s: float
    command_id: str = ""


class Orders:
    """The drill under way and the commands that were carried out."""

    def __init__(self, alarm: Alarm, upkeep: Upkeep) -> None:
        self._alarm = alarm
        self._upkeep = upkeep
        self._seen: tuple[str, ...] = ()
        self._drill: Drill | None = None
        self._refreshing = ""
        self._stop_s: float | None = None

    def command(self, command: Command, now: Now, clock: Clock) -> list[Effect]:
        """Carry out a command once; give its result to the centre."""
        if command.command_id in self._seen:
            return []
        self._seen = (*self._seen, command.command_id)[-REMEMBERED:]
        told = Tell("command", (("name", command.name), ("by", command.by)))
        expires_ms = wire.utc_ms(command.expires_at)
        if isinstance(expires_ms, wire.Rejected) or (clock == "synced" and now.utc_ms > expires_ms):
            self._result(command.command_id, "expired", now)
            return [told]
        match command.name:
            case "drill":
                return [told, *self._command_drill(command, now, clock)]
            case "report":
                self._upkeep.beat_soon(now)
                self._result(command.command_id, "succeeded", now)
            case "refresh-voice":
                self._refreshing = command.command_id
                self._result(command.command_id, "in_progress", now)
                return [told, RefreshVoice()]
            case "restart":
                self._restart(command, now)
        return [told]

    def _command_drill(self, command: Command, now: Now, clock: Clock) -> list[Effect]:
        refusal = self._refusal()
        if refusal:
            self._result(command.command_id, "rejected", now, refusal)
            return []
        self._result(command.command_id, "in_progress", now)
        return self._begin(now, clock, duty=command.duty, command_id=command.command_id)

    def _restart(self, command: Command, now: Now) -> None:
        if self._alarm.cases:
            self._result(command.command_id, "rejected", now, "an incident is open")
            return
        self._result(command.command_id, "succeeded", now)
        self._stop_s = now.s + RESTART_AFTER_S

    def ask_drill(self, token: Token, now: Now, clock: Clock, *, duty: bool) -> list[Effect]:
        """Begin a drill that somebody at the site asked for; answer with its alert id or the reason."""
        refusal = self._refusal()
        if refusal:
            return [Answer(token, {"ok": False, "reason": refusal})]
        out = self._begin(now, clock, duty=duty)
        return [*out, Answer(token, {"ok": True, "alert_id": now.fresh_id})]

    def _refusal(self) -> str:
        if self._drill:
            return "a drill is under way"
        return "an incident is open" if self._alarm.cases else ""

    def _begin(self, now: Now, clock: Clock, *, duty: bool, command_id: str = "") -> list[Effect]:
        until_s = now.s + self._alarm.ladder.timing.drill_s
        self._drill = Drill(alert_id=now.fresh_id, until_s=until_s, command_id=command_id)
        return [Say("drill"), *self._alarm.open("drill", "drill", now, clock, duty=duty)]

    def voice_refreshed(self, reason: str, now: Now) -> None:
        """Give the result of refresh-voice."""
        if self._refreshing:
            self._result(self._refreshing, "failed" if reason else "succeeded", now, reason)
            self._refreshing = ""

    def run(self, now: Now) -> list[Effect]:
        """Judge the drill; carry out a restart that is due."""
        out: list[Effect] = []
        if self._drill:
            case = self._alarm.find(self._drill.alert_id)
            missing = self._missing(case) if case else ("lost",)
            if not missing or now.s >= self._drill.until_s or case is None:
                out += self._end(self._drill, missing, now)
        if self._stop_s is not None and now.s >= self._stop_s:
            self._stop_s = None
            if not self._alarm.cases:
                out.append(Stop(RESTART_CODE, "restart was ordered"))
        return out

    def _missing(self, case: Case) -> tuple[str, ...]:
        """Name the routes that have not passed: MQTT by the centre's receipt, SMS by the network's."""
        route: Route = "mqtt"
        missing = () if route in case.incident.heard_by else (route,)
        marks = {job.mark for job in case.sms.jobs if not isinstance(job.state, Sent)}
        owed = self._alarm.site.config.sms is not None and self._alarm.ladder.gateways and not case.sms.begun
        return (*missing, *sorted(marks), *(("sms",) if owed else ()))

    def _end(self, drill: Drill, missing: tuple[str, ...], now: Now) -> list[Effect]:
        self._drill = None
        passed = not missing
        detail = ", ".join(missing)
        if passed:
            self._upkeep.tested(now)
        self._upkeep.tell_centre("drill_passed" if passed else "drill_failed", now, detail=detail)
        if drill.command_id:
            self._result(drill.command_id, "succeeded" if passed else "failed", now, detail)
        what = "drill_passed" if passed else "drill_failed"
        told = Tell(
            what, (("alert_id", drill.alert_id), ("missing", detail)), "info" if passed else "warning"
        )
        quiet = any(case.incident.kind == "press" for case in self._alarm.cases)
        words: list[Effect] = [] if quiet else [Say("check_ok" if passed else "check_failed")]
        return [told, *words, *self._alarm.expire(drill.alert_id)]

    def _result(self, command_id: str, state: CommandState, now: Now, detail: str = "") -> None:
        body = CommandResult(
            command_id=command_id, state=state, at=wire.utc_text(now.utc_ms), detail=detail[:280]
        )
        self._upkeep.result(body)

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        times = [self._drill.until_s if self._drill else None, self._stop_s]
        return min((at_s for at_s in times if at_s is not None), default=None)
