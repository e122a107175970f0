"""The pages' process: one uvicorn, the database and the feed, from start to SIGTERM."""

import asyncio
import logging
import os
import socket
from pathlib import Path

import uvicorn
import uvloop
from uvicorn.config import STARTUP_FAILURE

from kiosk.messages import ConfigError
from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.crowd import Crowd
from kiosk.monitor.feed import Feed
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date
from kiosk.monitor.web import protocol
from kiosk.monitor.web.app import make_app
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
    server = PageServer(
        uvicorn.Config(
            make_app(config, engine, feed),
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
        )
    )
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(server, feed))
    finally:
        engine.dispose()


class PageServer(uvicorn.Server):
    """uvicorn's server with connections that may not wait for ever."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._crowd = Crowd(protocol.ROOM)

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
        LOG.info("web listen=%s port=%d", config.host, server.sockets[0].getsockname()[1])

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
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells of it by nothing else
        await asyncio.sleep(PARENT_S)
    LOG.warning("web=ends reason=parent_gone")
    server.should_exit = True
