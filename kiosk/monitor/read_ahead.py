"""A socket that reads ahead for paho, which asks for each packet in four pieces: one system call instead.

It looks like what `ssl` gives: paho takes a socket of ours only through an SSL context. It decides nothing.
"""

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Protocol

AHEAD_BYTES = 65_536
RECORDS = 100  # TLS gives one record at a time, and the broker puts each message into one of its own


class Wire(Protocol):
    """What is needed of the socket below."""

    def recv(self, bufsize: int, /) -> bytes:
        """Give what came, at most `bufsize` bytes."""

    def send(self, data: bytes, /) -> int:
        """Write; gives how much was taken."""

    def fileno(self) -> int:
        """Give the descriptor."""

    def gettimeout(self) -> float | None:
        """Give how long calls wait: 0 for not at all."""

    def setblocking(self, flag: bool, /) -> None:
        """Let calls wait, or not."""

    def settimeout(self, value: float | None, /) -> None:
        """Let calls wait at most so many seconds."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set an option."""

    def close(self) -> None:
        """Close."""


class ReadAhead:
    """One connected socket; `pending` makes paho come back before it sleeps, as it does for TLS."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._read = b""
        self._at = 0
        self._ended = False
        self.send = wire.send
        self.fileno = wire.fileno
        self.setblocking = wire.setblocking
        self.settimeout = wire.settimeout
        self.setsockopt = wire.setsockopt
        self.close = wire.close

    def recv(self, bufsize: int) -> bytes:
        """Give at most `bufsize` bytes of what was read; reads on when there is nothing."""
        at = self._at
        if at == len(self._read):
            self._read = self._fetch()
            at = 0
        self._at = end = min(at + bufsize, len(self._read))
        return self._read[at:end]

    def _fetch(self) -> bytes:
        if self._ended:
            return b""
        first = self._wire.recv(AHEAD_BYTES)
        if not first or self._wire.gettimeout() != 0:
            return first
        pieces, size = [first], len(first)
        with suppress(BlockingIOError, ssl.SSLWantReadError):
            while size < AHEAD_BYTES and len(pieces) < RECORDS:
                piece = self._wire.recv(AHEAD_BYTES)
                if not piece:
                    self._ended = True  # told when what came before it has been given
                    break
                pieces.append(piece)
                size += len(piece)
        return b"".join(pieces)

    def pending(self) -> int:
        """Give how many bytes were read and not yet asked for."""
        return len(self._read) - self._at

    def do_handshake(self) -> None:
        """Do nothing: hands were shaken while wrapping."""


class PlainContext:
    """Stands where paho wants an SSL context, for a broker on this machine without TLS."""

    check_hostname = True  # else paho would ask for a certificate

    def wrap_socket(self, sock: socket.socket, **_paho: object) -> ReadAhead:
        """Give the socket as it is, reading ahead."""
        return ReadAhead(sock)


def pinned_context(ca: str, cert: str | None, key: str | None) -> ssl.SSLContext:
    """Make a client context that trusts one CA; raises OSError (ssl.SSLError) for unusable files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca)
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


def secret(file: str | None) -> str | None:
    """Read a secret from its file, without the end of the line; raises OSError."""
    return None if file is None else Path(file).read_text(encoding="utf-8").rstrip("\r\n")


class PinnedContext:
    """Trusts one CA and nothing else (pitfall 40).

    Shakes hands while wrapping: then a socket that fails is closed, which paho forgets.
    """

    check_hostname = True

    def __init__(self, ca: str, cert: str | None, key: str | None) -> None:
        """Load the files; raises OSError (ssl.SSLError) for what cannot be used."""
        self._context = pinned_context(ca, cert, key)

    def wrap_socket(
        self, sock: socket.socket, *, server_hostname: str | None = None, **_paho: object
    ) -> ReadAhead:
        """Shake hands and give the socket, reading ahead."""
        return ReadAhead(self._context.wrap_socket(sock, server_hostname=server_hostname))
