"""`kiosk monitor config`: the effective configuration for people's eyes, and every fault of a file."""

import re
from pathlib import Path
from typing import Any

import click

from kiosk.commands.exits import Exit
from kiosk.commands.output import put_json
from kiosk.monitor.commands.terminal import config_option, json_option, load

PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")  # of a URL: RFC 3986, 3.2.1
QUERY = re.compile(r"\?\S*")  # a hook's address may carry its token there


@click.group()
def config() -> None:
    """Show or check the centre's configuration."""


@config.command()
@config_option
@json_option
def show(file: Path, *, as_json: bool) -> None:
    """Print what is in force, defaults included; numbers and secrets are masked."""
    import tomli_w

    from kiosk.config_text import mask

    plain = _masked(mask(load(file)))
    if as_json:
        put_json({"file": str(file), "config": plain})
    else:
        click.echo(tomli_w.dumps(plain), nl=False)


@config.command()
@config_option
@json_option
def check(file: Path, *, as_json: bool) -> None:
    """Judge a file: every fault with its line and key."""
    from kiosk.messages import ConfigError

    try:
        load(file)
    except ConfigError as error:
        if not as_json:
            raise
        put_json({"ok": False, "file": str(file), "errors": str(error).split("\n")})
        click.get_current_context().exit(Exit.CONFIG)
    if as_json:
        put_json({"ok": True, "file": str(file), "errors": []})
    else:
        click.echo(f"{file}: ok")


@config.command()
def schema() -> None:
    """Print the JSON Schema (2020-12) of the configuration."""
    import msgspec

    from kiosk.monitor.config import MonitorConfig

    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    put_json(dialect | msgspec.json.schema(MonitorConfig))


def _masked(value: Any) -> Any:
    """Hide what an address may carry beside the place it names."""
    match value:
        case dict():
            return {key: _masked(item) for key, item in value.items()}
        case list():
            return [_masked(item) for item in value]
        case str():
            return QUERY.sub("?•••••", PASSWORD.sub(r"\1:•••••@", value)) if "://" in value else value
        case _:
            return value
