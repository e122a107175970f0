"""The routes of one incident: when to try MQTT and SMS again, and whom to write to next. Pure.

Theory of operation: each route is its own small machine beside the incident, never multiplied with it.
MQTT is tried at once and again, ever slower, until the centre has told that it knows all we know.
SMS begins at once where MQTT is known to be down (or nobody listens), else after `sms_after_s` without
a receipt; then every `tier_every_s` the next tier of people, round and round, until a person accepts.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from kiosk.bodies import Token
from kiosk.config import Duty, Timing
from kiosk.incident import Heard, Incident, Over, Taken, Unheard, rank

Form = Literal["gateway", "kk", "ru", "latin"]
MQTT_RETRY_MAX_S = 60.0
SMS_RETRY_MAX_S = 60.0
BACKOFF = 1.6

LinkState = Literal["unknown", "up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What is known of the links now; `listened` is False when nobody is on duty behind the broker."""

    mqtt: LinkState = "unknown"
    sms: LinkState = "unknown"
    listened: bool = True


# ---- MQTT


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttRoute:
    """`told_*` is what the centre has confirmed to know; `again_s` when to publish next."""

    again_s: float = 0.0
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
    if links.mqtt != "up" or not route.owes(incident) or isinstance(incident.state, Over):
        return None
    return route.again_s


def mqtt_began(route: MqttRoute, now_s: float, timing: Timing) -> MqttRoute:
    """Count one publish and set the next."""
    wait_s = min(timing.mqtt_retry_s * BACKOFF**route.tries, MQTT_RETRY_MAX_S)
    return replace(route, again_s=now_s + wait_s, tries=min(route.tries + 1, 16), attempt=route.attempt + 1)


def mqtt_rose(route: MqttRoute) -> MqttRoute:
    """Publish at once on a new connection, even what was confirmed: the answer brings missed stages."""
    return replace(route, again_s=0.0, tries=0, told_presses=0, told_rank=0)


def mqtt_changed(route: MqttRoute) -> MqttRoute:
    """Publish at once: the kiosk knows something new."""
    return replace(route, again_s=0.0, tries=0)


def mqtt_told(route: MqttRoute, presses: int, stage_rank: int) -> MqttRoute:
    """Note what the centre's answer shows that it knows."""
    return replace(
        route,
        told_presses=max(route.told_presses, presses),
        told_rank=max(route.told_rank, stage_rank),
    )


# ---- SMS


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
    """One text to one number; `mark` is opaque and safe to log (`gateway1`, `duty2.1`)."""

    number: str
    form: Form
    mark: str
    state: Waiting | Handed | Sent
    tries: int = 0


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


def sms_begin_s(route: SmsRoute, incident: Incident, links: Links, ladder: Ladder) -> float | None:
    """Give when the first texts are due (0 = at once), or None when they are not owed."""
    if route.begun or isinstance(incident.state, Over | Taken):
        return None
    if incident.kind == "drill":
        return 0.0
    if isinstance(incident.state, Heard):
        return None
    if links.mqtt == "down" or not links.listened:
        return 0.0
    return incident.pressed_s + ladder.timing.sms_after_s


def sms_tier_due_s(route: SmsRoute, incident: Incident, ladder: Ladder) -> float | None:
    """Give when the next tier is due: `tier_every_s` after the press, then again and again."""
    if incident.kind != "press" or not incident.escalating or not ladder.duty.tiers:
        return None
    return max(route.tier_s, incident.pressed_s + ladder.timing.tier_every_s)


def sms_begin(route: SmsRoute, incident: Incident, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the centre's gateways and, where people may be called, the first tier."""
    route = _gateways(replace(route, begun=True), ladder, now_s)
    if incident.kind == "press" or (incident.kind == "drill" and incident.duty):
        route = _tier(route, ladder, now_s)
    return route


def sms_next_tier(route: SmsRoute, incident: Incident, ladder: Ladder, now_s: float) -> SmsRoute:
    """Queue the next tier; the gateways again at each new round while the centre is silent."""
    new_round = route.next_tier % max(1, len(ladder.duty.tiers)) == 0
    if new_round and isinstance(incident.state, Unheard):
        route = _gateways(route, ladder, now_s)
    return replace(_tier(route, ladder, now_s), begun=True, tier_s=now_s + ladder.timing.tier_every_s)


def _gateways(route: SmsRoute, ladder: Ladder, now_s: float) -> SmsRoute:
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
        if old.mark == job.mark and not isinstance(old.state, Sent):
            return route
    return replace(route, jobs=(*others, job))


def sms_ready(route: SmsRoute, incident: Incident, now_s: float) -> Job | None:
    """Give the text to hand to the modem now, gateways first; none once a person took the incident."""
    if not incident.escalating:
        return None
    waiting = [job for job in route.jobs if isinstance(job.state, Waiting) and job.state.at_s <= now_s]
    return min(waiting, key=lambda job: job.form != "gateway", default=None)


def sms_due_s(route: SmsRoute, incident: Incident) -> float | None:
    """Give when the next waiting text is due."""
    if not incident.escalating:
        return None
    return min((job.state.at_s for job in route.jobs if isinstance(job.state, Waiting)), default=None)


def sms_handed(route: SmsRoute, mark: str, token: Token) -> SmsRoute:
    """Note that the modem has the text."""
    return _change(route, mark, Handed(token), tried=1)


def sms_sent(route: SmsRoute, token: Token, reference: int) -> SmsRoute:
    """Note that the network took the text."""
    job = job_of(route, token)
    return _change(route, job.mark, Sent(reference)) if job else route


def sms_failed(route: SmsRoute, token: Token, now_s: float, timing: Timing) -> SmsRoute:
    """Try a failed text again, ever slower."""
    job = job_of(route, token)
    if job is None:
        return route
    wait_s = min(timing.sms_retry_s * BACKOFF ** min(job.tries - 1, 16), SMS_RETRY_MAX_S)
    return _change(route, job.mark, Waiting(now_s + wait_s))


def sms_reported(route: SmsRoute, reference: int, *, delivered: bool) -> SmsRoute:
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


def _change(route: SmsRoute, mark: str, state: Waiting | Handed | Sent, tried: int = 0) -> SmsRoute:
    jobs = tuple(
        replace(job, state=state, tries=job.tries + tried) if job.mark == mark else job for job in route.jobs
    )
    return replace(route, jobs=jobs)
