"""The MQTT route of one incident: when to publish it again, until the centre knows all we know. Pure.

Theory of operation: each route is its own small machine beside the incident, never multiplied with it.
MQTT is tried at once and again, ever slower, until the centre has told that it knows all we know; then it
is only asked, seldom, what became of the alert: a broker may acknowledge an answer and lose it. What a
broker acknowledges counts for nothing; `unheard` notes that it said nobody listens.
"""

from dataclasses import dataclass, replace
from typing import Literal

from kiosk.bodies import Reply
from kiosk.config import Timing
from kiosk.incident import Incident, Over, rank

MQTT_RETRY_MAX_S = 60.0
BACKOFF = 1.6
ASK_S = 60.0  # while people are called: nobody should be, once somebody took it
ASK_TAKEN_S = 300.0  # of later stages

LinkState = Literal["unknown", "up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What is known of the links now; `listened` is False when nobody is on duty behind the broker."""

    mqtt: LinkState = "unknown"
    listened: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttRoute:
    """`told_*` is what the centre has confirmed; `again_s` when to tell more, `sent_s` the last publish."""

    again_s: float = 0.0
    sent_s: float = 0.0
    tries: int = 0
    attempt: int = 0
    told_presses: int = 0
    told_rank: int = 0
    unheard: bool = False

    def owes(self, incident: Incident) -> bool:
        """Tell whether we know something that the centre has not confirmed to know."""
        return self.told_presses < incident.presses or self.told_rank < rank(incident.stage)


def mqtt_due_s(route: MqttRoute, incident: Incident, links: Links) -> float | None:
    """Give when to publish (monotonic s), or None while there is no reason or no link."""
    if links.mqtt != "up" or isinstance(incident.state, Over):
        return None
    if route.owes(incident):
        return route.again_s
    if incident.kind == "drill":
        return None
    called = incident.kind == "press" and incident.escalating
    return route.sent_s + (ASK_S if called else ASK_TAKEN_S)


def mqtt_began(route: MqttRoute, now_s: float, timing: Timing) -> MqttRoute:
    """Count one publish and set the next."""
    wait_s = min(timing.mqtt_retry_s * BACKOFF**route.tries, MQTT_RETRY_MAX_S)
    tries = min(route.tries + 1, 16)
    return replace(route, again_s=now_s + wait_s, sent_s=now_s, tries=tries, attempt=route.attempt + 1)


def mqtt_asked(route: MqttRoute, now_s: float) -> MqttRoute:
    """Note a publish that tells nothing new: the answer to it does."""
    return replace(route, sent_s=now_s)


def mqtt_rose(route: MqttRoute) -> MqttRoute:
    """Publish at once on a new connection, even what was confirmed: the answer brings missed stages."""
    return replace(route, again_s=0.0, tries=0, told_presses=0, told_rank=0)


def mqtt_changed(route: MqttRoute) -> MqttRoute:
    """Publish at once: the kiosk knows something new."""
    return replace(route, again_s=0.0, tries=0)


def mqtt_told(route: MqttRoute, reply: Reply, incident: Incident) -> MqttRoute:
    """Note what the centre's answer shows that it knows; it cannot know of presses yet to come."""
    return replace(
        route,
        told_presses=max(route.told_presses, min(reply.presses, incident.presses)),
        told_rank=max(route.told_rank, rank(reply.stage)),
    )
