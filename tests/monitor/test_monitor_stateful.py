"""Any order of alerts, people, wills, cuts, broken disks and restarts: what must hold always."""

from dataclasses import dataclass

import pytest
from fakes.centre_store import MemoryStore
from fakes.virtual_centre import UTC_MS, a_beat, a_status, an_alert
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kiosk.bodies import STAGES, AlertId, KioskId, ReplyStage, Token
from kiosk.messages import Now
from kiosk.monitor import cases, kiosks
from kiosk.monitor.effects import Acknowledge, Answer, Save, SendReply
from kiosk.monitor.fleet import Fleet, Limits
from kiosk.monitor.messages import (
    Acted,
    Action,
    AlertArrived,
    BodyRefused,
    HeartbeatArrived,
    LinkFell,
    LinkRose,
    Notice,
    Receipt,
    ReplyTaken,
    Restored,
    Saved,
    SaveFailed,
    StatusArrived,
    Ticked,
)
from kiosk.monitor.store import StoreBroken

KIOSKS = ("kz-1", "kz-2", "kz-3")
ALERTS = tuple(f"alert-{number}" for number in range(9))
LIMITS = Limits(silent_after_s=80.0, kiosks=2, alerts=6)
ACTIONS: tuple[Action, ...] = ("accept", "en_route", "on_scene", "close")


@dataclass
class Device:
    """One real kiosk as the test knows it."""

    boot: int = 1
    conn: int = 0
    seq: int = 0
    word: str = "online"
    alive_s: float = -1.0  # when it last proved life to a hearing centre


class CentreMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.now_s = 100.0
        self.fresh = 0
        self.packet = 0
        self.store = MemoryStore()
        self.devices = {name: Device() for name in KIOSKS}
        self.owner: dict[str, str] = {}
        self.receipts: dict[Receipt, str] = {}
        self.reached: dict[str, int] = {}
        self.up_s: float | None = None
        self.boot_up()
        self.link_rises()

    # ---- driving

    def now(self) -> Now:
        self.fresh += 1
        return Now(
            s=self.now_s, utc_ms=UTC_MS + round(self.now_s * 1000), chance=0.5, fresh_id=f"f{self.fresh}"
        )

    def boot_up(self) -> None:
        self.fleet = Fleet(LIMITS, on_duty=True)
        self.up_s = None
        loaded = self.store.load(0)
        self.give(
            Restored(cases=loaded[0][-LIMITS.alerts :], kiosks=loaded[1][: LIMITS.kiosks], events=loaded[2])
        )

    def give(self, notice: Notice) -> None:
        queue: list[Notice] = [notice]
        while queue:
            for effect in self.fleet.handle(queue.pop(0), self.now()):
                match effect:
                    case Save(serial, changes):
                        try:
                            self.store.commit(changes)
                        except StoreBroken as error:
                            queue.append(SaveFailed(str(error)))
                        else:
                            queue.append(Saved(serial))
                    case SendReply(_, reply):
                        self.check_reply(reply.alert_id, reply.stage, reply.presses)
                    case Acknowledge(receipt):
                        self.check_receipt(receipt)
                    case Answer(ok=True) if effect.alert_id:
                        assert effect.text in self.durable(effect.alert_id)
                    case _:
                        pass

    def durable(self, alert_id: str) -> list[str]:
        case = self.store.find(alert_id)
        return [] if case is None else [entry.stage for entry in case.stages]

    def check_reply(self, alert_id: str, stage: ReplyStage, presses: int) -> None:
        assert self.up_s is not None, "a reply without a link"
        assert stage in self.durable(alert_id), "told a kiosk what is not on disk"
        stored = self.store.find(alert_id)
        assert stored is not None
        assert stored.alert.presses >= presses, "echoed presses that are not on disk"

    def check_receipt(self, receipt: Receipt) -> None:
        alert_id = self.receipts.get(receipt)
        if alert_id is not None and self.owner.get(alert_id):
            assert "received" in self.durable(alert_id), "acknowledged an alert that is not on disk"

    def receipt(self, alert_id: str) -> Receipt:
        self.packet += 1
        receipt = Receipt(1, self.packet)
        self.receipts[receipt] = alert_id
        return receipt

    # ---- what may happen

    @rule(
        name=st.sampled_from(KIOSKS),
        alert_id=st.sampled_from(ALERTS),
        presses=st.integers(1, 4),
        kind=st.sampled_from(["press", "drill", "tamper"]),
        stage=st.sampled_from(STAGES),
    )
    def alert_arrives(self, name: str, alert_id: str, presses: int, kind: str, stage: str) -> None:
        owner = self.owner.setdefault(alert_id, name)
        alert = an_alert(alert_id=alert_id, kiosk_id=owner, presses=presses, kind=kind, stage=stage)
        known = None if self.fleet.caseload.get(alert_id) else self.store.find(alert_id)
        self.give(AlertArrived(alert=alert, door="mqtt", receipt=self.receipt(alert_id), known=known))
        case = self.fleet.caseload.get(alert_id)
        assert case is not None, "an alert that just came is always at hand"
        if not self.fleet.store_fault:
            assert "received" in self.durable(alert_id)

    @rule(name=st.sampled_from(KIOSKS), alert_id=st.sampled_from(ALERTS))
    def another_kiosk_uses_the_id(self, name: str, alert_id: str) -> None:
        known = None if self.fleet.caseload.get(alert_id) else self.store.find(alert_id)
        taken = self.fleet.caseload.get(alert_id) or known
        if taken is not None and self.owner[alert_id] != name:
            foreign = an_alert(alert_id=alert_id, kiosk_id=name, presses=99)
            self.give(AlertArrived(alert=foreign, door="mqtt", receipt=self.receipt(name), known=known))

    @rule(
        alert_id=st.sampled_from(ALERTS),
        action=st.sampled_from(ACTIONS),
        by=st.sampled_from(["op-1", "op-2"]),
    )
    def person_acts(self, alert_id: str, action: Action, by: str) -> None:
        self.give(Acted(token=Token("t"), action=action, alert=alert_id, by=by))

    @rule(name=st.sampled_from(KIOSKS))
    def kiosk_beats(self, name: str) -> None:
        device = self.devices[name]
        if device.conn and device.word == "online" and self.up_s is not None:
            device.seq += 1
            overtaken = self.may_be_overtaken(name)
            self.give(HeartbeatArrived(KioskId(name), a_beat(boot=device.boot, seq=device.seq)))
            if not overtaken:
                self.proved(name)

    def may_be_overtaken(self, name: str) -> bool:
        """Tell whether a heartbeat now may have been sent before the will that the centre heard last."""
        kiosk = self.fleet.roster.get(name)
        gone = kiosk is not None and (kiosk.why == "will" or kiosk.life == "stopped")
        return kiosk is not None and gone and self.now().utc_ms - kiosk.since_ms < kiosks.LATE_MS

    @rule(name=st.sampled_from(KIOSKS), reboot=st.booleans())
    def kiosk_connects(self, name: str, reboot: bool) -> None:
        device = self.devices[name]
        if reboot:
            device.boot, device.conn, device.seq = device.boot + 1, 0, 0
        device.conn += 1
        device.word = "online"
        if self.up_s is not None:
            self.status(name, "online", device.boot, device.conn)
            self.proved(name)

    @rule(name=st.sampled_from(KIOSKS))
    def own_will(self, name: str) -> None:
        device = self.devices[name]
        device.word, device.alive_s = "offline", -1.0
        if device.conn and self.up_s is not None:
            self.status(name, "offline", device.boot, device.conn)

    @rule(name=st.sampled_from(KIOSKS), reboot=st.booleans(), beats=st.booleans())
    def will_of_the_last_connection_comes_late(self, name: str, reboot: bool, beats: bool) -> None:
        device = self.devices[name]
        boot, conn = device.boot, device.conn
        self.kiosk_connects(name, reboot)
        if beats:
            self.kiosk_beats(name)
        if conn and self.up_s is not None:
            self.status(name, "offline", boot, conn)

    @rule(
        name=st.sampled_from(KIOSKS), boots=st.integers(0, 3), conns=st.integers(0, 3), retained=st.booleans()
    )
    def old_will(self, name: str, boots: int, conns: int, retained: bool) -> None:
        device = self.devices[name]
        boot, conn = device.boot - boots, device.conn - conns
        if boot >= 0 and conn >= 0 and (boots or conns) and self.up_s is not None:
            self.status(name, "offline", boot, conn if not boots else conn + 2, retained=retained)

    def status(self, name: str, state: str, boot: int, conn: int, *, retained: bool = False) -> None:
        body = a_status(state, boot, conn)
        receipt = self.receipt(name)
        self.give(StatusArrived(kiosk_id=KioskId(name), status=body, retained=retained, receipt=receipt))

    def proved(self, name: str) -> None:
        if self.fleet.roster.get(name) is not None:
            self.devices[name].alive_s = self.now_s

    @rule(name=st.sampled_from(KIOSKS), leaf=st.sampled_from(["alert", "hb", "event"]))
    def rubbish_arrives(self, name: str, leaf: str) -> None:
        self.give(BodyRefused(kiosk_id=KioskId(name), leaf=leaf, reason="x", receipt=self.receipt(name)))

    @rule(alert_id=st.sampled_from(ALERTS), stage=st.sampled_from(cases.BELIEVED))
    def broker_takes_a_reply(self, alert_id: str, stage: ReplyStage) -> None:
        self.give(ReplyTaken(AlertId(alert_id), stage))

    @rule(seconds=st.integers(1, 120))
    def time_passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += 1
            self.give(Ticked())
            self.silence_is_noticed_in_time()

    @rule()
    def link_rises(self) -> None:
        self.up_s = self.now_s
        self.give(LinkRose("broker"))
        for name, device in self.devices.items():
            if device.conn:  # the broker kept the kiosk's latest word
                self.status(name, device.word, device.boot, device.conn, retained=True)

    @rule()
    def link_falls(self) -> None:
        self.up_s = None
        self.give(LinkFell("cut"))
        for device in self.devices.values():
            device.alive_s = -1.0
        self.receipts.clear()

    @rule(fault=st.sampled_from(["", "disk full"]))
    def disk_changes(self, fault: str) -> None:
        self.store.fault = fault

    @rule(back=st.booleans())
    def centre_is_killed(self, back: bool) -> None:
        self.receipts.clear()
        for device in self.devices.values():
            device.alive_s = -1.0
        self.boot_up()
        if back:
            self.link_rises()

    # ---- what must hold

    @invariant()
    def stages_never_go_back(self) -> None:
        for alert_id, case in self.store.cases.items():
            ranks = [cases.rank(entry.stage) for entry in case.stages]
            assert ranks == sorted(set(ranks)), "a stage twice, or back"
            reached = max(ranks, default=0)
            assert reached >= self.reached.get(alert_id, 0), "a stage was lost"
            self.reached[alert_id] = reached

    @invariant()
    def each_alert_is_there_once_and_belongs_to_its_kiosk(self) -> None:
        held = [case.alert.alert_id for case in self.fleet.caseload.all()]
        assert len(held) == len(set(held))
        for case in self.fleet.caseload.all():
            assert case.alert.kiosk_id == self.owner[case.alert.alert_id]
            assert case.alert.presses < 99

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.fleet.roster.all()) <= LIMITS.kiosks
        assert len(self.fleet.caseload.all()) <= LIMITS.alerts
        assert all(len(self.fleet.roster.events(name)) <= 20 for name in KIOSKS)

    @invariant()
    def silence_is_noticed_in_time(self) -> None:
        for kiosk in self.fleet.roster.all():
            heard_s = max(self.devices[kiosk.kiosk_id].alive_s, self.up_s or 0.0)
            if self.up_s is not None and self.now_s - heard_s > 90:
                assert kiosk.life in {"silent", "stopped"} or kiosk.heard_s > self.now_s - 90

    @invariant()
    def no_old_will_beats_a_live_kiosk(self) -> None:
        for name, device in self.devices.items():
            kiosk = self.fleet.roster.get(name)
            if kiosk is None:  # memory let it go, so it begins anew
                device.alive_s = -1.0
            alive = device.alive_s >= 0 and self.now_s - device.alive_s < 60
            if kiosk is not None and alive and self.up_s is not None:
                assert kiosk.life == "online", (name, kiosk)

    @precondition(lambda self: not self.store.fault)
    @invariant()
    def what_came_is_on_disk_once_the_disk_is_well(self) -> None:
        if not self.fleet.store_fault:
            for case in self.fleet.caseload.all():
                assert self.store.find(case.alert.alert_id) is not None


CentreMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
CentreMachine.TestCase.pytestmark = [pytest.mark.timeout(600)]  # shrinking alone may take 300 s
test_the_centre_in_any_order = CentreMachine.TestCase
