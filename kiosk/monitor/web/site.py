"""What every page shares: configuration, database, feed, words and templates. Owns no behaviour of a page."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import jinja2
from sqlalchemy import Connection, Engine
from starlette.requests import Request

from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.expiry import Lookout
from kiosk.monitor.sections import Web
from kiosk.monitor.web import times
from kiosk.monitor.web.entrance import Entrance
from kiosk.monitor.web.passwords import Passwords
from kiosk.monitor.web.words import Language, Words

View = dict[str, Any]


class FeedPort(Protocol):
    """The centre as the pages reach it (`kiosk.monitor.feed.Feed`, or a fake with faults)."""

    @property
    def up(self) -> bool:
        """Tell whether the centre is there."""

    def on_event(self, listener: Callable[[View], None]) -> Callable[[], None]:
        """Let `listener` hear each event; call what is returned to end that."""

    def ask(self, request: View, timeout_s: float = 5.0) -> Awaitable[View]:
        """Ask the centre one thing; raises DaemonAway."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation: where, its word, who sees it."""

    path: str
    word: str
    roles: tuple[str, ...]


def now_utc_ms() -> int:
    """Read the wall clock."""
    return time.time_ns() // 1_000_000


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kiosk.monitor.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(local=times.local, clock=times.clock, day=times.day, of_wire=times.of_wire)
    return environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The pages of one centre."""

    config: MonitorConfig
    web: Web
    engine: Engine
    feed: FeedPort
    words: Words
    navigation: tuple[Entry, ...]
    lookout: Lookout
    now_ms: Callable[[], int] = now_utc_ms
    passwords: Passwords = field(default_factory=Passwords)
    entrance: Entrance = field(default_factory=Entrance)
    templates: jinja2.Environment = field(default_factory=_templates)

    @property
    def secure(self) -> bool:
        """Tell whether browsers reach us by TLS."""
        return self.web.cert is not None or (self.web.origin or "").startswith("https:")

    @property
    def cookie(self) -> str:
        """Name the session's cookie; the prefix makes browsers refuse one that another host set."""
        return "__Host-pana" if self.secure else "pana"

    def writing(self) -> Connection:
        """Give a connection whose transaction writes."""
        return self.engine.connect().execution_options(writes=True)


def site_of(request: Request) -> Site:
    """Give the site that a request came to."""
    site: Site = request.app.state.site
    return site


def word_of(site: Site, language: Language) -> Callable[..., str]:
    """Give the words of one language, as templates use them."""

    def word(key: str, **values: object) -> str:
        return site.words.word(language, key, **values)

    return word
