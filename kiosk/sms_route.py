"""The texts of one incident, one a number, and what became of each. Pure.

Owns the queue and its bound. Whom to write to, and when, is `texting`'s.
"""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from kiosk.bodies import Token
from kiosk.config import Timing
from kiosk.delivery import BACKOFF
from kiosk.incident import NEVER_S

Form = Literal["gateway", "kk", "ru", "latin"]
SMS_RETRY_MAX_S = 60.0


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

    `tries` are those of this round; `handed_s` is when the number last had its turn, in whatever round, and
    `presses` are those that its text told of.
    """

    number: str
    form: Form
    mark: str
    state: Waiting | Handed | Sent
    tries: int = 0
    handed_s: float = NEVER_S
    presses: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRoute:
    """Jobs by number; `next_tier` counts rounds on; `tier_s` when the next tier is due.

    `told` are the presses that a text to the centre which the network took told of.
    """

    begun: bool = False
    told: int = 0
    next_tier: int = 0
    tier_s: float = 0.0
    jobs: tuple[Job, ...] = ()


def queue(route: SmsRoute, job: Job) -> SmsRoute:
    """Queue a text unless one to that number is still on its way: jobs stay bounded by the list."""
    others = tuple(old for old in route.jobs if old.mark != job.mark)
    for old in route.jobs:
        if old.mark == job.mark:
            if not isinstance(old.state, Sent):
                return route
            job = replace(job, handed_s=old.handed_s)
    return replace(route, jobs=(*others, job))


def handed(route: SmsRoute, mark: str, token: Token, now_s: float, *, presses: int = 1) -> SmsRoute:
    """Note that the modem has the text, which tells of so many presses."""
    jobs = tuple(
        replace(job, tries=job.tries + 1, handed_s=now_s, presses=presses) if job.mark == mark else job
        for job in route.jobs
    )
    return _change(replace(route, jobs=jobs), mark, Handed(token))


def sent(route: SmsRoute, token: Token, reference: int) -> SmsRoute:
    """Note that the network took the text."""
    job = job_of(route, token)
    if job is None:
        return route
    told = max(route.told, job.presses) if job.form == "gateway" else route.told
    return replace(_change(route, job.mark, Sent(reference)), told=told)


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
