"""Strangers at the pages: idle, slow and many, while officers accept and twenty share one address."""

import contextlib
import dataclasses
import re
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from argon2 import PasswordHasher
from fakes.centre_pages import ORIGIN, Pages, alert_view, enter, opened, served, until
from starlette.responses import Response
from starlette.routing import Route

from kiosk.monitor.web import entrance, protocol
from kiosk.monitor.web.passwords import Checked, Passwords

ALERT = alert_view()["alert_id"]
PATIENCE_S = 20.0


@dataclass(frozen=True)
class SlowPasswords(Passwords):
    """Passwords whose check waits until `go`."""

    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    go: threading.Event = field(default_factory=threading.Event)

    def check(self, kept: str, password: str) -> Checked:
        self.go.wait(PATIENCE_S)
        return Checked(right=False)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with opened(tmp_path) as pages:
        yield pages


def test_a_flood_of_sign_ins_does_not_hold_up_accept(pages: Pages) -> None:
    officer, stranger = pages.sign_in(), pages.visitor()
    pages.show(alert_view())
    officer.get("/")
    door = re.search(r'name="door" value="([^"]+)"', stranger.get("/sign-in").text)
    assert door is not None
    slow = SlowPasswords()
    object.__setattr__(pages.app.state.site, "passwords", slow)
    told: list[int] = []
    all_told = anyio.Event()

    async def try_in(number: int) -> None:
        form = {"name": f"name-{number}", "password": "x", "door": door[1]}
        answer = await stranger.client.post("/sign-in", data=form, headers={"origin": ORIGIN})
        told.append(answer.status_code)
        if len(told) == 80 - entrance.EACH:
            all_told.set()

    async def story() -> Any:
        async with anyio.create_task_group() as flood:
            try:
                for number in range(80):
                    flood.start_soon(try_in, number)
                with anyio.fail_after(PATIENCE_S / 4):
                    await all_told.wait()
                    return await officer.client.post(
                        f"/alerts/{ALERT}/accept",
                        data={"csrf": officer.csrf},
                        headers={"origin": ORIGIN, "accept": "application/json"},
                    )
            finally:
                slow.go.set()

    assert pages.run(story).status_code == 200
    assert told.count(503) == 80 - entrance.EACH
    assert set(told) == {503, 401, 429}
    assert pages.feed.asked[-1]["ask"] == "accept"


def test_who_is_told_to_come_again_can_sign_in_later(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    pages.add("aigul")
    visitor = pages.visitor()
    with monkeypatch.context() as patch:
        patch.setattr(entrance, "EACH", 0)
        busy = enter(visitor, "aigul")
    assert busy.status_code == 503
    assert busy.headers["retry-after"] == "5"
    assert "Too many people sign in at this moment." in busy.text
    assert enter(visitor, "aigul").url.path == "/"


def test_a_flood_from_many_networks_leaves_room_for_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "ALL", 3)
    monkeypatch.setattr(entrance, "EACH", 2)
    door = entrance.Entrance()

    async def story() -> list[bool]:
        go = anyio.Event()
        seen: list[bool] = []

        async def come(who: str) -> None:
            try:
                await door.admit(who, lambda: anyio.from_thread.run(go.wait))
                seen.append(True)
            except entrance.CrowdedOut:
                seen.append(False)

        async with anyio.create_task_group() as group:
            for who in ("a", "a", "a", "b", "c"):
                group.start_soon(come, who)
            while len(seen) < 2:
                await anyio.lowlevel.checkpoint()
            assert seen == [False, False]
            go.set()
        await come("c")
        return seen

    assert anyio.run(story) == [False, False, True, True, True, True]


def test_failed_sign_ins_count_for_the_whole_network_of_an_address(pages: Pages) -> None:
    async def from_(address: str, name: str) -> int:
        transport = httpx.ASGITransport(pages.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            door = re.search(r'name="door" value="([^"]+)"', (await client.get("/sign-in")).text)
            assert door is not None
            form = {"name": name, "password": "x", "door": door[1]}
            return (await client.post("/sign-in", data=form, headers={"origin": ORIGIN})).status_code

    addresses = [f"2001:db8::{number:x}" for number in range(1, 22)]
    found = [pages.run(lambda address=address: from_(address, f"name {address}")) for address in addresses]
    assert found == [401] * 20 + [429]
    assert pages.run(lambda: from_("2001:db8:0:1::1", "name-x")) == 401


@pytest.mark.parametrize("told", [True, False])
def test_a_stranger_may_not_send_a_large_form(pages: Pages, told: bool) -> None:
    """Each of hundreds of connections would fill memory with it."""
    pages.add("aigul")
    visitor, piece, taken = pages.visitor(), b"name=" + b"x" * 8187, 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield piece

    length = {"content-length": str(100 * len(piece))} if told else {"transfer-encoding": "chunked"}
    headers = {"origin": ORIGIN, "content-type": "application/x-www-form-urlencoded", **length}
    answer = pages.run(lambda: visitor.client.post("/sign-in", content=flood(), headers=headers))
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert "What was sent is too large." in answer.text
    assert taken <= (0 if told else 3)
    assert enter(visitor, "aigul").url.path == "/"


# ---- connections


def open_idle(url: str, count: int) -> list[socket.socket]:
    host, _, port = url.removeprefix("http://").partition(":")
    return [socket.create_connection((host, int(port)), PATIENCE_S) for _ in range(count)]


def is_hung_up(channel: socket.socket) -> bool:
    with contextlib.suppress(ConnectionError):
        return channel.recv(1) == b""
    return True


def test_a_flood_of_idle_connections_leaves_boards_and_accept_alone(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "ROOM", dataclasses.replace(protocol.ROOM, strangers=16))
    officer = pages.sign_in()
    pages.show(alert_view())
    cookie = {"cookie": f"pana={officer.client.cookies['pana']}"}
    officer.get("/")
    with served(pages) as url, contextlib.ExitStack() as ends:
        boards = []
        for _ in range(20):  # of officers behind one address
            board = HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE_S)
            ends.callback(board.close)
            board.request("GET", "/live", headers=cookie)
            boards.append(board.getresponse())
        idle = open_idle(url, 60)
        for channel in idle:
            ends.callback(channel.close)
        assert all(is_hung_up(channel) for channel in idle[:40])
        answer = httpx.post(
            f"{url}/alerts/{ALERT}/accept",
            data={"csrf": officer.csrf},
            headers={**cookie, "origin": url, "accept": "application/json"},
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 200
        assert pages.app.state.hub.browsers == 20
        assert all(board.readline() == b"event: state\n" for board in boards)


@pytest.mark.parametrize("sent", [b"", b"GET /sign-in HTTP/1.1\r\nhost: x\r\n", b"POST /sign-in HT"])
def test_who_does_not_finish_a_request_is_hung_up_on(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(protocol, "DAWDLE_S", 0.3)
    with served(pages) as url:
        (channel,) = open_idle(url, 1)
        with channel:
            channel.sendall(sent)
            assert is_hung_up(channel)


def test_a_form_that_does_not_come_to_its_end_is_hung_up_on_later(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "FORM_S", 0.3)
    with served(pages) as url:
        (channel,) = open_idle(url, 1)
        with channel:
            channel.sendall(b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n")
            channel.sendall(b"content-type: application/x-www-form-urlencoded\r\n\r\nname=")
            assert is_hung_up(channel)


def test_a_connection_is_used_again_and_an_open_board_outlives_every_deadline(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "DAWDLE_S", 1.0)
    cookie = {"cookie": f"pana={pages.sign_in().client.cookies['pana']}"}
    pages.show()
    with served(pages) as url:
        host = url.removeprefix("http://")
        (idle,) = open_idle(url, 1)
        board, reader = HTTPConnection(host, timeout=PATIENCE_S), HTTPConnection(host, timeout=PATIENCE_S)
        with contextlib.closing(board), contextlib.closing(reader), idle:
            board.request("GET", "/live", headers=cookie)
            stream = board.getresponse()
            for _ in range(2):
                reader.request("GET", "/static/icon.svg")
                assert reader.getresponse().read()
            assert is_hung_up(idle)  # its deadline is over, and the board's would be
            pages.tell({"what": "case", "alert": alert_view()})
            while b"event: card" not in (line := stream.readline()):
                assert line
        until(lambda: pages.app.state.hub.browsers == 0)


def test_an_answer_is_not_cut_off_before_a_slow_line_has_carried_it(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "DAWDLE_S", 0.3)
    body = b"x" * 16_000_000  # more than the kernel keeps
    pages.app.router.routes.insert(0, Route("/static/list", lambda _: Response(body)))
    with served(pages) as url:
        (slow,) = open_idle(url, 1)
        with slow:
            slow.sendall(b"GET /static/list HTTP/1.1\r\nhost: x\r\n\r\n")
            got = len(slow.recv(1000))
            (idle,) = open_idle(url, 1)
            with idle:
                assert is_hung_up(idle)
            while piece := slow.recv(1 << 20):
                got += len(piece)
                if got > len(body):  # with its headers
                    break
            assert got > len(body)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("127.0.0.1", "127.0.0.1", False),  # a proxy before the pages: everybody comes from there
        ("::1", "::1", False),
    ],
)
def test_connections_are_counted_by_network_but_not_those_of_a_proxy(
    one: str, other: str, same: bool
) -> None:
    assert (protocol.whose(one, 1) == protocol.whose(other, 2)) == same
