"""The pages' process: one uvicorn, the database and the feed, from start to SIGTERM."""

import asyncio
import logging
import os
from pathlib import Path

import uvicorn
import uvloop

from kiosk.messages import ConfigError
from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.feed import Feed
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date
from kiosk.monitor.web.app import make_app

LOG = logging.getLogger(__name__)
POOL = 8
PARENT_S = 0.5
STOP_S = 2  # open boards end at once; a form that is being answered has this long
BACKLOG = 512


def serve(config: MonitorConfig) -> None:
    """Serve the pages until SIGTERM; raises ConfigError without [web]."""
    web = config.web
    if web is None:
        raise ConfigError("web: this section is missing: the configuration asks for no pages")
    engine = make_engine(config.store_url, config.store.password_file, pool=POOL)
    bring_up_to_date(engine)
    feed = Feed(Path(config.socket_path))
    host, _, port = web.listen.rpartition(":")
    server = uvicorn.Server(
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
