"""The pages in this process: the real application over a fresh database, and a centre that can fail.

`Pages` runs it on a loop of its own; `Visitor` is one browser with cookies.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

import anyio.from_thread
import httpx
import msgspec
import uvicorn
from anyio.from_thread import BlockingPortal
from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from kiosk.control import DaemonAway, DaemonSilent
from kiosk.monitor import config as monitor_config
from kiosk.monitor.store import engine as store_engine
from kiosk.monitor.store import people
from kiosk.monitor.store.people import Member
from kiosk.monitor.store.schema import metadata
from kiosk.monitor.web.app import make_app
from kiosk.monitor.web.browser import Browser
from kiosk.monitor.web.cards import Look
from kiosk.monitor.web.hub import Hub
from kiosk.monitor.web.passwords import Passwords
from kiosk.monitor.web.serve import PageServer
from kiosk.monitor.web.words import Language

ORIGIN = "http://centre.test"
PASSWORD = "a long pass phrase"
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))  # real argon2, made cheap
START_MS = 1_780_000_000_000
View = dict[str, Any]
TOML = """
[monitor]
id = "centre-1"
[mqtt]
brokers = ["localhost:1883"]
[paths]
state = "{folder}"
run = "{folder}"
[web]
listen = "127.0.0.1:8080"
"""


class FakeFeed:
    """The centre behind `kiosk.monitor.feed.Feed`'s interface, with fault knobs.

    `alerts` is what it answers to "alerts", `answers` what it answers to any other question by its name.
    """

    def __init__(self) -> None:
        self.up = True
        self.asked: list[View] = []
        self.alerts: list[View] = []
        self.answers: dict[str, View | Callable[[View], View]] = {}
        self.away = False  # it is connected but does not answer
        self._listeners: list[Callable[[View], None]] = []

    def on_event(self, listener: Callable[[View], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def ask(self, request: View, timeout_s: float = 5.0) -> View:
        self.asked.append(request)
        if not self.up:
            raise DaemonAway("the centre is not running")
        if self.away:
            raise DaemonSilent("the centre does not answer")
        if request["ask"] == "alerts":
            start = request.get("start", 0)
            return {"alerts": self.alerts[start : start + 50], "more": len(self.alerts) > start + 50}
        answer = self.answers.get(
            request["ask"], {"ok": True, "text": "", "alert_id": request.get("alert", "")}
        )
        return answer(request) if callable(answer) else answer

    def tell(self, event: View) -> None:
        """Tell every listener; what is asked for later agrees with it, as the real centre's answers do."""
        match event:
            case {"what": "case", "alert": told}:
                self._forget(told["alert_id"])
                if told["stage"] != "closed":
                    self.alerts.append(told)
            case {"what": "alert_renamed", "old": old}:
                self._forget(old)
        for listener in list(self._listeners):
            listener(event)

    def _forget(self, alert_id: str) -> None:
        self.alerts = [view for view in self.alerts if view["alert_id"] != alert_id]


class Visitor:
    """One browser: keeps cookies, follows redirects, sends Origin with forms."""

    def __init__(self, pages: "Pages") -> None:
        self._pages = pages
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(pages.app), base_url=ORIGIN, follow_redirects=True,
            headers={"accept": "text/html", "accept-language": "en"},
        )  # fmt: skip
        self.csrf = ""

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._keep(self._pages.run(lambda: self.client.get(path, **options)))

    def post(self, path: str, data: View | None = None, **options: Any) -> httpx.Response:
        """Send a form with the right token and Origin, unless `data` or `headers` say otherwise."""
        headers = {"origin": ORIGIN, **options.pop("headers", {})}
        form = {"csrf": self.csrf, **(data or {})}
        send = lambda: self.client.post(path, data=form, headers=headers, **options)  # noqa: E731 - one line
        return self._keep(self._pages.run(send))

    def _keep(self, response: httpx.Response) -> httpx.Response:
        found = re.search(r'name="csrf" (?:value|content)="([^"]+)"', response.text)
        self.csrf = found[1] if found else self.csrf
        return response


class Pages:
    """The running application; use as a context."""

    def __init__(self, folder: Path, toml: str = "") -> None:
        self.config = monitor_config.read(TOML.format(folder=folder) + toml, "centre.toml")
        self.engine: Engine = store_engine.make_engine(self.config.store_url)
        metadata.create_all(self.engine)
        self.database: Literal["up", "read_only", "away"] = "up"
        event.listen(self.engine, "begin", self._begin)
        self.feed = FakeFeed()
        self.now_ms = START_MS
        self.app = make_app(self.config, self.engine, self.feed, now_ms=lambda: self.now_ms, passwords=QUICK)
        self._ends = contextlib.ExitStack()
        self._portal: BlockingPortal

    def _begin(self, connection: Connection) -> None:
        if self.database == "away":
            raise OperationalError("BEGIN", None, Exception("away"))
        connection.exec_driver_sql(f"PRAGMA query_only={int(self.database == 'read_only')}")

    def __enter__(self) -> Self:
        self._portal = self._ends.enter_context(anyio.from_thread.start_blocking_portal())
        lifespan = self.app.router.lifespan_context(self.app)
        self._ends.callback(self.engine.dispose)
        self._ends.enter_context(self._portal.wrap_async_context_manager(lifespan))
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def run(self, function: Callable[[], Any]) -> Any:
        return self._portal.call(function)

    def tell(self, event: View) -> None:
        """Let the centre tell something, on the loop as the real feed does."""
        self._portal.call(self.feed.tell, event)

    def show(self, *views: View) -> None:
        """Let the core hold exactly these open alerts, and wait until the board knows."""
        self.feed.alerts = list(views)
        self.tell({"what": "feed_up"})
        hub = self.app.state.hub
        wanted = {view["alert_id"] for view in views}
        until(lambda: hub.live and {view["alert_id"] for view in hub.alerts()} == wanted)

    def visitor(self) -> Visitor:
        """Give a browser that nobody has signed in with."""
        visitor = Visitor(self)
        self._ends.callback(lambda: self.run(visitor.client.aclose))
        return visitor

    def add(self, person_id: str, role: str = "officer", language: str = "en", **more: Any) -> Member:
        """Add a person with the password PASSWORD."""
        fields: dict[str, Any] = {"name": person_id.title(), "password_hash": QUICK.hash(PASSWORD), **more}
        member = Member(person_id=person_id, role=role, language=language, **fields)  # type: ignore[arg-type]
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            people.add(connection, member, self.now_ms)
        return member

    def sign_in(self, role: str = "officer", language: str = "en", person_id: str = "") -> Visitor:
        """Give a browser in which a new person of this role is signed in."""
        name = person_id or f"{role}-{language}"
        with self.engine.connect() as connection:
            known = people.find(connection, name) is not None
        if not known:
            self.add(name, role, language)
        visitor = self.visitor()
        enter(visitor, name)
        return visitor


def enter(visitor: Visitor, name: str, password: str = PASSWORD, next_: str = "") -> httpx.Response:
    """Fill in the form of the sign-in page and send it."""
    shown = visitor.get("/sign-in", params={"next": next_} if next_ else {})
    door = re.search(r'name="door" value="([^"]+)"', shown.text)
    data = {"name": name, "password": password, "door": door[1] if door else "", "next": next_}
    return visitor.post("/sign-in", data)


def join(pages: Pages, *, acts: bool = True, language: Language = "en") -> Browser:
    """Open a board without a browser: what it is told can be `heard`."""
    hub: Hub = pages.app.state.hub

    async def joined() -> Browser | None:
        return hub.join(Look(language=language, acts=acts))

    browser = pages.run(joined)
    assert isinstance(browser, Browser)
    return browser


def heard(browser: Browser) -> list[tuple[str, Any]]:
    """Take what a board was told since: names and data."""
    found = []
    while not browser.frames.empty():
        name, _, data = browser.frames.get_nowait().decode().partition("\n")
        found.append((name.removeprefix("event: "), msgspec.json.decode(data.removeprefix("data: ").strip())))
    return found


def until(ready: Callable[[], object], within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > deadline_s:
            raise TimeoutError("it did not come")
        time.sleep(0.005)


@contextlib.contextmanager
def opened(folder: Path, toml: str = "") -> Iterator[Pages]:
    with Pages(folder, toml) as pages:
        yield pages


@contextlib.contextmanager
def served(pages: Pages, **options: Any) -> Iterator[str]:
    """Serve running pages at a port of this machine; gives the address. `options` are uvicorn's."""
    config = uvicorn.Config(
        pages.app, port=0, lifespan="off", loop="asyncio", log_config=None, ws="none", **options
    )
    server = PageServer(config, pages.app.state.site.lookout)
    thread = threading.Thread(target=lambda: pages.run(server.serve), daemon=True)
    thread.start()
    until(lambda: server.started and server.servers)
    try:
        scheme = "https" if config.is_ssl else "http"
        yield f"{scheme}://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True  # without waiting for the streams that are open
        thread.join(10)


def alert_view(number: int = 1, **changes: Any) -> View:
    """Give the centre's view of one alert, as `views.alert` makes it."""
    at = "2026-05-28T20:26:40.000Z"
    return {
        "alert_id": f"01ALERT{number:019d}", "kiosk_id": "almaty-17", "kind": "press", "drill": False,
        "stage": "received", "by": "", "pressed_at": at, "received_at": at, "age_s": 1, "late": False,
        "clock": "synced", "path": "mqtt", "also_by": [], "outcome": "", "referral": "", "button": "counter",
        "also": [], "presses": 1, "seq": number, "attempt": 1,
        "place": {
            "name": {"kk": "Абай дүкені", "ru": "Магазин на Абая"},
            "address": {"kk": "Абай даңғылы, 10", "ru": "пр. Абая, 10"},
            "entrance": {"kk": "ауладан", "ru": "со двора"},
            "lat": 43.23815, "lon": 76.94551, "accuracy_m": 10, "kato": "750000000", "phone": "+77012345678",
        },
        "stages": [{"stage": "received", "at": at, "by": "", "note": "", "via": "centre"}],
        **changes,
    }  # fmt: skip
