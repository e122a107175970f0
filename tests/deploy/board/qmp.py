"""QEMU's two side doors: QMP to command the machine, qtest to move one of its wires while it runs."""

import json
import socket
import time
from pathlib import Path
from typing import Any

ANSWER_S = 30.0


def connected(path: Path, *, within_s: float = 20.0) -> socket.socket:
    """Connect to a socket that QEMU is about to make; raises TimeoutError."""
    deadline_s = time.monotonic() + within_s
    while True:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(str(path))
        except OSError as error:
            link.close()
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"QEMU does not open {path.name}: {error}") from error
            time.sleep(0.05)
        else:
            link.settimeout(ANSWER_S)
            return link


class Qmp:
    """Commands for one running machine; of its events only their names are kept."""

    def __init__(self, path: Path) -> None:
        self._link = connected(path)
        self._lines = self._link.makefile("rb")
        self._events: list[str] = []
        self._next()  # the greeting
        self.ask("qmp_capabilities")

    def ask(self, command: str, **arguments: Any) -> Any:
        """Run one command; raises RuntimeError with QEMU's own words."""
        request = {"execute": command, "arguments": arguments}
        self._link.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._next()
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
            self._events.append(answer.get("event", ""))

    def seen(self, event: str) -> bool:
        """Tell whether the machine has sent this event so far."""
        self.ask("query-status")  # what came before its answer is read with it
        return event in self._events

    def path_of(self, kind: str) -> str:
        """Find a built-in device by its type."""
        for entry in self.ask("qom-list", path="/machine/unattached"):
            if entry["type"] == f"child<{kind}>":
                return f"/machine/unattached/{entry['name']}"
        raise LookupError(f"the machine has no {kind}")

    def close(self) -> None:
        """Let go of the socket."""
        self._lines.close()
        self._link.close()

    def _next(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionError("QEMU has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Pins:
    """The lines of the PL061 chip, driven from outside. They rest at 0 and fall back to 0 at a reset."""

    def __init__(self, path: Path, device: str) -> None:
        self._link = connected(path)
        self._device = device

    def drive(self, line: int, *, high: bool) -> None:
        """Set one line's level."""
        self._link.sendall(f"set_irq_in {self._device} unnamed-gpio-in {line} {int(high)}\n".encode())
        answer = self._link.recv(256)
        if not answer.startswith(b"OK"):
            raise RuntimeError(f"the pin does not move: {answer!r}")

    def press(self, line: int, *, for_s: float = 0.3) -> None:
        """Close and open a contact that leads to the supply."""
        self.drive(line, high=True)
        time.sleep(for_s)
        self.drive(line, high=False)

    def close(self) -> None:
        """Let go of the socket."""
        self._link.close()
