"""The one door: every event in, every effect out. Pure: time and chance are arguments.

`handle` is total: no event raises, an event that concerns nothing changes nothing. Each turn ends with
what is due; alerts and texts come first among its effects.
"""

from dataclasses import replace
from typing import assert_never

from kiosk import press as contact
from kiosk.alarm import Alarm
from kiosk.bodies import Alert, Clock
from kiosk.effects import Answer, Effect, Light, OpenMqtt, Publish, Save, SendSms, Tell
from kiosk.health import serious
from kiosk.incident import record
from kiosk.messages import (
    BalanceRead,
    BoardRead,
    BodyRefused,
    CertificateRead,
    CommandReceived,
    DrillAsked,
    EdgeSeen,
    InputLost,
    InputName,
    JournalBroke,
    JournalLoaded,
    JournalSaved,
    KioskEvent,
    LevelRead,
    LinkFell,
    LinkHeard,
    LinkRose,
    ModemStatus,
    Now,
    Pattern,
    PresenceSeen,
    Published,
    PublishFailed,
    ReplyReceived,
    SmsFailed,
    SmsReceived,
    SmsReported,
    SmsSent,
    Snapshot,
    StatusAsked,
    VoiceBroke,
    VoiceEnded,
    VoiceRecovered,
    VoiceRefreshed,
    VoiceStarted,
    Woken,
    WorkerFailed,
    WorkerRecovered,
)
from kiosk.orders import Orders
from kiosk.press import Press
from kiosk.site import Site
from kiosk.upkeep import Upkeep
from kiosk.wiring import rules_of

JOURNAL_WAIT_S = 2.0  # the link starts without the journal after that: an alert must not wait for a disk
SAVE_EVERY_S = 86_400.0  # the last good time, for a board without a clock
TAMPER = InputName("tamper")
MAINS = InputName("mains_lost")
EXTRA = (TAMPER, MAINS)
_LEVELS: dict[type, str] = {
    contact.Unread: "unknown",
    contact.Idle: "released",
    contact.Held: "pressed",
    contact.HeldAtStart: "pressed",
    contact.Stuck: "stuck",
}


class Core:
    """The kiosk's mind: give it events in order, do what it says."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._alarm = Alarm(site)
        self._upkeep = Upkeep(site)
        self._orders = Orders(self._alarm, self._upkeep)
        config = site.config
        self._inputs = {InputName(button.name): Press(rules=rules_of(button)) for button in config.buttons}
        for name, wired in ((TAMPER, config.tamper), (MAINS, config.mains_lost)):
            if wired:
                self._inputs[name] = Press(rules=rules_of(wired))
        self._lamp: Pattern | None = None
        self._saved = Snapshot()
        self._save_s = 0.0
        self._open_s: float | None = None
        self._said: tuple[str, str] = ("", "")

    # ---- the turn

    def start(self, now: Now) -> list[Effect]:
        """Begin: call once, before the first event."""
        self._open_s = now.s + JOURNAL_WAIT_S
        self._save_s = now.s + SAVE_EVERY_S
        return self._close_turn(self._upkeep.start(now), now)

    def handle(self, event: KioskEvent, now: Now) -> list[Effect]:
        """Take in one event; give every effect that follows, alerts first."""
        return self._close_turn(self._take_in(event, now), now)

    def next_wake_s(self) -> float:
        """Give the monotonic time of the next turn that is needed even if nothing happens."""
        times = [
            self._alarm.wake_s(),
            self._orders.wake_s(),
            self._upkeep.wake_s(),
            self._open_s,
            self._save_s,
        ]
        times += [contact.wake_s(press) for press in self._inputs.values()]
        return min(at_s for at_s in times if at_s is not None)

    def snapshot(self, now: Now) -> Snapshot:
        """Give all that must outlive a power cut."""
        health = self._upkeep.health
        return Snapshot(
            boot=self._upkeep.boot,
            seq=self._alarm.seq or 0,
            saved_utc_ms=now.utc_ms,
            last_press_utc_ms=health.last_press_utc_ms,
            last_test_utc_ms=health.last_test_utc_ms,
            incidents=tuple(record(case.incident) for case in self._alarm.cases),
        )

    def _close_turn(self, out: list[Effect], now: Now) -> list[Effect]:
        for name in self._inputs:
            out += self._moved(name, *contact.advance(self._inputs[name], now.s), now)
        if self._open_s is not None and now.s >= self._open_s:
            out += self._open_link(now)
        self._upkeep.contacts({name: level for name, level in self._levels().items() if name not in EXTRA})
        out += self._orders.run(now)
        out += self._alarm.run(now)
        out += self._upkeep.run(
            now,
            alerting=self._alerting(),
            open_alerts=len(self._alarm.cases),
            modem_free=self._alarm.sms_open is None and not self._alarm.cases,
        )
        out += self._light()
        out += self._save(now)
        return sorted(out, key=_order)

    # ---- events

    def _take_in(self, event: KioskEvent, now: Now) -> list[Effect]:  # noqa: C901, PLR0911, PLR0912 - one page, one match
        match event:
            case EdgeSeen(input=name, high=high, at_s=at_s) | LevelRead(input=name, high=high, at_s=at_s):
                return self._level(name, now, high=high, at_s=min(at_s, now.s))
            case InputLost(name, reason):
                if name in self._inputs:
                    self._inputs[name] = contact.lose(self._inputs[name])
                return self._upkeep.input_lost(name, reason, now) if name in self._inputs else []
            case LinkRose() | LinkFell() | LinkHeard():
                return self._link(event, now)
            case Published(token=token, code=code):
                self._upkeep.settled(token)
                kind, _, rest = token.partition(".")
                return self._alarm.published(rest.rpartition(".")[0], code) if kind == "alert" else []
            case PublishFailed(token, reason):
                return [Tell("publish_failed", (("token", token), ("reason", reason[:160])), "warning")]
            case ReplyReceived(reply, link):
                return self._alarm.reply(reply, link, now)
            case CommandReceived(command):
                return self._orders.command(command, now, self._clock())
            case PresenceSeen(monitor, on_duty):
                self._alarm.presence(monitor, on_duty=on_duty)
                return self._upkeep.fault("nobody_on_duty", now, wrong=not self._alarm.links.listened)
            case CertificateRead(days_left):
                return self._upkeep.certificate(days_left, now)
            case BodyRefused(source, reason):
                return [Tell("refused", (("source", source[:60]), ("reason", reason[:160])), "warning")]
            case ModemStatus():
                return self._upkeep.modem_read(event, now)
            case BalanceRead():
                return self._upkeep.balance_read(event, now)
            case SmsSent(token=token, reference=reference, parts=parts):
                return self._alarm.sms_sent(token, reference, parts)
            case SmsFailed(token, reason):
                return self._alarm.sms_failed(token, reason, now)
            case SmsReported(reference, status):
                self._alarm.sms_reported(reference, delivered=status == "delivered")
                return [Tell("sms_report", (("status", status),))]
            case SmsReceived():
                return self._alarm.sms_received(event, now)
            case VoiceStarted(key=key, language=language, source=source):
                return self._speaking(key, language, source)
            case VoiceEnded():
                self._said = ("", "")
                return []
            case VoiceBroke(reason):
                return self._voice(now, wrong=True, reason=reason)
            case VoiceRecovered():
                return self._voice(now, wrong=False)
            case BoardRead():
                return self._upkeep.board_read(event, now)
            case JournalLoaded(snapshot, quarantined):
                return self._restore(snapshot, quarantined, now)
            case JournalSaved():
                return self._upkeep.fault("journal_failed", now, wrong=False)
            case JournalBroke(reason):
                return self._upkeep.fault("journal_failed", now, wrong=True, detail=reason)
            case WorkerFailed(worker, reason):
                return self._upkeep.fault(f"worker:{worker}", now, wrong=True, detail=reason)
            case WorkerRecovered(worker):
                return self._upkeep.fault(f"worker:{worker}", now, wrong=False)
            case StatusAsked(token):
                return [Answer(token, self.status(now))]
            case DrillAsked(token=token, duty=duty):
                return self._orders.ask_drill(token, now, self._clock(), duty=duty)
            case VoiceRefreshed(reason):
                self._orders.voice_refreshed(reason, now)
                return [Tell("voice_refreshed", (("reason", reason[:160]),))]
            case Woken():
                return []
            case _:
                assert_never(event)

    def _level(self, name: InputName, now: Now, *, high: bool, at_s: float) -> list[Effect]:
        if name not in self._inputs:
            return []
        moved = contact.observe(self._inputs[name], high=high, at_s=at_s)
        return self._upkeep.input_read(name, now) + self._moved(name, *moved, now)

    def _moved(
        self, name: InputName, press: Press, verdicts: tuple[contact.Verdict, ...], now: Now
    ) -> list[Effect]:
        self._inputs[name] = press
        closed = isinstance(press.state, contact.Held | contact.HeldAtStart)
        if name == MAINS:
            return self._upkeep.mains(now, lost=closed)
        out = self._upkeep.fault("tamper_open", now, wrong=closed) if name == TAMPER else []
        for verdict in verdicts:
            match verdict:
                case "pressed" if name == TAMPER:
                    out += self._tamper(now) if closed else []
                case "pressed":
                    self._upkeep.pressed(now)
                    out += self._alarm.press(name, now, self._clock())
                case "stuck" | "freed":
                    out += self._upkeep.fault(f"button_stuck:{name}", now, wrong=verdict == "stuck")
                case "noisy" | "quiet":
                    out += self._upkeep.fault(f"button_noisy:{name}", now, wrong=verdict == "noisy")
                case _:
                    assert_never(verdict)
        return out

    def _tamper(self, now: Now) -> list[Effect]:
        if any(case.incident.kind == "tamper" for case in self._alarm.cases):
            return []
        return self._alarm.open("tamper", TAMPER, now, self._clock())

    def _link(self, event: LinkRose | LinkFell | LinkHeard, now: Now) -> list[Effect]:
        match event:
            case LinkRose("mqtt", peer):
                self._alarm.mqtt_link("up")
                return [Tell("link_up", (("link", "mqtt"), ("peer", peer))), *self._upkeep.mqtt_rose(now)]
            case LinkFell("mqtt", reason):
                self._alarm.mqtt_link("down")
                return self._upkeep.mqtt_fell(reason, now)
            case LinkRose("sms", _):
                self._alarm.sms_link("up", now)
                return [Tell("link_up", (("link", "sms"),)), *self._upkeep.modem_rose(now)]
            case LinkFell("sms", reason):
                return [*self._alarm.sms_link("down", now), *self._upkeep.modem_fell(reason, now)]
            case LinkHeard(link="mqtt", at_s=at_s, rtt_ms=rtt_ms):
                self._upkeep.heard(at_s, rtt_ms)
                return []
            case _:
                return []

    def _speaking(self, key: str, language: str, source: str) -> list[Effect]:
        if self._said == (key, language):
            return []
        self._said = (key, language)
        return [Tell("said", (("key", key), ("lang", language), ("source", source)))]

    def _voice(self, now: Now, *, wrong: bool, reason: str = "") -> list[Effect]:
        self._upkeep.voice(ok=not wrong)
        return self._upkeep.fault("voice_unavailable", now, wrong=wrong, detail=reason)

    def _restore(self, snapshot: Snapshot, quarantined: str, now: Now) -> list[Effect]:
        out = self._alarm.restore(snapshot, now)
        self._upkeep.remember(snapshot)
        if quarantined:
            self._upkeep.tell_centre("journal_quarantined", now, detail=quarantined)
            out.append(Tell("journal_quarantined", (("file", quarantined[:160]),), "warning"))
        return out + self._open_link(now, snapshot.boot)

    def _open_link(self, now: Now, last_boot: int = 0) -> list[Effect]:
        if self._open_s is None:
            return []
        self._open_s = None
        self._upkeep.boot = max(last_boot + 1, now.utc_ms // 1000)
        return [OpenMqtt(self._upkeep.boot)]

    # ---- what it shows

    def _clock(self) -> Clock:
        return self._upkeep.health.clock

    def _alerting(self) -> bool:
        return any(case.incident.kind != "drill" for case in self._alarm.cases)

    def _light(self) -> list[Effect]:
        pattern: Pattern = "armed" if self._site.config.lamp.armed else "off"
        if serious(self._upkeep.health):
            pattern = "fault"
        if any(case.incident.kind == "press" for case in self._alarm.cases):
            pattern = "alerting"
        if pattern == self._lamp:
            return []
        self._lamp = pattern
        return [Light(pattern)]

    def _save(self, now: Now) -> list[Effect]:
        if self._open_s is not None:
            return []
        new = self.snapshot(now)
        changed = new != replace(self._saved, saved_utc_ms=now.utc_ms)
        if not changed and now.s < self._save_s:
            return []
        self._saved, self._save_s = new, now.s + SAVE_EVERY_S
        return [Save(new)]

    def _levels(self) -> dict[str, str]:
        return {name: _LEVELS[type(press.state)] for name, press in self._inputs.items()}

    def status(self, now: Now) -> dict[str, object]:
        """Describe everything for `kiosk status`, without a phone number or a secret."""
        beat = self._upkeep.heartbeat(now, alerting=self._alerting(), open_alerts=len(self._alarm.cases))
        return {
            "kiosk": self._site.config.kiosk.id,
            "state": self._upkeep.state(alerting=self._alerting()),
            "lamp": self._lamp or "off",
            "faults": list(self._upkeep.health.faults),
            "mqtt": self._alarm.links.mqtt,
            "sms": self._alarm.links.sms,
            "listened": self._alarm.links.listened,
            "heartbeat": beat,
            "inputs": {
                name: "pressed" if press.is_down else "released" for name, press in self._inputs.items()
            },
            "incidents": [record(case.incident) for case in self._alarm.cases],
            "unsent_events": len(self._upkeep.health.outbox),
        }


def _order(effect: Effect) -> int:
    """Alerts and texts first, then what opens links, then the rest in their own order."""
    match effect:
        case Publish(_, Alert()) | SendSms():
            return 0
        case OpenMqtt():
            return 1
        case _:
            return 2
