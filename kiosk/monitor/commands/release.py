"""`kiosk monitor release …`: which releases the doors offer. Each is verified by the owner's key first."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from kiosk.monitor.commands.shelf import Shelf, config_option, passed
from kiosk.monitor.commands.terminal import json_option, put_json, put_table

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
@config_option
@click.pass_context
def release(context: click.Context, file: Path) -> None:
    """Releases that kiosks may fetch at the doors."""
    context.obj = Shelf(file, context.find_object(object))


@release.command()
@click.argument("bundle", type=FILE)
@passed
def add(shelf: Shelf, bundle: Path) -> None:
    """Offer the release in BUNDLE. On each machine that has doors: its file lies there."""
    from kiosk.bundle import load_public_key, verify
    from kiosk.monitor.store import releases
    from kiosk.monitor.store.releases import Release

    config = shelf.config()
    verified = verify(bundle, load_public_key(Path(config.updates.owner_key)), kind="release")
    names = (name for name in verified.names if name.startswith("requirements/"))
    targets = ",".join(sorted(name.removeprefix("requirements/").removesuffix(".txt") for name in names))
    file = releases.file_of(config.paths.state, verified.id)
    _copy(bundle, file)
    with shelf.change() as (db, act):
        new = Release(
            release_id=verified.id, version=verified.header.version, size=file.stat().st_size,
            made_at=verified.header.made_at, targets=targets[:500], added_ms=act["now_ms"],
            added_by=act["who"],
        )  # fmt: skip
        added = releases.add(db, new)
    state = "is offered" if added else "was offered already"
    click.echo(f"{new.version} {state}: {verified.id}")


@release.command("list")
@json_option
@passed
def list_command(shelf: Shelf, *, as_json: bool) -> None:
    """List the releases, and whether their file is on this machine."""
    from rich.table import Table

    from kiosk.monitor.store import releases
    from kiosk.wire import utc_text

    state = shelf.config().paths.state
    with shelf.read() as db:
        found: list[dict[str, Any]] = [
            {
                "release": one.release_id, "version": one.version, "size": one.size, "made_at": one.made_at,
                "targets": one.targets.split(","), "added_at": utc_text(one.added_ms), "by": one.added_by,
                "here": releases.file_of(state, one.release_id).exists(),
            }
            for one in releases.listed(db)
        ]  # fmt: skip
    if as_json:
        put_json(found)
        return
    table = Table("version", "release", "MB", "made", "for", "here")
    for one in found:
        size, targets = f"{one['size'] / 1e6:.1f}", " ".join(one["targets"])
        here = "yes" if one["here"] else "no"
        table.add_row(one["version"], one["release"][:16], size, one["made_at"], targets, here)
    put_table(table)


@release.command()
@click.argument("name", metavar="RELEASE")
@passed
def remove(shelf: Shelf, name: str) -> None:
    """Offer RELEASE (a version, or an id or its first 8 letters) no more, and delete its file here."""
    from kiosk.messages import ConfigError
    from kiosk.monitor.store import releases

    with shelf.change() as (db, act):
        found = one_of(db, name)
        try:
            releases.remove(db, found.release_id, **act)
        except releases.ReleaseInUse as error:
            raise ConfigError(
                f"{found.version}: a roll-out of it is under way; kiosk monitor rollout stop"
            ) from error
    releases.file_of(shelf.config().paths.state, found.release_id).unlink(missing_ok=True)
    click.echo(f"{found.version} is offered no more")


def one_of(db: Any, name: str) -> Any:
    """Give the one release that is meant; raises ConfigError."""
    from kiosk.messages import ConfigError
    from kiosk.monitor.store import releases

    found = releases.find(db, name)
    if len(found) != 1:
        what = "no release" if not found else f"{len(found)} releases"
        raise ConfigError(f"{name}: {what} of that name; see kiosk monitor release list")
    return found[0]


def _copy(bundle: Path, file: Path) -> None:
    """Put a verified file in its place, whole; raises DeviceError."""
    from kiosk.bundle import file_id
    from kiosk.messages import DeviceError

    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with bundle.open("rb") as source, part.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        if file_id(part) != file.stem:
            raise DeviceError(f"{bundle}: changed while it was copied; try again")
        part.replace(file)
    except OSError as error:
        if isinstance(error, DeviceError):
            raise
        raise DeviceError(f"{file}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
