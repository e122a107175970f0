"""The kiosk's own network, disk and clocks, made of namespaces: packets get lost, the disk fills, time jumps.

Owns one process that holds the namespaces; they are gone with it, and nothing on the machine itself changes.
The wall clock has no namespace: it is moved in the interpreter (`stepped_clock`).
"""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

TOOLS = ("unshare", "nsenter", "ip", "tc", "nft", "mount")
DISK_MIB = 16  # the journal keeps itself below 8
MTU = 1500  # as on a real link: one lost packet is not a whole message
CLONE_NEWNET = 0x40000000
NETEM = ("netem", "loss", "{loss}%", "delay", "{delay}ms", "{jitter}ms", "duplicate", "2%")


def possible() -> bool:
    """Tell whether this user may make namespaces with what is installed."""
    return os.geteuid() == 0 and all(map(shutil.which, TOOLS))


class Box:
    """Where one kiosk runs; `prefix` starts it there, `listen` opens a door that only it finds."""

    def __init__(self) -> None:
        script = f"ip link set lo mtu {MTU} up; echo held; exec cat"  # ends with the pipe, whoever holds it
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-ec", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"held\n":
            raise OSError("no namespaces of network and mounts can be made here")
        self.has_netem = self._try_netem()
        self._filler = Path("filler")

    @property
    def _here(self) -> str:
        return f"/proc/{self._holder.pid}"

    def prefix(self, clock_s: int) -> tuple[str, ...]:
        """Give how to run a program inside, its monotonic clocks `clock_s` ahead of the machine's."""
        enter = ("nsenter", f"--net={self._here}/ns/net", f"--mount={self._here}/ns/mnt")
        return (*enter, "unshare", "--time", "--monotonic", str(clock_s), "--boottime", str(clock_s))

    def listen(self, port: int) -> socket.socket:
        """Open a door on the loopback inside; a thread of its own goes there, and ends there."""
        with ThreadPoolExecutor(1) as there:
            return there.submit(self._listen, port).result()

    def _listen(self, port: int) -> socket.socket:
        with Path(f"{self._here}/ns/net").open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        return socket.create_server(("127.0.0.1", port), backlog=16)

    def mount(self, folder: Path) -> Path:
        """Lay a small disk of its own over a folder; gives the same as seen from outside."""
        self._run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(folder))
        outside = Path(f"{self._here}/root{folder}")
        self._filler = outside / "filler"
        return outside

    def fill(self) -> None:
        """Take the last byte of the disk."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    def unfill(self) -> None:
        """Give the disk's room back."""
        self._filler.unlink(missing_ok=True)

    def lose(self, percent: int) -> None:
        """Lose packets at random, both ways; with netem they are late, mixed and doubled as well."""
        if self.has_netem:
            told = {"loss": percent, "delay": 2 * percent, "jitter": percent}
            self._queue(*(word.format(**told) for word in NETEM))
            return
        self._drop(f"numgen random mod 100 < {percent}")

    def unplug(self) -> None:
        """Lose every packet; nobody is told."""
        self._drop()

    def narrow(self, kbit: int) -> None:
        """Let no more pass than that, each way; what waits longer than 2 s is dropped."""
        self._queue("tbf", "rate", f"{kbit}kbit", "burst", "3000", "latency", "2s")

    def clear(self) -> None:
        """Let every packet pass."""
        self._nft("flush ruleset")
        self._run("tc", "qdisc", "del", "dev", "lo", "root", check=False)

    def close(self) -> None:
        """Let everything inside go."""
        self._holder.kill()
        self._holder.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try_netem(self) -> bool:
        tried = self._run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "loss", "1%", check=False)
        self.clear()
        return tried

    def _queue(self, *discipline: str) -> None:
        self._run("tc", "qdisc", "replace", "dev", "lo", "root", *discipline)

    def _drop(self, which: str = "") -> None:
        self._nft("add table inet box")
        self._nft("add chain inet box in { type filter hook input priority 0; }")
        self._nft(f"add rule inet box in {which} drop")

    def _nft(self, command: str) -> None:
        self._run("nft", command)

    def _run(self, *command: str, check: bool = True) -> bool:
        enter = ("nsenter", f"--net={self._here}/ns/net", f"--mount={self._here}/ns/mnt")
        done = subprocess.run([*enter, *command], capture_output=True, check=False, text=True)
        if check and done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.returncode == 0
