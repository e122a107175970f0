"""The real fleet in virtual time, with a store and a broker that tests can break."""

from dataclasses import dataclass, field
from typing import Any

from kiosk.bodies import (
    Alert,
    AlertId,
    CommandResult,
    Event,
    Heartbeat,
    KioskId,
    Place,
    ReplyStage,
    Status,
    Token,
    Words,
)
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor.effects import (
    Acknowledge,
    Announce,
    Answer,
    FleetEffect,
    Save,
    SendCommand,
    SendReply,
)
from kiosk.monitor.fleet import Fleet, Limits
from kiosk.monitor.messages import (
    Acted,
    Action,
    AlertArrived,
    BodyRefused,
    CommandAsked,
    DutySet,
    EventArrived,
    HeartbeatArrived,
    LinkFell,
    LinkRose,
    Notice,
    Receipt,
    ReplyTaken,
    ResultArrived,
    Saved,
    SaveFailed,
    StatusArrived,
    Ticked,
)
from kiosk.monitor.records import Change, Kiosk, StoreAlert, StoreKiosk, StoreStage
from kiosk.monitor.staff import NO_SMS, SmsRules
from kiosk.wire import utc_text

UTC_MS = 1_790_000_000_000
WORD = Words(kk="Дүкен", ru="Магазин")
PLACE = Place(
    name=WORD,
    address=WORD,
    entrance=WORD,
    lat=43.24,
    lon=76.95,
    accuracy_m=5,
    kato="750000000",
    phone="+77270000000",
)
ALERT_ID = "01JPANAALERT0000000000000A"


def an_alert(**changes: Any) -> Alert:
    """Make an alert that was pressed and sent at UTC_MS."""
    fields: dict[str, Any] = {
        "alert_id": ALERT_ID,
        "kiosk_id": "kz-1",
        "kind": "press",
        "button": "counter",
        "pressed_at": utc_text(UTC_MS),
        "clock": "synced",
        "presses": 1,
        "seq": 1,
        "attempt": 1,
        "sent_at": utc_text(UTC_MS),
        "route": "mqtt",
        "place": PLACE,
        "versions": {"kiosk": "0.1.0"},
    }
    return Alert(**(fields | changes))


def a_beat(**changes: Any) -> Heartbeat:
    """Make a heartbeat."""
    fields: dict[str, Any] = {"seq": 1, "boot": 5, "at": UTC_MS // 1000, "uptime_s": 30, "state": "armed"}
    return Heartbeat(**(fields | changes))


def a_status(state: str = "online", boot: int = 5, conn: int = 1) -> Status:
    """Make a birth, stop or will."""
    return Status(state=state, boot=boot, conn=conn, at=utc_text(UTC_MS), version="0.1.0")  # type: ignore[arg-type]


def an_event(number: int = 1, kiosk: str = "kz-1", **changes: Any) -> Event:
    """Make an event of a kiosk."""
    fields: dict[str, Any] = {
        "event_id": f"ev-{number}",
        "kiosk_id": kiosk,
        "at": utc_text(UTC_MS),
        "code": "modem",
        "state": "raised",
    }
    return Event(**(fields | changes))


@dataclass
class VirtualCentre:
    """Drive a fleet by hand; Saves are done at once unless `disk` says what is wrong with it."""

    limits: Limits = field(default_factory=Limits)
    sms: SmsRules = NO_SMS
    on_duty: bool = True
    ears: bool = False
    disk: str = ""
    now_s: float = 1000.0
    utc_ms: int = UTC_MS
    done: list[FleetEffect] = field(default_factory=list)
    stored: list[Change] = field(default_factory=list)
    receipts: int = 0

    def __post_init__(self) -> None:
        self.fleet = Fleet(self.limits, on_duty=self.on_duty, sms=self.sms, ears=self.ears)
        self._fresh = 0

    def now(self) -> Now:
        self._fresh += 1
        return Now(s=self.now_s, utc_ms=self.utc_ms, chance=0.5, fresh_id=f"fresh-{self._fresh}")

    def handle(self, notice: Notice) -> list[FleetEffect]:
        """Hand a notice in, do its Saves, and give everything that came out."""
        out: list[FleetEffect] = []
        queue: list[Notice] = [notice]
        while queue:
            for effect in self.fleet.handle(queue.pop(0), self.now()):
                out.append(effect)
                if not isinstance(effect, Save):
                    continue
                if self.disk:
                    queue.append(SaveFailed(self.disk))
                else:
                    self.stored += effect.changes
                    queue.append(Saved(effect.serial))
        self.done += out
        return out

    # ---- time, link, messages, people

    def pass_time(self, seconds: float, step_s: float = 1.0) -> list[FleetEffect]:
        out: list[FleetEffect] = []
        while seconds > 0:
            step = min(step_s, seconds)
            self.now_s += step
            self.utc_ms += round(step * 1000)
            seconds -= step
            out += self.handle(Ticked())
        return out

    def rise(self) -> list[FleetEffect]:
        return self.handle(LinkRose("broker:1883"))

    def fall(self) -> list[FleetEffect]:
        return self.handle(LinkFell("cut"))

    def receipt(self) -> Receipt:
        self.receipts += 1
        return Receipt(1, self.receipts)

    def alert(self, **changes: Any) -> list[FleetEffect]:
        return self.handle(AlertArrived(alert=an_alert(**changes), door="mqtt", receipt=self.receipt()))

    def beat(self, kiosk: str = "kz-1", **changes: Any) -> list[FleetEffect]:
        return self.handle(HeartbeatArrived(KioskId(kiosk), a_beat(**changes)))

    def status(
        self,
        state: str = "online",
        boot: int = 5,
        conn: int = 1,
        *,
        kiosk: str = "kz-1",
        retained: bool = False,
    ) -> list[FleetEffect]:
        body = a_status(state, boot, conn)
        return self.handle(
            StatusArrived(kiosk_id=KioskId(kiosk), status=body, retained=retained, receipt=self.receipt())
        )

    def event(self, number: int = 1, **changes: Any) -> list[FleetEffect]:
        return self.handle(EventArrived(event=an_event(number, **changes), receipt=self.receipt()))

    def result(self, kiosk: str = "kz-1", **changes: Any) -> list[FleetEffect]:
        fields: dict[str, Any] = {"command_id": "fresh-1", "state": "succeeded", "at": utc_text(UTC_MS)}
        body = CommandResult(**(fields | changes))
        return self.handle(ResultArrived(kiosk_id=KioskId(kiosk), result=body, receipt=self.receipt()))

    def rubbish(self, leaf: str = "alert", kiosk: str = "kz-1") -> list[FleetEffect]:
        refused = BodyRefused(kiosk_id=KioskId(kiosk), leaf=leaf, reason="not JSON", receipt=self.receipt())
        return self.handle(refused)

    def act(self, action: Action, alert: str = ALERT_ID, by: str = "op-1", note: str = "") -> Answer:
        out = self.handle(Acted(token=Token("t"), action=action, alert=alert, by=by, note=note))
        (answer,) = only(Answer, out)
        return answer

    def order(self, kiosk: str = "kz-1") -> list[FleetEffect]:
        asked = CommandAsked(token=Token("t"), kiosk_id=KioskId(kiosk), name="drill", by="op-1")
        return self.handle(asked)

    def duty(self, *, on: bool) -> list[FleetEffect]:
        return self.handle(DutySet(Token("t"), on))

    def taken(self, stage: ReplyStage, alert_id: str = ALERT_ID) -> list[FleetEffect]:
        return self.handle(ReplyTaken(AlertId(alert_id), stage))

    # ---- what there is to see

    def kiosk(self, name: str = "kz-1") -> Kiosk:
        kiosk = self.fleet.roster.get(name)
        assert kiosk is not None
        return kiosk

    def stages(self, alert_id: str = ALERT_ID) -> list[str]:
        case = self.fleet.caseload.get(alert_id)
        assert case is not None
        return [entry.stage for entry in case.stages]

    def stored_stages(self) -> list[tuple[str, str]]:
        return [
            (change.alert_id, change.entry.stage) for change in self.stored if isinstance(change, StoreStage)
        ]

    def stored_alerts(self) -> list[Alert]:
        return [change.case.alert for change in self.stored if isinstance(change, StoreAlert)]

    def stored_kiosks(self) -> list[str]:
        return [change.kiosk.kiosk_id for change in self.stored if isinstance(change, StoreKiosk)]


def only(kind: type, out: list[FleetEffect]) -> list[Any]:
    """Pick the effects of one kind."""
    return [effect for effect in out if isinstance(effect, kind)]


def replies(out: list[FleetEffect]) -> list[str]:
    return [effect.reply.stage for effect in out if isinstance(effect, SendReply)]


def told(out: list[FleetEffect]) -> list[str]:
    return [effect.what for effect in out if isinstance(effect, Tell)]


def acked(out: list[FleetEffect]) -> list[Receipt]:
    return [effect.receipt for effect in out if isinstance(effect, Acknowledge)]


def announced(out: list[FleetEffect]) -> list[bool]:
    return [effect.on_duty for effect in out if isinstance(effect, Announce)]


def commands(out: list[FleetEffect]) -> list[Any]:
    return [effect.command for effect in out if isinstance(effect, SendCommand)]
