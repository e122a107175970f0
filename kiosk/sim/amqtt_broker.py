"""amqtt inside this process, on its own asyncio thread: the demo's broker where nothing is installed.

Knows only the users given, by throw-away passwords: amqtt discards the sessions of anonymous clients.
MQTT 3.1.1 only, and everything in memory. Imported only when it is wanted.
"""

import asyncio
import contextlib
import logging
import tempfile
import threading
import warnings
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kiosk.messages import LinkDown
from kiosk.sim.broker import free_port

START_S = 45.0  # a busy machine is no broken broker
STOP_S = 5.0

Connected = Callable[[StreamReader, StreamWriter, str], Awaitable[None]]


class AmqttBroker:
    """One amqtt on 127.0.0.1; `start` after `stop` brings it back on the same port, empty."""

    def __init__(self, passwords: dict[str, str], *, port: int = 0) -> None:
        self.port = port or free_port()
        self._passwords = passwords
        self._loop: asyncio.AbstractEventLoop | None = None
        self._broker: Any = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start it and wait until it listens; raises LinkDown."""
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # it tells of every cut connection
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="amqtt", daemon=True)
        self._thread.start()
        try:
            self._do(self._serve(), START_S)
        except Exception as error:
            self.stop()
            raise LinkDown(f"the built-in broker does not start: {error}") from error

    def stop(self) -> None:
        """End it; what it held is gone; idempotent."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with contextlib.suppress(Exception):  # amqtt raises in its own ways; the loop's end is what counts
            if self._broker is not None:
                self._do(self._broker.shutdown(), STOP_S)
        with contextlib.suppress(TimeoutError):
            self._do(_cancel_all(), STOP_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(STOP_S)
        loop.close()
        self._loop = self._thread = self._broker = None

    def kill(self) -> None:
        """End it: it keeps nothing, so there is no other way than `stop`."""
        self.stop()

    def close(self) -> None:
        """End it; idempotent."""
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, work: Any, deadline_s: float) -> None:
        assert self._loop is not None  # noqa: S101  both callers have just checked or made it
        asyncio.run_coroutine_threadsafe(work, self._loop).result(deadline_s)

    async def _serve(self) -> None:
        with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="pana-amqtt-") as folder:
            warnings.simplefilter("ignore")  # amqtt's own deprecations are not ours to mend
            from amqtt.broker import Broker  # noqa: PLC0415  0.2 s and 27 MB, for the demo only
            from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415  comes with amqtt

            # Random passwords need no slow hash: Argon2's default takes 64 MB for each connection.
            hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
            users = Path(folder) / "users"  # read once, when the plugin is made
            users.write_text(
                "".join(f"{user}:{hasher.hash(word)}\n" for user, word in self._passwords.items())
            )
            plugin = {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(users)}}
            listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}}
            self._broker = Broker({"listeners": listeners, "plugins": plugin})
            self._broker.stream_connected = _closing(self._broker.stream_connected)
            await self._broker.start()


def _closing(connected: Connected) -> Connected:
    """Close every connection at its end: amqtt leaves some open, which Python then warns of."""

    async def closing(reader: StreamReader, writer: StreamWriter, listener_name: str) -> None:
        try:
            await connected(reader, writer, listener_name)
        finally:
            writer.transport.abort()

    return closing


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # lets the transports close
