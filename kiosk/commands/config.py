"""`kiosk config`: the effective configuration for people's eyes, and every fault of a file."""

from pathlib import Path

import click

from kiosk.commands.exits import Exit
from kiosk.commands.options import config_option, json_option
from kiosk.commands.output import put_json


@click.group()
def config() -> None:
    """Show or check the configuration."""


@config.command()
@config_option
@json_option
def show(file: Path, *, as_json: bool) -> None:
    """Print what is in force, defaults included; numbers and secrets are masked."""
    import tomli_w

    from kiosk.config_text import mask
    from kiosk.site_files import load_config

    site, config_hash = load_config(file)
    if as_json:
        put_json({"file": str(file), "hash": config_hash, "config": mask(site)})
    else:
        click.echo(tomli_w.dumps(mask(site)), nl=False)


@config.command()
@config_option
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Judge a file: every fault with its line and key. Warnings do not fail it."""
    from kiosk.config_check import check as problems_of
    from kiosk.messages import ConfigError
    from kiosk.site_files import load_config
    from kiosk.words import load_catalogue

    try:
        site, config_hash = load_config(file)
    except ConfigError as error:
        if not as_json:
            raise
        put_json({"ok": False, "file": str(file), "errors": str(error).split("\n"), "warnings": []})
        click.get_current_context().exit(Exit.CONFIG)
    warnings = [f"{file}: {problem.key}: {problem.what}" for problem in problems_of(site, load_catalogue())]
    if as_json:
        put_json({"ok": True, "file": str(file), "hash": config_hash, "errors": [], "warnings": warnings})
        return
    for warning in warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"{file}: ok, hash {config_hash}")
