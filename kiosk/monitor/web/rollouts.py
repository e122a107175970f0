"""The versions of the fleet, and the roll-out of a new one: begun, watched, paused, stopped. For admins."""

from collections.abc import Mapping
from typing import Literal

from starlette.responses import Response
from starlette.routing import Route
from ulid import ULID

from kiosk.monitor.rollout import Mark, Rollout, steps_of
from kiosk.monitor.store import releases, rollouts
from kiosk.monitor.web.page import Refused, Visit, page

ADMINS = ("admin",)
USUAL = {"steps": "5,25,100", "at_once": "5", "stop_after": "3", "soak_min": "60"}
LIMITS = {"at_once": (1, 1000), "stop_after": (1, 1000), "soak_min": (0, 100_000)}
MOVES: Mapping[str, Literal["paused", "running", "stopped"]] = {
    "pause": "paused", "resume": "running", "stop": "stopped",
}  # fmt: skip
CAN = {"running": ("pause", "stop"), "paused": ("resume", "stop"), "failed": ("resume", "stop")}
PHASES = ("done", "ordered", "working", "trial", "waiting", "failed")


@page(*ADMINS)
def overview(visit: Visit) -> Response:
    """Show versions, the newest roll-out, and the form of a new one."""
    return _show(visit, USUAL, ())


def _show(visit: Visit, typed: Mapping[str, str], wrong: tuple[str, ...]) -> Response:
    with visit.reading() as connection:
        entries = rollouts.listed(connection, 6)
        newest = entries[0] if entries else None
        versions = rollouts.versions(connection)
        counts = rollouts.phases(connection, newest.rollout.rollout_id) if newest else {}
        troubled = rollouts.troubled(connection, newest.rollout.rollout_id) if newest else ()
        offered = releases.listed(connection)
    total = sum(count for _, count in versions)
    have = dict(versions).get(newest.rollout.version, 0) if newest else 0
    return visit.render(
        "rollouts.html", 422 if wrong else 200, newest=newest, older=entries[1:], versions=versions,
        total=total, have=have, counts=[(phase, counts.get(phase, 0)) for phase in PHASES],
        troubled=[(mark, reason(visit, mark)) for mark in troubled], offered=offered, typed=typed,
        wrong=wrong, moves=CAN.get(newest.rollout.state, ()) if newest else (),
        busy=newest is not None and newest.rollout.state in rollouts.ACTIVE,
    )  # fmt: skip


def reason(visit: Visit, mark: Mark) -> str:
    """Say in words why a kiosk has not got the version."""
    code, _, detail = mark.reason.partition(": ")
    key = f"rollouts.why_{code.removeprefix('update_').replace(' ', '_')}"
    if not visit.site.words.has(key):
        return mark.reason
    return visit.word(key) + (f" ({detail})" if detail else "")


@page(*ADMINS)
def start(visit: Visit) -> Response:
    """Begin a roll-out."""
    typed = {name: visit.form.get(name, "").strip()[:60] for name in USUAL}
    release_id = visit.form.get("release", "")
    steps = steps_of(typed["steps"])
    wrong = [name for name, (least, most) in LIMITS.items() if not _within(typed[name], least, most)]
    if steps is None or wrong:
        return _show(visit, typed, tuple(wrong) if steps else ("steps", *wrong))
    with visit.writing() as connection:
        found = releases.get(connection, release_id)
        if found is None:
            raise Refused(404, "rollouts.no_release")
        new = Rollout(
            rollout_id=str(ULID()), release=found.release_id, version=found.version, steps=steps,
            at_once=int(typed["at_once"]), stop_after=int(typed["stop_after"]),
            soak_s=int(typed["soak_min"]) * 60,
        )  # fmt: skip
        try:
            rollouts.start(connection, new, who=visit.who, now_ms=visit.site.now_ms())
        except rollouts.RolloutBusy as error:
            raise Refused(409, "rollouts.busy") from error
    return visit.redirect("/rollouts", "rollouts.started", version=found.version)


def _within(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most


@page(*ADMINS)
def move(visit: Visit) -> Response:
    """Pause, resume or stop a roll-out."""
    state = MOVES.get(visit.form.get("move", ""))
    if state is None:
        raise Refused(400, "base.wrong_request")
    with visit.writing() as connection:
        moved = rollouts.move(
            connection, visit.path("rollout_id"), state, who=visit.who, now_ms=visit.site.now_ms()
        )
    if not moved:
        return visit.redirect("/rollouts", "rollouts.not_moved", good=False)
    return visit.redirect("/rollouts", f"rollouts.now_{state}")


routes = [
    Route("/rollouts", overview),
    Route("/rollouts/start", start, methods=["POST"]),
    Route("/rollouts/{rollout_id}", move, methods=["POST"]),
]
