"""The centre's core: every notice in, every effect out. Pure: time and chance are arguments.

Total: no notice raises, and one that concerns nothing changes nothing. A kiosk hears `received` only
after the store has its alert.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from kiosk.bodies import KioskId
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.books import Books
from kiosk.monitor.caseload import Caseload
from kiosk.monitor.effects import Announce, Answer, FleetEffect, ShowKiosk
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import (
    Acted,
    AlertArrived,
    BodyRefused,
    CommandAsked,
    DutySet,
    EarsFell,
    EarsRose,
    EventArrived,
    HeartbeatArrived,
    HeartbeatsArrived,
    LeaseChanged,
    LinkFell,
    LinkRose,
    NewsRead,
    Notice,
    PlanLoaded,
    ReplyTaken,
    Restored,
    ResultArrived,
    Saved,
    SaveFailed,
    SmsArrived,
    StatusArrived,
    Stopped,
    StoreRenewed,
    TextSettled,
    Ticked,
)
from kiosk.monitor.roster import Roster
from kiosk.monitor.staff import NO_SMS, People, SmsRules, Staff
from kiosk.wire import Rejected

ANNOUNCE_S = 300.0  # a broker may acknowledge our presence and lose it, and the kiosks write SMS at once
SETTLE_S = 10.0  # the broker hands over what it kept for us just after we connect
SENDING = (Saved, SaveFailed, TextSettled, LeaseChanged)  # after which a text may go out


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a site may set. Silence with a 30 s beat: 33 s + 33 s + 14 s, so that one may be lost."""

    silent_after_s: float = 80.0
    kiosks: int = 20_000
    alerts: int = 2_000


class Fleet:
    """Every kiosk and every alert that the centre answers for."""

    def __init__(self, limits: Limits, *, on_duty: bool, sms: SmsRules = NO_SMS, ears: bool = False) -> None:
        """Begin; with `ears` heartbeats come by a connection that rises and falls by itself."""
        self._limits = limits
        self._deaf = ears
        self._ears_s = 0.0
        self._ledger = Ledger()
        self.caseload = Caseload(self._ledger, limits.alerts)
        self.roster = Roster(self._ledger, limits.kiosks)
        self._staff = Staff(self.caseload, self.roster, self._ledger, sms, self._alert)
        self.on_duty = on_duty
        self.link_up = False
        self._announced: bool | None = None
        self._announce_s = 0.0
        self._up_s = 0.0
        self._books = Books(self._ledger, self.caseload, self.roster, self._staff)

    @property
    def store_fault(self) -> str:
        """Say why nothing can be saved; empty while all is well."""
        return self._ledger.fault

    def handle(self, notice: Notice, now: Now) -> list[FleetEffect]:
        """Take one notice in and say what to do, in order."""
        out = self._handle(notice, now)
        if not isinstance(notice, HeartbeatArrived | HeartbeatsArrived):
            ticked = isinstance(notice, Ticked)
            out += self._staff.run(now, saved=isinstance(notice, SENDING), ticked=ticked)
            out += self.caseload.tell(now) if self.link_up else []
        return out + self._presence(now) + self._ledger.close_turn()

    def _handle(self, notice: Notice, now: Now) -> list[FleetEffect]:
        match notice:
            case HeartbeatArrived() | HeartbeatsArrived():
                return self.roster.on_heartbeats(notice, now)
            case AlertArrived() | StatusArrived() | EventArrived() | ResultArrived() | BodyRefused():
                return self._message(notice, now)
            case (
                Acted()
                | CommandAsked()
                | DutySet()
                | PlanLoaded()
                | LeaseChanged()
                | SmsArrived()
                | TextSettled()
            ):
                return self._person(notice, now)
            case Saved() | SaveFailed() | Restored() | StoreRenewed() | Stopped():
                return self._books.handle(notice, now)
            case LinkRose() | LinkFell() | EarsRose() | EarsFell() | ReplyTaken() | NewsRead() | Ticked():
                return self._link(notice, now)
            case _:
                assert_never(notice)

    def _presence(self, now: Now) -> list[FleetEffect]:
        """Tell the kiosks when nobody could answer: without a store there is no receipt."""
        able = self.on_duty and not self._ledger.fault
        if able == self._announced and not (self.link_up and now.s >= self._announce_s):
            return []
        self._announced, self._announce_s = able, now.s + ANNOUNCE_S
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
        return out + self._ledger.acknowledge(notice.receipt, lesser=not isinstance(notice, AlertArrived))

    def _alert(self, notice: AlertArrived, now: Now) -> list[FleetEffect]:
        kiosk_id = KioskId(notice.alert.kiosk_id)
        taken = self.caseload.take(notice, now)
        if isinstance(taken, Rejected):
            if notice.token is not None:
                return [Answer(token=notice.token, ok=False, text=taken.reason)]
            refusal = BodyRefused(kiosk_id=kiosk_id, leaf="alert", reason=taken.reason)
            return self.roster.on_refused(refusal, now)
        if notice.token is not None:
            case = self.caseload.get(notice.alert.alert_id)
            stage, presses = (cases.top(case), case.alert.presses) if case else ("received", 0)
            answer = Answer(token=notice.token, ok=True, text=stage, alert_id=notice.alert.alert_id)
            taken += self._ledger.when_durable(replace(answer, presses=presses))
        return taken + self.roster.on_alert(kiosk_id, notice.alert.seq, now)

    def _status(self, notice: StatusArrived, now: Now) -> list[FleetEffect]:
        """Follow a status. A kiosk that connects anew may have lost what the broker kept: tell it again."""
        old = self.roster.get(notice.kiosk_id)
        settled = self.link_up and now.s - self._up_s >= SETTLE_S
        out = self.roster.on_status(notice, now, settled=settled)
        new = self.roster.get(notice.kiosk_id)
        if old and new and (old.boot, old.connection) != (new.boot, new.connection) and new.life == "online":
            self.caseload.owe_again(now, notice.kiosk_id)
        return out

    def _result(self, notice: ResultArrived, now: Now) -> list[FleetEffect]:
        if self.roster.get(notice.kiosk_id) is None:
            return []
        result = notice.result
        of_rollout = result.command_id.startswith("upd-")  # which reads its orders' results by their names
        name = result.command_id if of_rollout else result.command_id[-6:]
        text = f"{name} {result.state}" + (f": {result.detail}" if result.detail else "")
        self.roster.note(notice.kiosk_id, "command", text, now)
        detail = (("kiosk", notice.kiosk_id), ("command", result.command_id), ("state", result.state))
        return [Tell("command_result", detail)]

    # ---- people

    def _person(self, notice: People, now: Now) -> list[FleetEffect]:
        match notice:
            case CommandAsked():
                return self._staff.command(notice, now, link_up=self.link_up)
            case DutySet():
                self.on_duty = notice.on
                text = "on duty" if notice.on else "off duty"
                return [Tell("duty", (("on", notice.on),)), Answer(token=notice.token, ok=True, text=text)]
            case Acted() | PlanLoaded() | LeaseChanged() | SmsArrived() | TextSettled():
                return self._staff.handle(notice, now)
            case _:
                assert_never(notice)

    # ---- the link and time

    def _link(
        self, notice: LinkRose | LinkFell | EarsRose | EarsFell | ReplyTaken | NewsRead | Ticked, now: Now
    ) -> list[FleetEffect]:
        if isinstance(notice, Ticked):
            return self._tick(now)
        if isinstance(notice, NewsRead):
            return self._news(notice, now)
        if isinstance(notice, EarsRose | EarsFell):
            return self._ears(notice, now)
        if isinstance(notice, ReplyTaken):
            self.caseload.taken(notice.alert_id, notice.stage)
            return []
        if isinstance(notice, LinkRose):
            self.link_up = True
            self._up_s = now.s
            self._announced = None
            self.caseload.owe_again(now)
            return [Tell("link_rose", (("peer", notice.peer),))]
        was_up, self.link_up = self.link_up, False
        self._ledger.forget_receipts()
        return [Tell("link_fell", (("reason", notice.reason),), "error" if was_up else "warning")]

    def _ears(self, notice: EarsRose | EarsFell, now: Now) -> list[FleetEffect]:
        if isinstance(notice, EarsRose):
            self._deaf, self._ears_s = False, now.s
            return [Tell("ears_rose", (("peer", notice.peer),))]
        was_deaf, self._deaf = self._deaf, True
        return [Tell("ears_fell", (("reason", notice.reason),), "warning" if was_deaf else "error")]

    def _news(self, notice: NewsRead, now: Now) -> list[FleetEffect]:
        """Follow what another monitor has written."""
        out = [effect for case in notice.cases if case.stages for effect in self.caseload.learn(case, now)]
        self._staff.hear(notice.texts)
        for kiosk in notice.kiosks:
            known = self.roster.get(kiosk.kiosk_id)
            self.roster.restore((kiosk,), (), now)
            new = self.roster.get(kiosk.kiosk_id)
            if new is not None and (known is None or known.life != new.life):
                out.append(ShowKiosk(new))
        return out

    def _tick(self, now: Now) -> list[FleetEffect]:
        out = self.caseload.tick(now)
        if self.link_up and not self._deaf:  # a deaf centre judges nobody
            silent_after_s, since_s = self._limits.silent_after_s, max(self._up_s, self._ears_s)
            out += self.roster.judge(now, since_s=since_s, silent_after_s=silent_after_s)
        self.roster.flush_due(now)
        return out + self._books.retry(now)
