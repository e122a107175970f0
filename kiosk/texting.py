"""The SMS route of one incident: whom to write to, when, and what became of each text. Pure.

Theory of operation: SMS begins at once where MQTT is known to be down (or nobody listens), else after
`sms_after_s` without the centre's receipt; then every `tier_every_s` the next tier of people, round and
round, until a person accepts. One job a number, so the queue is bounded by the list.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from kiosk.bodies import Token
from kiosk.config import Duty, Timing
from kiosk.delivery import BACKOFF, Links
from kiosk.incident import Incident, Unheard

Form = Literal["gateway", "kk", "ru", "latin"]
SMS_RETRY_MAX_S = 60.0
NEVER_S = float("-inf")


@dataclass(frozen=True, slots=True)
class Waiting:
    """To be handed to the modem from `at_s` on."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Handed:
    """The modem has it; nothing is known yet."""

    token: Token


@dataclass(frozen=True, slots=True)
class Sent:
    """The network took it; `reference` awaits its report."""

    reference: int
    delivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One text to one number; `mark` is opaque and safe to log (`gateway1`, `duty2.1`).

    `tries` are those of this round; `handed_s` is when the number last had its turn, in whatever round.
    """

    number: str
    form: Form
    mark: str
    state: Waiting | Handed | Sent
    tries: int = 0
    handed_s: float = NEVER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRoute:
    """Jobs by number; `next_tier` counts rounds on; `tier_s` when the next tier is due."""

    begun: bool = False
    next_tier: int = 0
    tier_s: float = 0.0
    jobs: tuple[Job, ...] = ()


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
    if not isinstance(incident.state, Unheard):
        return None
    if links.mqtt == "down" or not links.listened:
        return 0.0
    return incident.pressed_s + ladder.timing.sms_after_s


def tier_due_s(route: SmsRoute, incident: Incident, ladder: Ladder) -> float | None:
    """Give when the next tier is due: `tier_every_s` after the press, then again and again.

    Where no people are listed, the gateways are written to again as long as the centre is silent.
    """
    if incident.kind != "press" or not incident.escalating:
        return None
    if not ladder.duty.tiers and not (ladder.gateways and isinstance(incident.state, Unheard)):
        return None
    return max(route.tier_s, incident.pressed_s + ladder.timing.tier_every_s)


def begin(route: SmsRoute, incident: Incident, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the centre's gateways and, where people may be called, the first tier."""
    route = gateways(replace(route, begun=True), ladder, now_s)
    if incident.kind == "press" or (incident.kind == "drill" and incident.duty):
        route = _tier(route, ladder, now_s)
    late = now_s >= incident.pressed_s + ladder.timing.tier_every_s  # after a restart
    return replace(route, tier_s=now_s + ladder.timing.tier_every_s if late else 0.0)


def next_tier(route: SmsRoute, incident: Incident, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the next tier; the gateways again at each new round while the centre is silent."""
    new_round = route.next_tier % max(1, len(ladder.duty.tiers)) == 0
    if new_round and isinstance(incident.state, Unheard):
        route = gateways(route, ladder, now_s)
    return replace(_tier(route, ladder, now_s), begun=True, tier_s=now_s + ladder.timing.tier_every_s)


def gateways(route: SmsRoute, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the centre's gateways."""
    for place, number in enumerate(ladder.gateways, 1):
        route = _queue(
            route, Job(number=number, form="gateway", mark=f"gateway{place}", state=Waiting(now_s))
        )
    return route


def _tier(route: SmsRoute, ladder: Ladder, now_s: float) -> SmsRoute:
    tiers = ladder.duty.tiers
    if not tiers:
        return route
    place = route.next_tier % len(tiers)
    for order, officer in enumerate(tiers[place].people, 1):
        mark = f"duty{place + 1}.{order}"
        route = _queue(
            route, Job(number=officer.number, form=officer.language, mark=mark, state=Waiting(now_s))
        )
    return replace(route, next_tier=route.next_tier + 1)


def _queue(route: SmsRoute, job: Job) -> SmsRoute:
    """Queue a text unless one to that number is still on its way: jobs stay bounded by the list."""
    others = tuple(old for old in route.jobs if old.mark != job.mark)
    for old in route.jobs:
        if old.mark == job.mark:
            if not isinstance(old.state, Sent):
                return route
            job = replace(job, handed_s=old.handed_s)
    return replace(route, jobs=(*others, job))


def wanted(incident: Incident) -> bool:
    """Tell whether texts still serve: until a person took it; a drill tests the route all the same.

    About tamper only the centre is written to, until it has the alert.
    """
    match incident.kind:
        case "drill":
            return True
        case "tamper":
            return isinstance(incident.state, Unheard)
        case "press":
            return incident.escalating
        case _:
            assert_never(incident.kind)


def ready(route: SmsRoute, incident: Incident, now_s: float) -> Job | None:
    """Give the text to hand to the modem now.

    Who has waited longest for a turn comes first, so that a number that always fails holds up nobody, and
    that no round of others holds up what failed; then the gateways.
    """
    if not wanted(incident):
        return None
    waiting = [job for job in route.jobs if isinstance(job.state, Waiting) and job.state.at_s <= now_s]
    return min(waiting, key=urgency, default=None)


def urgency(job: Job) -> tuple[float, bool]:
    """Order waiting texts, the most urgent first."""
    return job.handed_s, job.form != "gateway"


def due_s(route: SmsRoute, incident: Incident) -> float | None:
    """Give when the next waiting text is due."""
    if not wanted(incident):
        return None
    return min((job.state.at_s for job in route.jobs if isinstance(job.state, Waiting)), default=None)


def handed(route: SmsRoute, mark: str, token: Token, now_s: float) -> SmsRoute:
    """Note that the modem has the text."""
    jobs = (
        replace(job, tries=job.tries + 1, handed_s=now_s) if job.mark == mark else job for job in route.jobs
    )
    return _change(replace(route, jobs=tuple(jobs)), mark, Handed(token))


def sent(route: SmsRoute, token: Token, reference: int) -> SmsRoute:
    """Note that the network took the text."""
    job = job_of(route, token)
    return _change(route, job.mark, Sent(reference)) if job else route


def failed(route: SmsRoute, token: Token, now_s: float, timing: Timing) -> SmsRoute:
    """Try a failed text again, ever slower."""
    job = job_of(route, token)
    if job is None:
        return route
    wait_s = min(timing.sms_retry_s * BACKOFF ** min(job.tries - 1, 16), SMS_RETRY_MAX_S)
    return _change(route, job.mark, Waiting(now_s + wait_s))


def reported(route: SmsRoute, reference: int, *, delivered: bool) -> SmsRoute:
    """Note a handset's report."""
    for job in route.jobs:
        match job.state:
            case Sent(own) if own == reference and delivered:
                return _change(route, job.mark, Sent(own, delivered=True))
            case Waiting() | Handed() | Sent():
                continue
            case _:
                assert_never(job.state)
    return route


def job_of(route: SmsRoute, token: Token) -> Job | None:
    """Find the text that was handed over under this token."""
    return next((job for job in route.jobs if job.state == Handed(token)), None)


def _change(route: SmsRoute, mark: str, state: Waiting | Handed | Sent) -> SmsRoute:
    jobs = tuple(replace(job, state=state) if job.mark == mark else job for job in route.jobs)
    return replace(route, jobs=jobs)
