"""The pages' own certificate, read again when its files change: what lies there is what is served.

A pair that cannot be used leaves the old one in force and is told. Never asks for a restart.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from contextlib import suppress

LOG = logging.getLogger(__name__)
LOOK_S = 30.0

Stamp = tuple[tuple[int, int] | None, ...]


class Pair:
    """The files of a certificate and its key (None: in the same file), and which of their states was used."""

    def __init__(self, cert: str, key: str | None) -> None:
        self.cert = cert
        self._key = key
        self._used = self._stamp()
        self._told: Stamp = self._used

    async def follow(self, context: ssl.SSLContext, taken: Callable[[], None]) -> None:
        """Bring each new pair into a context that serves, and call `taken` then; never ends."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._look(context):
                taken()

    def _look(self, context: ssl.SSLContext) -> bool:
        now = self._stamp()
        if now == self._used:
            return False
        try:
            # OpenSSL keeps the certificate of a pair whose key it refuses, and could shake no more hands.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, self._key)
            context.load_cert_chain(self.cert, self._key)
        except (OSError, ValueError) as error:
            if now != self._told:
                LOG.error("web certificate=unusable served=old reason=%r", str(error))  # noqa: TRY400
            self._told = now
            return False
        self._used = self._told = now
        LOG.info("web certificate=renewed")
        return True

    def _stamp(self) -> Stamp:
        return tuple(_state(file) for file in (self.cert, self._key) if file)


def _state(file: str) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(file)  # noqa: PTH116 - a name as the configuration has it
        return found.st_mtime_ns, found.st_ino
    return None
