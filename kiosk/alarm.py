"""All open incidents with their routes: turns what happened into alerts, texts and words. Pure.

Owns the order "alert first". Decides nothing about stages (incident), times (delivery) or prompts
(guidance): it carries their values and asks them.
"""

from dataclasses import dataclass, field, replace

from kiosk import delivery, guidance, incident, sms_signed, sms_text, transmission
from kiosk.bodies import AlertId, Clock, Kind, Reply, Route, Token
from kiosk.delivery import Ladder, Links, MqttRoute, SmsRoute
from kiosk.effects import Effect, Publish, Say, SendSms, Tell
from kiosk.guidance import Guidance, Line
from kiosk.incident import Incident, Over
from kiosk.messages import Now, SmsReceived, Snapshot
from kiosk.site import Site

CASES_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One open incident with its routes and its words."""

    incident: Incident
    mqtt: MqttRoute = field(default_factory=MqttRoute)
    sms: SmsRoute = field(default_factory=SmsRoute)
    guidance: Guidance = field(default_factory=Guidance)


class Alarm:
    """Every open incident. Methods give effects; `run` gives what is due and must end each turn."""

    def __init__(self, site: Site) -> None:
        config = site.config
        self.site = site
        self.cases: tuple[Case, ...] = ()
        self.links = Links()
        self.seq: int | None = None
        self.sms_open: tuple[Token, float] | None = None
        self._sms_count = 0
        self._presence: dict[str, bool] = {}
        gateways = config.sms.gateways if config.sms else ()
        self.ladder = Ladder(gateways=gateways, duty=config.duty, timing=config.timing)

    # ---- what happened

    def restore(self, snapshot: Snapshot, now: Now) -> list[Effect]:
        """Take up the incidents that the journal kept; those opened meanwhile stay."""
        self.seq = max(snapshot.seq, self.seq or 0)
        max_s = self.ladder.timing.incident_max_s
        out: list[Effect] = []
        kept: list[Case] = []
        for record in snapshot.incidents[-CASES_MAX:]:
            if record.stage == "closed" or record.kind == "drill" or self.site.safe_start:
                continue
            revived = incident.revive(record, now_s=now.s, utc_ms=now.utc_ms, max_s=max_s)
            said = revived.stage if revived.stage == "sending" else None
            kept.append(Case(incident=revived, guidance=Guidance(said=said)))
            out.append(self._tell("resumed", revived, stage=revived.stage))
        self.cases = (*kept, *self.cases)[-CASES_MAX:]
        return out

    def press(self, button: str, now: Now, clock: Clock) -> list[Effect]:
        """Open an incident, or count a further press of the one that is open."""
        for case in reversed(self.cases):
            if case.incident.kind == "press":
                return self._press_again(case, button, now)
        return self.open("press", button, now, clock)

    def open(self, kind: Kind, button: str, now: Now, clock: Clock, *, duty: bool = True) -> list[Effect]:
        """Open an incident; its alert goes out by `run` in this same turn."""
        seq = 0 if self.seq is None else self.seq + 1
        self.seq = seq if self.seq is not None else None
        pressed_s = now.utc_ms // 1000
        code = sms_signed.reply_code(
            self.site.key, number=self.site.config.kiosk.number, seq=seq, pressed_s=pressed_s
        )
        opened = Incident(
            alert_id=AlertId(now.fresh_id),
            kind=kind,
            button=button,
            pressed_s=now.s,
            pressed_utc_ms=now.utc_ms,
            clock=clock,
            seq=seq,
            code=code,
            duty=duty,
        )
        case = Case(incident=opened)
        self.cases = (*self.cases, case)[-CASES_MAX:]
        out: list[Effect] = [self._tell("pressed" if kind == "press" else kind, opened, button=button)]
        return out + self._follow(case, now)

    def _press_again(self, case: Case, button: str, now: Now) -> list[Effect]:
        again = incident.step(case.incident, incident.PressedAgain(button))
        heard, line = guidance.again(case.guidance, now.s, self.site.config.voice.reassure_s)
        self._put(replace(case, incident=again, mqtt=delivery.mqtt_changed(case.mqtt), guidance=heard))
        return [self._say(line), self._tell("pressed_again", again, presses=again.presses, button=button)]

    def reply(self, reply: Reply, link: Route, now: Now) -> list[Effect]:
        """Take in the centre's answer by any link."""
        case = self.find(reply.alert_id)
        if case is None:
            return []
        told = delivery.mqtt_told(case.mqtt, reply.presses, incident.rank(reply.stage))
        heard_by = case.incident.heard_by
        if link not in heard_by:
            heard_by = (*heard_by, link)
        case = replace(case, mqtt=told, incident=replace(case.incident, heard_by=heard_by))
        self._put(case)
        return self._answer(case, incident.Answered(reply.stage, reply.by), now, link)

    def _answer(self, case: Case, answer: incident.Answered, now: Now, link: Route) -> list[Effect]:
        after = incident.step(case.incident, answer)
        if after.stage == case.incident.stage:
            return []
        case = replace(case, incident=after)
        self._put(case)
        told = self._tell(after.stage, after, path=link, by=after.by)
        return [told, *self._follow(case, now)]

    def sms_received(self, message: SmsReceived, now: Now) -> list[Effect]:
        """Take in a text: a listed person's word with a code, or the gateway's signed answer."""
        signed = sms_signed.parse_answer(message.text)
        if signed and transmission.listed(message.number, self.ladder.gateways):
            for case in self.cases:
                if transmission.answer_is_for(self.site, case.incident, signed):
                    body = transmission.sms_reply(case.incident, signed, now)
                    return self.reply(body, "sms", now)
        said = sms_text.parse_reply(self.site.words, message.text)
        mark = transmission.officer_mark(self.site.config.duty, message.number)
        if said and mark:
            for case in self.cases:
                if case.incident.code == said.code and case.incident.kind != "tamper":
                    self._put(replace(case, mqtt=delivery.mqtt_changed(case.mqtt)))
                    out: list[Effect] = [self._tell("sms_reply", case.incident, by=mark, stage=said.stage)]
                    answer = incident.Answered(said.stage, f"sms:{mark}")
                    return out + self._answer(self.find(case.incident.alert_id) or case, answer, now, "sms")
        return [Tell("sms_ignored", (("listed", bool(mark)),))]

    def published(self, alert_id: str, code: int) -> list[Effect]:
        """Note the broker's acknowledgement; one that says "nobody listens" or "refused" opens SMS."""
        case = self.find(alert_id)
        if case is None or code < 0x10:
            return []
        self._put(replace(case, mqtt=replace(case.mqtt, unheard=True)))
        return [self._tell("unheard", case.incident, code=code)]

    def mqtt_link(self, state: delivery.LinkState) -> None:
        """Note that MQTT rose or fell."""
        if state == "up" and self.links.mqtt != "up":
            self.cases = tuple(replace(case, mqtt=delivery.mqtt_rose(case.mqtt)) for case in self.cases)
        self.links = replace(self.links, mqtt=state)

    def sms_link(self, state: delivery.LinkState, now: Now) -> list[Effect]:
        """Note that the modem rose or fell; a text that was with it counts as failed."""
        self.links = replace(self.links, sms=state)
        return (
            self.sms_failed(self.sms_open[0], "modem lost", now) if state == "down" and self.sms_open else []
        )

    def presence(self, monitor: str, *, on_duty: bool) -> None:
        """Note whether a responder listens; at most 16 are remembered."""
        if monitor in self._presence or len(self._presence) < 16:
            self._presence[monitor] = on_duty
        self.links = replace(self.links, listened=any(self._presence.values()))

    def sms_sent(self, token: Token, reference: int, parts: int) -> list[Effect]:
        """Note that the network took a text."""
        self._free(token)
        out: list[Effect] = []
        for case in self.cases:
            job = delivery.job_of(case.sms, token)
            if job:
                self._put(replace(case, sms=delivery.sms_sent(case.sms, token, reference)))
                out.append(self._tell("sms_sent", case.incident, to=job.mark, parts=parts))
        return out

    def sms_failed(self, token: Token, reason: str, now: Now) -> list[Effect]:
        """Note that a text was not sent; it is tried again."""
        self._free(token)
        out: list[Effect] = []
        for case in self.cases:
            job = delivery.job_of(case.sms, token)
            if job:
                failed = delivery.sms_failed(case.sms, token, now.s, self.ladder.timing)
                self._put(replace(case, sms=failed))
                told = self._tell("sms_failed", case.incident, to=job.mark, reason=reason[:80])
                out.append(replace(told, level="warning"))
        return out

    def sms_reported(self, reference: int, *, delivered: bool) -> None:
        """Note a handset's report; it is shown, never spoken."""
        for case in self.cases:
            reported = delivery.sms_reported(case.sms, reference, delivered=delivered)
            self._put(replace(case, sms=reported))

    def _free(self, token: Token) -> None:
        if self.sms_open and self.sms_open[0] == token:
            self.sms_open = None

    # ---- what is due

    def run(self, now: Now) -> list[Effect]:
        """Give everything that is due now, alerts first."""
        alerts: list[Effect] = []
        words: list[Effect] = []
        if self.sms_open and now.s >= self.sms_open[1]:
            words += self.sms_failed(self.sms_open[0], "no answer from the modem's worker", now)
        for case in self.cases:
            words += self._age(case, now)
        for case in self.cases:
            alerts += self._run_mqtt(case, now)
        alerts += self._run_sms(now)
        for case in self.cases:
            words += self._run_words(case, now)
        self.cases = tuple(case for case in self.cases if not isinstance(case.incident.state, Over))
        return alerts + words

    def _age(self, case: Case, now: Now) -> list[Effect]:
        if now.s < case.incident.pressed_s + self.ladder.timing.incident_max_s:
            return []
        return self.expire(case.incident.alert_id)

    def expire(self, alert_id: str) -> list[Effect]:
        """End an incident without a person: too old, or a drill that is done."""
        case = self.find(alert_id)
        if case is None:
            return []
        aged = incident.step(case.incident, incident.Aged())
        self._put(replace(case, incident=aged))
        return [self._tell("expired", aged)] if aged.kind != "drill" else []

    def _run_mqtt(self, case: Case, now: Now) -> list[Effect]:
        due_s = delivery.mqtt_due_s(case.mqtt, case.incident, self.links)
        if due_s is None or now.s < due_s:
            return []
        route = delivery.mqtt_began(case.mqtt, now.s, self.ladder.timing)
        self._put(replace(case, mqtt=route))
        body = transmission.alert(self.site, case.incident, now, attempt=route.attempt, route="mqtt")
        token = Token(f"alert.{case.incident.alert_id}.{route.attempt}")
        told = self._tell("sent", case.incident, path="mqtt", attempt=route.attempt)
        return [Publish(token, body), told, *self._attempt(case.incident.alert_id, now)]

    def _run_sms(self, now: Now) -> list[Effect]:
        if self.site.config.sms is None:
            return []
        for case in self.cases:
            begin_s = delivery.sms_begin_s(case.sms, case.incident, self._links_of(case), self.ladder)
            tier_s = delivery.sms_tier_due_s(case.sms, case.incident, self.ladder)
            if begin_s is not None and now.s >= begin_s:
                self._put(replace(case, sms=delivery.sms_begin(case.sms, case.incident, self.ladder, now.s)))
            elif tier_s is not None and now.s >= tier_s:
                again = delivery.sms_next_tier(case.sms, case.incident, self.ladder, now.s)
                self._put(replace(case, sms=again))
        return self._hand_sms(now, self.site.config.sms.send_deadline_s)

    def _hand_sms(self, now: Now, deadline_s: float) -> list[Effect]:
        if self.links.sms != "up" or self.sms_open:
            return []
        for case in sorted(self.cases, key=lambda case: case.incident.kind != "press"):
            job = delivery.sms_ready(case.sms, case.incident, now.s)
            if job is None:
                continue
            self._sms_count += 1
            token = Token(f"sms.{case.incident.alert_id}.{job.mark}.{self._sms_count}")
            self.sms_open = (token, now.s + 2 * deadline_s + 30)
            self._put(replace(case, sms=delivery.sms_handed(case.sms, job.mark, token)))
            text = transmission.sms(self.site, case.incident, job.form)
            told = self._tell("sent", case.incident, path="sms", to=job.mark)
            send = SendSms(token=token, number=job.number, text=text)
            return [send, told, *self._attempt(case.incident.alert_id, now)]
        return []

    def _links_of(self, case: Case) -> Links:
        return replace(self.links, listened=False) if case.mqtt.unheard else self.links

    def _attempt(self, alert_id: str, now: Now) -> list[Effect]:
        case = self.find(alert_id)
        if case is None:
            return []
        case = replace(case, incident=incident.step(case.incident, incident.Attempted()))
        self._put(case)
        return self._follow(case, now)

    def _run_words(self, case: Case, now: Now) -> list[Effect]:
        due_s = self._words_due_s(case)
        if due_s is None or now.s < due_s:
            return []
        reassure_s = self.site.config.voice.reassure_s
        heard, line = guidance.comfort(case.guidance, case.incident.stage, now.s, reassure_s)
        self._put(replace(case, guidance=heard))
        return [self._say(line)]

    def _words_due_s(self, case: Case) -> float | None:
        if case.incident.kind != "press" or case is not self._speaker():
            return None
        return guidance.due_s(
            case.guidance,
            case.incident.stage,
            pressed_s=case.incident.pressed_s,
            trying_after_s=self.ladder.timing.trying_after_s,
            spoken=self.site.config.voice.mode == "spoken",
        )

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        times: list[float | None] = [self.sms_open[1] if self.sms_open else None]
        modem_free = self.links.sms == "up" and self.sms_open is None
        for case in self.cases:
            times.append(case.incident.pressed_s + self.ladder.timing.incident_max_s)
            times.append(delivery.mqtt_due_s(case.mqtt, case.incident, self.links))
            times.append(self._words_due_s(case))
            if self.site.config.sms:
                times.append(delivery.sms_begin_s(case.sms, case.incident, self._links_of(case), self.ladder))
                times.append(delivery.sms_tier_due_s(case.sms, case.incident, self.ladder))
                times.append(delivery.sms_due_s(case.sms, case.incident) if modem_free else None)
        return min((at_s for at_s in times if at_s is not None), default=None)

    # ---- looking up and telling

    def find(self, alert_id: str) -> Case | None:
        """Find an open incident."""
        return next((case for case in self.cases if case.incident.alert_id == alert_id), None)

    def _speaker(self) -> Case | None:
        presses = [case for case in self.cases if case.incident.kind == "press"]
        return presses[-1] if presses else None

    def _put(self, case: Case) -> None:
        alert_id = case.incident.alert_id
        self.cases = tuple(case if old.incident.alert_id == alert_id else old for old in self.cases)

    def _follow(self, case: Case, now: Now) -> list[Effect]:
        if case.incident.kind != "press" or case.incident.state == Over(expired=True):
            return []
        reassure_s = self.site.config.voice.reassure_s
        followed, line = guidance.follow(case.guidance, case.incident.stage, now.s, reassure_s)
        self._put(replace(case, guidance=followed))
        return [self._say(line)] if line else []

    @staticmethod
    def _say(line: Line) -> Say:
        return Say(line.key, cut=line.cut)

    @staticmethod
    def _tell(what: str, of: Incident, **detail: str | int | bool) -> Tell:
        common = (("alert_id", str(of.alert_id)), ("kind", of.kind))
        return Tell(what, common + tuple(detail.items()))
