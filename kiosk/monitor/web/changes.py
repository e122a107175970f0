"""A stream that says "something changed", so that an open page fetches itself anew; it carries no data.

Its first word is that something changed, for nobody knows what happened before it was open. Then at most one
word in 2 s for each page, however much happens. Never waits for a browser.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from kiosk.monitor.web import session
from kiosk.monitor.web.site import View, site_of

REST_S = 2.0
BEAT_S = 15.0
OPEN_MAX = 500  # streams of one kind
CHANGED = b"event: changed\ndata: {}\n\n"
SIGNED_OUT = b"event: signed_out\ndata: {}\n\n"
BEAT = b"event: beat\ndata: {}\n\n"  # a page that hears none for long knows that it is cut off
ALWAYS = frozenset({"feed_up", "store_broke", "store_mended"})  # every page is of the database's data
Concerns = Callable[[View, Request], bool]


class _Stream(Response):
    media_type = "text/event-stream"

    def __init__(self, request: Request, concerns: Concerns, leave: Callable[[], None]) -> None:
        super().__init__(headers={"x-accel-buffering": "no", "cache-control": "no-store"})
        del self.headers["content-length"]
        self._request = request
        self._concerns = concerns
        self._leave = leave
        self._watch = session.Watch(request)
        self._changed = asyncio.Event()

    def _hear(self, event: View) -> None:
        if event.get("what") in ALWAYS or self._concerns(event, self._request):
            self._changed.set()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one page until it goes or its session ends."""
        stop = site_of(self._request).feed.on_event(self._hear)
        tasks = {asyncio.create_task(self._tell(send)), asyncio.create_task(_gone(receive))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop()
            self._leave()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        part = CHANGED
        while part is not SIGNED_OUT:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            part = await self._next()
        await send({"type": "http.response.body", "body": part, "more_body": False})

    async def _next(self) -> bytes:
        try:
            await asyncio.wait_for(self._changed.wait(), BEAT_S)
        except TimeoutError:
            return BEAT if await self._watch.still() else SIGNED_OUT
        await asyncio.sleep(REST_S)
        self._changed.clear()
        return CHANGED


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def changes(concerns: Concerns) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Make an endpoint that tells of every event of the feed which `concerns` it."""
    streams = 0

    def leave() -> None:
        nonlocal streams
        streams -= 1

    async def endpoint(request: Request) -> Response:
        nonlocal streams
        if await run_in_threadpool(session.signed, request, site_of(request)) is None:
            return JSONResponse({"error": "signed out"}, 401)
        if streams >= OPEN_MAX:
            return JSONResponse({"error": "too many pages are open"}, 503)
        streams += 1
        return _Stream(request, concerns, leave)

    return endpoint
