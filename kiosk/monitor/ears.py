"""Hears heartbeats, and nothing else, on a connection and in a process of their own; the only user of gmqtt.

However many come, no alert stands behind them: neither in a socket nor at an interpreter's lock.
"""

import asyncio
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from typing import Any

from gmqtt import Client

from kiosk import wire
from kiosk.monitor.config import Heartbeats, Mqtt
from kiosk.monitor.hearing import Down, Frame, Some, Up, encode
from kiosk.monitor.read_ahead import pinned_context, secret

LOG = logging.getLogger(__name__)
FILTER = f"{wire.ROOT}/k/+/hb"
GATHER_S = 0.05  # heartbeats that come within it cross to the core together
ALIVE_S = 1.0  # said that often when there is nothing else: a core that is gone is noticed by it
READY_S = 10.0
FIRST_REST_S, LONGEST_REST_S, STABLE_S = 0.25, 10.0, 10.0
WAITING_MAX = 250_000
YIELD = 5  # on a busy machine the core, with its alerts, runs first
MQTT_311, MQTT_5 = 4, 5
NEVER = -2  # it would try once more at 0 and for ever at -1; we try the brokers in turn
Tell = Callable[[Frame], None]


class Ears:
    """Heartbeats as they come, the newest of each kiosk; every method belongs to one event loop."""

    def __init__(self, mqtt: Mqtt, own: Heartbeats, tell: Tell) -> None:
        self._mqtt = mqtt
        self._own = own
        self._tell = tell
        self._waiting: dict[str, tuple[bytes, int]] = {}
        self._told_s = 0.0

    async def run(self) -> None:
        """Hear until cancelled or until nobody takes any more."""
        tasks = [asyncio.create_task(self._hand_over()), asyncio.create_task(self._hear())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self) -> None:
        """Try the brokers in turn, for ever."""
        rest_s = FIRST_REST_S
        for broker in cycle(self._mqtt.brokers):
            began_s = time.monotonic()
            reason = await self._serve(broker)
            self._tell(Down(f"{broker}: {reason}"[:200]))
            good = time.monotonic() - began_s >= STABLE_S
            rest_s = FIRST_REST_S if good else min(rest_s * 2, LONGEST_REST_S)
            await asyncio.sleep(rest_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects, no secret

    async def _serve(self, broker: str) -> str:
        """Serve one connection; gives why it ended."""
        client = Client(self._own.id, clean_session=True)
        client.set_config({"reconnect_retries": NEVER})
        ended = asyncio.Event()
        ready = asyncio.Event()
        client.on_message = self._on_message
        client.on_connect = lambda *_: client.subscribe(FILTER, qos=0)
        client.on_subscribe = lambda _client, _mid, codes, _properties: (
            ready.set() if all(code < 0x80 for code in codes) else ended.set()
        )
        client.on_disconnect = lambda *_: ended.set()
        if self._own.user is not None:
            client.set_auth_credentials(self._own.user, secret(self._own.password_file))
        try:
            await asyncio.wait_for(self._connect(client, broker), READY_S)
            await asyncio.wait_for(ready.wait(), READY_S)
            self._tell(Up(broker))
            await ended.wait()
        except TimeoutError:
            return f"not ready within {READY_S:.0f} s"
        except OSError as error:
            return str(error)
        except Exception as error:  # whatever gmqtt raises, the ears go on
            LOG.exception("ears broker=%s failed", broker)
            return type(error).__name__
        finally:
            with suppress(Exception):
                await client.disconnect()
        return "disconnected, or the subscription was refused"

    async def _connect(self, client: Client, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        tls, own = self._mqtt.tls, self._own
        context = False if tls is None else pinned_context(tls.ca, own.cert, own.key)
        version = MQTT_5 if self._mqtt.protocol == "5" else MQTT_311
        await client.connect(host, int(port), ssl=context, keepalive=self._mqtt.keepalive_s, version=version)

    def _on_message(self, _client: Any, topic: str, payload: bytes, _qos: int, properties: Any) -> int:
        if properties.get("retain"):
            return 0  # it may be old
        known = self._waiting.get(topic)
        if known is not None:
            self._waiting[topic] = (payload, known[1] + 1)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting[topic] = (bytes(payload[: wire.MAX_BODY_BYTES + 1]), 0)
        return 0

    async def _hand_over(self) -> None:
        """Hand what waits to the core, again and again; ends when the core is gone."""
        while True:
            await asyncio.sleep(GATHER_S)
            now_s = time.monotonic()
            if not self._waiting and now_s - self._told_s < ALIVE_S:
                continue
            self._told_s = now_s
            waiting, self._waiting = self._waiting, {}
            try:
                self._tell(
                    Some(tuple((topic, bytes(body), count) for topic, (body, count) in waiting.items()))
                )
            except OSError:
                return


def serve(mqtt: Mqtt, own: Heartbeats) -> None:
    """Hear until SIGTERM or until nobody reads any more; frames go to stdout."""
    import uvloop  # noqa: PLC0415 - an event loop for this process only

    os.nice(YIELD)
    logging.getLogger("gmqtt").setLevel(logging.CRITICAL)  # what matters is told by the core
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")

    def tell(frame: Frame) -> None:
        out.write(encode(frame))
        out.flush()

    async def until_told() -> None:
        task = asyncio.create_task(Ears(mqtt, own, tell).run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError, BrokenPipeError):
            await task

    uvloop.run(until_told())
