"""What an update hears from the daemon: no answer and no verdict are never taken for a good one."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.check.daemon import Refused
from kiosk.control import DaemonAway
from kiosk.drill import INTERRUPTED
from kiosk.update import daemon
from kiosk.update.daemon import Daemon

SOCKET = Path("/nowhere/kiosk.sock")


def test_a_daemon_that_is_away_stands_nowhere() -> None:
    assert Daemon(SOCKET, 1.0).standing() is None
    assert Daemon(SOCKET, 1.0).drill() is None


@pytest.mark.parametrize("answer", [b"", b'{"error": "busy: 8 clients are connected already"}\n'])
def test_a_daemon_that_gives_no_answer_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """It may have an incident open: only where nobody listens there is none."""
    monkeypatch.setattr(daemon, "ASK_S", 0.2)
    path = tmp_path / "kiosk.sock"
    asked = Daemon(path, 1.0)
    assert asked.is_absent()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        links: list[socket.socket] = []

        def accept() -> None:
            links.append(listener.accept()[0])
            links[0].sendall(answer)

        accepting = threading.Thread(target=accept)
        accepting.start()
        assert asked.standing() is None
        accepting.join()
        links[0].close()
        assert not asked.is_absent()
    assert path.exists()
    assert asked.is_absent(), "one that was killed leaves its socket behind"


def test_its_own_words_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "question", lambda *_: {"state": "armed", "mqtt": "up"})
    seen = Daemon(SOCKET, 1.0).standing()
    assert seen is not None
    assert (seen.state, seen.up) == ("armed", ("mqtt",))


@pytest.mark.parametrize(
    ("events", "missing"),
    [
        ([{"what": "drill"}, {"what": "drill_passed", "missing": ""}], ""),
        ([{"what": "drill_failed", "missing": "mqtt"}], "mqtt"),
        ([{"what": "drill_failed", "missing": INTERRUPTED}], None),
        ([{"what": "drill_failed", "missing": "lost"}], None),
        ([{"what": "drill"}], None),
        ([], None),
        ([DaemonAway("hung up")], None),
        ([Refused("an incident is open")], None),
    ],
)
def test_only_a_verdict_is_a_verdict(
    monkeypatch: pytest.MonkeyPatch, events: list[Any], missing: str | None
) -> None:
    def drill(_socket: Path, *, duty: bool, drill_s: float, silent: bool) -> Iterator[Any]:
        assert (duty, silent) == (False, True)
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    monkeypatch.setattr(daemon, "drill_events", drill)
    assert Daemon(SOCKET, 1.0).drill() == missing
