"""The real fleet in virtual time with people, a registry and SMS: what goes out, and who sends what in."""

from dataclasses import dataclass, field, replace
from typing import Any

from fakes.virtual_centre import PLACE, UTC_MS, VirtualCentre, only

from kiosk import sms_signed
from kiosk.bodies import AlertId, KioskId, Token
from kiosk.monitor.effects import Answer, FleetEffect, SendText
from kiosk.monitor.escalation import Pace
from kiosk.monitor.messages import LeaseChanged, PlanLoaded, SmsArrived, TextSettled
from kiosk.monitor.records import (
    Inbound,
    Person,
    Plan,
    Registered,
    SmsDoor,
    StoreInbound,
    StoreRenamed,
    StoreText,
    Text,
)
from kiosk.monitor.sms_keys import SmsKeys
from kiosk.monitor.staff import SmsRules
from kiosk.sms_signed import MachineAlert
from kiosk.words import load_catalogue

KEYS = SmsKeys(b"master key of sixteen bytes or more")
RULES = SmsRules(keys=KEYS, words=load_catalogue(), pace=Pace(first_after_s=0.0, every_s=60.0))
AIGUL = Person(person_id="aigul", phone="+77010000011", language="kk")
BORIS = Person(person_id="boris", phone="+77010000012", language="ru")
CHIEF = Person(person_id="chief", phone="+77010000013", language="latin")
KIOSK = Registered(kiosk_id=KioskId("kz-1"), number=17, place=PLACE)
REVOKED = Registered(kiosk_id=KioskId("kz-9"), number=99, place=PLACE, revoked=True)
PLAN = Plan(tiers=((AIGUL, BORIS), (CHIEF,)), kiosks=(KIOSK, REVOKED), people=(AIGUL, BORIS, CHIEF))
SIM = "+77019999917"  # the kiosk's own number


def a_text(**changes: Any) -> str:
    """Write the signed SMS of kiosk 17, pressed at UTC_MS, as its gateway text goes."""
    key = changes.pop("key", KEYS.of("kz-1"))
    fields: dict[str, Any] = {
        "number": 17, "seq": 1, "pressed_s": UTC_MS // 1000, "kind": "press", "clock": "synced", "button": 0,
        "presses": 1, "lat": 43.24, "lon": 76.95,
    }  # fmt: skip
    return f"SOS! Kiosk 17. {sms_signed.pack(MachineAlert(**(fields | changes)), key)}"


def a_code(seq: int = 1, pressed_s: int = UTC_MS // 1000) -> str:
    return sms_signed.reply_code(KEYS.of("kz-1"), number=17, seq=seq, pressed_s=pressed_s)


@dataclass
class DutyCentre(VirtualCentre):
    """`network` says what becomes of each SMS at once: "" takes it, None leaves it open."""

    sms: SmsRules = RULES
    network: str | None = ""
    sent: list[SendText] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.messages = 0

    def begin(self, plan: Plan = PLAN, texts: tuple[Text, ...] = ()) -> list[FleetEffect]:
        """Load the plan and take the lease."""
        return self.handle(PlanLoaded(plan)) + self.lease(held=True, texts=texts)

    def lease(self, *, held: bool, texts: tuple[Text, ...] = ()) -> list[FleetEffect]:
        return self.handle(LeaseChanged(held, texts))

    def handle(self, notice: Any) -> list[FleetEffect]:
        out = super().handle(notice)
        for sending in only(SendText, out):
            self.sent.append(sending)
            if self.network is not None:
                out += self.settle(sending, self.network)
        return out

    def settle(self, sending: SendText, reason: str = "") -> list[FleetEffect]:
        return self.handle(TextSettled(sending.text, reason))

    def text_in(
        self, text: str, number: str = SIM, *, door: SmsDoor = "modem", name: str = ""
    ) -> list[FleetEffect]:
        """Let an SMS come in."""
        self.messages += 1
        name = name or f"m{self.messages}"
        return self.handle(
            SmsArrived(message_id=name, door=door, number=number, text=text, token=Token(name))
        )

    # ---- what there is to see

    def steps(self) -> list[tuple[str, str]]:
        return [(sending.text.step, sending.text.to) for sending in self.sent]

    def texts(self) -> dict[tuple[str, str], str]:
        """Give how every SMS stands on disk."""
        return {
            (change.text.step, change.text.to): change.text.state
            for change in self.stored
            if isinstance(change, StoreText)
        }

    def planned(self) -> tuple[Text, ...]:
        """Give what another monitor finds on disk: the newest of each text."""
        found: dict[tuple[str, str, str], Text] = {}
        for change in self.stored:
            if isinstance(change, StoreText):
                text = change.text
                found[text.alert_id, text.step, text.to] = text
        return tuple(found.values())

    def inbox(self) -> list[Inbound]:
        return [change.inbound for change in self.stored if isinstance(change, StoreInbound)]

    def renamed(self) -> list[tuple[str, str]]:
        return [(change.old_id, change.new_id) for change in self.stored if isinstance(change, StoreRenamed)]

    def ids(self) -> list[AlertId]:
        return [AlertId(case.alert.alert_id) for case in self.fleet.caseload.all()]


TEXT_S = 4.0


@dataclass
class OneModem(DutyCentre):
    """A centre whose one modem takes texts one after the other; `gone` says when which text was out."""

    network: str | None = None
    gone: list[tuple[float, Text]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.begun_s = 0.0
        self.waiting: list[SendText] = []

    def handle(self, notice: Any) -> list[FleetEffect]:
        before = len(self.sent)
        out = super().handle(notice)
        if not self.waiting:
            self.begun_s = self.now_s
        self.waiting += self.sent[before:]
        return out

    def live(self, seconds: float) -> None:
        """Let time pass, and the modem work."""
        for _ in range(round(seconds)):
            self.pass_time(1.0)
            while self.waiting and self.now_s >= self.begun_s + TEXT_S:
                self.begun_s += TEXT_S
                sending = self.waiting.pop(0)
                self.gone.append((self.now_s, sending.text))
                self.settle(sending)

    def first_s(self, alert_id: str, kind: str = "page") -> float:
        """Live until the first text about an alert is out; give how long that took (s)."""
        begun_s = self.now_s
        while self.now_s < begun_s + 7200.0:
            for at_s, text in self.gone:
                if (text.alert_id, text.kind) == (alert_id, kind):
                    return at_s - begun_s
            self.live(1)
        raise AssertionError(f"no text about {alert_id} in two hours")


def answers(out: list[FleetEffect]) -> list[tuple[bool, str]]:
    return [(answer.ok, answer.text) for answer in only(Answer, out)]


def with_people(*people: Person) -> Plan:
    return replace(PLAN, tiers=(people,) if people else (), people=people)
