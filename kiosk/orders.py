"""The centre's commands: each carried out once, in time, and answered. Pure.

No command can stop, delay or end an alarm.
"""

from typing import assert_never

from kiosk import wire
from kiosk.alarm import Alarm
from kiosk.bodies import Command, CommandResult, CommandState
from kiosk.drill import DrillMaster
from kiosk.effects import Answer, Effect, RefreshVoice, Stop, Tell
from kiosk.messages import DrillAsked, Now
from kiosk.reports import Reports
from kiosk.update_desk import UpdateDesk
from kiosk.upkeep import Upkeep

REMEMBERED = 32
RESTART_AFTER_S = 2.0  # so that the command's result reaches the broker first
RESTART_NOT_BEFORE_S = 10.0  # a broker that delivers a restart again after it must not make a loop
FINGER_EVERY_S = 0.5  # so often a restart that waits for somebody's finger looks again
FINGER_MAX_S = 60.0  # a contact that never rests must not put it off for ever
RESTART_CODE = 75  # EX_TEMPFAIL: systemd starts the service again


class Orders:
    """The commands that were carried out, and what is still to be done of them."""

    def __init__(self, alarm: Alarm, upkeep: Upkeep, reports: Reports) -> None:
        self._alarm = alarm
        self._upkeep = upkeep
        self._reports = reports
        self._seen: tuple[str, ...] = ()
        self._refreshing: tuple[str, ...] = ()
        self._stop: tuple[str, float, float] | None = None  # of which order, when, and when at the latest
        self._started_s = 0.0
        self.drill = DrillMaster(alarm, reports)
        self.updates = UpdateDesk(reports)

    def start(self, now: Now) -> None:
        """Begin."""
        self._started_s = now.s
        self.updates.start(now)

    def command(self, command: Command, now: Now) -> list[Effect]:
        """Carry out a command once; give its result to the centre."""
        if command.command_id in self._seen:
            return []
        self._seen = (*self._seen, command.command_id)[-REMEMBERED:]
        told = Tell("command", (("name", command.name), ("by", command.by)))
        if self._is_expired(command, now):
            self._result(command.command_id, "expired", now)
            return [told]
        match command.name:
            case "drill":
                return [told, *self._drill(command, now)]
            case "report":
                self._upkeep.mqtt.beat_soon(now)
                self._result(command.command_id, "succeeded", now)
            case "refresh-voice":
                return [told, *self._refresh(command, now)]
            case "restart":
                self._restart(command, now)
            case "update":
                open_alerts = len(self._alarm.cases.open)
                state, detail, effects = self.updates.order(command, now, open_alerts=open_alerts)
                self._result(command.command_id, state, now, detail)
                return [told, *effects]
            case _:
                assert_never(command.name)
        return [told]

    def _is_expired(self, command: Command, now: Now) -> bool:
        """A clock that is not synced cannot tell that a command came too late."""
        expires_ms = wire.utc_ms(command.expires_at)
        if isinstance(expires_ms, wire.Rejected):
            return True
        return self._reports.health.clock == "synced" and now.utc_ms > expires_ms

    def _drill(self, command: Command, now: Now) -> list[Effect]:
        refusal = self.drill.refusal()
        if refusal:
            self._result(command.command_id, "rejected", now, refusal)
            return []
        self._result(command.command_id, "in_progress", now)
        return self.drill.begin(now, duty=command.duty, command_id=command.command_id)

    def update_refused(self, command_id: str, reason: str, now: Now) -> list[Effect]:
        """Tell that an order to update could not be handed to the installer."""
        self.updates.refused()
        self._result(command_id, "failed", now, reason)
        return [Tell("update", (("ending", "failed"), ("why", reason[:160])), "warning")]

    def ask_drill(self, asked: DrillAsked, now: Now) -> list[Effect]:
        """Begin a drill that somebody at the site asked for; answer with its alert id or the reason."""
        refusal = self.drill.refusal()
        if refusal:
            return [Answer(asked.token, {"ok": False, "reason": refusal})]
        begun = self.drill.begin(now, duty=asked.duty, silent=asked.silent, whole=asked.whole)
        return [*begun, Answer(asked.token, {"ok": True, "alert_id": self.drill.alert_id})]

    def _refresh(self, command: Command, now: Now) -> list[Effect]:
        if self._alarm.cases.newest("press"):
            self._result(command.command_id, "rejected", now, "an incident is open")
            return []
        self._result(command.command_id, "in_progress", now)
        begun = bool(self._refreshing)
        self._refreshing = (*self._refreshing, command.command_id)[-REMEMBERED:]
        return [] if begun else [RefreshVoice()]

    def voice_refreshed(self, reason: str, now: Now) -> None:
        """Give the result of refresh-voice to all who ordered it."""
        for command_id in self._refreshing:
            self._result(command_id, "failed" if reason else "succeeded", now, reason)
        self._refreshing = ()

    def _restart(self, command: Command, now: Now) -> None:
        refusal = "an incident is open" if self._alarm.cases.open else ""
        if now.s < self._started_s + RESTART_NOT_BEFORE_S:
            refusal = "it has only just started"
        if refusal:
            self._result(command.command_id, "rejected", now, refusal)
            return
        self._result(command.command_id, "succeeded", now)
        at_s = now.s + RESTART_AFTER_S
        self._stop = (command.command_id, at_s, at_s + FINGER_MAX_S)

    def run(self, now: Now, *, pressing: bool) -> list[Effect]:
        """Judge the drill; carry out a restart that is due, but not while somebody may be `pressing`."""
        out: list[Effect] = [*self.updates.run(now), *self.drill.follow(now)]
        for verdict in self.drill.run(now):
            out += verdict.effects
            if verdict.command_id:
                state: CommandState = "failed" if verdict.missing else "succeeded"
                self._result(verdict.command_id, state, now, verdict.missing)
        if self._stop and now.s >= self._stop[1]:
            command_id, _, last_s = self._stop
            self._stop = None
            if self._alarm.cases.open:
                self._result(command_id, "failed", now, "an alert came first")
            elif pressing and now.s < last_s:
                self._stop = (command_id, now.s + FINGER_EVERY_S, last_s)
            else:
                out.append(Stop(RESTART_CODE, "restart was ordered"))
        return out

    def _result(self, command_id: str, state: CommandState, now: Now, detail: str = "") -> None:
        self._reports.result(
            CommandResult(
                command_id=command_id, state=state, at=wire.utc_text(now.utc_ms), detail=detail[:280]
            )
        )

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        times = (self.drill.wake_s(), self.updates.wake_s(), self._stop[1] if self._stop else None)
        return min([at_s for at_s in times if at_s is not None], default=None)
