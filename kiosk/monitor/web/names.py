"""People's names by id, for boards that show who took an alert.

Never waits long for the database: where it hangs, the names stay as they were.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from kiosk.monitor.store import people

WAIT_S = 1.0


class Names:
    """The names as they were last read."""

    def __init__(self, engine: Engine) -> None:
        self.known: Mapping[str, str] = {}
        self._engine = engine
        self._reading: asyncio.Task[Mapping[str, str]] | None = None

    async def renew(self, come_late: Callable[[], None]) -> bool:
        """Read the names anew and tell whether they changed; `come_late` hears of an answer after WAIT_S."""
        if self._reading is None:
            self._reading = asyncio.create_task(run_in_threadpool(self._read))
        reading = self._reading
        await asyncio.wait({reading}, timeout=WAIT_S)
        if not reading.done():
            reading.add_done_callback(lambda _: come_late())
            return False
        self._reading = None
        with suppress(SQLAlchemyError):
            names = reading.result()
            if names != self.known:
                self.known = names
                return True
        return False

    async def close(self) -> None:
        """Let go of what is still being read."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _read(self) -> Mapping[str, str]:
        with self._engine.connect() as connection:
            return people.names(connection)
