"""The HTTPS route of one incident: when to post it to the centre's doors, when to ask for answers. Pure.

Theory of operation: HTTPS begins at once where MQTT is known to be down (or nobody listens), else after
`https_after_s` without the centre's receipt. It posts, ever slower, until the centre has told by any link
that it knows all we know. From then on it asks for the later stages for as long as MQTT has not proven, since
it last rose and was last published to, that it brings them, or it brought what cannot be read. An error of a
door is never an answer.
"""

from dataclasses import dataclass, replace

from kiosk.bodies import Reply, Route
from kiosk.config import Timing
from kiosk.delivery import BACKOFF, Links
from kiosk.incident import Incident, Over, rank

NEXT_DOOR_S = 0.25  # between two doors of the first round: another one may be well
POST_RETRY_S = 2.0
POST_RETRY_MAX_S = 30.0
POLL_REST_S = 2.0  # a door that answers at once, and with nothing new, must not be asked in a loop
TRIES_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRoute:
    """`told_*` is what the centre has confirmed to know by any link; `since_s` since when it is owed more.

    `by_mqtt` is True once an answer came by MQTT since that link last changed or was published to; `garbled`
    once one came that could not be read, until a door has answered. Where a door `itself` must answer,
    whatever other links brought, `answered` tells that one has.
    """

    again_s: float = 0.0
    tries: int = 0
    attempt: int = 0
    since_s: float = 0.0
    told_presses: int = 0
    told_rank: int = 0
    by_mqtt: bool = False
    poll_s: float = 0.0
    poll_tries: int = 0
    garbled: bool = False
    itself: bool = False
    answered: bool = False

    def owes(self, incident: Incident) -> bool:
        """Tell whether we know something that the centre has not confirmed to know."""
        unproven = self.itself and not self.answered
        return unproven or self.told_presses < incident.presses or self.told_rank < rank(incident.stage)


def due_s(route: PostRoute, incident: Incident, links: Links, timing: Timing) -> float | None:
    """Give when to post (monotonic s; 0 = at once), or None while there is no reason."""
    if isinstance(incident.state, Over) or not route.owes(incident):
        return None
    if route.itself or links.mqtt == "down" or not links.listened:
        return route.again_s
    return max(route.again_s, max(incident.pressed_s, route.since_s) + timing.https_after_s)


def began(route: PostRoute, now_s: float, doors: int) -> PostRoute:
    """Count one post and set the next: every one of the `doors` soon, then ever slower."""
    rounds = route.tries // doors
    soon = rounds == 0 and route.tries < doors - 1
    wait_s = NEXT_DOOR_S if soon else min(POST_RETRY_S * BACKOFF**rounds, POST_RETRY_MAX_S)
    tries = min(route.tries + 1, TRIES_MAX * doors)
    return replace(route, again_s=now_s + wait_s, tries=tries, attempt=route.attempt + 1)


def changed(route: PostRoute, before: Incident, now_s: float) -> PostRoute:
    """Note that the kiosk knows more than `before`, and cut the rest short.

    What was owed already is not put off: somebody who presses again and again must not hold HTTPS up.
    """
    since_s = route.since_s if route.owes(before) else now_s
    return replace(route, again_s=0.0, tries=0, since_s=since_s)


def mqtt_moved(route: PostRoute) -> PostRoute:
    """Note that MQTT rose or fell: what it proved before counts no more."""
    return replace(route, by_mqtt=False, poll_s=0.0, poll_tries=0)


def published(route: PostRoute, now_s: float, timing: Timing) -> PostRoute:
    """Note a publish by MQTT: unless an answer comes that way in time, the doors are asked again."""
    if not route.by_mqtt:
        return route
    return replace(route, by_mqtt=False, poll_s=now_s + timing.https_after_s, poll_tries=0)


def garbled(route: PostRoute) -> PostRoute:
    """Note an answer by MQTT that cannot be read: a door is asked, whatever else that link brings."""
    return replace(route, garbled=True)


def told(route: PostRoute, reply: Reply, incident: Incident, link: Route) -> PostRoute:
    """Note what the centre's answer shows that it knows; it cannot know of presses yet to come."""
    return replace(
        route,
        told_presses=max(route.told_presses, min(reply.presses, incident.presses)),
        told_rank=max(route.told_rank, rank(reply.stage)),
        by_mqtt=route.by_mqtt or link == "mqtt",
        answered=route.answered or link == "https",
    )


def poll_due_s(route: PostRoute, incident: Incident, links: Links) -> float | None:
    """Give when to ask for later stages, or None while the centre has nothing to tell or MQTT tells it.

    A drill wants no person's answer, so it never asks.
    """
    if isinstance(incident.state, Over) or incident.kind == "drill" or not route.told_rank:
        return None
    proven = links.mqtt == "up" and route.by_mqtt and not route.garbled
    return None if proven else route.poll_s


def polled(route: PostRoute, began_s: float) -> PostRoute:
    """Note that a door answered the question asked at `began_s`: it may be asked again."""
    return replace(route, poll_s=began_s + POLL_REST_S, poll_tries=0, garbled=False)


def poll_failed(route: PostRoute, now_s: float) -> PostRoute:
    """Ask again, ever slower."""
    wait_s = min(POST_RETRY_S * BACKOFF**route.poll_tries, POST_RETRY_MAX_S)
    return replace(route, poll_s=now_s + wait_s, poll_tries=min(route.poll_tries + 1, TRIES_MAX))
