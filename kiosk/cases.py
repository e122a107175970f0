"""The open incidents, each with its routes and its words, oldest first. Pure.

Owns finding, replacing and bounding them. Never decides anything about one.
"""

from dataclasses import dataclass, field, replace

from kiosk import incident
from kiosk.bodies import Kind
from kiosk.delivery import MqttRoute
from kiosk.effects import Tell
from kiosk.guidance import Guidance
from kiosk.incident import Incident, Over
from kiosk.texting import SmsRoute

CASES_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One open incident with its routes and its words."""

    incident: Incident
    mqtt: MqttRoute = field(default_factory=MqttRoute)
    sms: SmsRoute = field(default_factory=SmsRoute)
    guidance: Guidance = field(default_factory=Guidance)


class Cases:
    """At most `CASES_MAX` open cases; only another press can ever push a press out."""

    def __init__(self) -> None:
        self.open: tuple[Case, ...] = ()

    def find(self, alert_id: str) -> Case | None:
        """Find an open case."""
        return next((case for case in self.open if case.incident.alert_id == alert_id), None)

    def newest(self, kind: Kind) -> Case | None:
        """Give the newest open case of a kind: the one that somebody at the button means."""
        return next((case for case in reversed(self.open) if case.incident.kind == kind), None)

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

    def drop(self, alert_id: str) -> None:
        """Let go of a case."""
        self.open = tuple(case for case in self.open if case.incident.alert_id != alert_id)

    def drop_ended(self) -> None:
        """Let go of what is over; a drill stays until it is judged."""
        self.open = tuple(
            case
            for case in self.open
            if case.incident.kind == "drill" or not isinstance(case.incident.state, Over)
        )


def tell(what: str, of: Incident, **detail: str | int | bool) -> Tell:
    """Tell people who follow what happened to an incident."""
    return Tell(what, (("alert_id", str(of.alert_id)), ("kind", of.kind), *detail.items()))
