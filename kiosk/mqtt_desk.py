"""What is published of the open incidents, by the one link to the broker. Pure.

Owns the alert as it goes out there and its token. When to publish is `delivery`'s.
"""

from dataclasses import replace

from kiosk import delivery, posting, transmission
from kiosk.bodies import Token
from kiosk.cases import Case, Cases, tell
from kiosk.config import Timing
from kiosk.delivery import Links
from kiosk.effects import Effect, Publish
from kiosk.messages import Now
from kiosk.site import Site


class MqttDesk:
    """Publishes each alert until the centre knows all that the kiosk knows."""

    def __init__(self, site: Site, cases: Cases, timing: Timing) -> None:
        self._site = site
        self._cases = cases
        self._timing = timing

    def run(self, now: Now, links: Links) -> list[Effect]:
        """Publish what is due."""
        return [effect for case in self._cases.open for effect in self._publish(case, now, links)]

    def _publish(self, case: Case, now: Now, links: Links) -> list[Effect]:
        due_s = delivery.mqtt_due_s(case.mqtt, case.incident, links)
        if due_s is None or now.s < due_s:
            return []
        if not case.mqtt.owes(case.incident):
            route, told = delivery.mqtt_asked(case.mqtt, now.s), []
        else:
            route = delivery.mqtt_began(case.mqtt, now.s, self._timing)
            told = [tell("sent", case.incident, path="mqtt", attempt=route.attempt)]
        body = transmission.alert(self._site, case.incident, now, attempt=route.attempt, route="mqtt")
        token = Token(f"alert.{case.incident.alert_id}.{route.attempt}")
        post = posting.published(case.post, now.s, self._timing)
        self._cases.put(replace(case, mqtt=route, post=post))
        self._cases.attempted(case.incident.alert_id)
        return [Publish(token, body), *told]

    def wake_s(self, links: Links) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        times = [delivery.mqtt_due_s(case.mqtt, case.incident, links) for case in self._cases.open]
        return min([at_s for at_s in times if at_s is not None], default=None)
