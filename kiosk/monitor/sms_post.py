"""Every SMS that comes in, each once: acted upon where it is proven, and its verdict kept. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, assert_never

from kiosk import sms_text
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import cases, sms_words
from kiosk.monitor.answers import Answers
from kiosk.monitor.caseload import KEEP_CLOSED_MS, Caseload
from kiosk.monitor.effects import Answer, FleetEffect
from kiosk.monitor.ledger import Ledger
from kiosk.monitor.messages import AlertArrived, SmsArrived
from kiosk.monitor.records import Case, Inbound, StoreInbound
from kiosk.monitor.sms_desk import Ignored, Refused, Said, Signed, SmsDesk
from kiosk.wire import Rejected

SEEN_MAX = 2_000  # texts that are known when they are handed over again
REASON_MAX = 200

Deliver = Callable[[AlertArrived, Now], list[FleetEffect]]
Verdict = Literal["alert", "reply", "refused", "ignored"]


class SmsPost:
    """Takes texts in by `desk`'s reading."""

    def __init__(
        self, caseload: Caseload, ledger: Ledger, desk: SmsDesk, answers: Answers, deliver: Deliver
    ) -> None:
        self._caseload = caseload
        self._ledger = ledger
        self._desk = desk
        self._answers = answers
        self._deliver = deliver
        self._seen: OrderedDict[str, Inbound] = OrderedDict()

    def take(self, notice: SmsArrived, now: Now) -> list[FleetEffect]:
        """Take one text in; the same `message_id` changes nothing."""
        known = self._seen.get(notice.message_id)
        if known is not None:
            return self._receipt(notice, known)
        meaning = self._desk.read(notice.number, notice.text, self._caseload.all, now)
        match meaning:
            case Signed():
                out, inbound = self._alert(notice, meaning, now)
            case Said():
                out, inbound = self._reply(notice, meaning, now)
            case Refused():
                out, inbound = [], _inbound(notice, "refused", now, meaning.reason, meaning.kiosk_id)
            case Ignored():
                out, inbound = [], _inbound(notice, "ignored", now, meaning.reason)
            case _:
                assert_never(meaning)
        self._seen[notice.message_id] = inbound
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        self._ledger.write(StoreInbound(inbound))
        return [*out, _told(inbound), *self._receipt(notice, inbound)]

    def _receipt(self, notice: SmsArrived, inbound: Inbound) -> list[FleetEffect]:
        if notice.token is None:
            return []
        good = inbound.verdict in {"alert", "reply"}
        text = inbound.verdict if good else f"{inbound.verdict}: {inbound.reason}"
        answer = Answer(token=notice.token, ok=good, text=text, alert_id=inbound.alert_id)
        return self._ledger.when_durable(answer)

    def _alert(self, notice: SmsArrived, signed: Signed, now: Now) -> tuple[list[FleetEffect], Inbound]:
        """Take an alert in as if it had come by MQTT, joined with what came another way."""
        alert = signed.alert
        old = self._caseload.get(alert.alert_id) or self._caseload.twin(alert)
        digits = sms_text.digits(notice.number)
        sender = f"+{digits}" if digits else ""  # a bulk sender's name cannot be answered
        if old is not None and cases.is_closed(old) and alert.presses <= old.alert.presses:
            self._tell_the_end(old, sender, now)
            reason = "a text of an alert that is closed came again"
            return [], _inbound(notice, "refused", now, reason, alert.kiosk_id, old.alert.alert_id)
        out = self._deliver(AlertArrived(alert=alert, door="sms", sms_from=sender), now)
        case = self._caseload.get(alert.alert_id) or self._caseload.twin(alert)
        if case is None or case.alert.kiosk_id != alert.kiosk_id:
            return out, _inbound(notice, "refused", now, "its name belongs to another kiosk", alert.kiosk_id)
        self._answers.asked(case, now)
        return out, _inbound(notice, "alert", now, "", alert.kiosk_id, case.alert.alert_id)

    def _tell_the_end(self, case: Case, sender: str, now: Now) -> None:
        """Answer a kiosk that has not heard of the end: else it calls on for hours.

        A replay from another number than the first draws nothing.
        """
        ended_ms = cases.ended_ms(case) or 0
        known = case.sms_from or self._answers.number(case)
        if not sender or known not in {"", sender} or now.utc_ms - ended_ms > KEEP_CLOSED_MS:
            return
        if self._answers.asked(cases.with_number(case, sender), now):
            self._caseload.set_number(case, sender, now)

    def _reply(self, notice: SmsArrived, said: Said, now: Now) -> tuple[list[FleetEffect], Inbound]:
        """Let a person accept or set out by SMS."""
        alert = said.case.alert
        new = cases.act(said.case, said.action, said.person.person_id, "", now, via="sms")
        if isinstance(new, Rejected):
            return [], _inbound(notice, "ignored", now, new.reason, alert.kiosk_id, alert.alert_id)
        out = self._caseload.advance(new, said.case, now)
        return out, _inbound(notice, "reply", now, "", alert.kiosk_id, alert.alert_id)


def _inbound(  # noqa: PLR0917 - a verdict is one line where it is given
    notice: SmsArrived, verdict: Verdict, now: Now, reason: str, kiosk_id: str = "", alert_id: str = ""
) -> Inbound:
    return Inbound(
        message_id=notice.message_id,
        door=notice.door,
        at_ms=now.utc_ms,
        sender=sms_words.mask(notice.number),
        verdict=verdict,
        reason=reason[:REASON_MAX],
        kiosk_id=kiosk_id,
        alert_id=alert_id,
    )


def _told(inbound: Inbound) -> Tell:
    who = (("door", inbound.door), ("from", inbound.sender), ("kiosk", inbound.kiosk_id))
    detail = (*who, ("alert", inbound.alert_id), ("reason", inbound.reason))
    return Tell(f"sms_{inbound.verdict}", detail, "error" if inbound.verdict == "refused" else "info")
