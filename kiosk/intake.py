"""Which part of the core each event concerns: the whole list of events on one page. Pure.

Owns nothing but that. Total: every event has its part, and one that concerns nobody changes nothing.
"""

from typing import assert_never

from kiosk.effects import Answer, Effect, Tell
from kiosk.messages import (
    BalanceRead,
    BoardRead,
    BodyRefused,
    CertificateRead,
    CertificateRenewed,
    CommandReceived,
    DrillAsked,
    EdgeSeen,
    HttpsAnswered,
    HttpsFailed,
    InputLost,
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
    PapersRead,
    PresenceSeen,
    Published,
    PublishFailed,
    ReplyReceived,
    SayAsked,
    SmsFailed,
    SmsReceived,
    SmsReported,
    SmsSent,
    Snapshot,
    StatusAsked,
    TrialAsked,
    UpdateRefused,
    UpdateSeen,
    VoiceBroke,
    VoiceEnded,
    VoiceRecovered,
    VoiceRefreshed,
    VoiceStarted,
    Woken,
    WorkerFailed,
    WorkerRecovered,
)
from kiosk.parts import Parts

MqttEvent = (
    Published | PublishFailed | ReplyReceived | CommandReceived | PresenceSeen | CertificateRead | BodyRefused
)
ModemEvent = ModemStatus | BalanceRead | SmsSent | SmsFailed | SmsReported | SmsReceived
VoiceEvent = VoiceStarted | VoiceEnded | VoiceBroke | VoiceRecovered | VoiceRefreshed
JournalEvent = JournalLoaded | JournalSaved | JournalBroke
HttpsEvent = HttpsAnswered | HttpsFailed | CertificateRenewed
KioskOwnEvent = (
    BoardRead | PapersRead | WorkerFailed | WorkerRecovered | StatusAsked | DrillAsked | TrialAsked |
    SayAsked | UpdateSeen |
    UpdateRefused | Woken
)  # fmt: skip


class Intake:
    """Takes in one event after the other."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def take(self, event: KioskEvent, now: Now) -> list[Effect]:
        """Give what follows from one event at once; what is due besides is the turn's."""
        match event:
            case EdgeSeen() | LevelRead() | InputLost():
                out = self._parts.contacts.take(event, now)
            case LinkRose() | LinkFell() | LinkHeard():
                out = self._from_link(event, now)
            case (
                Published() | PublishFailed() | ReplyReceived() | CommandReceived()
                | PresenceSeen() | CertificateRead() | BodyRefused()
            ):  # fmt: skip
                out = self._from_mqtt(event, now)
            case HttpsAnswered() | HttpsFailed() | CertificateRenewed():
                out = self._from_https(event, now)
            case ModemStatus() | BalanceRead() | SmsSent() | SmsFailed() | SmsReported() | SmsReceived():
                out = self._from_modem(event, now)
            case VoiceStarted() | VoiceEnded() | VoiceBroke() | VoiceRecovered() | VoiceRefreshed():
                out = self._from_voice(event, now)
            case JournalLoaded() | JournalSaved() | JournalBroke():
                out = self._from_journal(event, now)
            case (
                BoardRead() | PapersRead() | WorkerFailed() | WorkerRecovered()
                | StatusAsked() | DrillAsked() | TrialAsked() | SayAsked()
                | UpdateSeen() | UpdateRefused() | Woken()
            ):  # fmt: skip
                out = self._from_kiosk(event, now)
            case _:
                assert_never(event)
        return out

    def _from_link(self, event: LinkRose | LinkFell | LinkHeard, now: Now) -> list[Effect]:
        match event:
            case LinkRose("mqtt", peer):
                self._parts.alarm.mqtt_link("up")
                up = Tell("link_up", (("link", "mqtt"), ("peer", peer)))
                return [up, *self._parts.upkeep.mqtt.rose(now)]
            case LinkFell("mqtt", reason):
                self._parts.alarm.mqtt_link("down")
                return self._parts.upkeep.mqtt.fell(reason, now)
            case LinkRose("sms", _):
                self._parts.alarm.modem.rose()
                return [Tell("link_up", (("link", "sms"),)), *self._parts.upkeep.modem.rose(now)]
            case LinkFell("sms", reason):
                return [*self._parts.alarm.modem.fell(now), *self._parts.upkeep.modem.fell(reason, now)]
            case LinkHeard(link="mqtt", at_s=at_s, rtt_ms=rtt_ms):
                self._parts.upkeep.mqtt.heard(at_s, rtt_ms, now)
        return []

    def _from_mqtt(self, event: MqttEvent, now: Now) -> list[Effect]:
        match event:
            case Published(token=token, code=code):
                self._parts.reports.settled(token)
                kind, _, rest = token.partition(".")
                out = self._parts.alarm.published(rest.rpartition(".")[0], code) if kind == "alert" else []
                out += self._parts.orders.updates.settled(token)
            case PublishFailed(token, reason):
                out = [Tell("publish_failed", (("token", token), ("reason", reason[:160])), "warning")]
            case ReplyReceived(reply, link):
                out = self._parts.alarm.reply(reply, link, now)
            case CommandReceived(command):
                out = self._parts.orders.command(command, now)
            case PresenceSeen(monitor, on_duty):
                self._parts.alarm.presence(monitor, on_duty=on_duty)
                out = self._parts.reports.fault(
                    "nobody_on_duty", now, wrong=not self._parts.alarm.links.listened
                )
            case CertificateRead(days_left, life_days):
                out = self._parts.upkeep.certificate(days_left, life_days, now)
            case BodyRefused(source, reason):
                if source == "ack":
                    self._parts.alarm.mqtt_garbled()
                out = [Tell("refused", (("source", source[:60]), ("reason", reason[:160])), "warning")]
            case _:
                assert_never(event)
        return out

    def _from_https(self, event: HttpsEvent, now: Now) -> list[Effect]:
        match event:
            case HttpsAnswered(token=token, replies=replies, rtt_ms=rtt_ms, peer=peer):
                out = self._parts.alarm.door_answered(token, replies, now)
                return out + self._parts.upkeep.https.answered(rtt_ms, peer, now)
            case HttpsFailed(token, reason):
                out = self._parts.alarm.doors.failed(token, reason, now)
                return out + self._parts.upkeep.https.failed(reason, now)
            case CertificateRenewed(reason):
                return self._parts.upkeep.renewal.done(reason, now)
            case _:
                assert_never(event)

    def _from_modem(self, event: ModemEvent, now: Now) -> list[Effect]:
        match event:
            case ModemStatus():
                out = self._parts.upkeep.modem.read(event, now)
            case BalanceRead():
                out = self._parts.upkeep.modem.balance_read(event, now)
            case SmsSent(token=token, reference=reference, parts=parts):
                out = self._parts.alarm.modem.sent(token, reference, parts)
            case SmsFailed(token, reason):
                out = self._parts.alarm.modem.failed(token, reason, now)
            case SmsReported(reference, status):
                self._parts.alarm.modem.reported(reference, delivered=status == "delivered")
                out = [Tell("sms_report", (("status", status),))]
            case SmsReceived():
                out = self._parts.alarm.sms_received(event, now)
            case _:
                assert_never(event)
        return out

    def _from_voice(self, event: VoiceEvent, now: Now) -> list[Effect]:
        match event:
            case VoiceStarted(key=key, language=language, source=source):
                return self._parts.alarm.speech.started(key, language, source)
            case VoiceEnded(key):
                return self._parts.alarm.speech.ended(key)
            case VoiceBroke(reason):
                ended = self._parts.alarm.speech.broke()
                return [*ended, *self._parts.upkeep.voice(now, wrong=True, reason=reason)]
            case VoiceRecovered():
                return self._parts.upkeep.voice(now, wrong=False)
            case VoiceRefreshed(reason):
                self._parts.orders.voice_refreshed(reason, now)
                return [Tell("voice_refreshed", (("reason", reason[:160]),))]
            case _:
                assert_never(event)

    def _from_journal(self, event: JournalEvent, now: Now) -> list[Effect]:
        match event:
            case JournalLoaded(snapshot, quarantined):
                return self._restore(snapshot, quarantined, now)
            case JournalSaved():
                return self._parts.reports.fault("journal_failed", now, wrong=False)
            case JournalBroke(reason):
                self._parts.memory.broke(now)
                return self._parts.reports.fault("journal_failed", now, wrong=True, detail=reason)
            case _:
                assert_never(event)

    def _from_kiosk(self, event: KioskOwnEvent, now: Now) -> list[Effect]:
        match event:
            case BoardRead():
                out = self._parts.upkeep.board_read(event, now)
            case PapersRead(missing=missing, sms_key=key):
                self._parts.alarm.take_key(key, now)
                out = self._parts.upkeep.papers(missing, now)
            case WorkerFailed(worker, reason):
                out = self._parts.reports.fault(f"worker:{worker}", now, wrong=True, detail=reason)
            case WorkerRecovered(worker):
                out = self._parts.reports.fault(f"worker:{worker}", now, wrong=False)
            case StatusAsked(token):
                out = [Answer(token, self._parts.status(now))]
            case DrillAsked():
                out = self._parts.orders.ask_drill(event, now)
            case TrialAsked() | SayAsked():
                out = self._parts.contacts.rehearsal.asked(event, now)
            case UpdateSeen():
                out = self._parts.orders.updates.seen(event, now)
            case UpdateRefused(command_id, reason):
                out = self._parts.orders.update_refused(command_id, reason, now)
            case Woken():
                out = []
            case _:
                assert_never(event)
        return out

    def _restore(self, snapshot: Snapshot, quarantined: str, now: Now) -> list[Effect]:
        out = self._parts.alarm.restore(snapshot, now)
        self._parts.reports.remember(snapshot)
        if quarantined:
            self._parts.reports.tell_centre("journal_quarantined", now, detail=quarantined)
            out.append(Tell("journal_quarantined", (("file", quarantined[:160]),), "warning"))
        return out + self._parts.memory.loaded(snapshot, now)
