"""`kiosk monitor rollout …`: a release brought to the fleet in steps. The running centre carries it out."""

from pathlib import Path
from typing import Any, Literal

import click

from kiosk.commands.output import put_json
from kiosk.monitor.commands.release import one_of
from kiosk.monitor.commands.shelf import Shelf, config_option, passed
from kiosk.monitor.commands.terminal import json_option

Move = Literal["running", "paused", "stopped"]


@click.group()
@config_option
@click.pass_context
def rollout(context: click.Context, file: Path) -> None:
    """Roll-outs: percentages of the fleet, few kiosks at once, an end at failures."""
    context.obj = Shelf(file, context.find_object(object))


@rollout.command()
@click.argument("release")
@click.option("--steps", default="5,25,100", show_default=True, help="Percentages of the fleet.")
@click.option(
    "--at-once", type=click.IntRange(1, 1000), default=5, show_default=True, help="Kiosks under way."
)
@click.option("--stop-after", type=click.IntRange(1, 1000), default=3, show_default=True, help="Failures.")
@click.option(
    "--soak-min", type=click.IntRange(0, 100_000), default=60, show_default=True, help="Between two steps."
)
@passed
def start(shelf: Shelf, release: str, *, steps: str, at_once: int, stop_after: int, soak_min: int) -> None:
    """Bring RELEASE (a version, or an id or its first 8 letters) to the fleet."""
    from ulid import ULID

    from kiosk.messages import ConfigError
    from kiosk.monitor.rollout import Rollout, steps_of
    from kiosk.monitor.store import rollouts

    wanted = steps_of(steps)
    if wanted is None:
        raise click.UsageError("--steps: percentages that grow up to 100, at most 10, like 5,25,100")
    with shelf.change() as (db, act):
        found = one_of(db, release)
        new = Rollout(
            rollout_id=str(ULID()), release=found.release_id, version=found.version, steps=wanted,
            at_once=at_once, stop_after=stop_after, soak_s=soak_min * 60,
        )  # fmt: skip
        try:
            rollouts.start(db, new, **act)
        except rollouts.RolloutBusy as error:
            raise ConfigError(f"roll-out {error} is under way; pause does not end it, stop does") from error
    click.echo(f"{new.version}: roll-out {new.rollout_id} begins with {new.percent} %")


@rollout.command()
@json_option
@passed
def status(shelf: Shelf, *, as_json: bool) -> None:
    """Show the newest roll-out, the versions of the fleet, and what failed."""
    from kiosk.monitor.store import rollouts

    with shelf.read() as db:
        entries = rollouts.listed(db, 1)
        view: dict[str, Any] = {"versions": dict(rollouts.versions(db)), "rollout": None}
        for entry in entries:
            one = entry.rollout
            failed = [
                {"kiosk": mark.kiosk_id, "phase": mark.phase, "reason": mark.reason}
                for mark in rollouts.troubled(db, one.rollout_id)
            ]
            view["rollout"] = {
                "id": one.rollout_id, "version": one.version, "release": one.release, "state": one.state,
                "percent": one.percent, "steps": list(one.steps), "reason": one.reason,
                "by": entry.started_by,
                "kiosks": rollouts.phases(db, one.rollout_id), "troubled": failed,
            }  # fmt: skip
    if as_json:
        put_json(view)
        return
    for version, count in view["versions"].items():
        click.echo(f"{version or '-'}\t{count}")
    shown = view["rollout"]
    if shown is None:
        return
    counts = " ".join(f"{phase}={count}" for phase, count in sorted(shown["kiosks"].items()))
    click.echo(
        f"{shown['version']}: {shown['state']}, {shown['percent']} % {counts} {shown['reason']}".rstrip()
    )
    for one in shown["troubled"]:
        click.echo(f"  {one['kiosk']}\t{one['phase']}\t{one['reason']}")


def _mover(name: str, state: Move, text: str) -> click.Command:
    @click.command(name, help=text)
    @passed
    def move(shelf: Shelf) -> None:
        from kiosk.messages import ConfigError
        from kiosk.monitor.store import rollouts

        with shelf.change() as (db, act):
            entries = rollouts.listed(db, 1)
            moved = bool(entries) and rollouts.move(db, entries[0].rollout.rollout_id, state, **act)
        if not moved:
            raise ConfigError(f"{name}: no roll-out stands so that this could be done; see rollout status")
        click.echo(f"{entries[0].rollout.version}: {state}")

    return move


rollout.add_command(_mover("pause", "paused", "Order no further kiosk until resume."))
rollout.add_command(_mover("resume", "running", "Go on, after a pause or after it was ended by failures."))
rollout.add_command(_mover("stop", "stopped", "End it; kiosks that are under way finish."))
