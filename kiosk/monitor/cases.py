"""What becomes of one alert at the centre: opening, merging repeats, advancing. Pure.

Stages never go back, a repeat never loses anything, and only a person closes.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from msgspec import structs

from kiosk.bodies import STAGES, Alert, AlertId, Reply, ReplyStage, Route
from kiosk.messages import Now
from kiosk.monitor.messages import Action
from kiosk.monitor.records import Case, Outcome, StageEntry
from kiosk.wire import Rejected, utc_ms, utc_text

# The first attempt over a link that is up takes well under a second, and the kiosk's first retry comes
# after 5 s: an older alert missed its first chance, and people must see how old it is.
LATE_AFTER_S = 4
# NTP keeps a synced kiosk within a second; a minute leaves room for a centre whose own clock is off.
AHEAD_S = 60
ALSO_MAX = 8  # the contract's limit of `also`
BY_MAX = 60  # the contract's limit of `by`
NOTE_MAX = 280
SMS_NAME = "sms-"
SEQ_MASK = 0xFFFFFF  # as much of `seq` as an SMS holds
Press = tuple[str, int, int]

TARGET: dict[Action, ReplyStage] = {
    "accept": "accepted",
    "en_route": "en_route",
    "on_scene": "on_scene",
    "close": "closed",
}
BELIEVED: tuple[ReplyStage, ...] = ("accepted", "en_route", "on_scene")  # a kiosk never closes anything


def rank(stage: str) -> int:
    """Order stages; the later, the higher."""
    return STAGES.index(stage)


def top(case: Case) -> ReplyStage:
    """Give the furthest stage of a case."""
    return max((entry.stage for entry in case.stages), key=rank)


def is_pressed_after_the_end(case: Case, presses: int) -> bool:
    """Tell whether somebody pressed after whoever closed it had looked; the kiosk opens that press anew."""
    return is_closed(case) and presses > case.alert.presses


def is_closed(case: Case) -> bool:
    """Tell whether a person ended it."""
    return any(entry.stage == "closed" for entry in case.stages)


def is_drill(case: Case) -> bool:
    """Tell whether it is only an exercise."""
    return case.alert.kind == "drill"


def is_waiting(case: Case) -> bool:
    """Tell whether nobody has taken it yet."""
    return top(case) == "received"


def is_sms_name(alert_id: str) -> bool:
    """Tell whether an alert is known by its text only: its kiosk's own id does not travel in 20 bytes."""
    return alert_id.startswith(SMS_NAME)


def sms_name(number: int, seq: int, pressed_s: int) -> AlertId:
    """Name an alert by what its SMS tells."""
    return AlertId(f"{SMS_NAME}{number}-{seq}-{pressed_s}")


def press_of(alert: Alert) -> Press:
    """Give what every copy of an alert has in common, whichever way it came (see ADR 5)."""
    pressed_ms = utc_ms(alert.pressed_at)
    pressed_s = -1 if isinstance(pressed_ms, Rejected) else pressed_ms // 1000
    return alert.kiosk_id, alert.seq & SEQ_MASK, pressed_s


def open_case(alert: Alert, door: Route, now: Now, sms_from: str = "") -> Case:
    """Begin a case with the first copy of its alert."""
    age_s, clock_note = _age(alert, now)
    case = Case(
        alert=alert,
        received_ms=now.utc_ms,
        door=door,
        age_s=age_s,
        late=age_s > LATE_AFTER_S,
        clock_note=clock_note,
        stages=(StageEntry(stage="received", at_ms=now.utc_ms),),
        sms_from=sms_from,
    )
    return _with_kiosks_stage(case, alert, now)


def _age(alert: Alert, now: Now) -> tuple[int, Literal["", "unsynced", "ahead", "unreadable"]]:
    """Age in s when it came: by the kiosk's clock alone when that is unsynced, else by ours as well.

    Bounded: whatever a kiosk writes, the time of the press is one that can be told (none before 1970).
    """
    pressed_ms, sent_ms = utc_ms(alert.pressed_at), utc_ms(alert.sent_at)
    if isinstance(pressed_ms, Rejected) or isinstance(sent_ms, Rejected):
        return 0, "unreadable"
    most_s = now.utc_ms // 1000
    on_the_way_s = min(max(0, (sent_ms - pressed_ms) // 1000), most_s)
    if alert.clock == "unsynced":
        return on_the_way_s, "unsynced"
    here_s = (now.utc_ms - pressed_ms) // 1000
    return min(max(on_the_way_s, here_s), most_s), "ahead" if here_s < -AHEAD_S else ""


def merge(case: Case, alert: Alert, now: Now, *, door: Route | None = None, sms_from: str = "") -> Case:
    """Take in another copy of the same alert; the very same case when it adds nothing."""
    newer = join(case.alert, alert)
    if is_closed(case):  # the echo says what was known to whoever closed it: the kiosk opens the rest anew
        newer = structs.replace(newer, presses=case.alert.presses, also=case.alert.also)
    also_by = case.also_by
    if door is not None and door not in (case.door, *also_by):
        also_by = (*also_by, door)
    merged = replace(case, alert=newer, also_by=also_by, sms_from=case.sms_from or sms_from)
    return _with_kiosks_stage(case if merged == case else merged, alert, now)


def named(case: Case, alert: Alert) -> Case:
    """Give a case that was known by its SMS its kiosk's own words and id."""
    return replace(case, alert=join(alert, case.alert))


def join(old: Alert, alert: Alert) -> Alert:
    """Give what two copies of an alert say together, the same of how serious it is in either order."""
    also = old.also + tuple(name for name in alert.also if name not in old.also)
    return structs.replace(
        old,
        presses=max(old.presses, alert.presses),
        attempt=max(old.attempt, alert.attempt),
        also=also[:ALSO_MAX],
        duty=old.duty or alert.duty,
        kind=alert.kind if old.kind == "drill" else old.kind,  # never from a real alert to a drill
    )


def rejoin(stored: Case, fresh: Case, now: Now) -> Case:
    """Join what the store held with what came while it could not be read."""
    joined = merge(stored, fresh.alert, now)
    newer = tuple(entry for entry in fresh.stages if rank(entry.stage) > rank(top(joined)))
    doors = dict.fromkeys((*joined.also_by, fresh.door, *fresh.also_by))
    return replace(
        joined,
        stages=joined.stages + newer,
        also_by=tuple(door for door in doors if door != joined.door),
        sms_from=joined.sms_from or fresh.sms_from,
    )


def _with_kiosks_stage(case: Case, alert: Alert, now: Now) -> Case:
    """Add what a person told the kiosk by SMS while the link was down."""
    if alert.stage not in BELIEVED or rank(alert.stage) <= rank(top(case)):
        return case
    return _add(case, StageEntry(stage=alert.stage, at_ms=now.utc_ms, by=alert.by, via="kiosk"))


def _add(case: Case, entry: StageEntry) -> Case:
    """Add a stage; whoever is on the way has accepted, so that one is filled in."""
    stages = case.stages
    if entry.stage in {"en_route", "on_scene"} and rank(top(case)) < rank("accepted"):
        stages += (replace(entry, stage="accepted", note=""),)
    return replace(case, stages=(*stages, entry))


def act(
    case: Case, action: Action, by: str, note: str, now: Now, *, via: Literal["centre", "sms"] = "centre"
) -> Case | Rejected:
    """Let a person advance a case; Rejected says why not. Repeating oneself is harmless."""
    stage = TARGET[action]
    if not by or len(by) > BY_MAX or len(note) > NOTE_MAX:
        return Rejected(f"who does it must be 1-{BY_MAX} letters, a note at most {NOTE_MAX}")
    for entry in case.stages:
        if entry.stage != stage:
            continue
        if stage == "accepted" and entry.by != by:
            return Rejected(f"already accepted by {entry.by or 'a person at the site'}")
        return case
    if rank(stage) <= rank(top(case)):
        return Rejected(f"already {top(case)}; stages never go back")
    return _add(case, StageEntry(stage=stage, at_ms=now.utc_ms, by=by, note=note, via=via))


def with_outcome(case: Case, outcome: Outcome, referral: str) -> Case:
    """Add to a case that was just closed how it ended and who took over."""
    last = case.stages[-1]
    if last.stage != "closed":
        return case
    return replace(case, stages=(*case.stages[:-1], replace(last, outcome=outcome, referral=referral)))


def with_number(case: Case, sms_from: str) -> Case:
    """Note which number its text came from; empty: forget it."""
    return replace(case, sms_from=sms_from)


def ended_ms(case: Case) -> int | None:
    """Tell when a person ended it; None while it is open."""
    return max((entry.at_ms for entry in case.stages if entry.stage == "closed"), default=None)


def overruled(case: Case, entry: StageEntry, asked: ReplyStage) -> Case:
    """Put what another monitor had decided before in the place of our own entry of the stage `asked`."""
    others = [known for known in case.stages if known.stage not in {entry.stage, asked}]
    return replace(case, stages=tuple(sorted((*others, entry), key=lambda one: rank(one.stage))))


def expire(case: Case, now: Now) -> Case:
    """End a drill that people forgot; a real alert is ended by a person only."""
    return _add(case, StageEntry(stage="closed", at_ms=now.utc_ms, by="centre", note="drill ended by time"))


def reply(case: Case, entry: StageEntry) -> Reply:
    """Word one stage for the kiosk. Notes stay at the centre: they may be about a person."""
    return Reply(
        alert_id=case.alert.alert_id,
        stage=entry.stage,
        at=utc_text(entry.at_ms),
        by=entry.by,
        presses=case.alert.presses,
    )


def least_needed(held: Iterable[Case]) -> Case:
    """Choose which alert memory lets go: a closed one, then a drill, then the oldest of whoever has most."""
    all_of_them = tuple(held)
    most = Counter(case.alert.kiosk_id for case in all_of_them)
    return min(
        all_of_them,
        key=lambda case: (
            not is_closed(case), not is_drill(case), -most[case.alert.kiosk_id], case.received_ms
        ),
    )  # fmt: skip
