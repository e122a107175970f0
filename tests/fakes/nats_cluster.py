"""Three NATS nodes on this machine with the shipped configuration, for tests only."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

from fakes.mqtt_kiosk import wait_for
from pki import Authority

from kiosk.sim.broker import free_port

SHIPPED = Path(__file__).parents[2] / "provisioning" / "broker" / "nats"
START_S = 60.0
TAKEN = "address already in use"


class NatsNode:
    """One node; its store and ports outlive `kill`, so that `start` brings it back."""

    def __init__(self, folder: Path, name: str, ports: tuple[int, int, int, int]) -> None:
        self.name, self.folder = name, folder
        self.port, self.cluster_port, self.client_port, self.health_port = ports
        self.child: subprocess.Popen[bytes] | None = None

    def write(self, authority: Authority, users: str, routes: Sequence[str]) -> None:
        """Write its files from the shipped ones; only node.conf and the ports on loopback are its own."""
        pair = authority.server(self.name, peer=True)
        self.folder.mkdir()
        values = {
            "CLUSTER_LISTEN": f"127.0.0.1:{self.cluster_port}", "MQTT_LISTEN": f"127.0.0.1:{self.port}",
            "STORE": self.folder / "store", "CERT": pair.cert, "KEY": pair.key, "CA": authority.ca,
        }  # fmt: skip
        lines = [f"server_name: {self.name}", *(f'{key}: "{value}"' for key, value in values.items())]
        lines.append("ROUTES: [" + ", ".join(f'"{route}"' for route in routes) + "]")
        (self.folder / "node.conf").write_text("\n".join(lines) + "\n")
        shipped = (SHIPPED / "nats.conf").read_text()
        for key, port, own in (("listen", 4222, self.client_port), ("http", 8222, self.health_port)):
            assert f"\n{key}: 127.0.0.1:{port}\n" in shipped
            shipped = shipped.replace(f"\n{key}: 127.0.0.1:{port}\n", f"\n{key}: 127.0.0.1:{own}\n")
        (self.folder / "nats.conf").write_text(shipped)
        (self.folder / "users.conf").write_text(users)

    def start(self) -> None:
        program = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/bin")
        assert program, "apt install nats-server"
        with (self.folder / "log").open("ab") as log:
            self.child = subprocess.Popen(
                [program, "-c", str(self.folder / "nats.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it as a power cut would; idempotent."""
        child, self.child = self.child, None
        if child is not None:
            child.send_signal(signal.SIGKILL)
            child.wait(10)

    def is_whole(self) -> bool:
        """Tell whether it has caught up with every stream and consumer, by its own word."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.health_port, timeout=2)) as connection:
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == HTTPStatus.OK
            except (OSError, HTTPException):
                return False

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")


class NatsCluster:
    """Nodes that know each other, and the kiosks and responders given."""

    def __init__(self, authority: Authority, kiosks: Sequence[str], monitors: Sequence[str]) -> None:
        self.authority = authority
        self.folder = Path(tempfile.mkdtemp(prefix="pana-nats-"))
        self.nodes: list[NatsNode] = []
        self._users = subprocess.run(
            [SHIPPED / "users.sh", *monitors], input="\n".join(kiosks) + "\n", text=True, capture_output=True,
            check=True,
        ).stdout  # fmt: skip

    def _start(self, attempt: int) -> None:
        """Start three nodes on ports that are free now: somebody else may take one before its node does."""
        self.nodes = [
            NatsNode(
                self.folder / f"{attempt}-n{number}",
                f"n{number}",
                (free_port(), free_port(), free_port(), free_port()),
            )
            for number in range(3)
        ]
        for node in self.nodes:
            peers = [other for other in self.nodes if other is not node]
            routes = [f"nats-route://127.0.0.1:{peer.cluster_port}" for peer in peers]
            node.write(self.authority, self._users, routes)
        for node in self.nodes:
            node.start()

    def brokers(self, first: int) -> tuple[str, ...]:
        """List every node's address, beginning with the `first`."""
        return tuple(f"localhost:{self.nodes[(first + number) % 3].port}" for number in range(3))

    def __enter__(self) -> Self:
        try:
            self._start(1)
            wait_for(lambda: self.is_whole() or self._ended(), "the cluster", START_S)
            if any(TAKEN in node.log() for node in self._ended()):
                self._kill()
                self._start(2)
            wait_for(self.is_whole, "the cluster", START_S)
        except BaseException:
            sys.stderr.writelines(node.log()[-2000:] for node in self.nodes)
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every node and remove what they kept."""
        self._kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def is_whole(self) -> bool:
        """Tell whether every node listens and has caught up: until then no session is kept."""
        return not self._ended() and all(_listens(node.port) and node.is_whole() for node in self.nodes)

    def _ended(self) -> list[NatsNode]:
        return [node for node in self.nodes if node.child is None or node.child.poll() is not None]


def _listens(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
