"""`kiosk monitor registry ca | server-cert | client-cert | crl | acl`: what the private CA does by hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiosk.monitor.commands.shelf import Shelf, act, passed
from kiosk.monitor.sections import Ca

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kiosk.monitor.ca import Authority, Issued

_OUT = click.Path(path_type=Path, dir_okay=False)
_DAYS = click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True)


def _section(shelf: Shelf) -> Ca:
    from kiosk.messages import ConfigError

    section = shelf.config().ca
    if section is None:
        raise ConfigError(f"{shelf.file}: ca: there is no section [ca]; it names the CA's cert and key")
    return section


@contextmanager
def _authority(shelf: Shelf) -> "Iterator[Authority]":
    from kiosk.monitor.ca import files

    section = _section(shelf)
    yield files.load(section.cert, section.key)


@click.group()
def ca() -> None:
    """The private CA that every kiosk and the centre trust, and nothing else."""


@ca.command()
@click.option("--name", default="Pana CA", show_default=True)
@click.option("--permit", multiple=True, help="A DNS name or address that servers may have; else any.")
@click.option("--days", type=click.IntRange(365, 36_500), default=7300, show_default=True)
@passed
def create(shelf: Shelf, name: str, permit: tuple[str, ...], days: int) -> None:
    """Make the CA at the places that [ca] names; never overwrites. Keep a copy of the key off-line."""
    from kiosk.monitor.ca import create as make
    from kiosk.monitor.ca import files
    from kiosk.monitor.store import audit

    section = _section(shelf)
    with shelf.change() as (db, doer):
        audit.write(db, at_ms=doer["now_ms"], who=doer["who"], what="ca_created", subject=name)
        pair = make(name, doer["now_ms"] // 1000, permit=permit, days=days)
        files.write_pair(pair, Path(section.cert), Path(section.key))
    click.echo(f"{section.cert} goes to every kiosk and broker; {section.key} stays here (mode 0600)")


@click.command("server-cert")
@click.argument("names", nargs=-1, required=True)
@click.option("--cert", type=_OUT, required=True)
@click.option("--key", type=_OUT, required=True)
@_DAYS
@passed
def server_cert(shelf: Shelf, names: tuple[str, ...], cert: Path, key: Path, days: int) -> None:
    """Make a key and certificate for a broker or the doors; NAMES are its DNS names and addresses."""
    from kiosk.monitor.ca import files

    with _authority(shelf) as authority:
        issued, pair = authority.server_pair(names, act()["now_ms"] // 1000, days)
        _keep(shelf, names[0], "server", issued)
        files.write_pair(pair, cert, key)
    click.echo(f"{cert} and {key} (mode 0600), serial {issued.serial}")


@click.command("client-cert")
@click.argument("name")
@click.option("--cert", type=_OUT, required=True)
@click.option("--key", type=_OUT, required=True)
@_DAYS
@passed
def client_cert(shelf: Shelf, name: str, cert: Path, key: Path, days: int) -> None:
    """Make a key and certificate for the centre itself, whose NAME is its id on the broker.

    A kiosk's key is never made here: give the kiosk a token.
    """
    from kiosk.monitor.ca import files
    from kiosk.monitor.store import registry
    from kiosk.monitor.store.drafts import RegistryError

    def demand_no_kiosk(db: "Connection") -> None:
        if registry.get(db, name) is not None:
            raise RegistryError(f"{name} is a kiosk; its key is made on the kiosk: give it a token")

    with shelf.read() as db:
        demand_no_kiosk(db)
    with _authority(shelf) as authority:
        issued, pair = authority.client_pair(name, act()["now_ms"] // 1000, days)
        _keep(shelf, name, "client", issued, demand_no_kiosk)
        files.write_pair(pair, cert, key)
    click.echo(f"{cert} and {key} (mode 0600), serial {issued.serial}")


@click.command()
@click.option("--output", type=_OUT, default=None, help="Where to write it.  [default: ca.crl, or stdout]")
@passed
def crl(shelf: Shelf, output: Path | None) -> None:
    """Sign the revocation list anew. The doors do that daily; an expired one locks every kiosk out."""
    from kiosk.monitor.ca import files
    from kiosk.monitor.doors import revocation

    section = _section(shelf)
    path = output or (Path(section.crl) if section.crl else None)
    now_ms = act()["now_ms"]
    with _authority(shelf) as authority, shelf.read() as db:
        listed = revocation.lines(db, now_ms)
        files_before = [Path(file) for file in (section.crl, path) if file is not None]
        before = [line for file in files_before for line in revocation.read(file, authority)]
        listed += revocation.unforgotten(db, before, listed, now_ms)
        pem = authority.crl(listed, now_ms // 1000, section.crl_days)
    if path is None:
        click.echo(pem.decode(), nl=False)
        return
    files.write(path, pem, files.PUBLIC_MODE)
    click.echo(f"{path}: {len(listed)} certificates, for {section.crl_days} days; reload the broker")


@click.command()
@passed
def acl(shelf: Shelf) -> None:
    """Print the broker's deny lines for every revoked kiosk: they end a live connection's rights at once."""
    from kiosk.monitor.store import registry

    with shelf.read() as db:
        names = registry.revoked_names(db)
    for name in names:
        click.echo(f"user {name}\ntopic deny #")


def _keep(
    shelf: Shelf, name: str, kind: str, issued: "Issued", demand: "Callable[[Connection], None] | None" = None
) -> None:
    """Keep a certificate that was made by hand, so that it can be revoked; recorded."""
    from kiosk.monitor.store import audit, certificates, locks

    with shelf.change() as (db, doer):
        locks.take(db, locks.Lock.NAMES)
        if demand is not None:
            demand(db)
        certificates.keep(
            db,
            certificates.Certificate(
                serial=issued.serial,
                kiosk_id=name[:64],
                not_before_ms=issued.not_before_s * 1000,
                not_after_ms=issued.not_after_s * 1000,
                issued_ms=doer["now_ms"],
                pem=issued.pem,
            ),
        )
        who, detail = doer["who"], f"serial={issued.serial}"
        audit.write(
            db, at_ms=doer["now_ms"], who=who, what=f"{kind}_certificate_made", subject=name, detail=detail
        )
