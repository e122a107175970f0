"""Two monitors on one database, kiosks by MQTT and SMS, officers, and a mobile network with moods.

What must hold whatever happens: only the lease's holder sends, only what is on disk, never a settled text
twice, nothing to people about drills, tamper or what somebody has taken; and the ladder never falls asleep.
"""

from dataclasses import dataclass, field, replace

from fakes.duty_centre import KEYS, PLAN, RULES, SIM, a_text
from fakes.virtual_centre import UTC_MS, a_status, an_alert
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec import structs

from kiosk import sms_signed
from kiosk.bodies import KioskId, Token
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.effects import Save, SendText
from kiosk.monitor.fleet import Fleet, Limits
from kiosk.monitor.messages import (
    Acted,
    Action,
    AlertArrived,
    LeaseChanged,
    LinkRose,
    NewsRead,
    Notice,
    Overruled,
    PlanLoaded,
    Receipt,
    Restored,
    Saved,
    SmsArrived,
    StatusArrived,
    TextSettled,
    Ticked,
)
from kiosk.monitor.outbox import BACKOFF_MAX_S, SEND_MAX_S
from kiosk.monitor.records import (
    Case,
    Change,
    Inbound,
    Person,
    StageEntry,
    StoreAlert,
    StoreInbound,
    StoreRenamed,
    StoreStage,
    StoreText,
    Text,
)
from kiosk.wire import utc_text

NUMBERS = tuple(range(7))
KINDS = ("press", "press", "drill", "press", "tamper", "press", "drill")
FOR_PEOPLE = 6  # the second drill
# Where the network swallows texts: one until it counts as lost, its rest, and others' texts in all places.
GAP_S = SEND_MAX_S + BACKOFF_MAX_S + SEND_MAX_S + 5
PEOPLE = {person.person_id: person for person in PLAN.people}
Key = tuple[str, str, str]


@dataclass
class Disk:
    """The shared database's rules: first stage wins, a sent text stays sent, a rename moves everything."""

    alerts: dict[str, Case] = field(default_factory=dict)
    texts: dict[Key, Text] = field(default_factory=dict)
    inbox: dict[str, Inbound] = field(default_factory=dict)

    def commit(self, changes: tuple[Change, ...]) -> tuple[tuple[Overruled, ...], set[str]]:
        over: list[Overruled] = []
        touched: set[str] = set()
        for change in changes:
            match change:
                case StoreAlert(case):
                    touched.add(self._alert(case))
                case StoreStage(alert_id, entry):
                    over += self._stage(alert_id, entry)
                    touched.add(alert_id)
                case StoreRenamed(old_id, new_id):
                    touched.add(self._rename(old_id, new_id))
                case StoreText(text):
                    self._text(text)
                    touched.add(text.alert_id)
                case StoreInbound(inbound):
                    self.inbox.setdefault(inbound.message_id, inbound)
        return tuple(over), touched

    def _alert(self, case: Case) -> str:
        name = case.alert.alert_id
        old = self.alerts.get(name)
        if old is None:
            self.alerts[name] = replace(case, stages=())
        else:
            doors = dict.fromkeys((*old.also_by, case.door, *case.also_by))
            sms_from = old.sms_from or case.sms_from
            if cases.is_closed(old):
                sms_from = old.sms_from if case.sms_from or not cases.is_closed(case) else ""
            self.alerts[name] = replace(
                old,
                alert=cases.join(old.alert, case.alert),
                also_by=tuple(door for door in doors if door != old.door),
                sms_from=sms_from,
            )
        return name

    def _stage(self, alert_id: str, entry: StageEntry) -> list[Overruled]:
        case = self.alerts[alert_id]
        same = next((known for known in case.stages if known.stage == entry.stage), None)
        beyond = [known for known in case.stages if cases.rank(known.stage) > cases.rank(entry.stage)]
        if same is None and not beyond:
            self.alerts[alert_id] = replace(case, stages=(*case.stages, entry))
        elif same is None or same.by != entry.by:
            return [Overruled(alert_id, same or beyond[-1], entry.stage)]  # type: ignore[arg-type]
        return []

    def _rename(self, old_id: str, new_id: str) -> str:
        old = self.alerts.pop(old_id, None)
        if old is not None:
            new = self.alerts.get(new_id)
            stages = {entry.stage: entry for entry in ((*new.stages,) if new else ())}
            for entry in old.stages:
                stages.setdefault(entry.stage, entry)
            kept = new or replace(old, alert=structs.replace(old.alert, alert_id=new_id))
            ordered = tuple(sorted(stages.values(), key=lambda entry: cases.rank(entry.stage)))
            self.alerts[new_id] = replace(kept, stages=ordered, sms_from=kept.sms_from or old.sms_from)
        for key in [key for key in self.texts if key[0] == old_id]:
            text = self.texts.pop(key)
            self.texts.setdefault((new_id, *key[1:]), replace(text, alert_id=new_id))  # type: ignore[arg-type]
        return new_id

    def _text(self, text: Text) -> None:
        key = (text.alert_id, text.step, text.to)
        old = self.texts.get(key)
        further = old is None or (text.tries, text.state != "planned") >= (old.tries, False)
        if old is None or (old.state != "sent" and further):
            self.texts[key] = text


class DutyMachine(RuleBasedStateMachine):
    """Any order of all that may happen to two monitors."""

    @initialize()
    def begin(self) -> None:
        self.now_s = 100.0
        self.fresh = 0
        self.disk = Disk()
        self.mood = "takes"
        self.settled: set[Key] = set()
        self.names: dict[str, str] = {}
        self.wanted_s: dict[str, float] = {}
        self.paged_s: dict[str, float] = {}
        self.fleets = [self.boot(), self.boot()]
        self.holder: int | None = None
        self.lease_goes(0)

    def now(self) -> Now:
        self.fresh += 1
        return Now(
            s=self.now_s, utc_ms=UTC_MS + round(self.now_s * 1000), chance=0.5, fresh_id=f"f{self.fresh}"
        )

    def boot(self) -> Fleet:
        fleet = Fleet(Limits(), on_duty=True, sms=RULES)
        fleet.handle(Restored(cases=tuple(self.disk.alerts.values())), self.now())
        fleet.handle(PlanLoaded(PLAN), self.now())
        fleet.handle(LinkRose("broker"), self.now())
        return fleet

    def give(self, who: int, notice: Notice) -> None:
        queue: list[tuple[int, Notice]] = [(who, notice)]
        while queue:
            at, item = queue.pop(0)
            for effect in self.fleets[at].handle(item, self.now()):
                match effect:
                    case Save(serial, changes):
                        over, touched = self.disk.commit(changes)
                        queue.append((at, Saved(serial, over)))
                        queue.append((1 - at, self.news(touched)))
                    case SendText():
                        queue += self.goes_out(at, effect)
                    case _:
                        pass

    def news(self, touched: set[str]) -> NewsRead:
        found = tuple(self.disk.alerts[name] for name in sorted(touched) if name in self.disk.alerts)
        texts = tuple(text for key, text in self.disk.texts.items() if key[0] in touched)
        return NewsRead(cases=found, texts=texts)

    # ---- what goes out

    def true_name(self, alert_id: str) -> str:
        """Name an alert by its number, whichever id it has at the moment."""
        for number in NUMBERS:
            if alert_id in {f"alert-{number}", sms_name(number)}:
                return str(number)
        raise AssertionError(alert_id)

    def goes_out(self, who: int, effect: SendText) -> list[tuple[int, Notice]]:
        text = effect.text
        name = self.true_name(text.alert_id)
        assert who == self.holder, "a monitor without the lease sent a text"
        key = (name, text.step, text.to)
        assert key not in self.settled, "a settled text went out again"
        stored = self.disk.texts.get((text.alert_id, text.step, text.to))
        assert stored is not None, "a text went out that is not on disk"
        case = self.disk.alerts[text.alert_id]
        if text.kind == "page":
            assert KINDS[int(name)] == "press" or int(name) == FOR_PEOPLE, "people were called to no alarm"
            assert case.alert.kind != "tamper"
            assert cases.is_waiting(case), "people were called to what somebody has taken"
            assert effect.number == PEOPLE[text.to].phone
            self.paged_s[name] = self.now_s
        else:
            answer = sms_signed.parse_answer(effect.body)
            assert effect.number == SIM
            assert answer is not None
            assert answer.stage in {entry.stage for entry in case.stages}, (
                "an answer says what is not on disk"
            )
        if self.mood == "silent":
            return []
        if self.mood == "takes":
            self.settled.add(key)
        return [(who, TextSettled(text, "" if self.mood == "takes" else "refused"))]

    # ---- what may happen

    @rule(who=st.integers(0, 1), number=st.sampled_from(NUMBERS), presses=st.integers(1, 4))
    def alert_by_mqtt(self, who: int, number: int, presses: int) -> None:
        at = utc_text(UTC_MS + number * 1000)
        alert = an_alert(
            alert_id=f"alert-{number}",
            kind=KINDS[number],
            presses=presses,
            seq=number,
            pressed_at=at,
            sent_at=at,
            duty=number == FOR_PEOPLE,
        )
        self.give(who, AlertArrived(alert=alert, door="mqtt", receipt=Receipt(1, self.fresh)))

    @rule(who=st.integers(0, 1), number=st.sampled_from(NUMBERS), presses=st.integers(1, 4))
    def alert_by_sms(self, who: int, number: int, presses: int) -> None:
        text = a_text(
            kind=KINDS[number], seq=number, pressed_s=UTC_MS // 1000 + number, presses=presses, button=7,
            duty=number == FOR_PEOPLE,
        )  # fmt: skip
        self.fresh += 1
        self.give(who, SmsArrived(message_id=f"m{self.fresh}", door="modem", number=SIM, text=text))

    @rule(
        who=st.integers(0, 1),
        number=st.sampled_from(NUMBERS),
        action=st.sampled_from(["accept", "en_route", "close"]),
        by=st.sampled_from(["op-1", "op-2"]),
    )
    def person_acts(self, who: int, number: int, action: Action, by: str) -> None:
        self.give(who, Acted(token=Token("t"), action=action, alert=f"alert-{number}", by=by))

    @rule(who=st.integers(0, 1), number=st.sampled_from(NUMBERS), person=st.sampled_from(PLAN.people))
    def officer_texts(self, who: int, number: int, person: Person) -> None:
        code = sms_signed.reply_code(
            KEYS.of("kz-1"), number=17, seq=number, pressed_s=UTC_MS // 1000 + number
        )
        self.fresh += 1
        said = SmsArrived(message_id=f"m{self.fresh}", door="smsd", number=person.phone, text=f"OK {code}")
        self.give(who, said)

    @rule(online=st.booleans())
    def kiosk_connects(self, online: bool) -> None:
        self.fresh += 1
        state = "online" if online else "offline"
        for who in (0, 1):
            body = a_status(state, conn=self.fresh)
            self.give(who, StatusArrived(kiosk_id=KioskId("kz-1"), status=body, retained=False))

    @rule(mood=st.sampled_from(["takes", "refuses", "silent"]))
    def network_changes(self, mood: str) -> None:
        self.mood = mood

    @rule(seconds=st.integers(1, 130))
    def time_passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1
            for who in (0, 1):
                self.give(who, Ticked())
            self.the_ladder_never_falls_asleep()

    @rule(who=st.integers(0, 1))
    def lease_goes(self, who: int) -> None:
        if who == self.holder:
            return
        if self.holder is not None:
            former, self.holder = self.holder, None
            self.give(former, LeaseChanged(False))
        self.holder = who
        self.give(who, LeaseChanged(True, tuple(self.disk.texts.values())))

    @rule(who=st.integers(0, 1))
    def monitor_is_killed(self, who: int) -> None:
        self.fleets[who] = self.boot()
        if who == self.holder:
            self.holder = None
            self.lease_goes(1 - who)

    # ---- what must hold

    def waiting(self) -> set[str]:
        return {
            self.true_name(name)
            for name, case in self.disk.alerts.items()
            if case.stages and cases.is_waiting(case) and case.alert.kind == "press"
        }

    @invariant()
    def the_ladder_never_falls_asleep(self) -> None:
        waits = self.waiting()
        self.wanted_s = {name: self.wanted_s.get(name, self.now_s) for name in waits}
        for name, since_s in self.wanted_s.items():
            heard_s = max(since_s, self.paged_s.get(name, 0.0))
            assert self.now_s - heard_s <= GAP_S, "nobody is called any more"

    @invariant()
    def each_alert_is_there_once(self) -> None:
        names = [self.true_name(name) for name in self.disk.alerts]
        assert len(names) == len(set(names)), "one alert under two names"
        for fleet in self.fleets:
            held = [self.true_name(case.alert.alert_id) for case in fleet.caseload.all()]
            assert len(held) == len(set(held)), "one alert twice in memory"


def sms_name(number: int) -> str:
    return f"sms-17-{number}-{UTC_MS // 1000 + number}"
