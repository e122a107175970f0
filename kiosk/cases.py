"""The open incidents, each with its routes and its words, oldest first. Pure.

Owns finding, replacing and bounding them. Never decides anything about one.
"""

from dataclasses import dataclass, field, replace

from kiosk import delivery, incident, kept, posting, texting
from kiosk.bodies import AlertId, Clock, Kind, Reply, Route
from kiosk.delivery import Links, MqttRoute
from kiosk.effects import Tell
from kiosk.guidance import Guidance
from kiosk.incident import Incident, Over, PressedAgain
from kiosk.messages import LastPress, Now
from kiosk.posting import PostRoute
from kiosk.sms_route import SmsRoute

CASES_MAX = 8
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of a ULID
ENDED_MAX = 16
LATE_ANSWER_S = 900.0  # so late a text may come that was meant for an incident which is over by now


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One open incident with its routes and its words."""

    incident: Incident
    mqtt: MqttRoute = field(default_factory=MqttRoute)
    sms: SmsRoute = field(default_factory=SmsRoute)
    post: PostRoute = field(default_factory=PostRoute)
    guidance: Guidance = field(default_factory=Guidance)


class Cases:
    """At most `CASES_MAX` open cases; only another press can ever push a press out."""

    def __init__(self) -> None:
        self.open: tuple[Case, ...] = ()
        self._ended: tuple[tuple[str, float], ...] = ()

    def find(self, alert_id: str) -> Case | None:
        """Find an open case."""
        return next((case for case in self.open if case.incident.alert_id == alert_id), None)

    def name(self, fresh_id: str) -> AlertId:
        """Give a name that no open case has: two may begin in one turn, at two inputs or beside a drill."""
        while self.find(fresh_id) is not None:
            last = (DIGITS.find(fresh_id[-1]) + 1) % len(DIGITS)
            fresh_id = fresh_id[:-1] + DIGITS[last]
        return AlertId(fresh_id)

    def newest(self, kind: Kind) -> Case | None:
        """Give the newest open case of a kind: the one that somebody at the button means."""
        for case in reversed(self.open):
            if case.incident.kind == kind:
                return case
        return None

    def of_code(self, code: str) -> Case | None:
        """Find what a person's code is about: nothing where two have it, and never tamper."""
        found = [case for case in self.open if case.incident.code == code and case.incident.kind != "tamper"]
        return found[0] if len(found) == 1 else None

    def is_free(self, code: str) -> bool:
        """Tell whether no answer with this code can be meant for an incident that is open or ended lately."""
        taken = {case.incident.code for case in self.open} | {ended for ended, _ in self._ended}
        return code not in taken

    def add(self, case: Case) -> None:
        """Take in a new case."""
        cases = [*self.open, case]
        if len(cases) > CASES_MAX:
            cases.remove(next((old for old in cases if old.incident.kind != "press"), cases[0]))
        self.open = tuple(cases)

    def put(self, case: Case) -> None:
        """Replace a case by its newer self."""
        alert_id = case.incident.alert_id
        self.open = tuple(case if old.incident.alert_id == alert_id else old for old in self.open)

    def attempted(self, alert_id: str) -> None:
        """Note that a route began an attempt."""
        case = self.find(alert_id)
        if case:
            self.put(replace(case, incident=incident.step(case.incident, incident.Attempted())))

    def drop(self, alert_id: str, now_s: float) -> None:
        """Let go of a case."""
        self._let_go([case for case in self.open if case.incident.alert_id == alert_id], now_s)

    def drop_ended(self, now_s: float) -> None:
        """Let go of what is over; a drill stays until it is judged."""
        self._let_go([case for case in self.open if case.incident.kind != "drill" and _is_over(case)], now_s)

    def _let_go(self, gone: list[Case], now_s: float) -> None:
        lately = [(code, at_s) for code, at_s in self._ended if now_s < at_s + LATE_ANSWER_S]
        self._ended = (*lately, *((case.incident.code, now_s) for case in gone))[-ENDED_MAX:]
        if gone:
            self.open = tuple(case for case in self.open if case not in gone)

    def ended_lately(self, code: str, now_s: float) -> bool:
        """Tell whether an answer with this code may be meant for an incident that is over."""
        return any(code == ended and now_s < at_s + LATE_ANSWER_S for ended, at_s in self._ended)


def _is_over(case: Case) -> bool:
    return isinstance(case.incident.state, Over)


def links_of(case: Case, links: Links) -> Links:
    """Give the links as this case sees them: a broker that said "nobody listens" to it is as good as none."""
    return replace(links, listened=False) if case.mqtt.unheard else links


def changed(case: Case, now_s: float) -> Case:
    """Tell the centre at once: the kiosk knows something new."""
    post = posting.changed(case.post, case.incident, now_s)
    return replace(case, mqtt=delivery.mqtt_changed(case.mqtt), post=post)


def answered(case: Case, reply: Reply, link: Route, now: Now, clock: Clock) -> Case:
    """Note what an answer of the centre's shows that it knows."""
    of, known = case.incident, max(1, case.sms.told)  # a text that is answered told of as many presses
    if link != "sms":
        heard = LastPress(button=of.last_button, utc_ms=now.utc_ms, clock=clock)
        of, known = kept.recounted(of, reply.presses, PressedAgain(now.s, heard)), max(1, reply.presses)
    of = incident.step(of, incident.Known(known, live=link != "sms"))
    # MQTT is retried until it has brought an answer itself, whatever HTTPS brought meanwhile.
    mqtt = case.mqtt if link == "https" else delivery.mqtt_told(case.mqtt, reply, of)
    post = posting.told(case.post, reply, of, link)
    heard_by = tuple(dict.fromkeys((*of.heard_by, link)))
    return replace(case, mqtt=mqtt, post=post, incident=replace(of, heard_by=heard_by))


def pressed_again(case: Case, press: PressedAgain) -> Case:
    """Count a further press and tell of it; one that comes long after a person's word begins SMS again."""
    again = incident.step(case.incident, press)
    anew = again.anew_s is not None and case.incident.anew_s is None
    sms = texting.anew(case.sms) if anew else case.sms
    return replace(changed(case, press.s), incident=again, sms=sms)


def tell(what: str, of: Incident, **detail: str | int | bool) -> Tell:
    """Tell people who follow what happened to an incident."""
    return Tell(what, (("alert_id", str(of.alert_id)), ("kind", of.kind), *detail.items()))
