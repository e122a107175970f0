"""The people's part of the fleet: what officers do and order, who is called by SMS, what texts bring. Pure.

Total like the fleet: no notice raises. Nothing goes out by SMS but by the monitor that holds the lease.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from kiosk.bodies import AlertId, Command
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import cases, sms_words
from kiosk.monitor.answers import Answers
from kiosk.monitor.caseload import Caseload
from kiosk.monitor.effects import Answer, FleetEffect, SendCommand
from kiosk.monitor.escalation import Escalation, Pace
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import (
    Acted,
    AlertArrived,
    CommandAsked,
    DutySet,
    LeaseChanged,
    PlanLoaded,
    SmsArrived,
    TextSettled,
)
from kiosk.monitor.outbox import Letter, Outbox
from kiosk.monitor.records import Case, Plan, Text
from kiosk.monitor.roster import Roster
from kiosk.monitor.sms_desk import SmsDesk
from kiosk.monitor.sms_keys import SmsKeys
from kiosk.monitor.sms_post import SmsPost
from kiosk.prompts import Catalogue
from kiosk.wire import utc_text

COMMAND_TTL_MS = 60_000  # an order that waits longer would surprise the people at the site

People = Acted | CommandAsked | DutySet | PlanLoaded | LeaseChanged | SmsArrived | TextSettled


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRules:
    """What the centre needs for SMS; `sends` says whether it has a modem or a gateway of its own."""

    keys: SmsKeys
    words: Catalogue
    pace: Pace
    sends: bool = True


NO_SMS = SmsRules(keys=SmsKeys(b""), words=Catalogue(prompts={}, words={}), pace=Pace(), sends=False)


class Staff:
    """Officers' acts and orders, the duty ladder, signed answers."""

    def __init__(
        self,
        caseload: Caseload,
        roster: Roster,
        ledger: Ledger,
        rules: SmsRules,
        deliver: Callable[[AlertArrived, Now], list[FleetEffect]],
    ) -> None:
        self._caseload = caseload
        self._roster = roster
        self._ledger = ledger
        self._rules = rules
        self._desk = SmsDesk(rules.keys, rules.words)
        self._outbox = Outbox(ledger, self._is_drill)
        self._answers = Answers(ledger, self._outbox)
        self._post = SmsPost(caseload, ledger, self._desk, self._answers, deliver)
        self._ladder = Escalation(self._outbox, rules.pace)
        self._plan: Plan | None = None
        self._held = False
        self._left: tuple[Text, ...] = ()
        self._by_sms: dict[AlertId, None] = {}

    # ---- what people and their plans say

    def handle(
        self, notice: Acted | PlanLoaded | LeaseChanged | SmsArrived | TextSettled, now: Now
    ) -> list[FleetEffect]:
        """Take in what people did, or what became of their texts."""
        match notice:
            case Acted():
                return self._caseload.act(notice, now)
            case PlanLoaded(plan):
                return self._load(plan, now)
            case LeaseChanged():
                return self._lease(notice, now)
            case SmsArrived():
                return self._post.take(notice, now)
            case TextSettled():
                return self._outbox.settled(notice, now)
            case _:
                assert_never(notice)

    def command(self, notice: CommandAsked, now: Now, *, link_up: bool) -> list[FleetEffect]:
        """Send an order; a drill that is to reach people's phones will say so when it comes."""
        if self._roster.get(notice.kiosk_id) is None:
            return [Answer(token=notice.token, ok=False, text="no such kiosk")]
        if not link_up:
            return [Answer(token=notice.token, ok=False, text="the centre has no link to its kiosks")]
        command = Command(
            command_id=notice.command_id or now.fresh_id,
            name=notice.name,
            at=utc_text(now.utc_ms),
            expires_at=utc_text(now.utc_ms + COMMAND_TTL_MS),
            by=notice.by,
            duty=notice.duty,
            release=notice.release,
            version=notice.version,
        )
        note = f"{command.command_id[-6:]} {notice.name} by {notice.by}"
        self._roster.note(notice.kiosk_id, "command", note, now)
        detail = (("kiosk", notice.kiosk_id), ("command", command.command_id), ("name", notice.name))
        answer = Answer(token=notice.token, ok=True, text=command.command_id)
        return [SendCommand(notice.kiosk_id, command), Tell("command_sent", detail), answer]

    def _load(self, plan: Plan, now: Now) -> list[FleetEffect]:
        was, self._plan = self._plan or Plan(), plan
        self._desk.load(plan)
        if plan.tiers:
            self._ladder.hurry(now)
        if plan.nobody == was.nobody:
            return []
        called = ("called", sum(len(tier) for tier in plan.tiers))
        return [Tell("nobody_on_duty", (called,), "error") if plan.nobody else Tell("duty_covered")]

    def _lease(self, notice: LeaseChanged, now: Now) -> list[FleetEffect]:
        if notice.kept and self._held:
            self._outbox.catch_up(self._known(notice.texts), now)
            return []
        self._held = notice.held
        self._roster.spans.writes = notice.held
        self._outbox.clear()
        self._ladder.clear()
        self._left = notice.texts
        if notice.held:
            self._resume(now)
        return [Tell("lease", (("held", notice.held),))]

    def _resume(self, now: Now) -> None:
        """Go on where the last holder stopped, with every alert that is still open."""
        known = self._known(self._left)
        for text in known:
            if text.state == "planned":
                self._outbox.resume(text, now)
        self._ladder.resume(known, now)
        self._answers.resume(known)
        self._caseload.touched |= dict.fromkeys(AlertId(case.alert.alert_id) for case in self._caseload.all())

    def _known(self, texts: tuple[Text, ...]) -> tuple[Text, ...]:
        return tuple(text for text in texts if self._caseload.get(text.alert_id) is not None)

    def restored(self, now: Now) -> None:
        """Note that the alerts of the last run are there; the lease may have come before them."""
        if self._held:
            self._resume(now)

    def hear(self, texts: tuple[Text, ...]) -> None:
        """Note what another monitor settled."""
        for text in texts:
            self._outbox.hear(text)

    # ---- what is due

    def run(self, now: Now, *, saved: bool, ticked: bool) -> list[FleetEffect]:
        """Climb and write what is due; the whole of it once a tick, else only what was touched."""
        touched = self._follow(now)
        if not self._held or not self._rules.sends or self._plan is None:
            return []  # people's numbers and kiosks' are read a moment after the start
        out = self._ladder.run(self._plan, now, None if ticked else touched)
        if not (saved or ticked):
            return out
        for text in self._outbox.given_up():
            self._answers.give_up(text, now)
        for alert_id in tuple(self._by_sms):
            self._answer(alert_id, now)
        return out + self._outbox.run(now, self._letter)

    def _follow(self, now: Now) -> Iterable[AlertId]:
        for old_id, new_id in self._caseload.renames:
            for part in (self._outbox, self._ladder, self._answers):
                part.rename(old_id, new_id)
        self._caseload.renames.clear()
        touched, self._caseload.touched = self._caseload.touched, {}
        for alert_id in touched:
            case = self._caseload.get(alert_id)
            if case is None or case.alert.alert_id != alert_id:
                self._forget(alert_id)
                continue
            if case.sms_from:
                self._by_sms[alert_id] = None
            if self._held:
                self._ladder.follow(case, now)
        return touched

    def _forget(self, alert_id: AlertId) -> None:
        for part in (self._outbox, self._ladder, self._answers):
            part.forget(alert_id)
        self._by_sms.pop(alert_id, None)

    def _answer(self, alert_id: AlertId, now: Now) -> None:
        """Plan what a kiosk is owed by SMS; when all is over its number is forgotten."""
        case = self._caseload.get(alert_id)
        if case is None or not case.sms_from:
            self._by_sms.pop(alert_id, None)
            return
        kiosk = self._roster.get(case.alert.kiosk_id)
        self._answers.run(case, kiosk, now)
        over = cases.is_closed(case) and self._ledger.is_durable("stage", alert_id, "closed")
        if over and self._answers.is_told(case, kiosk) and not self._outbox.has(alert_id, "answer"):
            self._caseload.set_number(case, "", now)

    def _letter(self, text: Text) -> Letter | None:
        """Make up a text's number and words; None when it serves no more."""
        case = self._caseload.get(text.alert_id)
        if case is None:
            return None
        if text.kind == "answer":
            owed = self._answers.owes(case, self._roster.get(case.alert.kiosk_id))
            newest = text.step == self._answers.step(case)
            return (case.sms_from, self._desk.answer(case)) if owed and newest else None
        person = self._desk.person(text.to)
        if person is None or not self._ladder.wants(case):
            return None
        return person.phone, sms_words.compose(self._rules.words, person.language, self._occasion(case))

    def _is_drill(self, alert_id: AlertId) -> bool:
        case = self._caseload.get(alert_id)
        return case is not None and cases.is_drill(case)

    def _occasion(self, case: Case) -> sms_words.Occasion:
        alert = case.alert
        number = self._desk.number_of(alert.kiosk_id)
        return sms_words.Occasion(
            kind=alert.kind,
            number=str(number) if number else alert.kiosk_id[:12],
            place=alert.place,
            code=self._desk.code_of(case),
            pressed_ms=case.received_ms - case.age_s * 1000,
        )
