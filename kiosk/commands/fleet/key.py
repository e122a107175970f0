"""`kiosk fleet key`: make the owner's signing key once, and tell what it is known by."""

from pathlib import Path

import click

from kiosk.commands.fleet.files import key_option, pub_option


@click.group()
def key() -> None:
    """The owner's signing key: who has it can make every kiosk run anything."""


@key.command()
@key_option
@pub_option
def create(key: Path, pub: Path) -> None:
    """Make the key (mode 0600) and its public half; neither is ever overwritten."""
    from kiosk import bundle
    from kiosk.messages import ConfigError

    if pub.exists():
        raise ConfigError(f"{pub}: exists already, and belongs to a key; name another file")
    made = bundle.create_signing_key(key).public_key()
    pub.write_bytes(bundle.public_pem(made))
    click.echo(f"{key} stays at the desk; keep a copy off-line, in two places. {pub} goes to every kiosk.")
    click.echo(f"fingerprint: {bundle.fingerprint(made)}")


@key.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="owner.pub")
def show(file: Path) -> None:
    """Print the fingerprint of FILE, owner.pub by default, to be compared over the telephone."""
    from kiosk import bundle

    click.echo(bundle.fingerprint(bundle.load_public_key(file)))
