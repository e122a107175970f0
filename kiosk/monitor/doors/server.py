"""The doors as a process: from the configuration to a listening socket, until SIGTERM.

Never serves without TLS. A renewed certificate of the doors themselves is read without a restart.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from kiosk.messages import ConfigError
from kiosk.monitor import sms_keys
from kiosk.monitor.ca import CaError
from kiosk.monitor.ca import files as ca_files
from kiosk.monitor.children import sign_of_life
from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.doors.app import Site, build
from kiosk.monitor.doors.context import load, make_context
from kiosk.monitor.doors.issuing import Issuer
from kiosk.monitor.doors.protocol import HEADERS_MAX_BYTES, DoorProtocol
from kiosk.monitor.doors.revocation import RevocationList
from kiosk.monitor.feed import Feed
from kiosk.monitor.sections import Doors, Sms
from kiosk.monitor.sms_keys import SmsKeys
from kiosk.monitor.store.engine import make_engine
from kiosk.wire import Rejected

LOG = logging.getLogger(__name__)
HANDSHAKE_S, GOODBYE_S = 10.0, 0.5
GRACE_S = 3
FILES_LOOK_S = 30.0
BACKLOG = 1024
TICKS = 10  # of uvicorn's, in a second


def run(config: MonitorConfig) -> None:
    """Serve until SIGTERM or SIGINT; raises ConfigError or OSError when it cannot begin."""
    make(config).run()


def make(config: MonitorConfig) -> "DoorServer":
    """Make the server of a configuration; raises ConfigError."""
    doors = config.doors
    if doors is None:
        raise ConfigError("doors: there is no section [doors] in the configuration")
    host, port = listen_address(doors.listen)
    app = build(_site(config))
    return DoorServer(settings(app, doors, host, port), doors, app.state.waiting.close)


def listen_address(listen: str) -> tuple[str, int]:
    """Take `host:port` or `[v6]:port` apart; raises ConfigError."""
    host, _, port = listen.rpartition(":")
    if not 0 <= int(port) <= 65535:
        raise ConfigError(f"doors.listen: {port} is no port; 1 to 65535 are allowed")
    return host.removeprefix("[").removesuffix("]"), int(port)


def settings(app: Starlette, doors: Doors, host: str, port: int) -> uvicorn.Config:
    """Give uvicorn's settings: our TLS, our connections, no log of its own."""
    context = make_context(doors)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=DoorProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=HEADERS_MAX_BYTES,
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=lambda _config, _default: context,
    )


class DoorServer(uvicorn.Server):
    """uvicorn's server with deadlines for the handshake, and certificates that may change."""

    def __init__(self, config: uvicorn.Config, files: Doors, goodbye: Callable[[], None]) -> None:
        super().__init__(config)
        self._goodbye = goodbye
        self._files = files
        self._parent = os.getppid()
        self._sign = sign_of_life()
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Say which port is listened on."""
        return int(self.servers[0].sockets[0].getsockname()[1])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Listen as uvicorn does, but give a peer that does not shake hands 10 s instead of 60."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the doors cannot begin; the log says why")
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                self._make_protocol,
                self.config.host,
                self.config.port,
                ssl=self.config.ssl,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=GOODBYE_S,
                backlog=self.config.backlog,
            )
        except OSError:
            await self.lifespan.shutdown()
            raise
        self.servers = [server]
        self._task = asyncio.create_task(self._watch_files())
        self.started = True
        LOG.info("doors listen=%s port=%d", self.config.host, self.port)

    async def on_tick(self, counter: int) -> bool:
        """End with the centre that started this: its successor starts doors of its own."""
        if counter % TICKS == 0:
            self._sign()
        return await super().on_tick(counter) or os.getppid() != self._parent

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order; who waits for a reply is answered first."""
        self._goodbye()
        if self._task is not None:
            self._task.cancel()
        await super().shutdown(sockets)

    def _make_protocol(self) -> DoorProtocol:
        return DoorProtocol(self.config, self.server_state, self.lifespan.state)

    async def _watch_files(self) -> None:
        """Read our own certificate again when its file changes; a wrong one leaves the old in force."""
        seen = _mtime(self._files.cert)
        while True:
            await asyncio.sleep(FILES_LOOK_S)
            now = _mtime(self._files.cert)
            context = self.config.ssl
            if now == seen or not isinstance(context, ssl.SSLContext):
                continue
            try:
                load(context, self._files)
                seen = now
                LOG.info("doors certificate=renewed")
            except ConfigError as error:
                LOG.warning("doors certificate=unusable reason=%r", str(error))


def _site(config: MonitorConfig) -> Site:
    """Wire the parts; a CA that cannot be used stops enrolment, never an alert."""
    engine = make_engine(config.store_url, config.store.password_file)
    feed = Feed(Path(config.socket_path))
    ca, state = config.ca, Path(config.paths.state)
    if ca is None:
        return Site(engine=engine, feed=feed, state=state)
    try:
        authority = ca_files.load(ca.cert, ca.key)
        keys = _sms_keys(config.sms) if config.sms else None
    except (CaError, ConfigError) as error:
        LOG.warning("doors enrolment=off reason=%r", str(error))
        return Site(engine=engine, feed=feed, state=state)
    issuer = Issuer(
        engine=engine,
        authority=authority,
        days=ca.days,
        brokers=ca.brokers,
        gateways=ca.gateways,
        keys=keys,
        own_names=config.own_names,
    )
    crl = RevocationList(engine, authority, days=ca.crl_days, file=Path(ca.crl) if ca.crl else None)
    return Site(engine=engine, feed=feed, issuer=issuer, crl=crl, state=state)


def _sms_keys(sms: Sms) -> SmsKeys:
    """Read the keys of signed SMS; raises ConfigError that names the file only."""
    master = _read_key(Path(sms.master_key_file))
    own = Path(sms.keys).glob("*.key") if sms.keys else ()
    return SmsKeys(master, {file.stem: _read_key(file) for file in own})


def _read_key(file: Path) -> bytes:
    try:
        key = sms_keys.read_key(file.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {type(error).__name__}") from error
    if isinstance(key, Rejected):
        raise ConfigError(f"{file}: {key.reason}")
    return key


def _mtime(file: str) -> int:
    with suppress(OSError):
        return Path(file).stat().st_mtime_ns
    return 0
