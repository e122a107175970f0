"""The kiosk's own network, disk and clocks: every fault that the storm relies on must be a true one."""

import math
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chaos.box import DISK_MIB, Box, possible

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not possible(), reason="namespaces need root, util-linux, iproute2 and nft"),
]
ASK = """
import socket, sys, time
began_s = time.monotonic()
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), float(sys.argv[2])) as link:
    for _ in range(60):
        link.sendall(bytes(500))
        left = 500
        while left:
            left -= len(link.recv(left))
print(time.monotonic() - began_s)
"""


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


@pytest.fixture(scope="module")
def took(box: Box) -> Iterator[Callable[..., float]]:
    """Give how long 60 questions and answers take from inside, in s; raises where one takes too long."""
    door = box.listen(0)
    port = str(door.getsockname()[1])

    def serve() -> None:
        with suppress(OSError):
            while True:
                guest, _ = door.accept()
                threading.Thread(target=answer, args=(guest,), daemon=True).start()

    def answer(guest: socket.socket) -> None:
        with guest, suppress(OSError):
            while chunk := guest.recv(65536):
                guest.sendall(chunk)

    threading.Thread(target=serve, daemon=True).start()

    def ask(patience_s: float = 30.0) -> float:
        command = [*box.prefix(0), sys.executable, "-c", ASK, port, str(patience_s)]
        asked = subprocess.run(command, capture_output=True, check=True)
        return float(asked.stdout)

    yield ask
    door.shutdown(socket.SHUT_RDWR)
    door.close()


def test_a_door_inside_is_not_found_from_outside(box: Box) -> None:
    with box.listen(0) as door, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", door.getsockname()[1]), 5)


def test_lost_packets_are_sent_again_and_all_is_well_when_it_is_cleared(
    box: Box, took: Callable[..., float]
) -> None:
    well_s = took()
    box.lose(20)
    lossy_s = math.inf
    with suppress(subprocess.CalledProcessError):  # one that is lost again and again may take longer
        lossy_s = took()
    assert lossy_s > well_s + 0.2  # the kernel waits no shorter before it sends again
    box.clear()
    assert took() < lossy_s


def test_a_narrow_link_lets_no_more_pass(box: Box, took: Callable[..., float]) -> None:
    box.narrow(128)  # 60 times 500 bytes there and back are 60 kB, and its headers
    assert took() > 3.0
    box.clear()


def test_nothing_passes_an_unplugged_cable(box: Box, took: Callable[..., float]) -> None:
    box.unplug()
    with pytest.raises(subprocess.CalledProcessError):
        took(2.0)
    box.clear()
    took()


def test_the_disk_inside_fills_and_the_folder_outside_does_not(box: Box, tmp_path: Path) -> None:
    outside = box.mount(tmp_path)
    box.fill()
    with pytest.raises(OSError, match="No space left"):
        (outside / "more").write_bytes(bytes(8192))
    assert (outside / "filler").stat().st_size == DISK_MIB << 20
    assert not list(tmp_path.iterdir())
    (outside / "more").unlink()
    box.unfill()
    (outside / "more").write_bytes(bytes(8192))


def test_monotonic_clocks_inside_are_ahead(box: Box) -> None:
    ask = [sys.executable, "-c", "import time; print(time.monotonic())"]
    here, there = (
        float(subprocess.run([*before, *ask], capture_output=True, check=True).stdout)
        for before in ((), box.prefix(86_400))
    )
    assert 86_400 < there - here < 86_460
