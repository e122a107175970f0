"""From what happened to alerts: opens incidents, takes in answers. Pure.

Owns the order "alert first". Decides nothing about stages (incident), times (delivery, texting) or prompts
(guidance): it carries their values and asks them.
"""

from dataclasses import replace

from kiosk import delivery, guidance, incident, kept, posting, sms_signed, sms_text, transmission
from kiosk.bodies import Clock, Kind, Reply, Route, Token
from kiosk.cases import CASES_MAX, Case, Cases, answered, changed, pressed_again, tell
from kiosk.closing import outlives
from kiosk.delivery import Links
from kiosk.door_desk import DoorDesk
from kiosk.effects import Effect, Tell
from kiosk.incident import Incident, Over, Unheard
from kiosk.messages import IncidentRecord, LastPress, Now, SmsReceived, Snapshot
from kiosk.modem_desk import ModemDesk
from kiosk.mqtt_desk import MqttDesk
from kiosk.reports import Reports
from kiosk.site import Site
from kiosk.speech import Speech
from kiosk.texting import Ladder

NOBODY_LISTENS = 0x10  # MQTT 5 PUBACK "no matching subscribers"; every code from here on is no success
MONITORS_MAX = 16
CODE_TRIES = 8  # of 9000 codes two dozen at most are taken


class Alarm:
    """Every open incident. Methods give effects; `run` gives what is due and must end each turn."""

    def __init__(self, site: Site, reports: Reports) -> None:
        config = site.config
        gateways = config.sms.gateways if config.sms else ()
        self.ladder = Ladder(gateways=gateways, duty=config.duty, timing=config.timing)
        self.site = site
        self.cases = Cases()
        self.links = Links()
        self.seq = -1  # the last number given; the journal may know of higher ones
        self.knows_seq = False
        self.speech = Speech(site, self.cases)
        self.modem = ModemDesk(site, self.cases, self.ladder, reports)
        self.mqtt = MqttDesk(site, self.cases, self.ladder.timing)
        self.doors = DoorDesk(site, self.cases, self.ladder.timing)
        self._reports = reports
        self._on_duty: frozenset[str] = frozenset()

    # ---- what happened here

    def restore(self, snapshot: Snapshot, now: Now) -> list[Effect]:
        """Take up the incidents that the journal kept; those opened meanwhile stay, and stay the newest."""
        self.seq, self.knows_seq = max(snapshot.seq, self.seq), True
        on_disk = {record.alert_id: record for record in snapshot.incidents if self._goes_on(record)}
        meanwhile, self.cases.open = self.cases.open, ()
        out: list[Effect] = []
        for record in list(on_disk.values())[-CASES_MAX:]:
            max_s = self.ladder.timing.incident_max_s
            revived = kept.revive(record, now_s=now.s, utc_ms=now.utc_ms, max_s=max_s)
            if self.site.safe_start:
                out.append(replace(tell("not_resumed", revived, stage=revived.stage), level="warning"))
                continue
            self.cases.add(Case(incident=revived, guidance=guidance.resume(revived.stage, now.s)))
            out.append(tell("resumed", revived, stage=revived.stage))
        for case in meanwhile:
            self.cases.add(self._renumbered(case))
        return out

    def _renumbered(self, case: Case) -> Case:
        """Give a number to what was opened before the last one was known, unless it was sent without."""
        if case.incident.state != Unheard(attempting=False):
            return case
        seq, code = self._number(case.incident.alert_id, case.incident.pressed_utc_ms)
        return replace(case, incident=replace(case.incident, seq=seq, code=code))

    def _number(self, alert_id: str, pressed_utc_ms: int) -> tuple[int, str]:
        """Give the next number (from 0 while the journal's is not known) and the code that goes with it.

        One is passed over whose code an answer may carry that is meant for another incident.
        """
        number, pressed_s = self.site.config.kiosk.number, pressed_utc_ms // 1000
        key = self.site.key or alert_id.encode()  # which nobody outside can guess
        codes = [
            (seq, sms_signed.reply_code(key, number=number, seq=seq, pressed_s=pressed_s))
            for seq in range(self.seq + 1, self.seq + 1 + CODE_TRIES)
        ]
        self.seq, code = next((found for found in codes if self.cases.is_free(found[1])), codes[0])
        return self.seq, code

    def _goes_on(self, record: IncidentRecord) -> bool:
        open_already = self.cases.find(record.alert_id) is not None
        return record.stage != "closed" and record.kind != "drill" and not open_already

    def press(self, button: str, now: Now, clock: Clock) -> list[Effect]:
        """Open an incident, or count a further press of the one that is open."""
        case = self.cases.newest("press")
        if case is None or isinstance(case.incident.state, Over):
            return self.open("press", button, now, clock)
        last = LastPress(button=button, utc_ms=now.utc_ms, clock=clock)
        case = pressed_again(case, incident.PressedAgain(now.s, last))
        self.cases.put(case)
        told = tell("pressed_again", case.incident, presses=case.incident.presses, button=button)
        return [*self.speech.pressed_again(case, now), told]

    def open(self, kind: Kind, button: str, now: Now, clock: Clock, *, duty: bool = True) -> list[Effect]:
        """Open an incident; its alert goes out by `run` in this same turn."""
        alert_id = self.cases.name(now.fresh_id)
        seq, code = self._number(alert_id, now.utc_ms)
        opened = Incident(
            alert_id=alert_id,
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
        self.cases.add(case)
        told = tell("pressed" if kind == "press" else kind, opened, button=button)
        return [told, *self.speech.opened(case, now)]

    # ---- what others answered

    def reply(self, reply: Reply, link: Route, now: Now) -> list[Effect]:
        """Take in the centre's answer by any link."""
        case = self.cases.find(reply.alert_id)
        if case is None:
            return []
        case = answered(case, reply, link, now, self._reports.health.clock)
        if outlives(case.incident, reply, link):
            return self._press_anew(case, reply, link, now)
        return self._answer(case, incident.Answered(reply.stage, reply.by, now.s), now, link)

    def _press_anew(self, case: Case, reply: Reply, link: Route, now: Now) -> list[Effect]:
        """End an incident whose newest press nobody knew of who closed it, and open one of that press."""
        old, by = case.incident, reply.by or case.incident.by
        self.cases.put(replace(case, incident=incident.step(old, incident.Answered("closed", by))))
        told = tell("closed", old, path=link, by=by)
        return [told, *self.open("press", old.last_button, now, self._reports.health.clock)]

    def _answer(self, case: Case, answer: incident.Answered, now: Now, link: Route) -> list[Effect]:
        before, after = case.incident, incident.step(case.incident, answer)
        case = replace(case, incident=after)
        self.cases.put(case)
        told = tell(after.stage, after, path=link, by=after.by)
        if after.stage != before.stage:
            return [told, *self.speech.follow(case, now)]
        return [told, *self.speech.repeat(case, now)] if after.escalating != before.escalating else []

    def sms_received(self, message: SmsReceived, now: Now) -> list[Effect]:
        """Take in a text: a listed person's word with a code, or the gateway's signed answer."""
        signed = sms_signed.parse_answer(message.text)
        if signed and sms_text.listed(message.number, self.ladder.gateways):
            for case in self.cases.open:
                if transmission.answer_is_for(self.site, case.incident, signed):
                    return self.reply(transmission.sms_reply(case.incident, signed, now), "sms", now)
        mark = transmission.officer_mark(self.site.config.duty, message.number)
        said = sms_text.parse_reply(self.site.words, message.text)
        ours = said is not None and mark and not self.cases.ended_lately(said.code, now.s)
        named = self.cases.of_code(said.code) if said and ours else None
        if said is None or named is None:
            return [Tell("sms_ignored", (("listed", bool(mark)),))]
        told = tell("sms_reply", named.incident, by=mark, stage=said.stage)
        word = incident.Answered(said.stage, f"sms:{mark}", now.s, said=True)
        return [
            told,
            *self._answer(changed(named, now.s), word, now, "sms"),
        ]

    def door_answered(self, token: Token, replies: tuple[Reply, ...], now: Now) -> list[Effect]:
        """Take in what a door answered; of its replies only those about the alert that was asked about."""
        alert_id = self.doors.answered(token)
        ours, case = [reply for reply in replies if reply.alert_id == alert_id], self.cases.find(alert_id)
        unknowing = [reply for reply in ours if case and outlives(case.incident, reply, "https")]
        return [effect for reply in unknowing or ours for effect in self.reply(reply, "https", now)]

    def published(self, alert_id: str, code: int) -> list[Effect]:
        """Note the broker's acknowledgement; one that says "nobody listens" or "refused" opens SMS."""
        case = self.cases.find(alert_id)
        if case is None or code < NOBODY_LISTENS:
            return []
        self.cases.put(replace(case, mqtt=replace(case.mqtt, unheard=True)))
        return [tell("unheard", case.incident, code=code)]

    # ---- links

    def take_key(self, key: bytes, now: Now) -> None:
        """Sign SMS with this key from now on; one that vanished is kept, another waits for a quiet moment."""
        if not key or key == self.site.key or (self.site.key and self.cases.open):
            return
        self.site = replace(self.site, key=key)
        self.modem.take_key(self.site, now)

    def mqtt_link(self, state: delivery.LinkState) -> None:
        """Note that MQTT rose or fell; each rise is a new connection, whether its fall was seen or not."""
        for case in self.cases.open:
            mqtt = delivery.mqtt_rose(case.mqtt) if state == "up" else case.mqtt
            self.cases.put(replace(case, mqtt=mqtt, post=posting.mqtt_moved(case.post)))
        self.links = replace(self.links, mqtt=state)

    def mqtt_garbled(self) -> None:
        """Note that an answer came by MQTT which cannot be read: it may have been about any incident."""
        for case in self.cases.open:
            self.cases.put(replace(case, post=posting.garbled(case.post)))

    def presence(self, monitor: str, *, on_duty: bool) -> None:
        """Note whether a responder listens; of those on duty at most `MONITORS_MAX` are remembered."""
        if not on_duty:
            self._on_duty -= {monitor}
        elif len(self._on_duty) < MONITORS_MAX:
            self._on_duty |= {monitor}
        self.links = replace(self.links, listened=bool(self._on_duty))

    # ---- what is due

    def run(self, now: Now) -> list[Effect]:
        """Give everything that is due now, alerts first."""
        ended = [effect for case in self.cases.open for effect in self._age(case, now)]
        alerts = self.mqtt.run(now, self.links)
        alerts += self.doors.run(now, self.links)
        alerts += self.modem.run(now, self.links)
        words = self.speech.run(now)
        self.cases.drop_ended(now.s)
        return alerts + ended + words

    def _age(self, case: Case, now: Now) -> list[Effect]:
        if now.s < self._old_s(case):
            return []
        aged = incident.step(case.incident, incident.Aged())
        self.cases.put(replace(case, incident=aged))
        if aged.state != Over(expired=True):
            return []
        self._reports.tell_centre("alert_expired", now, detail=aged.alert_id)
        return [tell("expired", aged)]

    def _old_s(self, case: Case) -> float:
        """Give when a case is too old; a drill never is: its own time ends it."""
        is_drill = case.incident.kind == "drill"
        return float("inf") if is_drill else case.incident.last_s + self.ladder.timing.incident_max_s

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        times = [desk.wake_s(self.links) for desk in (self.mqtt, self.doors, self.modem)]
        times += [self.speech.wake_s(), *(self._old_s(case) for case in self.cases.open)]
        return min([at_s for at_s in times if at_s is not None], default=None)
