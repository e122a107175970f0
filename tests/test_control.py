"""The control socket, driven over real Unix sockets."""

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk import control
from kiosk.control import ControlServer, DaemonAway, connection, server, watch
from kiosk.messages import DeviceError

pytestmark = pytest.mark.real

PATIENCE_S = 45.0  # a deadline, never a delay
Asked = list[tuple[dict[str, Any], Callable[[dict[str, Any]], None]]]


def until(condition: Callable[[], object], deadline_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.005)


def ask(path: Path, request: dict[str, Any], timeout_s: float = PATIENCE_S) -> dict[str, Any]:
    return control.ask(path, request, timeout_s)


@contextmanager
def meanwhile(condition: Callable[[], object], act: Callable[[], object]) -> Iterator[None]:
    """Act on another thread as soon as a condition holds."""

    def wait_and_act() -> None:
        until(condition)
        act()

    acting = threading.Thread(target=wait_and_act)
    acting.start()
    yield
    acting.join()


def echo(request: dict[str, Any], reply: Callable[[dict[str, Any]], None]) -> None:
    reply({"you_asked": request})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "control.sock"


@pytest.fixture
def serve(path: Path) -> Iterator[Callable[..., ControlServer]]:
    servers: list[ControlServer] = []

    def start(handle: Any = echo, **more: Any) -> ControlServer:
        made = ControlServer(path, handle, **more)
        servers.append(made)
        made.open()
        return made

    yield start
    for made in servers:
        made.close()


@pytest.fixture
def dial(path: Path) -> Iterator[Callable[[], socket.socket]]:
    links: list[socket.socket] = []

    def connect() -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        links.append(link)
        link.settimeout(PATIENCE_S)
        link.connect(str(path))
        return link

    yield connect
    for link in links:
        link.close()


def read_line(link: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        piece = link.recv(1)
        assert piece, f"hung up after {data!r}"
        data += piece
    answer: dict[str, Any] = msgspec.json.decode(data)
    return answer


def read_to_end(link: socket.socket) -> bytes:
    data = b""
    while piece := link.recv(65536):
        data += piece
    return data


def test_a_question_gets_its_answer(serve: Any, path: Path) -> None:
    serve()
    assert ask(path, {"ask": "status"}) == {"you_asked": {"ask": "status"}}


def test_an_answer_may_come_later_from_another_thread(serve: Any, path: Path) -> None:
    threads = []

    def later(request: dict[str, Any], reply: Callable[[dict[str, Any]], None]) -> None:
        threads.append(threading.Timer(0.02, reply, [{"late": True}]))
        threads[-1].start()

    serve(later)
    assert ask(path, {}) == {"late": True}
    threads[0].join()


def test_a_second_answer_to_one_question_is_ignored(serve: Any, path: Path, dial: Any) -> None:
    def twice(request: dict[str, Any], reply: Callable[[dict[str, Any]], None]) -> None:
        reply({"n": 1})
        reply({"n": 2})

    serve(twice)
    link = dial()
    link.sendall(b"{}\n{}\n")
    assert [read_line(link), read_line(link)] == [{"n": 1}, {"n": 1}]


def test_the_socket_is_for_owner_and_group_only(serve: Any, path: Path) -> None:
    old = os.umask(0)
    try:
        serve()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_a_stale_socket_of_a_dead_daemon_is_replaced(serve: Any, path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    serve()
    assert ask(path, {"a": 1}) == {"you_asked": {"a": 1}}


def test_the_socket_of_a_living_daemon_is_left_alone(serve: Any, path: Path) -> None:
    serve()
    second = ControlServer(path, echo)
    with pytest.raises(DeviceError, match="another daemon serves it"):
        second.open()
    second.close()
    assert ask(path, {"a": 1}) == {"you_asked": {"a": 1}}


def test_a_file_that_is_no_socket_is_never_removed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("somebody's letter")
    mine = ControlServer(path, echo)
    with pytest.raises(DeviceError, match="no socket is in its place"):
        mine.open()
    mine.close()
    assert path.read_text() == "somebody's letter"


def test_a_path_that_is_too_long_is_said_so(tmp_path: Path) -> None:
    mine = ControlServer(tmp_path / ("x" * 120), echo)
    with pytest.raises(DeviceError, match="too long"):
        mine.open()


def test_closing_removes_the_socket_and_may_be_repeated(serve: Any, path: Path) -> None:
    mine = serve()
    mine.close()
    mine.close()
    assert not path.exists()
    mine.publish({"after": "close"})


def test_closing_without_opening_is_harmless(path: Path) -> None:
    ControlServer(path, echo).close()


def test_closing_leaves_a_successors_socket(serve: Any, path: Path) -> None:
    first = serve()
    path.unlink()
    serve()
    first.close()
    assert ask(path, {}) == {"you_asked": {}}


def test_the_handler_may_close_the_server(serve: Any, path: Path) -> None:
    mine: list[ControlServer] = []
    mine.append(serve(lambda *_: mine[0].close()))
    with pytest.raises(DaemonAway):
        ask(path, {})
    until(lambda: not path.exists())


def test_every_watcher_gets_every_event_in_order(serve: Any, path: Path) -> None:
    mine = serve()
    first, second = watch(path, PATIENCE_S), watch(path, PATIENCE_S)
    seen: list[list[dict[str, Any]]] = [[], []]

    def follow(events: Iterator[dict[str, Any]], into: list[dict[str, Any]]) -> None:
        for event in events:
            into.append(event)
            if event.get("n") == 99:
                return

    followers = [
        threading.Thread(target=follow, args=pair) for pair in zip((first, second), seen, strict=True)
    ]
    for follower in followers:
        follower.start()
    until(lambda: sum(client.watching for client in mine._all()) == 2)
    for n in range(100):
        mine.publish({"n": n})
    for follower in followers:
        follower.join(10)
    assert seen == [[{"n": n} for n in range(100)]] * 2


def test_who_does_not_watch_gets_no_event(serve: Any, dial: Any) -> None:
    mine = serve()
    link = dial()
    link.sendall(b'{"q":1}\n')
    read_line(link)
    mine.publish({"n": 1})
    link.sendall(b'{"q":2}\n')
    assert read_line(link) == {"you_asked": {"q": 2}}


def test_a_watcher_may_also_ask(serve: Any, dial: Any) -> None:
    serve()
    link = dial()
    link.sendall(b'{"ask":"watch"}\n{"ask":"status"}\n')
    assert read_line(link) == {"watching": True}
    assert read_line(link) == {"you_asked": {"ask": "status"}}


def test_a_slow_watcher_is_dropped_and_the_others_go_on(serve: Any, path: Path, dial: Any) -> None:
    mine = serve()
    slow = dial()
    slow.sendall(b'{"ask":"watch"}\n')
    read_line(slow)
    block = {"text": "x" * 10_000}
    for _ in range(200):
        mine.publish(block)
    until(lambda: not mine._all())
    assert len(read_to_end(slow)) < connection.MAX_UNSENT_BYTES + 2_000_000
    assert ask(path, {}) == {"you_asked": {}}


def test_a_watch_that_is_dropped_says_so(serve: Any, path: Path) -> None:
    mine = serve()
    events = watch(path, PATIENCE_S)
    watched = meanwhile(lambda: any(client.watching for client in mine._all()), mine.close)
    with watched, pytest.raises(DaemonAway, match="hung up"):
        next(events)


@pytest.mark.parametrize("line", [b"no json", b"[1]", b"\xff\xfe", b"[" * 5000, b"", b'{"a":'])
def test_a_line_that_is_no_object_is_refused_and_the_client_dropped(
    serve: Any, dial: Any, path: Path, line: bytes
) -> None:
    serve()
    link = dial()
    link.sendall(line + b"\n")
    assert b"not a JSON object" in read_to_end(link)
    assert ask(path, {}) == {"you_asked": {}}


def test_a_line_without_end_is_cut_off(serve: Any, dial: Any, path: Path) -> None:
    mine = serve()
    link = dial()
    with pytest.raises(OSError, match=r"pipe|reset"):
        link.sendall(b"x" * 40_000_000)
    until(lambda: not mine._all())
    assert ask(path, {}) == {"you_asked": {}}


def test_a_line_of_the_greatest_length_is_taken_and_one_more_byte_is_not(serve: Any, dial: Any) -> None:
    serve(lambda request, reply: reply({"length": len(request["x"])}))
    whole = connection.MAX_LINE_BYTES - len(b'{"x":""}')
    link = dial()
    link.sendall(b'{"x":"' + b"y" * whole + b'"}\n')
    assert read_line(link) == {"length": whole}
    link.sendall(b'{"x":"' + b"y" * (whole + 1) + b'"}\n')
    assert b"not a JSON object" in read_to_end(link)


def test_a_request_may_come_in_pieces(serve: Any, dial: Any) -> None:
    serve()
    link = dial()
    for letter in b'{"a":1}\n':
        link.sendall(bytes([letter]))
    assert read_line(link) == {"you_asked": {"a": 1}}


def test_a_client_that_asks_and_leaves_harms_nothing(serve: Any, dial: Any, path: Path) -> None:
    asked: Asked = []
    mine = serve(lambda request, reply: asked.append((request, reply)))
    link = dial()
    link.sendall(b"{}\n")
    until(lambda: asked)
    link.close()
    until(lambda: not mine._all())
    asked[0][1]({"too": "late"})
    with meanwhile(lambda: len(asked) > 1, lambda: asked[1][1]({"ok": True})):
        assert ask(path, {}) == {"ok": True}


def test_questions_without_answers_are_bounded(serve: Any, dial: Any) -> None:
    asked: Asked = []
    serve(lambda request, reply: asked.append((request, reply)))
    link = dial()
    link.sendall(b"{}\n" * 100)
    assert b"too many questions" in read_to_end(link)
    assert len(asked) == server.MAX_WAITING


def test_the_ninth_client_is_told_that_the_daemon_is_busy(serve: Any, dial: Any, path: Path) -> None:
    mine = serve()
    links = [dial() for _ in range(server.MAX_CLIENTS)]
    until(lambda: len(mine._all()) == server.MAX_CLIENTS)
    with pytest.raises(DeviceError, match=r"busy|hung up"):
        ask(path, {})
    links[0].close()
    until(lambda: len(mine._all()) < server.MAX_CLIENTS)
    assert ask(path, {}) == {"you_asked": {}}


def test_a_silent_client_gives_its_place_back(serve: Any, dial: Any) -> None:
    mine = serve(idle_s=0.05)
    link = dial()
    assert read_to_end(link) == b""
    until(lambda: not mine._all())


def test_neither_a_watcher_nor_a_waiting_client_is_idle(serve: Any, dial: Any) -> None:
    asked: Asked = []
    mine = serve(lambda request, reply: asked.append((request, reply)))
    watcher, waiting = dial(), dial()
    watcher.sendall(b'{"ask":"watch"}\n')
    read_line(watcher)
    waiting.sendall(b"{}\n")
    until(lambda: asked)
    mine._idle_s = 0.1  # from here on: both have been what they are for longer
    silent = dial()
    assert read_to_end(silent) == b""
    mine.publish({"n": 1})
    asked[0][1]({"n": 2})
    assert (read_line(watcher), read_line(waiting)) == ({"n": 1}, {"n": 2})


def test_a_handler_that_raises_is_an_answer_not_an_end(serve: Any, path: Path) -> None:
    def broken(request: dict[str, Any], reply: Callable[[dict[str, Any]], None]) -> None:
        raise LookupError(request)

    serve(broken)
    for _ in range(2):
        with pytest.raises(DeviceError, match="its log says why"):
            ask(path, {})


def test_an_answer_that_json_cannot_hold_is_an_error_message(serve: Any, path: Path) -> None:
    serve(lambda _, reply: reply({"value": object()}))
    with pytest.raises(DeviceError, match="cannot be written"):
        ask(path, {})


def test_publishing_never_waits_for_a_client_that_reads_nothing(serve: Any, dial: Any) -> None:
    mine = serve()
    for _ in range(3):
        link = dial()
        link.sendall(b'{"ask":"watch"}\n')
        read_line(link)
    done = threading.Event()

    def storm() -> None:
        for n in range(20_000):
            mine.publish({"n": n})
        done.set()

    threading.Thread(target=storm, daemon=True).start()
    assert done.wait(30)


def test_a_missing_socket_means_the_daemon_is_not_running(path: Path) -> None:
    with pytest.raises(DaemonAway, match=f"the daemon is not running: no socket at {path}"):
        ask(path, {})
    with pytest.raises(DaemonAway, match="not running"):
        next(watch(path))


def test_a_dead_daemons_socket_means_nobody_answers(tmp_path: Path) -> None:
    path = tmp_path / "dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    with pytest.raises(DaemonAway, match="nobody answers"):
        ask(path, {})


def test_a_path_below_a_file_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DaemonAway, match="cannot be reached"):
        ask(tmp_path / "file" / "sock", {})


def test_a_socket_without_permission_names_the_way_out(tmp_path: Path, mocker: Any) -> None:
    mocker.patch.object(socket.socket, "connect", side_effect=PermissionError(13, "denied"))
    with pytest.raises(DeviceError, match="use sudo, or join the group"):
        ask(tmp_path / "sock", {})


def test_a_daemon_that_never_answers_is_given_up(serve: Any, path: Path) -> None:
    serve(lambda *_: None)
    with pytest.raises(DaemonAway, match="does not answer"):
        ask(path, {}, timeout_s=0.05)


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"hello\n", "cannot read"), (b"x" * 2_000_000, "without an end"), (b"", "hung up")],
)
def test_a_daemon_that_talks_nonsense_is_an_error(tmp_path: Path, answer: bytes, message: str) -> None:
    path = tmp_path / "odd"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def play() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(100)
                try:
                    link.sendall(answer)
                except OSError:
                    return

        player = threading.Thread(target=play)
        player.start()
        with pytest.raises(DeviceError, match=message):
            ask(path, {})
        player.join()


def test_no_descriptor_left_for_a_client_does_not_stop_the_server(
    serve: Any, path: Path, mocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mine = serve()
    real = mine._listener
    failing = mocker.Mock(wraps=real)
    failing.accept.side_effect = [OSError(24, "Too many open files"), BlockingIOError()]
    mine._accept(failing)
    mine._accept(failing)
    assert "accept=failed" in caplog.text
    assert ask(path, {}) == {"you_asked": {}}


def test_a_bug_in_the_server_is_logged_and_the_socket_closed(
    serve: Any, path: Path, mocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mine = serve()
    mocker.patch.object(mine, "_tend", side_effect=RuntimeError("planted"))
    with pytest.raises(DaemonAway):
        ask(path, {})
    until(lambda: not mine._thread.is_alive())
    assert "stopped=unexpected" in caplog.text
