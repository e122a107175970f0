"""What systemd hears, on a real datagram socket, with a path and with an abstract name."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.systemd import Notifier

pytestmark = pytest.mark.real


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@pana-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        made.settimeout(5)
        yield made, name


def test_each_word_arrives_as_one_datagram(manager: tuple[socket.socket, str]) -> None:
    listener, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    assert notifier.ready("armed, 1 button")
    assert notifier.alive()
    assert notifier.status("MQTT up\n\nSMS down")
    assert notifier.stopping("on request")
    assert [listener.recv(999).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=armed, 1 button",
        "WATCHDOG=1",
        "STATUS=MQTT up SMS down",
        "STOPPING=1\nSTATUS=on request",
    ]
    notifier.close()
    notifier.close()
    assert not notifier.alive()


def test_a_start_is_done_after_its_first_healthy_turn(manager: tuple[socket.socket, str]) -> None:
    """What breaks in the first turn counts as a start that never came to be ready."""
    listener, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    assert [notifier.turned(), notifier.turned()] == [True, True]
    assert [listener.recv(99) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
    notifier.close()


def test_a_manager_that_does_not_read_never_blocks_us(manager: tuple[socket.socket, str]) -> None:
    _, name = manager
    notifier = Notifier({"NOTIFY_SOCKET": name})
    assert not all(notifier.status("x" * 1000) for _ in range(10_000))
    notifier.close()


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    assert not notifier.ready()
    notifier.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    assert not notifier.ready("armed")
    assert notifier.watchdog_s is None
    notifier.close()


def test_the_watchdog_s_period_is_ours_only_if_it_names_us() -> None:
    """Pitfall 37: the watchdog is fed by progress; this says how often."""
    period = {"WATCHDOG_USEC": "30000000"}
    assert Notifier(period).watchdog_s == 30.0
    assert Notifier({**period, "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 30.0
    assert Notifier({**period, "WATCHDOG_PID": "1"}).watchdog_s is None
    assert Notifier({"WATCHDOG_USEC": "soon"}).watchdog_s is None
    assert Notifier({"WATCHDOG_USEC": "0"}).watchdog_s is None


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "6000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert Notifier().watchdog_s == 6.0
