"""The USB cable from the board to the simulated modem: QEMU's socket on one side, its pty on the other.

Knows nothing of AT. While it runs the modem is plugged in; it stays plugged in when the board is reset.
"""

import contextlib
import os
import select
import threading
import time
import tty
from pathlib import Path
from typing import Self

from deploy.board.qmp import connected

IDLE_S = 0.2


class ModemCable:
    """Carries bytes between QEMU's socket and the tty `modem_tty` until it is closed."""

    def __init__(self, socket_path: Path, modem_tty: Path) -> None:
        self._link = connected(socket_path)
        self._link.setblocking(False)
        self._tty = os.open(modem_tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._tty)
        self._ended = threading.Event()
        self.bytes_up = 0  # of the board to the modem
        self._thread = threading.Thread(target=self._run, name="modem-cable", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)
        self._link.close()
        os.close(self._tty)

    def _run(self) -> None:
        while not self._ended.is_set():
            ready, _, _ = select.select([self._link, self._tty], [], [], IDLE_S)
            try:
                if self._link in ready:
                    data = self._link.recv(4096)
                    if not data:
                        return  # the power was cut
                    self.bytes_up += len(data)
                    os.write(self._tty, data)
                if self._tty in ready:
                    self._send(os.read(self._tty, 4096))
            except OSError:
                return

    def _send(self, data: bytes) -> None:
        while data and not self._ended.is_set():
            with contextlib.suppress(BlockingIOError):
                data = data[self._link.send(data) :]
            if data:
                time.sleep(0.01)  # the guest has not taken the last bytes yet
