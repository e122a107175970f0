"""A witness beside the core: it knows what really happened and objects to every effect that does not hold.

It looks only at what goes in and what comes out, never at the core's inside.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from kiosk.bodies import STAGES, Alert
from kiosk.effects import Effect, PollReplies, PostAlert, Publish, Save, Say, SendSms, Tell
from kiosk.messages import Snapshot

STAGE_KEYS = frozenset(STAGES) - {"pressed", "sending"}
TURN_MAX = 80
TEXTS_A_MINUTE = 30
MAX_S = 21_600.0
POST_WORKER_MAX_S, POLL_WORKER_MAX_S = 14.999, 79.999
HTTPS_AFTER_S = 5.0
SMS_AFTER_S = 10.0
ANEW_AFTER_S = 120.0
PERSONS = frozenset({"accepted", "en_route", "on_scene"})
POLL_AGAIN_S = 31.0  # a failed question is asked again within 30 s
WORKER_MAX_S = 119.999  # then a text that the modem's worker says nothing of counts as failed


@dataclass
class Witness:
    """Truth about one kiosk; ids are alert ids. `delivered` holds the stages that others really told it."""

    mode: str
    has_sms: bool
    has_https: bool = False
    now_s: float = 0.0
    mqtt: str = "unknown"
    sms: str = "unknown"
    on_duty: dict[str, bool] = field(default_factory=dict)
    presses: dict[str, int] = field(default_factory=dict)
    opened_s: dict[str, float] = field(default_factory=dict)
    pressed_s: dict[str, float] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    drill: str = ""
    rehearsed: str = ""
    delivered: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tampers: set[str] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    attempted: set[str] = field(default_factory=set)
    texted: set[str] = field(default_factory=set)
    told_centre: set[str] = field(default_factory=set)  # a text to it was handed over
    afresh: set[str] = field(default_factory=set)  # opened since the start
    word_s: dict[str, float] = field(default_factory=dict)  # when a person's word came last
    anew_s: dict[str, float] = field(default_factory=dict)  # pressed long after it, and surely unanswered
    perhaps: set[str] = field(default_factory=set)  # … perhaps unanswered
    published: dict[str, int] = field(default_factory=dict)
    rank: dict[str, int] = field(default_factory=dict)
    text_times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    with_modem: str = ""
    post: str = ""
    post_s: float = 0.0
    poll: str = ""
    poll_s: float = 0.0
    posted: dict[str, int] = field(default_factory=dict)
    centre_told: set[str] = field(default_factory=set)
    mqtt_told: set[str] = field(default_factory=set)
    again_s: dict[str, float] = field(default_factory=dict)
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
                case PostAlert(token, alert):
                    self._posted(token, alert)
                case PollReplies(token=token, alert_id=alert_id):
                    self._polled(token, alert_id)
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
            self.opened_s[alert_id] = self.pressed_s[alert_id] = self.now_s
            self.afresh |= {alert_id} if what == "pressed" else set()
        elif what == "pressed_again":
            self.presses[alert_id] += 1
            self.pressed_s[alert_id] = self.now_s
            self._pressed_again(alert_id)
        elif what in PERSONS or what == "sms_reply":
            self.word_s[alert_id] = self.now_s
            self.anew_s.pop(alert_id, None)
            self.perhaps -= {alert_id} if what == "sms_reply" else set()
        elif what == "tamper":
            self.tampers.add(alert_id)
        elif what == "drill":
            self.drill = alert_id
        elif what in ("trial_begun", "trial_pressed", "rehearse"):
            assert not self.open, "an installer's trial during an alarm"
            self.rehearsed = str(detail.get("key", "drill"))
        elif what in ("drill_passed", "drill_failed"):
            if what == "drill_passed":
                assert "mqtt" in self.delivered[alert_id], "a drill passed without the centre's receipt"
            self.drill = ""
        elif what == "expired":
            age_s = self.now_s - self.pressed_s.get(alert_id, self.now_s - MAX_S)
            assert alert_id not in self.open or age_s >= MAX_S - 1, "an incident expired before its time"
            self.delivered[alert_id].add("expired")

    def _pressed_again(self, alert_id: str) -> None:
        late = self.now_s >= self.word_s.get(alert_id, float("-inf")) + ANEW_AFTER_S
        if PERSONS & self.delivered[alert_id] and late:
            if alert_id not in self.perhaps:
                self.anew_s[alert_id] = self.now_s
                self.texted.discard(alert_id)
            self.perhaps.add(alert_id)

    def confirmed(self, alert_id: str) -> None:
        """Note that a link which counts presses showed that the centre knows of every one."""
        self.anew_s.pop(alert_id, None)
        self.perhaps.discard(alert_id)

    def _alert(self, alert: Alert) -> None:
        assert self.mqtt == "up", "published while not connected"
        rank = STAGES.index(alert.stage)
        assert rank >= self.rank.get(alert.alert_id, 0), f"{alert.alert_id} went back to {alert.stage}"
        if rank > 1:
            assert alert.stage in self.delivered[alert.alert_id], f"nobody told {alert.stage}"
        self.rank[alert.alert_id] = rank
        self.published[alert.alert_id] = alert.presses
        if alert.alert_id in self.mqtt_told:  # until it is answered again MQTT may have lost the answer
            self.mqtt_told.discard(alert.alert_id)
            self.again_s[alert.alert_id] = self.now_s + HTTPS_AFTER_S
        self.attempted.add(alert.alert_id)
        assert alert.kind == "press" or alert.alert_id not in self.open

    def _posted(self, token: str, alert: Alert) -> None:
        assert self.has_https, "posted to no door"
        assert self.post_is_free, "two posts at once"
        assert not self.is_over(alert.alert_id), "posted an alert that is over"
        assert alert.route == "https"
        self.post, self.post_s = token, self.now_s
        self.posted[alert.alert_id] = alert.presses
        self.attempted.add(alert.alert_id)

    def _polled(self, token: str, alert_id: str) -> None:
        assert self.poll_is_free, "two questions at once"
        assert alert_id in self.centre_told, "asked about an alert that the centre may not have"
        assert not self.is_over(alert_id), "asked about an alert that is over"
        heard = self.mqtt == "up" and alert_id in self.mqtt_told
        assert not heard, "asked though MQTT brings the answers"
        assert alert_id != self.drill, "asked about a drill"
        if self.poll:  # which was given up
            self.again_s[self.poll.split(".")[1]] = self.now_s + POLL_AGAIN_S
        self.poll, self.poll_s = token, self.now_s

    def _text(self, token: str) -> None:
        assert self.sms == "up", "a text for a modem that is not there"
        assert self.modem_is_free, "two texts with the modem at once"
        alert_id, mark = token.split(".")[1:3]
        self.with_modem, self.handed_s = token, self.now_s
        self.attempted.add(alert_id)
        self.texted.add(alert_id)
        if alert_id in self.tampers:
            assert mark.startswith("gateway"), "tamper called people"
        if mark.startswith("gateway"):
            self.told_centre.add(alert_id)
        taken = (PERSONS | {"closed"}) & self.delivered[alert_id]
        serves = mark.startswith("gateway") and alert_id not in self.centre_told | self.tampers
        serves = (serves or alert_id in self.perhaps) and "closed" not in taken
        assert not taken or serves or alert_id == self.drill, "a text after a person took it"
        times = [at_s for at_s in self.text_times[alert_id] if at_s > self.now_s - 60.0] + [self.now_s]
        self.text_times[alert_id] = times
        assert len(times) <= TEXTS_A_MINUTE, "too many texts a minute"

    def _heard(self, said: Say) -> None:
        if said.key == self.rehearsed:
            self.rehearsed = ""
            assert not self.open, "a rehearsal's words during an alarm"
            return
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
                assert stage == "closed" or newest not in self.anew_s, (
                    f"{stage} is not true of the press that came long after"
                )
                assert stage in told, f"{stage} is not true of {newest or 'nothing'}"

    @property
    def modem_is_free(self) -> bool:
        return not self.with_modem or self.now_s >= self.handed_s + WORKER_MAX_S

    @property
    def post_is_free(self) -> bool:
        return not self.post or self.now_s >= self.post_s + POST_WORKER_MAX_S

    @property
    def poll_is_free(self) -> bool:
        return not self.poll or self.now_s >= self.poll_s + POLL_WORKER_MAX_S

    def gives_up_now(self, began_s: float, after_s: float) -> bool:
        """Tell whether a call is given up just now: whether its answer counts is a matter of ulps."""
        return abs(self.now_s - began_s - after_s) < 0.01

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
        self._demand_https(alert_id, age_s=age_s, nobody=nobody)
        modem_free = self.has_sms and self.sms == "up" and self.modem_is_free
        if not answered and due and modem_free:
            assert alert_id in self.texted, "SMS is up and has not got the alert"
        if alert_id in self.afresh - self.centre_told and due and modem_free:
            assert alert_id in self.told_centre, "a person took it, and the centre was not told"
        if modem_free and self.now_s > self.anew_s.get(alert_id, self.now_s) + SMS_AFTER_S:
            assert alert_id in self.texted, "nobody was called to a press long after a person's word"

    def _demand_https(self, alert_id: str, *, age_s: float, nobody: bool) -> None:
        silent = self.mqtt == "down" or nobody or alert_id in self.unheard or age_s > HTTPS_AFTER_S
        if self.has_https and silent and not self.delivered[alert_id] and self.post_is_free:
            assert alert_id in self.posted, "HTTPS is there and has not got the alert"
        asking = self.mqtt != "up" or alert_id not in self.mqtt_told
        known = alert_id in self.centre_told and self.now_s > self.again_s.get(alert_id, 0.0)
        if self.has_https and asking and known and not self.is_over(alert_id) and len(self.open) == 1:
            assert self.poll, "nobody asks what became of the alert"

    # ---- a crash

    def crashed(self, now_s: float) -> None:
        """Forget what a kiosk that lost its power cannot know."""
        self.now_s, self.mqtt, self.sms, self.with_modem, self.drill = now_s, "unknown", "unknown", "", ""
        self.open, self.on_duty, self.resumed = [], {}, 0
        self.texted, self.unheard, self.published = set(), set(), {}
        self.told_centre, self.afresh, self.word_s = set(), set(), {}
        self.anew_s = dict.fromkeys(self.anew_s, now_s)
        self.post = self.poll = ""
        self.posted, self.mqtt_told, self.centre_told, self.again_s = {}, set(), set(), {}
        self.text_times.clear()
