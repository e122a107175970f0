"""Updates as the daemon sees them: an order handed to the installer, its outcome told to the centre. Pure.

The installer runs with other rights and asks the daemon before it touches anything; the daemon only carries
paper. An order is taken while nothing is open, one at a time.
"""

from kiosk import wire
from kiosk.bodies import Command, CommandResult, CommandState, Token
from kiosk.effects import Effect, ForgetUpdate, LookForUpdate, RequestUpdate, Tell
from kiosk.messages import Now, UpdateSeen
from kiosk.reports import Reports
from kiosk.updates import UpdateOutcome, UpdateRequest

LOOK_EVERY_S = 15.0  # one stat of a file
EVENTS = {"succeeded": "update_done", "failed": "update_failed", "rolled_back": "update_rolled_back"}


class UpdateDesk:
    """The order that lies there, at most one, and the outcome that the centre is owed."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._ordered = False
        self._look_s: float | None = None
        self._told: UpdateOutcome | None = None
        self._owed: frozenset[Token] = frozenset()

    def start(self, now: Now) -> None:
        """Begin: an outcome may lie there since the restart that the update made."""
        self._look_s = now.s

    def order(
        self, command: Command, now: Now, *, open_alerts: int
    ) -> tuple[CommandState, str, list[Effect]]:
        """Take an order; give how the command stands, why, and what to do."""
        if command.release is None or command.version is None:
            return "rejected", "no release is named", []
        if command.version == self._reports.site.version:
            return "succeeded", "it runs already", []
        if open_alerts:
            return "rejected", "an incident is open", []
        if self._ordered or self._told:
            return "rejected", "an update is under way", []
        self._ordered = True
        request = UpdateRequest(
            command_id=command.command_id, release=command.release, version=command.version
        )
        self._look_s = now.s + LOOK_EVERY_S
        return "in_progress", "", [RequestUpdate(request)]

    def refused(self) -> None:
        """Note that the order could not be laid down."""
        self._ordered = False

    def seen(self, seen: UpdateSeen, now: Now) -> list[Effect]:
        """Follow the folder; an outcome is told once, and again after each start until the centre has it."""
        self._ordered = seen.ordered
        outcome = seen.outcome
        if outcome is None or (self._told and self._told.update_id == outcome.update_id):
            return []
        self._told = outcome
        code = EVENTS[outcome.ending]
        way = f"{outcome.before or '?'} -> {outcome.version}"
        why = ": ".join(word for word in (outcome.code, outcome.detail) if word)
        detail = f"{way}: {why}" if why else way
        # the same id each time, so that the centre takes a repetition for what it is
        event_id = f"upd-{outcome.update_id}"
        self._reports.tell_centre(code, now, detail=detail, event_id=event_id)
        self._owed = frozenset({Token(f"event.{event_id}")})
        if outcome.command_id:
            state: CommandState = "succeeded" if outcome.ending == "succeeded" else "failed"
            self._reports.result(
                CommandResult(
                    command_id=outcome.command_id, state=state, at=wire.utc_text(now.utc_ms), detail=detail
                )
            )
            self._owed |= {Token(f"result.{outcome.command_id}.{state}")}
        told = (("ending", outcome.ending), ("version", outcome.version), ("why", why[:160]))
        return [Tell("update", told, "info" if outcome.ending == "succeeded" else "warning")]

    def settled(self, token: Token) -> list[Effect]:
        """Note what the broker has; once that is all, the outcome has served."""
        if token not in self._owed:
            return []
        self._owed -= {token}
        if self._owed or self._told is None:
            return []
        update_id, self._told = self._told.update_id, None
        return [ForgetUpdate(update_id)]

    def run(self, now: Now) -> list[Effect]:
        """Look into the folder when that is due."""
        if self._look_s is None or now.s < self._look_s:
            return []
        self._look_s = now.s + LOOK_EVERY_S
        return [LookForUpdate()]

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        return self._look_s
