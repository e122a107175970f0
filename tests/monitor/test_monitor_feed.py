"""The asyncio end of the centre's socket: what was never sent is told apart from what was not answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.control import DaemonAway, DaemonSilent
from kiosk.monitor.feed import Feed

Answer = Callable[[dict[str, Any], asyncio.StreamWriter], None]
WAIT_S = 60.0


@contextlib.asynccontextmanager
async def centre(path: Path, answer: Answer) -> AsyncIterator[Feed]:
    """Let a feed watch a centre that does with each question what `answer` says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            question = msgspec.json.decode(line)
            if question["ask"] == "watch":
                writer.write(b'{"watching":true}\n')
            else:
                answer(question, writer)
        writer.close()
        await writer.wait_closed()
        left.set()

    risen, left = asyncio.Event(), asyncio.Event()
    async with await asyncio.start_unix_server(serve, str(path)):
        feed = Feed(path)
        feed.on_event(lambda event: risen.set() if event["what"] == "feed_up" else None)
        async with feed.running():
            await asyncio.wait_for(risen.wait(), WAIT_S)
            yield feed
        await asyncio.wait_for(left.wait(), WAIT_S)


def answered(question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    writer.write(msgspec.json.encode({"id": question["id"], "ok": True}) + b"\n")


def mute(_question: dict[str, Any], _writer: asyncio.StreamWriter) -> None:
    pass


def hung_up(_question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    writer.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def worked() -> None:
        await work()

    asyncio.run(worked())


def test_an_answer_comes_back_to_who_asked(tmp_path: Path) -> None:
    async def work() -> None:
        async with centre(tmp_path / "s", answered) as feed:
            assert await feed.ask({"ask": "status"}, WAIT_S) == {"ok": True}

    run(work)


@pytest.mark.parametrize(("does", "timeout_s"), [(mute, 0.01), (hung_up, WAIT_S)])
def test_what_was_sent_and_not_answered_may_be_done_yet(
    tmp_path: Path, does: Answer, timeout_s: float
) -> None:
    async def work() -> None:
        async with centre(tmp_path / "s", does) as feed:
            with pytest.raises(DaemonSilent):
                await feed.ask({"ask": "accept"}, timeout_s)

    run(work)


def test_what_was_never_sent_is_told_apart(tmp_path: Path) -> None:
    async def work() -> None:
        with pytest.raises(DaemonAway) as told:
            await Feed(tmp_path / "nobody").ask({"ask": "accept"})
        assert not isinstance(told.value, DaemonSilent)

    run(work)
