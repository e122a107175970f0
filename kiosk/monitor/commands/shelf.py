"""What the registry's commands share: the store that the configuration names, and how rows are shown.

Every change is recorded under the login name of whoever typed. Owns no command.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from kiosk.monitor.commands.terminal import Terminal, config_option, load, login_name
from kiosk.monitor.config import MonitorConfig

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kiosk.monitor.store.certificates import Certificate
    from kiosk.monitor.store.commissionings import Held
    from kiosk.monitor.store.registry import Entry
    from kiosk.monitor.store.tokens import Token

__all__ = [
    "Act", "Shelf", "certificate_view", "config_option", "entry_view", "passed", "record_view", "token_view",
]  # fmt: skip
F = TypeVar("F", bound=Callable[..., Any])


class Act(TypedDict):
    """Who does something, and when (UTC ms)."""

    who: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """The store that a configuration file names; `terminal` knows where the running centre is."""

    file: Path
    terminal: object

    def config(self) -> MonitorConfig:
        """Read the configuration; raises ConfigError."""
        return load(self.file)

    @contextmanager
    def read(self) -> "Iterator[Connection]":
        """Give a transaction that reads; raises DeviceError when the store cannot be used."""
        with self._begin(writes=False) as db:
            yield db

    @contextmanager
    def change(self) -> "Iterator[tuple[Connection, Act]]":
        """Give a short transaction that writes, and who does it; the running centre is told to read again.

        Nothing of the centre can be written meanwhile where the store is SQLite.
        """
        with self._begin(writes=True) as db:
            yield db, act()
        self._tell()

    @contextmanager
    def note(self) -> "Iterator[tuple[Connection, Act]]":
        """Give a transaction that keeps what the running centre did, in the store as that centre has it."""
        with self._begin(writes=True, renews=False) as db:
            yield db, act()

    @contextmanager
    def _begin(self, *, writes: bool, renews: bool = True) -> "Iterator[Connection]":
        from sqlalchemy.exc import SQLAlchemyError

        from kiosk.messages import DeviceError
        from kiosk.monitor.store.engine import make_engine
        from kiosk.monitor.store.migrate import bring_up_to_date

        config = self.config()
        try:
            engine = make_engine(config.store_url, config.store.password_file)
            try:
                if renews:
                    bring_up_to_date(engine)
                with engine.execution_options(writes=writes).connect() as db:
                    yield db
                    db.commit()
            finally:
                engine.dispose()
        except (SQLAlchemyError, OSError) as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise DeviceError(f"the store cannot be used: {reason}") from error

    def _tell(self) -> None:
        from kiosk import control
        from kiosk.messages import DeviceError

        if isinstance(self.terminal, Terminal):
            with suppress(DeviceError):  # without a running centre there is nobody to tell
                control.ask(self.terminal.socket, {"ask": "reload"}, 2.0)


def act() -> Act:
    """Say who types, by the account's name, and when."""
    return {"who": login_name(), "now_ms": time.time_ns() // 1_000_000}


passed = click.make_pass_decorator(Shelf)


def words_options(command: F) -> F:
    """Add --name-kk, --name-ru and so on."""
    for what in ("entrance", "address", "name"):
        for language in ("ru", "kk"):
            command = click.option(f"--{what}-{language}", required=True, help="At most 60 letters.")(command)
    return command


def entry_view(entry: "Entry") -> dict[str, Any]:
    """Show a kiosk of the registry as plain data."""
    import msgspec

    draft = entry.draft
    return {
        "kiosk_id": draft.kiosk_id,
        "number": draft.number,
        "place": msgspec.to_builtins(draft.place),
        "imei": draft.imei,
        "note": draft.note,
        "created_at": _utc(entry.created_ms),
        "changed_at": _utc(entry.changed_ms),
        "revoked_at": _utc(entry.revoked_ms),
    }


def token_view(token: "Token") -> dict[str, Any]:
    """Show what is known of a token."""
    return {
        "made_by": token.made_by,
        "created_at": _utc(token.created_ms),
        "expires_at": _utc(token.expires_ms),
        "used_at": _utc(token.used_ms),
    }


def certificate_view(held: "Certificate") -> dict[str, Any]:
    """Show a certificate without its PEM."""
    return {
        "serial": held.serial,
        "not_before": _utc(held.not_before_ms),
        "not_after": _utc(held.not_after_ms),
        "issued_at": _utc(held.issued_ms),
        "revoked_at": _utc(held.revoked_ms),
        "reason": held.reason,
    }


def record_view(held: "Held") -> dict[str, Any]:
    """Show an installer's check: who, when, how it ended, and what was wrong."""
    record = held.record
    return {
        "record_id": record.record_id,
        "by": record.by,
        "at": record.at,
        "received_at": _utc(held.received_ms),
        "verdict": record.verdict,
        "version": record.version,
        "imei": record.imei,
        "imei_before": held.imei_before,
        "wrong": [f"{row.part}: {row.code}" for row in record.rows if row.level in ("fault", "untested")],
    }


def _utc(at_ms: int | None) -> str:
    from kiosk.wire import utc_text

    return "" if at_ms is None else utc_text(at_ms)
