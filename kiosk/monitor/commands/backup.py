"""`kiosk monitor backup`: a copy of the whole store while everything runs."""

from pathlib import Path

import click

from kiosk.monitor.commands.terminal import config_option, load


@click.command()
@config_option
@click.option(
    "--to",
    "to",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The copy's name; it must not exist. It holds personal data and is readable by its owner only.",
)
def backup(file: Path, to: Path) -> None:
    """Copy the store, complete and checked, while the centre runs."""
    config = load(file)
    from kiosk.monitor.store.backup import back_up

    size_b = back_up(config.store_url, config.store.password_file, to)
    click.echo(f"{to}: {size_b / 1_000_000:.1f} MB")
