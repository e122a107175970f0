"""Whom to write to about one incident by SMS, and when. Pure.

Theory of operation: SMS begins at once where MQTT is known to be down (or nobody listens), else after
`sms_after_s` without the centre's receipt; then every `tier_every_s` the next tier of people, round and
round, until a person accepts. One job a number, so the queue is bounded by the list.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from kiosk.config import Duty, Timing
from kiosk.delivery import Links
from kiosk.incident import Incident, Taken, Unheard
from kiosk.sms_route import Form, Job, SmsRoute, Waiting, queue

SILENT_EVERY_S = 300.0  # the centre is written to so often that is silent about what a person took


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Whom SMS can reach, and the times."""

    gateways: tuple[str, ...]
    duty: Duty
    timing: Timing


def begin_s(route: SmsRoute, incident: Incident, links: Links, ladder: Ladder) -> float | None:
    """Give when the first texts are due (0 = at once), or None when they are not owed."""
    if route.begun:
        return None
    if incident.kind == "drill":
        return 0.0
    untold = incident.kind == "press" and isinstance(incident.state, Taken) and incident.untold
    if not isinstance(incident.state, Unheard) and not untold:
        return None
    if incident.anew_s is None and (links.mqtt == "down" or not links.listened):
        return 0.0
    return incident.calls_s + ladder.timing.sms_after_s


def tier_due_s(route: SmsRoute, incident: Incident, ladder: Ladder) -> float | None:
    """Give when the next tier is due: `tier_every_s` after the press, then again and again.

    Where no people are listed, or one of them took it, the gateways are written to again as long as the
    centre is silent.
    """
    if incident.kind != "press" or not _has_round(route, incident, ladder):
        return None
    return max(route.tier_s, incident.calls_s + ladder.timing.tier_every_s)


def _has_round(route: SmsRoute, incident: Incident, ladder: Ladder) -> bool:
    if incident.escalating and ladder.duty.tiers:
        return True
    return bool(ladder.gateways) and incident.untold and (incident.escalating or route.begun)


def begin(route: SmsRoute, incident: Incident, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the centre's gateways and, where people may be called, the first tier."""
    route = gateways(replace(route, begun=True), ladder, now_s)
    called = incident.escalating if incident.kind == "press" else incident.kind == "drill" and incident.duty
    if called:
        route = _tier(route, ladder, now_s)
    late = now_s >= incident.calls_s + ladder.timing.tier_every_s  # after a restart
    return replace(route, tier_s=now_s + ladder.timing.tier_every_s if late else 0.0)


def next_tier(route: SmsRoute, incident: Incident, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the next tier; the gateways again at each new round while the centre does not know all."""
    if not incident.escalating:
        return replace(gateways(route, ladder, now_s), tier_s=now_s + SILENT_EVERY_S)
    new_round = route.next_tier % max(1, len(ladder.duty.tiers)) == 0
    if new_round and incident.untold:
        route = gateways(route, ladder, now_s)
    return replace(_tier(route, ladder, now_s), begun=True, tier_s=now_s + ladder.timing.tier_every_s)


def gateways(route: SmsRoute, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the centre's gateways."""
    for place, number in enumerate(ladder.gateways, 1):
        route = queue(route, Job(number=number, form="gateway", mark=f"gateway{place}", state=Waiting(now_s)))
    return route


def _tier(route: SmsRoute, ladder: Ladder, now_s: float) -> SmsRoute:
    tiers = ladder.duty.tiers
    if not tiers:
        return route
    place = route.next_tier % len(tiers)
    for order, officer in enumerate(tiers[place].people, 1):
        mark = f"duty{place + 1}.{order}"
        route = queue(
            route, Job(number=officer.number, form=officer.language, mark=mark, state=Waiting(now_s))
        )
    return replace(route, next_tier=route.next_tier + 1)


def anew(route: SmsRoute) -> SmsRoute:
    """Begin again, for a press long after a person's word: what waited was about the presses before."""
    jobs = tuple(job for job in route.jobs if not isinstance(job.state, Waiting))
    return replace(route, begun=False, next_tier=0, tier_s=0.0, jobs=jobs)


def wanted(incident: Incident, form: Form) -> bool:
    """Tell whether a text still serves: to people until one took it, to the centre until it knows.

    A drill tests the route all the same. About tamper only the centre is written to, until it has the alert.
    """
    match incident.kind:
        case "drill":
            return True
        case "tamper":
            return isinstance(incident.state, Unheard)
        case "press":
            return incident.untold if form == "gateway" else incident.escalating
        case _:
            assert_never(incident.kind)


def ready(route: SmsRoute, incident: Incident, now_s: float) -> Job | None:
    """Give the text to hand to the modem now.

    Who has waited longest for a turn comes first, so that a number that always fails holds up nobody, and
    that no round of others holds up what failed; then the gateways.
    """
    waiting = [
        job
        for job in route.jobs
        if isinstance(job.state, Waiting) and job.state.at_s <= now_s and wanted(incident, job.form)
    ]
    return min(waiting, key=urgency, default=None)


def urgency(job: Job) -> tuple[float, bool]:
    """Order waiting texts, the most urgent first."""
    return job.handed_s, job.form != "gateway"


def due_s(route: SmsRoute, incident: Incident) -> float | None:
    """Give when the next waiting text is due."""
    times = [
        job.state.at_s for job in route.jobs if isinstance(job.state, Waiting) and wanted(incident, job.form)
    ]
    return min(times, default=None)
