"""How the doors read the database: off the event loop, and never longer than they can wait.

A stalled database must not hold an alert up: whoever asked goes on without its answer.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

T = TypeVar("T")
LOOK_S = 3.0


class Unreadable(Exception):
    """The database did not answer, or not in time."""


async def look(engine: Engine, question: Callable[[Connection], T], within_s: float = LOOK_S) -> T:
    """Read something; raises Unreadable."""

    def ask() -> T:
        with engine.connect() as db:
            return question(db)

    try:
        async with asyncio.timeout(within_s):
            return await to_thread.run_sync(ask, abandon_on_cancel=True)
    except (TimeoutError, SQLAlchemyError) as error:
        raise Unreadable(type(error).__name__) from error
