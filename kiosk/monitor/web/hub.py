"""The live board: what the centre tells, rendered once per language and right, handed to every open browser.

Owns the list of open alerts as the core last told it. Never waits for a browser: a slow one is dropped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count

from kiosk.control import DaemonAway
from kiosk.monitor.web import cards
from kiosk.monitor.web.browser import BEAT, Browser, frame
from kiosk.monitor.web.cards import Look
from kiosk.monitor.web.listing import Listing
from kiosk.monitor.web.names import Names
from kiosk.monitor.web.site import Site, View

LOG = logging.getLogger(__name__)
BEAT_S = 10.0  # a board that hears nothing for 25 s says that it is not live
SLICES = 20  # each board looks up its session at its beat: not all of them in one moment
SYNC_S = 10.0  # a core that stands still keeps its socket open: only an answer that fails to come shows it
AGAIN_S = 5.0  # while boards say that they are not live
BROWSERS_MAX = 1000
ACTING = ("officer", "admin")


class Hub:
    """Keeps the open alerts and every open board up to date."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._open: dict[str, View] = {}
        self._browsers: set[Browser] = set()
        self._names = Names(site.engine)
        self._cards: dict[tuple[Look, str], tuple[View, Mapping[str, str], str]] = {}
        self._listing = Listing(site.feed)
        self._joined = 0
        self._synced = self._renamed = False
        self._wake = asyncio.Event()

    @property
    def live(self) -> bool:
        """Tell whether the open alerts are the core's own, up to this moment."""
        return self._synced and self._site.feed.up

    @property
    def browsers(self) -> int:
        """Count the open boards."""
        return len(self._browsers)

    @property
    def names(self) -> Mapping[str, str]:
        """Give people's names by id, as they were last read: at each sync, while the database answers."""
        return self._names.known

    def alerts(self) -> list[View]:
        """List the open alerts, as people should read them."""
        return sorted(self._open.values(), key=cards.order)

    def card(self, look: Look, view: View) -> str:
        """Give the card of an alert, without anybody's token: rendered once as long as nothing changes."""
        key, names = (look, str(view["alert_id"])), self.names
        kept = self._cards.get(key)
        if kept is not None and kept[0] is view and kept[1] is names:
            return kept[2]
        html = cards.card(self._site, look, view, names)
        if view["alert_id"] in self._open:
            self._cards[key] = (view, names, html)
        return html

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen to the centre while the body runs."""
        for name in cards.TEMPLATES:  # compiled now: the first alert shall not wait for it
            self._site.templates.get_template(name)
        leave = self._site.feed.on_event(self._hear)
        tasks = [asyncio.create_task(self._sync_on()), asyncio.create_task(self._beat_on())]
        try:
            yield
        finally:
            leave()
            for browser in list(self._browsers):
                self._end(browser)
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await self._names.close()

    def join(self, look: Look) -> Browser | None:
        """Add a browser; None when there are too many."""
        if len(self._browsers) >= BROWSERS_MAX:
            return None
        self._joined += 1
        browser = Browser(look, self._joined % SLICES)
        browser.frames.put_nowait(frame("state", self._state(look)))
        self._browsers.add(browser)
        return browser

    def leave(self, browser: Browser) -> None:
        """Forget a browser; idempotent."""
        self._browsers.discard(browser)

    def _state(self, look: Look) -> View:
        alerts = {view["alert_id"]: self._brief(look, view) for view in self.alerts()}
        return {"live": self.live, "now_ms": self._site.now_ms(), "alerts": alerts}

    def _brief(self, look: Look, view: View) -> View:
        return {
            "mark": cards.mark(view),
            "waiting": view["stage"] == "received",
            "drill": view["drill"],
            "name": cards.name(view, look.language),
        }

    def _hear(self, event: View) -> None:
        match event.get("what"):
            case "case":
                self._listing.told(event["alert"]["alert_id"])
                self._put(event["alert"])
            case "alert_renamed":  # it came by SMS first, and now its kiosk's own id is known
                self._listing.told(str(event["old"]))
                self._drop(str(event["old"]))
            case "feed_up":
                self._synced = False
                self._wake.set()
            case "feed_down":
                self._synced = False
                self._tell(lambda look: frame("state", self._state(look)))
            case _:
                pass

    def _put(self, view: View) -> None:
        """Take an alert in as it is now, and show it on every board."""
        name = view["alert_id"]
        was_open = self._open.pop(name, None)
        if cards.is_open(view):
            self._open[name] = view
        elif was_open is None:
            return
        unknown = {entry["by"] for entry in view["stages"] if entry["by"]} - self.names.keys()
        if unknown:
            self._wake.set()
        self._tell(lambda look: self._frame(look, view))

    def _drop(self, name: str) -> None:
        if self._open.pop(name, None) is not None:
            self._tell(lambda _look: frame("gone", {"id": name}))

    def _frame(self, look: Look, view: View) -> bytes:
        shown: View = {"id": view["alert_id"]}
        if cards.is_open(view):
            shown |= self._brief(look, view) | {
                "order": cards.order(view),
                "html": self.card(look, view),
            }
        return frame("card" if cards.is_open(view) else "gone", shown)

    def _tell(self, make: Callable[[Look], bytes]) -> None:
        """Render once per look and hand the same bytes to all; a browser that does not read is let go.

        It connects again and gets everything anew.
        """
        made: dict[Look, bytes | None] = {}
        for browser in list(self._browsers):
            look = browser.look
            if look not in made:
                made[look] = _made(make, look)
            if (part := made[look]) is not None:
                self._hand(browser, part)

    def _hand(self, browser: Browser, part: bytes) -> None:
        try:
            browser.frames.put_nowait(part)
        except asyncio.QueueFull:
            LOG.info("board=dropped reason=slow")
            self._end(browser)

    def _end(self, browser: Browser) -> None:
        self._browsers.discard(browser)
        browser.ended.set()

    async def _beat_on(self) -> None:
        for moment in count():
            await asyncio.sleep(BEAT_S / SLICES)
            for browser in list(self._browsers):
                if browser.turn == moment % SLICES:
                    self._hand(browser, BEAT)

    async def _sync_on(self) -> None:
        while True:
            self._wake.clear()  # before it reads: who is told of meanwhile is read next
            try:
                await self._sync()
            except DaemonAway as error:
                LOG.debug("board=unsynced reason=%s", error)
                self._lose()
            except Exception:  # whatever it was: without this task no board becomes live again
                LOG.exception("board=unsynced")
                self._lose()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), SYNC_S if self._synced else AGAIN_S)

    async def _sync(self) -> None:
        """Read names and open alerts anew; what differs from what boards show is shown."""
        self._renamed |= await self._names.renew(self._wake.set)
        self._cards = {key: kept for key, kept in list(self._cards.items()) if key[1] in self._open}
        if not self._site.feed.up:
            return
        found, newer = await self._listing.read()
        renamed, self._renamed = self._renamed, False
        was_live, self._synced = self.live, True
        found = {name: view for name, view in found.items() if name not in newer}
        found |= {name: self._open[name] for name in newer & self._open.keys()}
        for gone in self._open.keys() - found.keys():
            self._drop(gone)
        for name, view in found.items():
            if renamed or self._open.get(name) != view:
                self._put(view)
        if not was_live:
            self._tell(lambda look: frame("state", self._state(look)))

    def _lose(self) -> None:
        """Say on every board that it is not live, while the core is there and cannot be asked."""
        was_live, self._synced = self.live, False
        if was_live:
            LOG.warning("board=not_live reason=core_silent")
            self._tell(lambda look: frame("state", self._state(look)))


def _made(make: Callable[[Look], bytes], look: Look) -> bytes | None:
    """Make a frame; None for one that cannot be made: boards of another look are told all the same."""
    try:
        return make(look)
    except Exception:
        LOG.exception("board=untold language=%s", look.language)
        return None
