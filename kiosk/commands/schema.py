"""`kiosk schema`: the JSON Schemas of the configuration and of every message of the contract."""

import click

from kiosk.commands.output import put_json


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print the JSON Schema NAME (Config, Alert, Reply ...), or all of them as one object by name."""
    from kiosk.config_text import json_schemas

    schemas = json_schemas()
    if name is None:
        put_json(schemas)
        return
    known = {key.casefold(): key for key in schemas}
    if name.casefold() not in known:
        raise click.BadParameter(f"{name!r} is none of {', '.join(schemas)}", param_hint="NAME")
    put_json(schemas[known[name.casefold()]])
