"""`GET /live`: the stream of server-sent events that keeps a board up to date."""

import asyncio

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kiosk.monitor.web import session
from kiosk.monitor.web.browser import BEAT, Browser, frame
from kiosk.monitor.web.cards import Look
from kiosk.monitor.web.hub import ACTING, Hub
from kiosk.monitor.web.session import Watch
from kiosk.monitor.web.site import site_of


class Stream(Response):
    """The answer that never ends: frames as they come, straight to the server."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, browser: Browser, watch: Watch) -> None:
        super().__init__(headers={"x-accel-buffering": "no", "cache-control": "no-store"})
        del self.headers["content-length"]
        self._hub = hub
        self._browser = browser
        self._watch = watch
        self._beaten = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one browser until it goes, is too slow, or its session ends."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        over = asyncio.create_task(self._over())
        tasks = {
            over,
            asyncio.create_task(self._feed(send)),
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(self._browser.ended.wait()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(self._browser)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not over.cancelled():
            last = frame("signed_out", {}) if over.exception() is None else b""
            await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _feed(self, send: Send) -> None:
        while True:
            part = await self._browser.frames.get()
            await send({"type": "http.response.body", "body": part, "more_body": True})
            if part is BEAT:
                self._beaten.set()

    async def _over(self) -> None:
        """Return when the session has ended; looked up beside the frames, which wait for no database.

        Raises SQLAlchemyError when the database has been away for long: the board then says that it is lost.
        """
        while True:
            await self._beaten.wait()
            self._beaten.clear()
            if not await self._watch.still():
                return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def live(request: Request) -> Response:
    """Stream every change of the board."""
    site, hub = site_of(request), request.app.state.hub
    person = await run_in_threadpool(session.signed, request, site)
    if person is None:
        return JSONResponse({"error": "signed out"}, 401)
    browser = hub.join(Look(language=person.language, acts=person.role in ACTING))
    if browser is None:
        return JSONResponse({"error": "too many boards are open"}, 503)
    return Stream(hub, browser, Watch(request))


routes = [Route("/live", live)]
