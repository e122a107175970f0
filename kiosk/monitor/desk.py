"""What people at the terminal may ask of the centre, and how it is answered.

Owns the questions' shapes and the people who still wait for an answer. Never decides anything.
"""

from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any, Literal, assert_never

import msgspec
from msgspec import Meta, Struct

from kiosk import wire
from kiosk.bodies import Alert, CommandName, Digest, Id, KioskId, Token, Version
from kiosk.monitor import cases, views
from kiosk.monitor.effects import Answer
from kiosk.monitor.fleet import Fleet
from kiosk.monitor.messages import Acted, AlertArrived, CommandAsked, DutySet, Notice, SmsArrived
from kiosk.monitor.records import Outcome, SmsDoor

PAGE = 50  # a page of alerts or kiosks stays far below the socket's 256 kB of unsent answer
WAITING_MAX = 256

Reply = Callable[[dict[str, Any]], None]
Who = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Text = Annotated[str, Meta(max_length=64)]
Note = Annotated[str, Meta(max_length=280)]


class Alerts(Struct, frozen=True, tag_field="ask", tag="alerts"):
    """The alerts, from the `start`th on."""

    start: Annotated[int, Meta(ge=0)] = 0
    closed: bool = False


class Kiosks(Struct, frozen=True, tag_field="ask", tag="kiosks"):
    """The kiosks whose id follows `after`."""

    after: Text = ""


class Centre(Struct, frozen=True, tag_field="ask", tag="status"):
    """How the centre itself is."""


class Accept(Struct, frozen=True, tag_field="ask", tag="accept"):
    """Somebody takes an alert."""

    alert: Text
    by: Who


class Advance(Struct, frozen=True, tag_field="ask", tag="advance"):
    """Help is on the way or there."""

    alert: Text
    stage: Literal["en_route", "on_scene"]
    by: Who


class Close(Struct, frozen=True, tag_field="ask", tag="close"):
    """An alert is done with; the note stays at the centre."""

    alert: Text
    by: Who
    note: Note = ""
    outcome: Outcome = ""
    referral: Text = ""


class Order(Struct, frozen=True, tag_field="ask", tag="command"):
    """A kiosk shall do something."""

    kiosk: Text
    name: CommandName
    by: Who
    duty: bool = False
    release: Digest | None = None
    version: Version | None = None
    command_id: Id | None = None


class Duty(Struct, frozen=True, tag_field="ask", tag="duty"):
    """Somebody is on duty, or nobody."""

    on: bool


class Deliver(Struct, frozen=True, tag_field="ask", tag="alert"):
    """A kiosk delivers an alert by HTTPS: `body` is the JSON text, `peer` the name in its certificate."""

    body: Annotated[str, Meta(max_length=8192)]
    peer: Text


class DeliverSms(Struct, frozen=True, tag_field="ask", tag="sms"):
    """An SMS came in by another process than the centre's own."""

    message_id: Annotated[str, Meta(min_length=1, max_length=128)]
    door: SmsDoor
    number: Annotated[str, Meta(max_length=64)]
    text: Annotated[str, Meta(max_length=1000)]


class Reload(Struct, frozen=True, tag_field="ask", tag="reload"):
    """People, rota or registry changed in the database: read them again now."""


Question = Alerts | Kiosks | Centre | Accept | Advance | Close | Order | Duty | Deliver | DeliverSms | Reload
Asking = Accept | Advance | Close | Order | Duty | DeliverSms


class Desk:
    """Answers questions from the fleet, or turns them into notices and answers later."""

    def __init__(
        self,
        fleet: Fleet,
        reload: Callable[[], None] = lambda: None,
        counted: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._fleet = fleet
        self._reload = reload
        self._counted = counted
        self._waiting: dict[Token, Reply] = {}
        self._asked = 0

    def ask(self, request: dict[str, Any], reply: Reply) -> Notice | None:
        """Answer at once, or give the notice whose Answer will be passed to `answer`."""
        try:
            question = msgspec.convert(request, Question)
        except msgspec.ValidationError as error:
            reply({"error": str(error)[:200]})
            return None
        match question:
            case Alerts():
                reply(self._alerts(question))
            case Kiosks():
                reply(self._kiosks(question))
            case Centre():
                reply(self._centre())
            case Reload():
                self._reload()
                reply({"ok": True})
            case Deliver():
                return self._delivered(question, reply)
            case Accept() | Advance() | Close() | Order() | Duty() | DeliverSms():
                return self._notice(question, self._token(reply))
            case _:
                assert_never(question)
        return None

    def answer(self, answer: Answer) -> None:
        """Pass the fleet's answer on to whoever asked."""
        reply = self._waiting.pop(answer.token, None)
        if reply is not None:
            said: dict[str, Any] = {"ok": answer.ok, "text": answer.text, "alert_id": answer.alert_id}
            reply(said | {"presses": answer.presses} if answer.presses else said)

    def _token(self, reply: Reply) -> Token:
        self._asked += 1
        token = Token(f"desk-{self._asked}")
        self._waiting[token] = reply
        if len(self._waiting) > WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]
        return token

    def _delivered(self, question: Deliver, reply: Reply) -> Notice | None:
        """Take an alert in by HTTPS; its sender may speak for itself only."""
        alert = wire.parse(Alert, question.body.encode())
        if isinstance(alert, wire.Rejected):
            reply({"ok": False, "text": alert.reason, "alert_id": ""})
            return None
        if alert.kiosk_id != question.peer:
            text = "kiosk_id is not the name in the certificate"
            reply({"ok": False, "text": text, "alert_id": alert.alert_id})
            return None
        return AlertArrived(alert=alert, door="https", token=self._token(reply))

    def _notice(self, question: Asking, token: Token) -> Notice:
        match question:
            case Accept():
                return Acted(token=token, action="accept", alert=question.alert, by=question.by)
            case Advance():
                return Acted(token=token, action=question.stage, alert=question.alert, by=question.by)
            case Close():
                by, note = question.by, question.note
                return Acted(
                    token=token,
                    action="close",
                    alert=question.alert,
                    by=by,
                    note=note,
                    outcome=question.outcome,
                    referral=question.referral,
                )
            case Order():
                return CommandAsked(
                    token=token,
                    kiosk_id=KioskId(question.kiosk),
                    name=question.name,
                    by=question.by,
                    duty=question.duty,
                    release=question.release,
                    version=question.version,
                    command_id=question.command_id,
                )
            case Duty():
                return DutySet(token, question.on)
            case DeliverSms():
                return SmsArrived(
                    message_id=question.message_id,
                    door=question.door,
                    number=question.number,
                    text=question.text,
                    token=token,
                )
            case _:
                assert_never(question)

    def _alerts(self, question: Alerts) -> dict[str, Any]:
        ordered = [
            case
            for case in views.order(self._fleet.caseload.all())
            if question.closed or not cases.is_closed(case)
        ]
        page = ordered[question.start : question.start + PAGE]
        more = question.start + len(page) < len(ordered)
        return {"alerts": [views.alert(case) for case in page], "more": more}

    def _kiosks(self, question: Kiosks) -> dict[str, Any]:
        roster = self._fleet.roster
        names = sorted(known.kiosk_id for known in roster.all() if known.kiosk_id > question.after)
        shown = [known for name in islice(names, PAGE) if (known := roster.get(name))]
        listed = [views.kiosk(known, roster.events(known.kiosk_id)) for known in shown]
        return {"kiosks": listed, "more": len(names) > PAGE}

    def _centre(self) -> dict[str, Any]:
        fleet = self._fleet
        return {
            "link": fleet.link_up,
            "on_duty": fleet.on_duty,
            "store_fault": fleet.store_fault,
            "kiosks": len(fleet.roster.all()),
            "alerts": len(fleet.caseload.all()),
            "refused": fleet.roster.refused,
            "figures": self._counted(),
        }
