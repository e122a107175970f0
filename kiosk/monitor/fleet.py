"""The centre's core: every notice in, every effect out. Pure: time and chance are arguments.

Total: no notice raises, and one that concerns nothing changes nothing. A kiosk hears `received` only
after the store has its alert.
"""

from dataclasses import dataclass
from typing import assert_never

from kiosk.bodies import Command, KioskId
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor.caseload import Caseload
from kiosk.monitor.effects import Announce, Answer, FleetEffect, SendCommand
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import (
    Acted,
    AlertArrived,
    BodyRefused,
    CommandAsked,
    DutySet,
    EventArrived,
    HeartbeatArrived,
    LinkFell,
    LinkRose,
    Notice,
    ReplyTaken,
    Restored,
    ResultArrived,
    Saved,
    SaveFailed,
    StatusArrived,
    Stopped,
    StoreRenewed,
    Ticked,
)
from kiosk.monitor.roster import Roster
from kiosk.wire import Rejected, utc_text

SETTLE_S = 10.0  # the broker hands over what it kept for us just after we connect
SAVE_RETRY_S = 1.0
COMMAND_TTL_MS = 60_000  # an order that waits longer would surprise the people at the site


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a site may set. Silence with a 30 s beat: 33 s + 33 s + 14 s, so that one may be lost."""

    silent_after_s: float = 80.0
    kiosks: int = 20_000
    alerts: int = 2_000


class Fleet:
    """Every kiosk and every alert that the centre answers for."""

    def __init__(self, limits: Limits, *, on_duty: bool) -> None:
        self._limits = limits
        self._ledger = Ledger()
        self.caseload = Caseload(self._ledger, limits.alerts)
        self.roster = Roster(self._ledger, limits.kiosks)
        self.on_duty = on_duty
        self.link_up = False
        self._announced: bool | None = None
        self._up_s = 0.0
        self._retry_s = 0.0

    @property
    def store_fault(self) -> str:
        """Say why nothing can be saved; empty while all is well."""
        return self._ledger.fault

    def handle(self, notice: Notice, now: Now) -> list[FleetEffect]:
        """Take one notice in and say what to do, in order."""
        out = self._handle(notice, now)
        if self.link_up and not isinstance(notice, HeartbeatArrived):
            out += self.caseload.tell(now)
        return out + self._presence() + self._ledger.close_turn()

    def _handle(self, notice: Notice, now: Now) -> list[FleetEffect]:
        match notice:
            case HeartbeatArrived():
                return self.roster.on_heartbeat(notice, now)
            case AlertArrived() | StatusArrived() | EventArrived() | ResultArrived() | BodyRefused():
                return self._message(notice, now)
            case Acted() | CommandAsked() | DutySet():
                return self._person(notice, now)
            case Saved() | SaveFailed() | Restored() | StoreRenewed() | Stopped():
                return self._store(notice, now)
            case LinkRose() | LinkFell() | ReplyTaken():
                return self._link(notice, now)
            case Ticked():
                return self._tick(now)
            case _:
                assert_never(notice)

    def _presence(self) -> list[FleetEffect]:
        """Tell the kiosks when nobody could answer: without a store there is no receipt."""
        able = self.on_duty and not self._ledger.fault
        if able == self._announced:
            return []
        self._announced = able
        return [Announce(able)]

    # ---- messages that the broker wants acknowledged

    def _message(
        self, notice: AlertArrived | StatusArrived | EventArrived | ResultArrived | BodyRefused, now: Now
    ) -> list[FleetEffect]:
        match notice:
            case AlertArrived():
                out = self._alert(notice, now)
            case StatusArrived():
                out = self._status(notice, now)
            case EventArrived():
                out = self.roster.on_event(notice.event, now)
            case ResultArrived():
                out = self._result(notice, now)
            case BodyRefused():
                out = self.roster.on_refused(notice, now)
            case _:
                assert_never(notice)
        return out + self._ledger.acknowledge(notice.receipt)

    def _alert(self, notice: AlertArrived, now: Now) -> list[FleetEffect]:
        kiosk_id = KioskId(notice.alert.kiosk_id)
        taken = self.caseload.take(notice, now)
        if isinstance(taken, Rejected):
            refusal = BodyRefused(kiosk_id=kiosk_id, leaf="alert", reason=taken.reason)
            return self.roster.on_refused(refusal, now)
        return taken + self.roster.on_alert(kiosk_id, notice.alert.seq, now)

    def _status(self, notice: StatusArrived, now: Now) -> list[FleetEffect]:
        """Follow a status. A kiosk that connects anew may have lost what the broker kept: tell it again."""
        old = self.roster.get(notice.kiosk_id)
        settled = self.link_up and now.s - self._up_s >= SETTLE_S
        out = self.roster.on_status(notice, now, settled=settled)
        new = self.roster.get(notice.kiosk_id)
        if old and new and (old.boot, old.connection) != (new.boot, new.connection) and new.life == "online":
            self.caseload.owe_again(notice.kiosk_id)
        return out

    def _result(self, notice: ResultArrived, now: Now) -> list[FleetEffect]:
        if self.roster.get(notice.kiosk_id) is None:
            return []
        result = notice.result
        text = f"{result.command_id[-6:]} {result.state}" + (f": {result.detail}" if result.detail else "")
        self.roster.note(notice.kiosk_id, "command", text, now)
        detail = (("kiosk", notice.kiosk_id), ("command", result.command_id), ("state", result.state))
        return [Tell("command_result", detail)]

    # ---- people

    def _person(self, notice: Acted | CommandAsked | DutySet, now: Now) -> list[FleetEffect]:
        match notice:
            case Acted():
                return self.caseload.act(notice, now)
            case CommandAsked():
                return self._command(notice, now)
            case DutySet():
                self.on_duty = notice.on
                text = "on duty" if notice.on else "off duty"
                return [Tell("duty", (("on", notice.on),)), Answer(token=notice.token, ok=True, text=text)]
            case _:
                assert_never(notice)

    def _command(self, notice: CommandAsked, now: Now) -> list[FleetEffect]:
        if self.roster.get(notice.kiosk_id) is None:
            return [Answer(token=notice.token, ok=False, text="no such kiosk")]
        if not self.link_up:
            return [Answer(token=notice.token, ok=False, text="the centre has no link to its kiosks")]
        command = Command(
            command_id=now.fresh_id,
            name=notice.name,
            at=utc_text(now.utc_ms),
            expires_at=utc_text(now.utc_ms + COMMAND_TTL_MS),
            by=notice.by,
            duty=notice.duty,
        )
        note = f"{command.command_id[-6:]} {notice.name} by {notice.by}"
        self.roster.note(notice.kiosk_id, "command", note, now)
        detail = (("kiosk", notice.kiosk_id), ("command", command.command_id), ("name", notice.name))
        answer = Answer(token=notice.token, ok=True, text=command.command_id)
        return [SendCommand(notice.kiosk_id, command), Tell("command_sent", detail), answer]

    # ---- the store

    def _store(
        self, notice: Saved | SaveFailed | Restored | StoreRenewed | Stopped, now: Now
    ) -> list[FleetEffect]:
        match notice:
            case Saved():
                mended = bool(self._ledger.fault)
                released = self._ledger.saved(notice.serial)
                return [Tell("store_mended"), *released] if mended else released
            case SaveFailed():
                first = not self._ledger.fault
                excuses = self._ledger.failed(notice.reason)
                self._retry_s = now.s + SAVE_RETRY_S
                broke = Tell("store_broke", (("reason", notice.reason),), "error")
                return [broke, *excuses] if first else excuses
            case Restored():
                self.caseload.restore(notice.cases, now)
                self.roster.restore(notice.kiosks, notice.events, now)
                return [_set_aside(notice.quarantined)] if notice.quarantined else []
            case StoreRenewed():
                self.caseload.write_all()
                self.roster.write_all()
                return [_set_aside(notice.quarantined)]
            case Stopped():
                self.roster.flush()
                return []
            case _:
                assert_never(notice)

    # ---- the link and time

    def _link(self, notice: LinkRose | LinkFell | ReplyTaken, now: Now) -> list[FleetEffect]:
        if isinstance(notice, ReplyTaken):
            self.caseload.taken(notice.alert_id, notice.stage)
            return []
        if isinstance(notice, LinkRose):
            self.link_up = True
            self._up_s = now.s
            self._announced = None
            self.caseload.owe_again()
            return [Tell("link_rose", (("peer", notice.peer),))]
        was_up, self.link_up = self.link_up, False
        self._ledger.forget_receipts()
        return [Tell("link_fell", (("reason", notice.reason),), "error" if was_up else "warning")]

    def _tick(self, now: Now) -> list[FleetEffect]:
        out = self.caseload.tick(now)
        if self.link_up:  # a deaf centre judges nobody
            silent_after_s = self._limits.silent_after_s
            out += self.roster.judge(now, since_s=self._up_s, silent_after_s=silent_after_s)
        self.roster.flush_due(now)
        if self._ledger.fault and now.s >= self._retry_s:
            self._retry_s = now.s + SAVE_RETRY_S
            out += self._ledger.retry()
        return out


def _set_aside(file: str) -> Tell:
    return Tell("store_quarantined", (("file", file),), "error")
