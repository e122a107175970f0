"""The pages' process: one uvicorn, the database and the feed, from start to SIGTERM."""

import asyncio
import functools
import logging
import os
import socket
from pathlib import Path

import uvicorn
import uvloop
from uvicorn.config import STARTUP_FAILURE

from kiosk.messages import ConfigError
from kiosk.monitor.children import sign_of_life
from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.crowd import Crowd
from kiosk.monitor.expiry import Lookout
from kiosk.monitor.feed import Feed
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date
from kiosk.monitor.web import protocol
from kiosk.monitor.web.app import make_app
from kiosk.monitor.web.certificate import Pair
from kiosk.monitor.web.protocol import PageProtocol

LOG = logging.getLogger(__name__)
POOL = 8
PARENT_S = 0.5
STOP_S = 2  # open boards end at once; a form that is being answered has this long
BACKLOG = 512
HANDSHAKE_S = 10.0  # of TLS


def serve(config: MonitorConfig) -> None:
    """Serve the pages until SIGTERM; raises ConfigError without [web]."""
    web = config.web
    if web is None:
        raise ConfigError("web: this section is missing: the configuration asks for no pages")
    engine = make_engine(config.store_url, config.store.password_file, pool=POOL)
    bring_up_to_date(engine)
    feed = Feed(Path(config.socket_path))
    host, _, port = web.listen.rpartition(":")
    app = make_app(config, engine, feed)
    server = PageServer(
        uvicorn.Config(
            app,
            host=host.strip("[]"),
            port=int(port),
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=STOP_S,
            ssl_certfile=web.cert,
            ssl_keyfile=web.key,
        ),
        app.state.site.lookout,
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(server, feed))
    finally:
        engine.dispose()


class PageServer(uvicorn.Server):
    """uvicorn's server with connections that may not wait for ever, and a certificate that may change."""

    def __init__(self, config: uvicorn.Config, lookout: Lookout) -> None:
        super().__init__(config)
        self._crowd = Crowd(protocol.ROOM)
        self._lookout = lookout
        cert, key = config.ssl_certfile, config.ssl_keyfile
        self._pair = Pair(str(cert), str(key) if key else None) if cert else None
        self._following: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin as uvicorn does, but listen with our own connections; raises SystemExit."""
        await super().startup(sockets or [])
        config, tls = self.config, self.config.ssl
        try:
            server = await asyncio.get_running_loop().create_server(
                self._make_protocol,
                config.host,
                config.port,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_S if tls else None,
                ssl_shutdown_timeout=protocol.ANSWER_S if tls else None,
                backlog=config.backlog,
            )
        except OSError as error:
            LOG.error("web listen=%s port=%d reason=%r", config.host, config.port, str(error))  # noqa: TRY400
            await self.lifespan.shutdown()
            raise SystemExit(STARTUP_FAILURE) from None
        self.servers.append(server)
        if self._pair is not None and tls is not None:
            serves = functools.partial(self._lookout.serves, self._pair.cert)
            serves()
            self._following = asyncio.create_task(self._pair.follow(tls, serves))
        LOG.info("web listen=%s port=%d", config.host, server.sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End as uvicorn does."""
        if self._following is not None:
            self._following.cancel()
        await super().shutdown(sockets)

    def _make_protocol(self) -> PageProtocol:
        return PageProtocol(self.config, self.server_state, self.lifespan.state, self._crowd)


async def _run(server: uvicorn.Server, feed: Feed) -> None:
    watching = asyncio.create_task(_end_with_parent(server))
    try:
        async with feed.running():
            await server.serve()
    finally:
        watching.cancel()


async def _end_with_parent(server: uvicorn.Server) -> None:
    """End when the centre was killed: its next life starts its own pages on the same port."""
    parent, sign = os.getppid(), sign_of_life()
    while os.getppid() == parent:
        sign()
        await asyncio.sleep(PARENT_S)
    LOG.warning("web=ends reason=parent_gone")
    server.should_exit = True
