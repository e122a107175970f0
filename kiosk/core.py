"""The one door: every event in, every effect out. Pure: time and chance are arguments.

`handle` is total: no event raises, an event that concerns nothing changes nothing. Each turn ends with
what is due; alerts and texts come first among its effects, and it has one word to say at most.
"""

from dataclasses import replace

from kiosk.bodies import Alert
from kiosk.effects import Effect, Light, OpenMqtt, PostAlert, Publish, SendSms
from kiosk.intake import Intake
from kiosk.messages import KioskEvent, Now, Pattern, Snapshot, Woken
from kiosk.parts import Parts
from kiosk.site import Site
from kiosk.speech import newest_word
from kiosk.wire import bounded_utc_ms


class Core:
    """The kiosk's mind: give it events in order, do what it says."""

    def __init__(self, site: Site) -> None:
        self.parts = Parts(site)
        self._intake = Intake(self.parts)
        self._shown: Pattern | None = None

    def start(self, now: Now) -> list[Effect]:
        """Begin: call once, before the first event."""
        now = _bounded(now)
        self.parts.memory.start(now)
        self.parts.contacts.start(now)
        self.parts.orders.start(now)
        return self._close_turn(self.parts.upkeep.start(now), now)

    def handle(self, event: KioskEvent, now: Now) -> list[Effect]:
        """Take in one event; give every effect that follows, alerts first."""
        now = _bounded(now)
        self.parts.contacts.begin_turn(now)
        out = self._intake.take(event, now)
        out += self.parts.contacts.advance(now, all_seen=isinstance(event, Woken))
        return self._close_turn(out, now)

    def next_wake_s(self) -> float:
        """Give the monotonic time of the next turn that is needed even if nothing happens."""
        parts = self.parts
        times = [parts.upkeep.wake_s(), parts.contacts.wake_s()]
        wakes = (parts.alarm.wake_s(), parts.orders.wake_s(), parts.memory.wake_s())
        return min(times + [at_s for at_s in wakes if at_s is not None])

    def snapshot(self, now: Now) -> Snapshot:
        """Give all that must outlive a power cut."""
        return self.parts.snapshot(_bounded(now))

    def status(self, now: Now) -> dict[str, object]:
        """Describe everything for `kiosk status`, as JSON-able values without a number or a secret."""
        return self.parts.status(_bounded(now))

    def _close_turn(self, out: list[Effect], now: Now) -> list[Effect]:
        parts = self.parts
        out += parts.memory.run(now)
        parts.upkeep.mqtt.boot = parts.memory.boot
        levels = parts.contacts.button_levels()
        if levels != parts.reports.health.contacts:
            parts.reports.health = replace(parts.reports.health, contacts=levels)
        out += parts.orders.run(now, pressing=parts.contacts.pressing(now))
        out += parts.alarm.run(now)
        out += parts.contacts.run(now)
        out += parts.upkeep.run(
            now,
            alerting=parts.alerting,
            open_alerts=len(parts.alarm.cases.open),
            modem_free=parts.alarm.modem.is_free,
        )
        out += self._light()
        synced = parts.reports.health.clock == "synced"
        out += parts.memory.save(parts.snapshot(now), now, synced=synced)
        return sorted(newest_word(out), key=_order)

    def _light(self) -> list[Effect]:
        if self.parts.lamp == self._shown:
            return []
        self._shown = self.parts.lamp
        return [Light(self._shown)]


def _bounded(now: Now) -> Now:
    """Keep a wall clock that is out of its mind from becoming an exception."""
    utc_ms = bounded_utc_ms(now.utc_ms)
    return now if utc_ms == now.utc_ms else replace(now, utc_ms=utc_ms)


def _order(effect: Effect) -> int:
    """Alerts and texts first, then what opens links, then the rest in their own order."""
    match effect:
        case Publish(_, Alert()) | PostAlert() | SendSms():
            return 0
        case OpenMqtt():
            return 1
        case _:
            return 2
