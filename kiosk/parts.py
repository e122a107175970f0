"""The parts of the core, built once and in order, and what they tell of themselves together. Pure."""

from kiosk.alarm import Alarm
from kiosk.bodies import Heartbeat
from kiosk.cases import Case
from kiosk.contacts import Contacts
from kiosk.delivery import LinkState
from kiosk.health import serious
from kiosk.kept import record
from kiosk.memory import Memory
from kiosk.messages import IncidentRecord, Now, Pattern, Snapshot
from kiosk.orders import Orders
from kiosk.reports import Reports
from kiosk.site import Site
from kiosk.upkeep import Upkeep


class Parts:
    """Everything that the core is made of."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.reports = Reports(site)
        self.alarm = Alarm(site, self.reports)
        self.contacts = Contacts(site, self.alarm, self.reports)
        self.upkeep = Upkeep(self.reports)
        self.orders = Orders(self.alarm, self.upkeep, self.reports)
        self.memory = Memory()
        self._recorded: tuple[tuple[Case, ...], tuple[IncidentRecord, ...]] = ((), ())

    @property
    def alerting(self) -> bool:
        """Tell whether anything but a drill is open."""
        return any(case.incident.kind != "drill" for case in self.alarm.cases.open)

    @property
    def lamp(self) -> Pattern:
        """Name what the staff's lamp should show."""
        if self.alarm.cases.newest("press"):
            return "alerting"
        if serious(self.reports.health):
            return "fault"
        return "armed" if self.site.config.lamp.armed else "off"

    def heartbeat(self, now: Now) -> Heartbeat:
        """Compose the heartbeat of this moment."""
        open_alerts = len(self.alarm.cases.open)
        return self.upkeep.mqtt.heartbeat(now, alerting=self.alerting, open_alerts=open_alerts)

    def snapshot(self, now: Now) -> Snapshot:
        """Give all that must outlive a power cut."""
        health = self.reports.health
        return Snapshot(
            boot=self.memory.boot,
            seq=max(0, self.alarm.seq),
            saved_utc_ms=now.utc_ms,
            last_press_utc_ms=health.last_press_utc_ms,
            last_test_utc_ms=health.last_test_utc_ms,
            incidents=self._records(),
        )

    def _records(self) -> tuple[IncidentRecord, ...]:
        """Give the open incidents as the journal keeps them, written anew only where they are others."""
        if self._recorded[0] is not self.alarm.cases.open:
            still_open = self.alarm.cases.open
            self._recorded = still_open, tuple(record(case.incident) for case in still_open)
        return self._recorded[1]

    def status(self, now: Now) -> dict[str, object]:
        """Describe everything for `kiosk status`, as JSON-able values without a number or a secret."""
        beat = self.heartbeat(now)
        return {
            "kiosk": self.site.config.kiosk.id,
            "state": beat.state,
            "lamp": self.lamp,
            "faults": list(self.reports.health.faults),
            "reasons": self.reports.reasons(),
            "mqtt": self.alarm.links.mqtt,
            "https": _word(self.reports.health.https_up),
            "sms": self.alarm.modem.link,
            "listened": self.alarm.links.listened,
            "heartbeat": beat,
            "inputs": self.contacts.raw(),
            "levels": self.contacts.levels(),
            "modem": self.reports.health.modem,
            "incidents": list(self._records()),
            "unsent_events": len(self.reports.health.outbox),
        }


def _word(up: bool | None) -> LinkState:
    return "unknown" if up is None else "up" if up else "down"
