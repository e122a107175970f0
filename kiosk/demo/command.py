"""`kiosk demo`: the interactive page, or one incident played and judged."""

import json
import os
import signal
import sys
from types import FrameType
from typing import Any, Literal

import click

from kiosk.demo import stage
from kiosk.demo.judge import Plan
from kiosk.demo.play import Play
from kiosk.demo.shop import Shop
from kiosk.hw.render import Progress
from kiosk.messages import KioskError, Language
from kiosk.words import load_catalogue

CUTS = ("mqtt", "gsm")
EXIT_WRONG = 1
EXIT_UNAVAILABLE = 69  # EX_UNAVAILABLE: a part of the demo could not be started


def _cuts(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    unknown = [name for name in names if name not in CUTS]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(CUTS)}")
    return tuple(dict.fromkeys(names))


@click.command()
@click.option("--once", is_flag=True, help="Play one whole incident and judge it.")
@click.option("--json", "as_json", is_flag=True, help="With --once: one JSON object a line.")
@click.option("--cut", callback=_cuts, default="", metavar="mqtt|gsm|mqtt,gsm", help="Cut before the press.")
@click.option("--restore-after", type=click.FloatRange(min=0, max=40), metavar="S",
              help="Seconds after the press; by default once a person accepted by SMS.")  # fmt: skip
@click.option("--accept", type=click.Choice(["console", "sms", "none"]), help="Who accepts.")
@click.option("--voice", type=click.Choice(["spoken", "cover", "off"]), default="spoken", show_default=True)
@click.option("--broker", type=click.Choice(["amqtt", "mosquitto"]), default="amqtt", show_default=True)
@click.option("--gpio", type=click.IntRange(min=0), metavar="PIN", help="A real button on this BCM pin.")
@click.option("--lang", type=click.Choice(["kk", "ru", "en"]), default="ru", show_default=True)
def demo(
    *,
    once: bool,
    as_json: bool,
    cut: tuple[str, ...],
    restore_after: float | None,
    accept: Literal["console", "sms", "none"] | None,
    voice: Literal["spoken", "cover", "off"],
    broker: str,
    gpio: int | None,
    lang: Language,
) -> None:
    """Play the whole chain on this PC: real kiosk and centre, simulated networks and people.

    Exit codes: 0 the outcome is right, 1 it is not, 2 usage, 69 a part could not be started.
    """
    accept = accept or ("sms" if cut == ("mqtt",) else "console")
    plan = Plan(cut=cut, restore_after_s=restore_after, accept=accept, voice=voice)
    if once and accept == "console" and cut and restore_after is None and "mqtt" in cut:
        raise click.UsageError("with --cut mqtt nobody at the centre can accept: add --restore-after S")
    signal.signal(signal.SIGTERM, _leave)
    clips = stage.clips_folder(voice)
    clips.mkdir(parents=True, exist_ok=True)
    try:
        shop = Shop(clips=clips, mode=voice, broker=broker, gpio=gpio, answers=once and accept == "sms")
        _prepare(shop, clips, voice, quiet=as_json)
        with shop:
            if once:
                sys.exit(_play(shop, plan, as_json=as_json))
            from kiosk.demo.page import Page  # noqa: PLC0415 - Textual is wanted for the page only

            Page(shop, load_catalogue(), lang).run()
    except KioskError as error:
        click.echo(f"demo: {error}", err=True)
        sys.exit(EXIT_UNAVAILABLE)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Leave by the ordinary way, so that every part is ended."""
    sys.exit(128 + signal.SIGTERM)


def _prepare(shop: Shop, clips: Any, voice: str, *, quiet: bool) -> None:
    if voice == "off":
        return

    def progress(step: Progress) -> None:
        if not quiet and step.outcome != "kept":
            click.echo(f"voice {step.done}/{step.total} {step.prompt.language} {step.prompt.key}", err=True)

    for problem in stage.render_clips(shop.site_file, clips, load_catalogue(), progress):
        click.echo(f"voice: {problem}", err=True)


def _play(shop: Shop, plan: Plan, *, as_json: bool) -> int:
    def emit(line: dict[str, Any]) -> None:
        if as_json:
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            rest = " ".join(f"{key}={value}" for key, value in line.items() if key not in ("t_s", "what"))
            click.echo(f"{line['t_s']:8.3f} s  {line['what']:<14} {rest}")

    emit({"t_s": 0.0, "what": "pages", **shop.pages})
    outcome = Play(shop, plan, emit).run()
    summary = {"summary": outcome.summary()}
    click.echo(json.dumps(summary, ensure_ascii=False) if as_json else f"\n{summary['summary']}")
    faults = outcome.faults(plan)
    for fault in faults:
        click.echo(f"demo: wrong: {fault}", err=True)
    if faults and os.environ.get("PANA_DEMO_LOGS"):
        click.echo(shop.log("kiosk") + shop.log("centre"), err=True)
    return EXIT_WRONG if faults else 0
