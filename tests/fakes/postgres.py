"""A real PostgreSQL for a session of tests, with a fresh database for each test that asks for `postgres_url`.

It listens on a Unix socket in its own folder only, runs as `postgres` where the tests run as root, and keeps
fsync on, as at a site.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date

START_S = 30.0
TEMPLATE = "pana_template"


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    if not found:
        raise FileNotFoundError("PostgreSQL is not installed: apt install postgresql")
    return found[-1].parent


class PostgresServer:
    """One server in a folder of its own; `stop` is its crash, `start` brings it back."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pana-pg-"))
        self._numbers = count(1)
        self._child: subprocess.Popen[bytes] | None = None
        self._programs = _programs()
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres", "postgres")
        subprocess.run(
            [*self._as, self._programs / "initdb", "-D", self.folder / "data", "-U", "postgres",
             "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [*self._as, self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder,
                 "-c", "listen_addresses=", "-c", "max_connections=60", "-c", "shared_buffers=32MB"],
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        engine = create_engine(self.url("postgres", driver="postgresql+psycopg"))
        deadline_s = time.monotonic() + START_S
        while True:
            try:
                with engine.connect():
                    break
            except Exception:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)
        engine.dispose()

    def url(self, database: str, driver: str = "postgresql") -> str:
        """Name a database as `store.url` of a configuration does."""
        return f"{driver}://postgres@/{database}?host={self.folder}"

    def make_template(self) -> None:
        """Make the database that every other one is a copy of, with all tables."""
        self._admin(f"CREATE DATABASE {TEMPLATE}")
        engine = make_engine(self.url(TEMPLATE))
        bring_up_to_date(engine)
        engine.dispose()

    def fresh(self, *, empty: bool = False) -> str:
        """Make a database and give its URL; `empty` has not even tables."""
        name = f"pana_{next(self._numbers)}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else TEMPLATE}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._admin(f"DROP DATABASE IF EXISTS {url.partition('@/')[2].partition('?')[0]} WITH (FORCE)")

    def _admin(self, statement: str) -> None:
        engine = create_engine(
            self.url("postgres", driver="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    @contextmanager
    def frozen(self, backend: int) -> Iterator[None]:
        """Stop one backend; its connection stays open and says nothing."""
        os.kill(backend, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(backend, signal.SIGCONT)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Let no commit end, as a log that cannot be written; what only reads goes on."""
        engine = create_engine(
            self.url("postgres", driver="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        ending = threading.Event()
        writer = threading.Thread(target=self._write_until, args=(ending,))
        with engine.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET synchronous_standby_names = 'nobody'"))
            connection.execute(text("SELECT pg_reload_conf()"))
            writer.start()
            try:
                while not connection.execute(waits).scalar():
                    time.sleep(0.01)
                yield
            finally:
                ending.set()
                connection.execute(text("ALTER SYSTEM RESET synchronous_standby_names"))
                connection.execute(text("SELECT pg_reload_conf()"))
                writer.join(START_S)
        engine.dispose()

    def _write_until(self, ending: threading.Event) -> None:
        engine = create_engine(self.url("postgres", driver="postgresql+psycopg"))
        with engine.connect() as connection:
            while not ending.is_set():
                connection.execute(text("SELECT pg_logical_emit_message(true, 'test', '')"))
                connection.commit()
        engine.dispose()

    @property
    def _postmaster(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def stop(self) -> None:
        """End it at once, as a crash would for those who use it; idempotent."""
        child, self._child = self._child, None
        if child is None:
            return
        try:
            os.kill(self._postmaster, signal.SIGQUIT)
        except (FileNotFoundError, ProcessLookupError):
            child.terminate()
        child.wait(20)

    def close(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the session's server."""
    server = PostgresServer()
    try:
        server.start()
        server.make_template()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Give a fresh database with all tables."""
    url = postgres_server.fresh()
    yield url
    postgres_server.drop(url)
