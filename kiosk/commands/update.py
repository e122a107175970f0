"""`kiosk update`: a new version beside the old one, tried while nothing is open, kept or taken back.

What is shown are words of the catalogue; what it does stands in `kiosk.update`.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kiosk.commands.exits import Exit
from kiosk.commands.options import config_option, glance, json_option, lang_option
from kiosk.commands.output import put_json

if TYPE_CHECKING:
    from kiosk.update.course import Course, Wishes
    from kiosk.update.places import Places
    from kiosk.updates import UpdateOutcome

ORDER_MAX_S = 24 * 3600.0  # a release that cannot be fetched in a day is ordered anew
STATUS = "status"


@click.command()
@click.argument("bundle", required=False, metavar="[BUNDLE|status]")
@config_option
@json_option
@lang_option
@click.option(
    "--from-centre", is_flag=True, help="Carry out the centre's order; kiosk-update.service does this."
)
@click.option("--resume", is_flag=True, help="Judge a version that is on trial since before a power cut.")
@click.option("--force", is_flag=True, help="Go on though the daemon does not answer.")
@click.option("--allow-downgrade", is_flag=True, help="Install an older version.")
@click.option("--again", is_flag=True, help="Install a version that was taken back, or that runs already.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def update(
    ctx: click.Context,
    /,
    bundle: str | None,
    file: Path,
    *,
    as_json: bool,
    lang: Any,
    **flags: bool,
) -> None:
    """Install the release in BUNDLE, or say how things stand (status). Needs root.

    Nothing is touched while an alarm is open. A version that is not armed with the links of before, or fails
    a silent drill, is taken back after five minutes. Exit codes: 0 it runs, 1 not updated or taken back.
    """
    from kiosk.update.course import Wishes

    if sum((bundle is not None, flags["from_centre"], flags["resume"])) != 1:
        raise click.UsageError("give a BUNDLE, or status, or --from-centre, or --resume")
    view = _View(file, as_json=as_json, lang=lang)
    wishes = Wishes(force=flags["force"], downgrade=flags["allow_downgrade"], again=flags["again"])
    course = view.course(wishes)
    if bundle == STATUS:
        view.status(course)
        return
    with _alone(course.places):
        if flags["from_centre"]:
            _by_order(course, view)
            return
        ended = course.resume()
        if bundle is not None:
            if ended is not None:
                view.ended(ended)
            view.confirm(course, Path(bundle), sure=flags["yes"])
            ended = course.install(Path(bundle))
    if ended is None:
        view.say_word("update_nothing")
        return
    view.ended(ended)
    ctx.exit(Exit.OK if ended.ending == "succeeded" else Exit.FAILED)


def _by_order(course: "Course", view: "_View") -> None:
    """Carry out the centre's order; it is answered by an outcome, whatever comes of it."""
    from kiosk.bundle import BundleRefused
    from kiosk.messages import ConfigError
    from kiosk.update.judging import Refusal
    from kiosk.update.places import UpdateFailed

    papers = course.papers
    order, record = papers.order(), papers.record()
    if course.slots.on_trial() or (record is not None and (record.switched or order is None)):
        ended = course.resume()
        if ended is not None:
            view.ended(ended)
        order = papers.order()
    if order is None:
        papers.drop_order()
        return
    known = {"version": order.version, "digest": order.release, "command_id": order.command_id}
    if papers.order_age_s(order) > ORDER_MAX_S:
        view.ended(course.refuse(Refusal("update_expired"), **known))
        return
    try:
        path = view.fetch(course, order.release)
        try:
            ended = course.install(path, digest=order.release, command_id=order.command_id)
        finally:
            path.unlink(missing_ok=True)
    except UpdateFailed as error:
        ended = course.refuse(Refusal(error.code, error.detail), **known)
    except (BundleRefused, ConfigError) as error:
        ended = course.refuse(Refusal("update_bundle", str(error)), **known)
    view.ended(ended)


class _View:
    """The site's file at a glance, and how things are said."""

    def __init__(self, file: Path, *, as_json: bool, lang: Any) -> None:
        from kiosk.words import load_catalogue

        self._file = file
        self._as_json = as_json
        self._seen = glance(file)
        self._language = lang or self._seen.language
        self._words = load_catalogue()

    def course(self, wishes: "Wishes") -> "Course":
        from kiosk.update.course import Course
        from kiosk.update.daemon import Daemon
        from kiosk.update.places import Places
        from kiosk.update.record import Papers

        places = Places(Path(os.environ.get("PANA_ROOT") or "/"))
        daemon = Daemon(self._seen.socket, self._seen.drill_s)
        papers = Papers(places, self._seen.state)
        return Course(
            places=places, papers=papers, daemon=daemon, config=self._file, say=self.say, wishes=wishes
        )

    def word(self, key: str, **values: object) -> str:
        return self._words.word(self._language, "cli", key, **values)

    def say_word(self, key: str, **values: object) -> None:
        if not self._as_json:
            click.echo(self.word(key, **values))
            sys.stdout.flush()

    def say(self, doing: str, what: str) -> None:
        if self._as_json:
            put_json({"doing": doing, "what": what})
        else:
            self.say_word(f"doing_{doing}", what=what)

    def ended(self, ended: "UpdateOutcome") -> None:
        if self._as_json:
            put_json(ended)
            return
        why = self.word(ended.code) if ended.code else ""
        why = f"{why} ({ended.detail})" if ended.detail else why
        self.say_word(f"update_{ended.ending}", version=ended.version, why=why)

    def confirm(self, course: "Course", bundle: Path, *, sure: bool) -> None:
        from kiosk.update import release

        if sure or self._as_json or not sys.stdin.isatty():
            return
        version = release.verify(bundle, course.places, None).header.version
        before = course.slots.version(course.slots.current())
        click.confirm(self.word("update_ask", version=version, before=before), abort=True)

    def fetch(self, course: "Course", digest: str) -> Path:
        """Fetch a release by the doors of the configuration. Raises LinkDown, UpdateFailed, ConfigError."""
        import time

        from kiosk.arming import read_config
        from kiosk.check.trial import trusted_utc_s
        from kiosk.messages import ConfigError
        from kiosk.net.call import Caller
        from kiosk.update.fetch import fetch

        config, _ = read_config(self._file)
        files = config.https.tls or config.identity() if config.https else None
        if config.https is None or files is None:
            raise ConfigError(f"{self._file}: https: missing; it says by which door a release comes")
        good_s = trusted_utc_s(Path(config.paths.state))
        caller = Caller(files, lambda: max(good_s, time.time()))
        self.say("fetch", digest[:12])

        def is_quiet() -> bool:
            seen = course.daemon.standing()
            return course.daemon.is_absent() if seen is None else not seen.open

        return fetch(
            digest, course.places.incoming, doors=config.https.centres, caller=caller, wait=time.sleep,
            is_quiet=is_quiet,
        )  # fmt: skip

    def status(self, course: "Course") -> None:
        """Say what runs, what lies beside it, and what was taken back."""
        slots = course.slots
        current = slots.current()
        trial, refused = slots.on_trial(), slots.refused()
        beside = slots.version("b" if current == "a" else "a")
        found = {
            "version": slots.version(current), "slot": current, "spare": beside,
            "trial": slots.version(trial) if trial else "", "refused": list(refused),
        }  # fmt: skip
        if self._as_json:
            put_json(found)
            return
        self.say_word("update_runs", version=found["version"] or "-", slot=current or "-")
        self.say_word("update_spare", version=beside or "-")
        if trial:
            self.say_word("update_trial", version=found["trial"])
        if refused:
            self.say_word("update_taken_back", versions=", ".join(refused))


@contextmanager
def _alone(places: "Places") -> Iterator[None]:
    """Hold the one lock of updates. Raises DeviceError when another one runs, or this user is not root."""
    import fcntl

    from kiosk.messages import DeviceError

    path = places.base / "update.lock"
    try:
        file = path.open("w")
    except PermissionError as error:
        raise DeviceError(f"{path}: no permission; run this as root: sudo kiosk update …") from error
    except FileNotFoundError as error:
        raise DeviceError(f"{places.base}: missing; this machine was not set up by provision.sh") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DeviceError("another update is under way; see kiosk update status") from error
        yield
