"""The control socket while others crowd before its door."""

import socket
import threading
from pathlib import Path

import pytest

from kiosk import control

pytestmark = pytest.mark.real


@pytest.fixture
def crowd(tmp_path: Path) -> list[socket.socket]:
    """Fill a door that nobody opens yet; the door itself comes first."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(tmp_path / "kiosk.sock"))
    door.listen(0)
    standing = [door]
    while True:
        guest = socket.socket(socket.AF_UNIX)
        guest.setblocking(False)
        standing.append(guest)
        try:
            guest.connect(str(tmp_path / "kiosk.sock"))
        except BlockingIOError:
            return standing


def test_a_question_waits_for_its_turn(tmp_path: Path, crowd: list[socket.socket]) -> None:
    answers: list[dict[str, object]] = []
    asking = threading.Thread(
        target=lambda: answers.append(control.ask(tmp_path / "kiosk.sock", {"ask": "status"}, 20.0))
    )
    asking.start()
    door = crowd[0]
    for _ in crowd[1:-1]:
        door.accept()[0].close()
    link, _ = door.accept()
    with link:
        assert link.recv(1000) == b'{"ask":"status"}\n'
        link.sendall(b'{"state":"armed"}\n')
        asking.join(20)
    assert answers == [{"state": "armed"}]
    for guest in crowd:
        guest.close()


def test_a_door_that_never_opens_is_told_in_time(tmp_path: Path, crowd: list[socket.socket]) -> None:
    with pytest.raises(control.DaemonAway, match="cannot be reached"):
        control.ask(tmp_path / "kiosk.sock", {"ask": "status"}, 0.1)
    for guest in crowd:
        guest.close()
