"""A roll-out: which kiosks get a version now, and when it goes on, waits or stops. Pure.

Theory of operation: a kiosk's share is its place in a stable order of the release, 0 to 99; a step takes
every kiosk below its percentage. Only kiosks that are well and have no open alert are ordered, at most
`at_once` at a time. A step has passed once nobody of it is under way or due, somebody has the version, and
`soak_s` are over; too many failures end it all. A version that a kiosk reports may still be on trial there:
success is its own word that the version is kept.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

RolloutState = Literal["running", "paused", "stopped", "failed", "done"]
Phase = Literal["ordered", "working", "trial", "waiting", "done", "failed"]

ANSWER_MS = 10 * 60_000  # an order that got no answer by then was not heard
AGAIN_MS = 5 * 60_000  # a kiosk that had an incident open is asked again
WORK_MS = 26 * 3_600_000  # it fetches for a day, waits for an incident, and judges for some minutes
TRIAL_MS = 30 * 60_000  # a version that is reported for so long was kept, whatever became of the word of it
TRIES = 12
UNDER_WAY = ("ordered", "working", "trial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One roll-out; `step` counts from 0 into `steps`, which are percentages that grow up to 100."""

    rollout_id: str
    release: str
    version: str
    steps: tuple[int, ...] = (100,)
    at_once: int = 5
    stop_after: int = 3
    soak_s: int = 3600
    state: RolloutState = "running"
    step: int = 0
    step_ms: int = 0
    reason: str = ""

    @property
    def percent(self) -> int:
        """Give the share of the fleet that is meant now."""
        return self.steps[min(self.step, len(self.steps) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How one kiosk stands in a roll-out; `after` is the last event that was known when it was ordered."""

    kiosk_id: str
    phase: Phase
    at_ms: int
    tries: int = 1
    after: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A kiosk of the registry as the centre sees it; `well`: online, armed, one device, no open alert."""

    kiosk_id: str
    version: str
    well: bool


@dataclass(frozen=True, slots=True)
class Word:
    """What a kiosk said of its update: a command's state, or `rolled_back`; `reason` is for people."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows: the roll-out as it stands now, and whom to order."""

    rollout: Rollout
    orders: tuple[str, ...] = ()


def share(kiosk_id: str, release: str) -> int:
    """Give a kiosk's place in the order of a release: 0 to 99, the same everywhere and always."""
    return int(hashlib.sha256(f"{release}/{kiosk_id}".encode()).hexdigest()[:8], 16) % 100


def command_id(rollout: Rollout, kiosk_id: str, tries: int) -> str:
    """Name an order: the same one by whichever monitor, so that a kiosk carries it out once."""
    mark = hashlib.sha256(kiosk_id.encode()).hexdigest()[:8]
    return f"upd-{rollout.rollout_id}-{mark}-{tries}"


def ordered(old: Mark | None, kiosk_id: str, *, now_ms: int, after: int) -> Mark:
    """Note that a kiosk is ordered now."""
    tries = old.tries + 1 if old else 1
    return Mark(kiosk_id=kiosk_id, phase="ordered", at_ms=now_ms, tries=tries, after=after)


def follow(mark: Mark, words: Iterable[Word], *, arrived: bool, now_ms: int) -> Mark:
    """Follow what a kiosk said and what time says; `arrived`: it reports the version itself."""
    if mark.phase in ("done", "failed"):
        return mark
    if arrived != (mark.phase == "trial"):
        mark = replace(mark, phase="trial" if arrived else "working", at_ms=now_ms, reason="")
    for word in words:
        mark = _heard(mark, word, now_ms)
    waited_ms = now_ms - mark.at_ms
    if mark.phase == "ordered" and waited_ms >= ANSWER_MS:
        mark = replace(mark, phase="waiting", at_ms=now_ms, reason="no_answer")
    elif mark.phase == "trial" and waited_ms >= TRIAL_MS:
        mark = replace(mark, phase="done", at_ms=now_ms)
    elif mark.phase == "working" and waited_ms >= WORK_MS:
        mark = replace(mark, phase="failed", at_ms=now_ms, reason="no_outcome")
    if mark.phase == "waiting" and mark.tries >= TRIES:
        mark = replace(mark, phase="failed", at_ms=now_ms)
    return mark


def _heard(mark: Mark, word: Word, now_ms: int) -> Mark:
    if word.state == "in_progress":
        return replace(mark, phase="working", at_ms=now_ms) if mark.phase in ("ordered", "waiting") else mark
    if word.state == "succeeded":
        return replace(mark, phase="done", at_ms=now_ms, reason="")
    if word.state in ("rejected", "expired") and mark.phase != "trial":
        return replace(mark, phase="waiting", at_ms=now_ms, reason=word.reason or word.state)
    if word.state in ("failed", "rolled_back"):
        return replace(mark, phase="failed", at_ms=now_ms, reason=word.reason or word.state)
    return mark


def decide(rollout: Rollout, fleet: Sequence[Seen], marks: Mapping[str, Mark], now_ms: int) -> Decision:
    """Say whom to order now, and whether the roll-out goes on to its next step or to its end."""
    if rollout.state != "running":
        return Decision(rollout=rollout)
    failed = sum(mark.phase == "failed" for mark in marks.values())
    if failed >= rollout.stop_after:
        return Decision(rollout=replace(rollout, state="failed", reason=f"failures={failed}"))
    mine = [seen for seen in fleet if share(seen.kiosk_id, rollout.release) < rollout.percent]
    behind = [seen for seen in mine if seen.version != rollout.version]
    busy = sum(mark.phase in UNDER_WAY for mark in marks.values())
    due = [seen for seen in behind if seen.well and _is_due(marks.get(seen.kiosk_id), now_ms)]
    if busy or due:
        room = max(0, rollout.at_once - busy)
        due.sort(key=lambda seen: (share(seen.kiosk_id, rollout.release), seen.kiosk_id))
        return Decision(rollout=rollout, orders=tuple(seen.kiosk_id for seen in due[:room]))
    return Decision(rollout=_stepped(rollout, fleet, mine, marks, now_ms))


def _is_due(mark: Mark | None, now_ms: int) -> bool:
    return mark is None or (mark.phase == "waiting" and now_ms - mark.at_ms >= AGAIN_MS)


def _stepped(
    rollout: Rollout, fleet: Sequence[Seen], mine: Sequence[Seen], marks: Mapping[str, Mark], now_ms: int
) -> Rollout:
    """Go on once a step has proved itself; a silent or troubled kiosk holds up the end, not the steps."""
    settled = {mark.kiosk_id for mark in marks.values() if mark.phase == "failed"}
    if all(seen.version == rollout.version or seen.kiosk_id in settled for seen in fleet):
        return replace(rollout, state="done")
    waiting = any(mark.phase == "waiting" for mark in marks.values())
    proved = not mine or any(seen.version == rollout.version for seen in mine)
    last_ms = max([rollout.step_ms, *(mark.at_ms for mark in marks.values())])
    soaked = now_ms - last_ms >= rollout.soak_s * 1000
    if waiting or not proved or (mine and not soaked) or rollout.step + 1 >= len(rollout.steps):
        return rollout
    return replace(rollout, step=rollout.step + 1, step_ms=now_ms)


def steps_of(text: str) -> tuple[int, ...] | None:
    """Read percentages like `5,25,100`; None when they do not grow up to 100."""
    parts = [part.strip() for part in text.split(",")]
    if not 1 <= len(parts) <= 10 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    steps = tuple(int(part[:4]) for part in parts)
    grows = all(low < high for low, high in pairwise(steps))
    return steps if grows and steps[0] >= 1 and steps[-1] == 100 else None
