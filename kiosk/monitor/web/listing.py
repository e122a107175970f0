"""Every open alert as the centre lists it, asked for page by page while alerts come and change."""

from kiosk.monitor.web.site import FeedPort, View

TRIES = 5
PAGE = 50
OVERLAP = 10


class Listing:
    """Asks for the open alerts, and knows of which of them the centre told something newer meanwhile."""

    def __init__(self, feed: FeedPort) -> None:
        self._feed = feed
        self._told: set[str] = set()

    def told(self, name: str) -> None:
        """Note that the centre told of an alert: a page that was answered before knows nothing of it."""
        self._told.add(name)

    async def read(self) -> tuple[dict[str, View], frozenset[str]]:
        """Give every open alert, and the names of which what was told is newer than this; raises DaemonAway.

        Asks again when one changed meanwhile: a page may have skipped one then. Where something changes all
        the time, the pages of the last try overlap by so many that none is skipped.
        """
        found: dict[str, View] = {}
        for attempt in range(TRIES):
            self._told.clear()
            found, start, more = {}, 0, True
            while more:
                page = await self._feed.ask({"ask": "alerts", "start": start})
                found |= {view["alert_id"]: view for view in page["alerts"]}
                more = page["more"]
                start += PAGE - OVERLAP * min(attempt, 3)
            if not self._told:
                break
        return found, frozenset(self._told)
