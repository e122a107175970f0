"""What really happened, whatever kiosks and monitors believe: incidents, who said what of them, when. Pure.

It is fed by what goes in and what comes out; of a core it reads nothing but an incident's number and code.
"""

import re
from collections.abc import Iterator

from kiosk import effects as do
from kiosk.bodies import Alert, AlertId, Reply
from kiosk.cases import CASES_MAX
from kiosk.effects import Effect, Tell
from kiosk.incident import NEVER_S, Incident
from kiosk.journal.record import Damaged, unpack
from kiosk.messages import HttpsAnswered, IncidentRecord, KioskEvent, ReplyReceived
from kiosk.monitor import cases
from kiosk.monitor.records import Case
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.laws.fact import PEOPLES, Fact
from kiosk.simulate.laws.written import Written

SMS_NAME = re.compile(r"sms-([0-9]+)-([0-9]+)-([0-9]+)")
BEGINS = {"pressed": "press", "drill": "drill", "tamper": "tamper"}


class Broken(Exception):
    """A law did not hold."""

    def __init__(self, law: int, what: str) -> None:
        super().__init__(f"law {law}: {what}")
        self.law = law
        self.what = what


class Truth:
    """All incidents by their ids."""

    def __init__(self) -> None:
        self.facts: dict[str, Fact] = {}
        self.unreached: dict[str, Fact] = {}
        self.waiting: dict[str, Fact] = {}  # presses that the centre has on disk and nobody took
        self.open: dict[str, dict[str, Fact]] = {}  # on kiosks, by who
        self.by_name: dict[tuple[int, int, int], Fact] = {}
        self._written = Written()
        self.pressed: dict[str, int] = {}  # how often presses counted, by who
        self.drill_duty: dict[str, bool] = {}  # of drills asked for at the site
        self.drill_orders: dict[str, bool] = {}  # … by the centre: once for people, it may come late

    def drill_ordered(self, who: str, *, duty: bool) -> None:
        """Note an order by the centre."""
        self.drill_orders[who] = self.drill_orders.get(who, False) or duty

    # ---- a kiosk's turn

    def heard(self, box: Box, event: KioskEvent | None, now_s: float) -> None:
        """Note what the centre's own answer by MQTT or HTTPS tells a kiosk that it knows."""
        match event:
            case ReplyReceived(reply, _):
                replies: tuple[Reply, ...] = (reply,)
            case HttpsAnswered(replies=replies):
                pass
            case _:
                return
        for reply in replies:
            fact = self.facts.get(reply.alert_id)
            if fact is None or not (box.loaded and fact.on_kiosk):
                continue
            sure = isinstance(event, ReplyReceived)  # a door may have told what nobody asked for
            fact.answered |= sure
            if fact.base and reply.presses > fact.presses:
                fact.recounted(reply.presses, now_s)
            if reply.presses >= fact.presses:
                fact.anew_s = -1.0
                fact.calls_again &= not sure

    def turned(self, box: Box, effects: list[Effect], now_s: float) -> None:
        """Take in what a turn tells of incidents."""
        for effect in effects:  # alerts stand first in a turn, and what they are about is told behind them
            if isinstance(effect, Tell):
                self._told(box, effect.what, dict(effect.detail), now_s)
        for effect in effects:
            match effect:
                case do.Publish(_, Alert() as alert) | do.PostAlert(_, alert):
                    self._number(box, alert.alert_id)
                case do.SendSms(token=token):
                    self._number(box, token.split(".")[1])
                case _:
                    pass

    def _told(self, box: Box, what: str, detail: dict[str, object], now_s: float) -> None:
        alert_id = str(detail.get("alert_id", ""))
        fact = self.facts.get(alert_id)
        if what in {"pressed", "pressed_again"}:
            self.pressed[box.who] = self.pressed.get(box.who, 0) + 1
        if what in BEGINS and fact is None:
            self._begin(box, alert_id, BEGINS[what], now_s)
        elif fact is None:
            return
        elif what == "pressed_again":
            fact.pressed_again(now_s)
        elif what == "resumed":
            fact.on_kiosk = True
            fact.kiosk_knows = str(detail["stage"])
            fact.forgotten_s, fact.learned_s = -1.0, NEVER_S
            self.open.setdefault(box.who, {})[alert_id] = fact
        elif what == "sms_reply":
            fact.heard_word(now_s, answered=True)
        elif what in ("received", *PEOPLES):
            fact.kiosk_knows = what
            if what in PEOPLES:
                fact.heard_word(now_s, answered=False)
            if what == "closed" and fact.kind != "drill":
                self._left(box, fact)
        elif what in ("expired", "not_resumed", "drill_passed", "drill_failed"):
            fact.expired |= what == "expired"
            if what == "not_resumed":
                fact.forgotten_s = now_s
            self._left(box, fact)

    def _begin(self, box: Box, alert_id: str, kind: str, now_s: float) -> None:
        fact = Fact(alert_id, box.who, box.number, kind, now_s)
        wanted = self.drill_duty.get(box.who, False) or self.drill_orders.get(box.who, False)
        fact.duty = kind == "drill" and wanted
        self.facts[alert_id] = fact
        self.unreached[alert_id] = fact
        self.open.setdefault(box.who, {})[alert_id] = fact
        self._number(box, alert_id, sent=False)
        for stage in self._written.about(fact, self.facts.values(), now_s):
            self.says(fact, stage, now_s)

    def _left(self, box: Box, fact: Fact) -> None:
        fact.on_kiosk = False
        self.open.get(box.who, {}).pop(fact.alert_id, None)

    def _number(self, box: Box, alert_id: str, *, sent: bool = True) -> None:
        fact, own = self.facts.get(alert_id), _own(box, alert_id)
        if fact is None or own is None:
            return
        fact.code = own.code
        if sent:
            name = (own.seq & cases.SEQ_MASK, own.pressed_utc_ms // 1000)
            fact.names.add(name)
            self.by_name[box.number, *name] = fact

    def did(self, effect: Effect, now_s: float) -> None:
        """Note that something of an incident really went out."""
        match effect:
            case do.Publish(_, Alert() as alert) | do.PostAlert(_, alert):
                fact = self.facts.get(alert.alert_id)
            case do.SendSms(token=token):
                fact = self.facts.get(token.split(".")[1])
                if fact is not None and ".duty" in token:
                    fact.called_s = now_s
            case _:
                return
        if fact is not None and fact.sent_s < 0:
            fact.sent_s = now_s

    def died(self, box: Box, now_s: float) -> list[Fact]:
        """Note what a kiosk that lost its process still has on its disk; give what went from a whole one."""
        found, gone = _on_disk(box), list[Fact]()
        kept = {record.alert_id: record for record in found or ()}
        for fact in tuple(self.open.get(box.who, {}).values()):
            if AlertId(fact.alert_id) not in kept or fact.kind == "drill":
                gone += [fact] if fact.on_disk and found is not None and len(kept) < CASES_MAX else []
                fact.forgotten_s = now_s
                self._left(box, fact)
            else:
                fact.on_disk = True
        for record in kept.values():  # also of what ended since, if the disk has not heard of that
            ended = self.facts.get(record.alert_id)
            if ended is not None and ended.kind != "drill":
                ended.is_kept_as(record)
        return gone

    # ---- the centre

    def of_row(self, case: Case) -> Fact | None:
        """Find what an alert of the centre is about."""
        fact = self.facts.get(case.alert.alert_id)
        return fact or self.by_name.get((_number_of(case), *cases.press_of(case.alert)[1:]))

    def of_name(self, alert_id: str) -> Fact | None:
        """Find what an id is about, be it a kiosk's own or one that stands for a text."""
        found = SMS_NAME.fullmatch(alert_id)
        name = (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)
        return self.facts.get(alert_id) or self.by_name.get(name)

    def reached(self, case: Case, now_s: float) -> Fact | None:
        """Note that the centre has an alert on disk."""
        fact = self.of_row(case)
        if fact is not None and fact.reached_s < 0:
            fact.reached_s = now_s
            fact.said.setdefault("received", now_s)
            self.unreached.pop(fact.alert_id, None)
            if fact.kind == "press":
                self.waiting[fact.alert_id] = fact
        return fact

    # ---- people

    def says(self, fact: Fact, stage: str, now_s: float) -> None:
        """Note that a person said so; whoever is on the way has accepted."""
        fact.said.setdefault(stage, now_s)
        if stage in {"en_route", "on_scene"}:
            fact.said.setdefault("accepted", now_s)

    def wrote(self, stage: str, code: str, now_s: float) -> None:
        """Note that a person wrote so: it may be about any incident that has this code."""
        self._written.note(stage, code)
        for fact in self.facts.values():
            if fact.code == code:
                self.says(fact, stage, now_s)

    def newest(self, who: str) -> Fact | None:
        """Give the newest press that a kiosk has open: of two at one moment the one that was opened last."""
        found = [fact for fact in reversed(self.open.get(who, {}).values()) if fact.kind == "press"]
        return max(found, key=lambda fact: fact.opened_s, default=None)

    def presses(self) -> Iterator[Fact]:
        """Give every press."""
        return (fact for fact in self.facts.values() if fact.kind == "press")


def _own(box: Box, alert_id: str) -> Incident | None:
    if box.core is None:
        return None
    case = box.core.parts.alarm.cases.find(alert_id)
    return case.incident if case is not None else None


def _on_disk(box: Box) -> tuple[IncidentRecord, ...] | None:
    packed = box.disk.packed
    if packed is None:
        return None
    try:
        return unpack(packed.format, packed.body, packed.sha256).incidents
    except Damaged:
        return None


def _number_of(case: Case) -> int:
    return int(case.alert.kiosk_id.rpartition("-")[2])
