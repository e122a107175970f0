"""Who is on duty when: weekly shifts, one-off ones, absences, and every hour that nobody covers, loudly."""

from dataclasses import replace
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor import rota
from kiosk.monitor.rota import DAY_MIN, TIER_MAX, Shift
from kiosk.monitor.store import duty as store
from kiosk.monitor.web import times, week
from kiosk.monitor.web.page import Visit, page
from kiosk.monitor.web.registry import tell_centre

ADMINS = ("admin",)
WEEKDAYS = tuple(range(7))


@page(*ADMINS)
def duty(visit: Visit) -> Response:
    """Show the rota."""
    return _show(visit, {}, "")


def _show(visit: Visit, typed: dict[str, Any], wrong: str) -> Response:
    now_ms = visit.site.now_ms()
    with visit.reading() as connection:
        members = store.members(connection)
        shifts = store.shifts(connection, ended_since_ms=now_ms)
    able = frozenset(one.person_id for one in members if one.active and one.phone)
    names = {one.person_id: one.name for one in members}
    change_ms = rota.next_change([shift for shift in shifts if shift.away or shift.person_id in able], now_ms)
    return visit.render(
        "duty.html",
        422 if wrong else 200,
        names=names,
        able=able,
        members=[one for one in members if one.active],
        weekly=sorted(
            (shift for shift in shifts if shift.weekday is not None),
            key=lambda shift: (shift.tier, shift.weekday or 0, shift.begins_minute),
        ),
        once=sorted((shift for shift in shifts if shift.weekday is None), key=lambda shift: shift.begins_ms),
        now=rota.on_duty(shifts, now_ms, able),
        change_ms=change_ms,
        then=() if change_ms is None else rota.on_duty(shifts, change_ms, able),
        gaps=week.gaps(shifts, now_ms, able),
        days=week.days(shifts, now_ms, able),
        tiers=tuple(range(1, TIER_MAX + 1)),
        weekdays=WEEKDAYS,
        typed=typed,
        wrong=wrong,
    )


@page(*ADMINS)
def add(visit: Visit) -> Response:
    """Add weekly shifts (one for each weekday that was ticked), a one-off shift or an absence."""
    made = _once(visit) if visit.form.get("kind") in {"once", "away"} else _weekly(visit)
    problem = (
        "duty.nothing_ticked" if not made else "duty.times_wrong" if any(map(rota.problem, made)) else ""
    )
    if not problem and made[0].person_id not in _people(visit):
        problem = "duty.nobody_chosen"
    if problem:
        days = {f"day-{day}": "yes" for day in visit.lists.get("day", ())}
        return _show(visit, {**visit.form, **days}, visit.word(problem))
    with visit.writing() as connection:
        for shift in made:
            store.add_shift(connection, shift)
            visit.audit(connection, "shift_added", shift.person_id, _told(shift))
    tell_centre(visit)
    return visit.redirect("/duty", "duty.added")


def _people(visit: Visit) -> frozenset[str]:
    with visit.reading() as connection:
        return frozenset(one.person_id for one in store.members(connection))


def _weekly(visit: Visit) -> list[Shift]:
    begins, ends = minute(visit.form.get("begins", "")), minute(visit.form.get("ends", ""))
    if begins is None or ends is None:
        begins, ends = 0, -1  # no such shift: `problem` refuses it
    elif ends <= begins:
        ends += DAY_MIN  # until the next day; 08:00 to 08:00 is a whole day
    base = Shift(
        person_id=visit.form.get("person", ""), tier=_tier(visit), begins_minute=begins, ends_minute=ends
    )
    chosen = {day for day in visit.lists.get("day", ()) if day in {str(known) for known in WEEKDAYS}}
    return [replace(base, weekday=int(day)) for day in sorted(chosen)]


def _once(visit: Visit) -> list[Shift]:
    begins_ms, ends_ms = moment(visit.form.get("since", "")), moment(visit.form.get("until", ""))
    return [
        Shift(
            person_id=visit.form.get("person", ""),
            tier=_tier(visit),
            begins_ms=begins_ms or 0,
            ends_ms=ends_ms or 0,
            away=visit.form.get("kind") == "away",
        )
    ]


def _tier(visit: Visit) -> int:
    text = visit.form.get("tier", "1")
    return int(text) if text in {str(tier) for tier in range(1, TIER_MAX + 1)} else 0


def minute(text: str) -> int | None:
    """Read a time of day like 08:30 as minutes; None for any other text."""
    hour, colon, rest = text.partition(":")
    digits = hour + rest
    if not (colon and len(hour) == len(rest) == 2 and digits.isascii() and digits.isdigit()):
        return None
    return int(hour) * 60 + int(rest) if int(hour) < 24 and int(rest) < 60 else None


def moment(text: str) -> int | None:
    """Read a local time like 2026-01-31T08:30 as UTC ms; None for any other text."""
    day, _, clock = text.partition("T")
    begins_ms, past = times.day_begins(day), minute(clock)
    return None if begins_ms is None or past is None else begins_ms + past * rota.MINUTE_MS


def _told(shift: Shift) -> str:
    """Say a shift in the audit log."""
    if shift.weekday is not None:
        minutes = f"{shift.begins_minute}-{shift.ends_minute}"
        return f"weekly tier={shift.tier} weekday={shift.weekday} minutes={minutes}"
    kind = "away" if shift.away else f"once tier={shift.tier}"
    return f"{kind} {times.local(shift.begins_ms)} - {times.local(shift.ends_ms)}"


@page(*ADMINS)
def remove(visit: Visit) -> Response:
    """Take a shift away."""
    text = visit.form.get("shift_id", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
    with visit.writing() as connection:
        known = {shift.shift_id: shift for shift in store.shifts(connection)}
        if number in known and store.remove_shift(connection, number):
            visit.audit(connection, "shift_removed", known[number].person_id, _told(known[number]))
    tell_centre(visit)
    return visit.redirect("/duty", "duty.removed")


routes = [
    Route("/duty", duty),
    Route("/duty/add", add, methods=["POST"]),
    Route("/duty/remove", remove, methods=["POST"]),
]
