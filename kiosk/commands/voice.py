"""`kiosk voice`: render, play and list what this site says."""

import sys
from pathlib import Path
from typing import Any, Self

import click

from kiosk.commands.exits import Exit
from kiosk.commands.options import LANGUAGES, config_option, json_option
from kiosk.commands.output import console, put_json, put_table, quiet_log

PLAY_MAX_S = 60.0  # three languages of two sentences are 30 s


@click.group()
def voice() -> None:
    """Render, play and list what the kiosk says."""
    quiet_log()


@voice.command()
@config_option
@click.pass_context
def render(ctx: click.Context, file: Path) -> None:
    """Bring the clips up to date with the words; what is unchanged is kept.

    Human recordings win, then Piper where it is configured, then pyttsx3. Exits with 1 when a line has
    no clip.
    """
    from kiosk.hw import render as rendering
    from kiosk.hw.clips import site_prompts
    from kiosk.site_files import load_config
    from kiosk.words import load_catalogue

    site, _ = load_config(file)
    prompts = site_prompts(site, load_catalogue())
    piper = {language: Path(model) for language, model in site.voice.piper.items()}
    sources = rendering.Sources(human=Path(site.voice.human), piper=piper)
    failed = 0
    with _Progress(len(prompts)) as bar:

        def told(step: rendering.Progress) -> None:
            nonlocal failed
            failed += step.outcome == "failed"
            bar.step(step.done, f"{step.prompt.language} {step.prompt.key}: {step.outcome}")

        report = rendering.render(Path(site.voice.clips), prompts, sources, progress=told)
    for problem in report.problems:
        click.echo(problem, err=True)
    click.echo(f"{site.voice.clips}: rendered {report.rendered}, kept {report.kept}, failed {failed}")
    ctx.exit(Exit.FAILED if failed else Exit.OK)


class _Progress:
    """A bar on a terminal, plain lines elsewhere; both on stderr."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, done: int, text: str) -> None:
        """Show that one more is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=text)
        else:
            click.echo(f"{done}/{self._total} {text}", err=True)


@voice.command()
@click.argument("key")
@config_option
@click.option("--lang", type=click.Choice(LANGUAGES), default=None, help="Only this language.")
@click.pass_context
def play(ctx: click.Context, key: str, file: Path, lang: Any) -> None:
    """Say one prompt aloud now, as the site would: its clip, or live speech where there is none.

    KEY is pressed, sending, received ... (see `kiosk voice list`) or cover. Exits with 1 when nothing
    sounded.
    """
    import msgspec

    from kiosk.check.heard import Heard
    from kiosk.hw.clips import site_prompts
    from kiosk.hw.voice import open_voice
    from kiosk.messages import VoiceBroke, VoiceEnded, VoiceStarted
    from kiosk.site_files import load_config
    from kiosk.words import load_catalogue

    site, _ = load_config(file)
    words = load_catalogue()
    if lang is not None:
        identity = msgspec.structs.replace(site.kiosk, languages=(lang,))
        site = msgspec.structs.replace(site, kiosk=identity)
    keys = sorted({prompt.key for prompt in site_prompts(site, words)})
    if key not in keys:
        raise click.BadParameter(f"{key!r} is none of {', '.join(keys)}", param_hint="KEY")
    # Asked for by a person at the site, so it sounds in every mode.
    site = msgspec.structs.replace(site, voice=msgspec.structs.replace(site.voice, mode="spoken"))
    heard = Heard()
    spoken = open_voice(site, words, heard)
    try:
        spoken.say(key)
        end = heard.wait((VoiceEnded, VoiceBroke), PLAY_MAX_S)
    finally:
        spoken.close()
    started = heard.of(VoiceStarted)
    for event in started:
        click.echo(f"{event.language} {event.key} ({event.source})")
    if isinstance(end, VoiceBroke) or not started:
        reason = end.reason if isinstance(end, VoiceBroke) else f"nothing sounded within {PLAY_MAX_S:g} s"
        click.echo(reason, err=True)
        ctx.exit(Exit.FAILED)


@voice.command("list")
@config_option
@json_option
def list_(file: Path, *, as_json: bool) -> None:
    """List every line of this site: key, language, source, loudness, and whether it is approved."""
    from kiosk.check.clips import Line, lines_of
    from kiosk.site_files import load_config
    from kiosk.words import load_catalogue

    def row(line: Line) -> tuple[str, ...]:
        loudness = "" if line.lufs is None else f"{line.lufs:.1f} LUFS"
        return (line.key, line.language, line.state, line.source, loudness, str(line.approved).lower())

    site, _ = load_config(file)
    lines = lines_of(site, load_catalogue())
    if as_json:
        for line in lines:
            put_json(line)
        return
    put_table(("key", "language", "clip", "source", "loudness", "approved"), map(row, lines))
