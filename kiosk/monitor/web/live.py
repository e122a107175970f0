"""`GET /live`: the stream of server-sent events that keeps a board up to date."""

import asyncio
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kiosk.monitor.web import session
from kiosk.monitor.web.browser import BEAT, Browser, frame
from kiosk.monitor.web.cards import Look
from kiosk.monitor.web.hub import ACTING, Hub
from kiosk.monitor.web.site import site_of


class Stream(Response):
    """The answer that never ends: frames as they come, straight to the server."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, browser: Browser, check: Callable[[], bool]) -> None:
        super().__init__(headers={"x-accel-buffering": "no", "cache-control": "no-store"})
        del self.headers["content-length"]
        self._hub = hub
        self._browser = browser
        self._check = check

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one browser until it goes, is too slow, or its session ends."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        tasks = {
            asyncio.create_task(self._feed(send)),
            asyncio.create_task(_gone(receive)),
            asyncio.create_task(self._ended()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(self._browser)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ended(self) -> None:
        await self._browser.ended.wait()

    async def _feed(self, send: Send) -> None:
        while True:
            part = await self._browser.frames.get()
            if part is BEAT and not await run_in_threadpool(self._check):
                await send(
                    {"type": "http.response.body", "body": frame("signed_out", {}), "more_body": False}
                )
                return
            await send({"type": "http.response.body", "body": part, "more_body": True})


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
    return Stream(hub, browser, lambda: session.signed(request, site) is not None)


routes = [Route("/live", live)]
