"""The asyncio end of the centre's local socket, for its pages and doors: questions, and what happens.

Owns one connection, made again whenever it is lost. Never waits without a deadline.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from kiosk.control import DaemonAway, DaemonSilent

LOG = logging.getLogger(__name__)
LINE_MAX = 1024 * 1024
AGAIN_S = 0.5
View = dict[str, Any]
Listener = Callable[[View], None]


class Feed:
    """One connection to the centre; `on_event` hears every event while it stands, `up` says whether it does.

    After each (re)connection the listeners hear `{"what": "feed_up"}`: what happened meanwhile was missed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[View]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Tell whether the centre is there."""
        return self._writer is not None

    def on_event(self, listener: Listener) -> Callable[[], None]:
        """Let `listener` hear each event; call what is returned to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Feed"]:
        """Keep the connection while the body runs."""
        self._task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def ask(self, request: View, timeout_s: float = 5.0) -> View:
        """Ask the centre one thing.

        Raises DaemonAway when it is not there and was never asked, DaemonSilent when it was asked and did not
        answer in time or went away: what was asked may be done all the same.
        """
        writer = self._writer
        if writer is None:
            raise DaemonAway("the centre is not running")
        number = next(self._numbers)
        future: asyncio.Future[View] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            writer.write(msgspec.json.encode({**request, "id": number}) + b"\n")
            return await asyncio.wait_for(future, timeout_s)
        except (TimeoutError, OSError) as error:
            raise DaemonSilent("the centre does not answer") from error
        finally:
            self._waiting.pop(number, None)

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
            except (OSError, ValueError, msgspec.DecodeError) as error:
                LOG.debug("feed lost=%r", str(error))
            finally:
                self._lost()
            await asyncio.sleep(AGAIN_S)

    async def _serve(self) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self._path), limit=LINE_MAX)
        try:
            writer.write(b'{"ask":"watch"}\n')
            while line := await reader.readline():
                self._hear(msgspec.json.decode(line, type=View), writer)
        finally:
            writer.close()

    def _hear(self, message: View, writer: asyncio.StreamWriter) -> None:
        if "watching" in message:
            self._writer = writer
            self._tell({"what": "feed_up"})
        elif "id" in message:
            future = self._waiting.get(message.pop("id"))
            if future is not None and not future.done():
                future.set_result(message)
        elif "what" in message:
            self._tell(message)

    def _tell(self, event: View) -> None:
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception:
                LOG.exception("feed listener=failed")

    def _lost(self) -> None:
        was_up, self._writer = self._writer is not None, None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(DaemonSilent("the centre went away"))
        if was_up:
            self._tell({"what": "feed_down"})
