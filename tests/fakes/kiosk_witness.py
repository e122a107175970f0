"""A witness beside the core: it knows what really happened and objects to every effect that does not hold.

It looks only at what goes in and what comes out, never at the core's inside.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from kiosk.bodies import STAGES, Alert
from kiosk.effects import Effect, Publish, Save, Say, SendSms, Tell
from kiosk.messages import Snapshot

STAGE_KEYS = frozenset(STAGES) - {"pressed", "sending"}
TURN_MAX = 80
TEXTS_A_MINUTE = 30
MAX_S = 21_600.0
WORKER_MAX_S = 119.999  # then a text that the modem's worker says nothing of counts as failed


@dataclass
class Witness:
    """Truth about one kiosk; ids are alert ids. `delivered` holds the stages that others really told it."""

    mode: str
    has_sms: bool
    now_s: float = 0.0
    mqtt: str = "unknown"
    sms: str = "unknown"
    on_duty: dict[str, bool] = field(default_factory=dict)
    presses: dict[str, int] = field(default_factory=dict)
    opened_s: dict[str, float] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    drill: str = ""
    delivered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tampers: set[str] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    attempted: set[str] = field(default_factory=set)
    texted: set[str] = field(default_factory=set)
    published: dict[str, int] = field(default_factory=dict)
    rank: dict[str, int] = field(default_factory=dict)
    text_times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    with_modem: str = ""
    handed_s: float = 0.0
    resumed: int = 0
    disk: Snapshot = field(default_factory=Snapshot)

    # ---- what came out of one turn

    def watch(self, effects: list[Effect]) -> None:
        assert len(effects) <= TURN_MAX, f"{len(effects)} effects in one turn"
        sent = Counter(
            e.body.alert_id for e in effects if isinstance(e, Publish) and isinstance(e.body, Alert)
        )
        assert all(times == 1 for times in sent.values()), "an alert went out twice in one turn"
        for effect in sorted(effects, key=lambda e: not isinstance(e, Tell)):
            match effect:
                case Tell(what, detail):
                    self._told(what, dict(detail))
                case Publish(_, Alert() as alert):
                    self._alert(alert)
                case SendSms(token=token):
                    self._text(token)
                case Save(snapshot):
                    self.disk = snapshot
                case _:
                    pass
        for effect in effects:
            if isinstance(effect, Say):
                self._heard(effect)
        self.open = [alert_id for alert_id in self.open if not self.is_over(alert_id)]

    def _told(self, what: str, detail: dict[str, object]) -> None:
        alert_id = str(detail.get("alert_id", ""))
        if what == "pressed" or (what == "resumed" and detail["kind"] == "press"):
            # What the journal kept is older than what was pressed before it was read.
            self.open.insert(self.resumed if what == "resumed" else len(self.open), alert_id)
            self.resumed += what == "resumed"
            self.presses.setdefault(alert_id, 1)
            self.opened_s[alert_id] = self.now_s
        elif what == "pressed_again":
            self.presses[alert_id] += 1
        elif what == "tamper":
            self.tampers.add(alert_id)
        elif what == "drill":
            self.drill = alert_id
        elif what in ("drill_passed", "drill_failed"):
            if what == "drill_passed":
                assert "mqtt" in self.delivered[alert_id], "a drill passed without the centre's receipt"
            self.drill = ""
        elif what == "expired":
            age_s = self.now_s - self.opened_s.get(alert_id, self.now_s - MAX_S)
            assert alert_id not in self.open or age_s >= MAX_S - 1, "an incident expired before its time"
            self.delivered[alert_id].add("expired")

    def _alert(self, alert: Alert) -> None:
        assert self.mqtt == "up", "published while not connected"
        rank = STAGES.index(alert.stage)
        assert rank >= self.rank.get(alert.alert_id, 0), f"{alert.alert_id} went back to {alert.stage}"
        if rank > 1:
            assert alert.stage in self.delivered[alert.alert_id], f"nobody told {alert.stage}"
        self.rank[alert.alert_id] = rank
        self.published[alert.alert_id] = alert.presses
        self.attempted.add(alert.alert_id)
        assert alert.kind == "press" or alert.alert_id not in self.open

    def _text(self, token: str) -> None:
        assert self.sms == "up", "a text for a modem that is not there"
        assert self.modem_is_free, "two texts with the modem at once"
        alert_id, mark = token.split(".")[1:3]
        self.with_modem, self.handed_s = token, self.now_s
        self.attempted.add(alert_id)
        self.texted.add(alert_id)
        if alert_id in self.tampers:
            assert mark.startswith("gateway"), "tamper called people"
        taken = {"accepted", "en_route", "on_scene", "closed"} & self.delivered[alert_id]
        assert not taken or alert_id == self.drill, "a text after a person took it"
        times = [at_s for at_s in self.text_times[alert_id] if at_s > self.now_s - 60.0] + [self.now_s]
        self.text_times[alert_id] = times
        assert len(times) <= TEXTS_A_MINUTE, "too many texts a minute"

    def _heard(self, said: Say) -> None:
        newest = self.newest
        told = self.delivered[newest] if newest else set()
        match said.key:
            case "pressed":
                assert newest
            case "sending":
                assert newest in self.attempted, "sending before an attempt"
            case "trying":
                assert self.mode == "spoken", "trying where others listen"
                assert newest
                assert not told & STAGE_KEYS, "trying though the centre has it"
            case "pressed_again":
                assert self.presses[newest] > 1
            case "drill":
                assert self.drill
                assert not self.open, "a drill's words during an alarm"
            case "check_ok" | "check_failed":
                assert not self.open, "a drill's result during an alarm"
            case "cover":
                assert self.mode == "cover"
                assert not self.open
            case stage:
                assert stage in STAGE_KEYS, stage
                assert stage in told, f"{stage} is not true of {newest or 'nothing'}"

    @property
    def modem_is_free(self) -> bool:
        return not self.with_modem or self.now_s >= self.handed_s + WORKER_MAX_S

    @property
    def newest(self) -> str:
        return self.open[-1] if self.open else ""

    def is_over(self, alert_id: str) -> bool:
        return bool({"closed", "expired"} & self.delivered[alert_id])

    # ---- what must have come out by now

    def demand(self, status: dict[str, object]) -> None:
        """Check what holds at every moment of rest."""
        kept = [record for record in status["incidents"] if record.kind == "press"]  # type: ignore[attr-defined]
        assert [record.alert_id for record in kept] == self.open, "an incident ended or began by itself"
        assert [record.presses for record in kept] == [self.presses[alert_id] for alert_id in self.open]
        for record in kept:
            rank = STAGES.index(record.stage)
            assert rank >= self.rank.get(record.alert_id, 0), "a stage went back"
            assert rank <= 1 or record.stage in self.delivered[record.alert_id], f"nobody told {record.stage}"
            self.rank[record.alert_id] = rank
            top = max(
                (STAGES.index(stage) for stage in self.delivered[record.alert_id] & STAGE_KEYS), default=0
            )
            assert rank >= top, "an answer was not taken in"
        for alert_id in self.open:
            self._demand_alert(alert_id)

    def _demand_alert(self, alert_id: str) -> None:
        if self.mqtt == "up":
            assert self.published.get(alert_id) == self.presses[alert_id], (
                "MQTT is up and has not got the alert"
            )
        answered = self.delivered[alert_id] & STAGE_KEYS
        age_s = self.now_s - self.opened_s[alert_id]
        nobody = bool(self.on_duty) and not any(self.on_duty.values())
        due = self.mqtt == "down" or nobody or alert_id in self.unheard or age_s > 10.0
        modem_free = self.has_sms and self.sms == "up" and self.modem_is_free
        if not answered and due and modem_free:
            assert alert_id in self.texted, "SMS is up and has not got the alert"

    # ---- a crash

    def crashed(self, now_s: float) -> None:
        """Forget what a kiosk that lost its power cannot know."""
        self.now_s, self.mqtt, self.sms, self.with_modem, self.drill = now_s, "unknown", "unknown", "", ""
        self.open, self.on_duty, self.resumed = [], {}, 0
        self.texted, self.unheard, self.published = set(), set(), {}
        self.text_times.clear()
