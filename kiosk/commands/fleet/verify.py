"""`kiosk fleet verify`: what a kiosk would say of a bundle, and what is in it."""

from pathlib import Path

import click

from kiosk.commands.fleet.files import FILE, pub_option
from kiosk.commands.options import json_option


@click.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@pub_option
@json_option
def verify(files: tuple[Path, ...], pub: Path, *, as_json: bool) -> None:
    """Check FILES, kiosks' bundles or releases, to the last byte; the first bad one ends it with 1.

    A kiosk's bundle is checked with its configuration, and with its release where that lies beside it.
    """
    from kiosk import bundle
    from kiosk.commands.output import put_json
    from kiosk.fleet.judging import judge

    key = bundle.load_public_key(pub)
    for path in files:
        seen = judge(path, key)
        if as_json:
            put_json(seen)
        else:
            click.echo(seen.text())
