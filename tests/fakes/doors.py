"""A centre behind HTTPS doors that tests can break: in memory, and as a server by bare sockets and TLS."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from pki import Authority, Pair

from kiosk import wire
from kiosk.bodies import STAGES, Alert, Reply, Stage, Token
from kiosk.messages import HttpsAnswered, HttpsFailed
from kiosk.ports import Post

AT = "2026-01-02T03:04:05.678Z"
DRIP_S = 0.2
Answer = tuple[int, bytes]


REVOKED = b'{"error":"this kiosk is revoked; ask the centre"}'
BAD: dict[str, Answer] = {
    "500": (500, REVOKED),
    "403": (403, REVOKED),
    "302": (302, b""),
    "garbage": (200, b"<html>Welcome to our Wi-Fi</html>"),
    "huge": (200, b" " * 200_000),
}


@dataclass
class Centre:
    """What the centre knows and says. `mode` is what is wrong with its doors; empty when all is well."""

    mode: str = ""
    alerts: list[Alert] = field(default_factory=list)
    stages: dict[str, list[str]] = field(default_factory=dict)
    news: threading.Condition = field(default_factory=threading.Condition)
    papers: Callable[[str, dict[str, Any]], Answer] | None = None

    def says(self, alert_id: str, stage: str) -> None:
        """Let a person say something."""
        with self.news:
            self.stages.setdefault(alert_id, ["received"]).append(stage)
            self.news.notify_all()

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Answer one request as the doors do, or as badly as `mode` says."""
        if self.mode in BAD:
            return BAD[self.mode]
        parts = urlsplit(target)
        match method, parts.path.split("/")[2:]:
            case "POST", ["alerts"]:
                alert = wire.parse(Alert, body)
                assert isinstance(alert, Alert), alert
                return 200, wire.encode(self._received(alert))
            case "GET", ["alerts", alert_id, "replies"]:
                query = parse_qs(parts.query)
                return 200, self._replies(alert_id, query["after"][0], float(query["wait"][0]))
            case "GET", ["health"]:
                return 200, json.dumps({"core": self.mode != "coreless", "store": True, "at": AT}).encode()
            case "POST", [("enrol" | "renew") as what] if self.papers:
                return self.papers(what, json.loads(body))
        return 404, b'{"error":"there is no such door"}'

    def _received(self, alert: Alert) -> Reply:
        with self.news:
            self.alerts.append(alert)
            self.stages.setdefault(alert.alert_id, ["received"])
        of = "another" if self.mode == "lies" else alert.alert_id
        return Reply(alert_id=of, stage="received", at=AT, presses=alert.presses)

    def _replies(self, alert_id: str, after: str, wait_s: float) -> bytes:
        def beyond() -> list[str]:
            return [s for s in self.stages.get(alert_id, []) if STAGES.index(s) > STAGES.index(after)]  # type: ignore[arg-type]

        with self.news:
            self.news.wait_for(beyond, wait_s)
            of = "another" if self.mode == "lies" else alert_id
            said = [Reply(alert_id=of, stage=stage, at=AT) for stage in beyond()]  # type: ignore[arg-type]
        return b"[" + b",".join(wire.encode(reply) for reply in said) + b"]"


class FakeDoor:
    """Implements ports.HttpsDoor in memory, at once, on the caller's thread."""

    def __init__(self, centre: Centre, post: Post) -> None:
        self._centre = centre
        self._post = post
        self._closed = False

    def post(self, token: Token, body: Alert) -> None:
        self._ask(token, "POST", "/v1/alerts", Reply, wire.encode(body), of=body.alert_id)

    def poll(self, token: Token, alert_id: str, after: Stage) -> None:
        path = f"/v1/alerts/{alert_id}/replies?after={after}&wait=0"
        self._ask(token, "GET", path, list[Reply], of=alert_id)

    def probe(self, token: Token) -> None:
        self._ask(token, "GET", "/v1/health", dict)

    def close(self) -> None:
        self._closed = True

    def _ask(
        self, token: Token, method: str, path: str, kind: Any, body: bytes = b"", *, of: str = ""
    ) -> None:
        if self._closed:
            return
        wrong = self._centre.mode
        if wrong in ("refuses", "hangs", "drips", "drips_headers", "dies", "handshake"):
            self._post(HttpsFailed(token, f"fake: {wrong}"))
            return
        status, said = self._centre.answer(method, path, body)
        value = wire.parse(kind, said) if status == 200 else wire.Rejected(f"refused with status {status}")
        if isinstance(value, wire.Rejected) or value == {"core": False, "store": True, "at": AT}:
            self._post(HttpsFailed(token, f"fake: {value}"))
            return
        replies = (value,) if isinstance(value, Reply) else tuple(value) if of else ()
        if any(reply.alert_id != of for reply in replies):
            self._post(HttpsFailed(token, "fake: an answer about another alert"))
            return
        self._post(HttpsAnswered(token=token, replies=replies, rtt_ms=1, peer="fake:8443"))


class Server:
    """The same centre behind real sockets; every answer goes the way that `mode` spoils."""

    def __init__(self, centre: Centre, authority: Authority, pair: Pair | None = None) -> None:
        self.centre = centre
        self.names: list[str | None] = []
        self.requests: list[bytes] = []
        self.peers: list[str] = []
        self._open: list[socket.socket] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pair = pair or authority.server()
        self.context.load_cert_chain(pair.cert, pair.key)
        self.context.load_verify_locations(authority.ca)
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.close()
        self._thread.join(5)

    @property
    def door(self) -> str:
        return f"localhost:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            if self.centre.mode == "refuses":
                sock.close()
                return
            if self.centre.mode == "handshake":
                self._drip(sock, b"\x16\x03\x03\x40\x00" + b"\x00" * 1000)
                return
            sock.settimeout(30)
            with self.context.wrap_socket(sock, server_side=True) as wrapped:
                self._open.append(wrapped)
                self.peers.append(_name_of(wrapped.getpeercert()))
                self._speak(wrapped)

    def _speak(self, sock: ssl.SSLSocket) -> None:
        head, body = _read(sock)
        self.requests.append(head)
        method, target = head.split(b"\r\n")[0].decode().split(" ")[:2]
        mode = self.centre.mode
        if mode == "hangs":
            time.sleep(20)
            return
        if mode == "slow":
            time.sleep(0.3)
        status, said = self.centre.answer(method, target, body)
        where = "Location: https://elsewhere.kz/\r\n" if status == 302 else ""
        start = f"HTTP/1.1 {status} X\r\n{where}Content-Length: {len(said)}\r\n\r\n".encode()
        if mode == "dies":
            sock.sendall(start + said[:10])
        elif mode == "drips_headers":
            self._drip(sock, start)
        elif mode == "drips":
            sock.sendall(start)
            self._drip(sock, said)
        else:
            sock.sendall(start + said)

    def _drip(self, sock: socket.socket, data: bytes) -> None:
        for place in range(len(data)):
            sock.sendall(data[place : place + 1])
            time.sleep(DRIP_S)


def _read(sock: ssl.SSLSocket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(4096) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")
    ]
    while lengths and len(body) < lengths[0]:
        more = sock.recv(4096)
        if not more:
            raise ValueError("the client hung up")
        body += more
    return head, body


def _name_of(peer: Any) -> str:
    return next((value for rdn in (peer or {}).get("subject", ()) for _, value in rdn), "")
