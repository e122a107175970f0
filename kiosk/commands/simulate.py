"""`kiosk simulate`: the whole system in virtual time under seeded faults, as often as wanted.

Owns the real time, the processes and the seeds' randomness; the simulation itself is pure (`kiosk.simulate`).
"""

import random
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import click

from kiosk.commands.exits import Exit

if TYPE_CHECKING:
    from kiosk.simulate.teller import Sum, Teller

TOLD_EVERY_S = 30.0
SHRINK_PLAYS = 400  # some minutes at most
AHEAD = 8  # stories a process that are played before their turn to be told
SEED = r"[A-Za-z0-9_-]{1,32}(\.[0-9]{1,9})?"
Played = tuple[str, int, dict[str, int], tuple[tuple[str, float], ...]]
_teller: "list[Teller]" = []  # one a process: the words are read once


def _roll(name: str) -> random.Random:
    return random.Random(name)  # noqa: S311 - a story's chance must be the same each time, it is no secret


def _make() -> "Teller":
    if not _teller:
        from kiosk.simulate.teller import Teller
        from kiosk.words import load_catalogue

        _teller.append(Teller(load_catalogue(), _roll))
    return _teller[0]


def _play(seed: str) -> Played:
    """Play one story, in whichever process."""
    teller = _make()
    outcome = teller.play(teller.write(seed))
    return seed, outcome.law, outcome.counts, outcome.measured


def _each(seed: str, jobs: int) -> Iterator[Played]:
    """Play story after story, in the order of their numbers."""
    if "." in seed:
        yield _play(seed)
        return
    seeds = (f"{seed}.{number}" for number in count())
    if jobs == 1:
        yield from map(_play, seeds)
        return
    from multiprocessing import get_context

    with get_context("spawn").Pool(jobs) as pool:
        # A window that moves on with each story: no process waits for the longest of a batch, and the pool
        # never reads all of an endless list of seeds.
        under_way = deque(pool.apply_async(_play, (next(seeds),)) for _ in range(AHEAD * jobs))
        while True:
            yield under_way.popleft().get()
            under_way.append(pool.apply_async(_play, (next(seeds),)))


def _check_seed(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str:
    import re

    if value is None:
        return str(random.SystemRandom().randrange(10**9))
    if not re.fullmatch(SEED, value):
        raise click.BadParameter(
            "1 to 32 letters, digits, _ or -, and for one story of it a point and a number"
        )
    return value


@click.command()
@click.option(
    "--incidents", type=click.IntRange(1), default=1000, show_default=True, help="How many, at least."
)
@click.option(
    "--seed", callback=_check_seed, help="Where it begins (a fresh one by itself); 7.3 is one story of 7."
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes beside each other."
)
@click.option("--minutes", type=click.FloatRange(min=0.0, min_open=True), help="End after so much real time.")
@click.option("--story", is_flag=True, help="Print the timeline of the seed's first story.")
@click.pass_context
def simulate(ctx: click.Context, incidents: int, seed: str, jobs: int, minutes: Any, *, story: bool) -> None:
    """Play the whole system in virtual time: real cores, seeded faults on every path, laws that must hold.

    The same seed gives the same stories everywhere. The last line counts what was played. Exit codes: 0 every
    law held, 1 one broke: its seed and the shortest story that breaks it are printed.
    """
    from kiosk.simulate.teller import Sum

    if story:
        ctx.exit(_tell(seed if "." in seed else f"{seed}.0"))
    began_s = told_s = time.monotonic()
    total = Sum()
    broken = ""
    for played_seed, law, counts, measured in _each(seed, jobs):
        total.add(counts, measured)
        broken = played_seed if law >= 0 else ""
        now_s = time.monotonic()
        if now_s - told_s >= TOLD_EVERY_S:
            told_s = now_s
            click.echo(total.line(seed, 0), err=True)
        if broken or total.counts["incidents"] >= incidents or (minutes and now_s - began_s >= 60 * minutes):
            break
    if broken:
        _explain(broken)
    _figures(total, time.monotonic() - began_s)
    click.echo(total.line(seed, 1 if broken else 0))
    ctx.exit(Exit.FAILED if broken else Exit.OK)


def _figures(total: "Sum", took_s: float) -> None:
    """Print the longest and most of everything that a law bounds."""
    for name, value in sorted(total.measured.items()):
        click.echo(f"  most: {name} {value:.4g}")
    rate = total.counts["incidents"] / max(took_s, 1e-3)
    click.echo(f"  {took_s:.1f} s, {rate:.1f} incidents a second")


def _tell(seed: str) -> Exit:
    from kiosk.simulate.teller import describe, verdict

    teller = _make()
    outcome = teller.play(teller.write(seed), telling=True)
    click.echo(describe(outcome.story))
    click.echo(outcome.timeline)
    click.echo(verdict(outcome))
    return Exit.OK if outcome.held else Exit.FAILED


def _explain(seed: str) -> None:
    """Print the failing seed and its shortest story."""
    from kiosk.simulate.teller import describe, verdict

    teller = _make()
    outcome = teller.play(teller.write(seed))
    click.echo(f"seed {seed}: {verdict(outcome)}")
    click.echo("shrinking …", err=True)
    short = teller.shrink(outcome, SHRINK_PLAYS)
    click.echo(f"the shortest story that breaks it:\n{describe(short.story)}")
    click.echo(short.timeline)
    click.echo(verdict(short))
    import msgspec

    click.echo(msgspec.json.encode(short.story).decode())
