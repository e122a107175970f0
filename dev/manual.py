"""The manual page kiosk(1), from what the commands say of themselves. Usage: manual.py VERSION DATE."""

import sys
from collections.abc import Iterator

import click

from kiosk.cli import main as kiosk

EXPLAINED = "\b"  # click's mark of a paragraph that keeps its lines


def plain(text: str) -> str:
    """Keep roff from reading words as orders."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in safe.splitlines())


def paragraphs(text: str) -> Iterator[str]:
    for block in text.split("\n\n"):
        lines = [line.strip() for line in block.strip().splitlines()]
        if lines and lines[0] == EXPLAINED:
            kept = [line.rstrip() for line in block.strip("\n").splitlines()[1:]]
            yield ".PP\n.nf\n" + plain("\n".join(kept)) + "\n.fi"
        elif any(lines):
            yield ".PP\n" + plain(" ".join(lines).replace(EXPLAINED, ""))


def options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and record[0] != "--help":
            yield f".TP\n.B {plain(record[0])}\n{plain(record[1]) or '.br'}"


def sections(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """Describe a command and those below it, one section each."""
    yield f'.SS "{plain(ctx.command_path)} {plain(" ".join(command.collect_usage_pieces(ctx)))}"'
    yield from paragraphs(command.help or "")
    yield from options(command, ctx)
    yield from below(command, ctx)


def below(command: click.Command, ctx: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            if found is None:
                raise SystemExit(f"manual: {ctx.command_path} {name} cannot be loaded")
            yield from sections(found, click.Context(found, info_name=name, parent=ctx))


def page(version: str, date: str) -> str:
    ctx = click.Context(kiosk, info_name="kiosk")
    head = [
        f'.TH KIOSK 1 "{date}" "pana-kiosk {version}" "Safe-point kiosk"',
        ".SH NAME\nkiosk \\- run and look after a safe-point kiosk, or its centre",
        ".SH SYNOPSIS\n.B kiosk\n.I command\n[options]",
        ".SH COMMANDS",
    ]
    foot = [
        '.SH "EXIT STATUS"',
        *paragraphs(kiosk.epilog or ""),
        ".SH FILES",
        ".TP\n.I /etc/pana\\-kiosk/site.toml\nthe site's configuration",
        ".TP\n.I /var/lib/pana\\-kiosk\nthe journal, and what else must outlast a power cut",
        ".TP\n.I /opt/pana\\-kiosk/current\nthe version in use: a link to one of two slots",
        ".TP\n.I /etc/pana\\-monitor/monitor.toml\nthe centre's configuration",
    ]
    return "\n".join([*head, *below(kiosk, ctx), *foot]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(*sys.argv[1:]))
