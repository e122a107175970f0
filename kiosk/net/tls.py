"""Mutual TLS against one pinned private CA, with our own idea of the date.

Never consults the system's store, and never the system's clock alone: a Pi has no RTC, so OpenSSL's
check of dates is off and ours, against the latest time we can trust, stands in its place.
"""

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kiosk.config import Tls
from kiosk.messages import LinkDown

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of openssl/x509_vfy.h, since 1.1.0; not named by `ssl`
DAY_S = 86400
SHAKE_S = 25.0  # 4 kB of certificates both ways take 16 s at 2 kbit/s

TrustedTime = Callable[[], float]
Certificate = dict[str, Any]  # as ssl.SSLSocket.getpeercert() gives it


class PatientSocket(ssl.SSLSocket):
    """Shakes hands as long as the peer goes on: each wait has the socket's timeout, all of it `shake_s`.

    OpenSSL's own limit would be the socket's timeout for the whole handshake: too short for a narrow line.
    """

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; raises TimeoutError when the peer falls silent, or drips on for too long."""
        context, silence_s = self.context, self.gettimeout()
        shake_s = context.shake_s if isinstance(context, PinnedContext) else SHAKE_S
        ends_s = time.monotonic() + shake_s
        self.settimeout(0.0)
        try:
            while True:
                try:
                    return super().do_handshake(block)
                except ssl.SSLWantReadError:
                    waits: tuple[list[ssl.SSLSocket], list[ssl.SSLSocket]] = [self], []
                except ssl.SSLWantWriteError:
                    waits = [], [self]
                left_s = ends_s - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError(f"no TLS handshake within {shake_s:g} s")
                wait_s = left_s if silence_s is None else min(left_s, silence_s)
                if not any(select.select(*waits, [], wait_s)) and wait_s == silence_s:
                    raise TimeoutError(f"nothing said in {silence_s:g} s of the TLS handshake")
        finally:
            self.settimeout(silence_s)


class PinnedContext(ssl.SSLContext):
    """Wraps sockets for one server name; each comes back with handshake, name and dates checked."""

    sslsocket_class: type[ssl.SSLSocket] = PatientSocket
    shake_s = SHAKE_S
    server_name: str
    trusted_utc_s: TrustedTime

    def wrap_socket(self, sock: socket.socket, *_: Any, **__: Any) -> ssl.SSLSocket:
        """Wrap, shake hands and check; closes the socket and raises OSError where something is wrong.

        The name is ours, not the caller's, who may have dialled an address.
        """
        wrapped = super().wrap_socket(sock, server_hostname=self.server_name, do_handshake_on_connect=False)
        try:
            wrapped.do_handshake()
            check_dates(wrapped.getpeercert() or {}, self.get_ca_certs(), self.trusted_utc_s())
        except BaseException:
            wrapped.close()
            raise
        return wrapped


C = TypeVar("C", bound=PinnedContext)


def pinned_context(files: Tls, server_name: str, trusted_utc_s: TrustedTime) -> PinnedContext:
    """Make a client context: TLS 1.2 or later, our CA only, our certificate; raises LinkDown."""
    return pin(PinnedContext(ssl.PROTOCOL_TLS_CLIENT), files, server_name, trusted_utc_s)


def pin(context: C, files: Tls | Path, server_name: str, trusted_utc_s: TrustedTime) -> C:
    """Bind a new client context to our CA and our certificate; with a CA file alone it shows none.

    Raises LinkDown.
    """
    context.server_name, context.trusted_utc_s = server_name, trusted_utc_s
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= NO_CHECK_TIME
    if isinstance(files, Path):
        _load_ca(context, str(files))
    else:
        _load(context, files)
    return context


def check_dates(peer: Certificate, authorities: Iterable[Certificate], now_s: float) -> None:
    """Check the peer's certificate and the CA that issued it at `now_s` (UTC seconds); raises LinkDown.

    The issuer must stand in the CA file itself: an intermediate's dates would go unseen.
    """
    issuers = [ca for ca in authorities if ca["subject"] == peer.get("issuer")]
    if not issuers:
        raise LinkDown("the server's certificate was not issued directly by the pinned CA")
    _check_date("server's certificate", peer, now_s)
    faults = []
    for issuer in issuers:
        try:
            _check_date("pinned CA", issuer, now_s)
        except LinkDown as fault:
            faults.append(fault)
    if len(faults) == len(issuers):
        raise faults[0]


def _check_date(whose: str, certificate: Certificate, now_s: float) -> None:
    if now_s < ssl.cert_time_to_seconds(certificate["notBefore"]):
        raise LinkDown(f"{whose} is not valid before {certificate['notBefore']}; is the clock right?")
    if now_s > ssl.cert_time_to_seconds(certificate["notAfter"]):
        raise LinkDown(f"{whose} expired at {certificate['notAfter']}")


def _load_ca(context: ssl.SSLContext, ca: str) -> None:
    try:
        context.load_verify_locations(cafile=ca)
    except (OSError, ValueError) as error:
        raise LinkDown(f"the pinned CA cannot be used ({error}): check {ca}") from error


def _load(context: ssl.SSLContext, files: Tls) -> None:
    try:
        context.load_verify_locations(cafile=files.ca)
        context.load_cert_chain(files.cert, files.key)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; an encrypted key a ValueError
        where = f"ca {files.ca}, cert {files.cert}, key {files.key}"
        raise LinkDown(f"the TLS files cannot be used ({error}): check {where}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What this kiosk's certificate says: its common name, days left (negative when expired) of its life."""

    name: str
    days_left: int
    life_days: int


class OwnCertificate:
    """This kiosk's own certificate, read again when its file changes."""

    def __init__(self, files: Tls, trusted_utc_s: TrustedTime) -> None:
        self._files = files
        self._trusted_utc_s = trusted_utc_s
        self._seen: tuple[int, int] | None = None
        self._certificate: Certificate = {}

    def read(self) -> Own:
        """Read what it says; raises LinkDown."""
        try:
            stat = Path(self._files.cert).stat()
        except OSError as error:
            raise LinkDown(f"no certificate at {self._files.cert}: {error.strerror}") from error
        if self._seen != (stat.st_mtime_ns, stat.st_size):
            self._certificate = _own_certificate(self._files)
            self._seen = (stat.st_mtime_ns, stat.st_size)
        names = [value for rdn in self._certificate["subject"] for key, value in rdn if key == "commonName"]
        begins_s, ends_s = (
            ssl.cert_time_to_seconds(self._certificate[when]) for when in ("notBefore", "notAfter")
        )
        return Own(
            name=names[0] if names else "",
            days_left=int((ends_s - self._trusted_utc_s()) // DAY_S),
            life_days=int((ends_s - begins_s) // DAY_S),
        )


def _own_certificate(files: Tls) -> Certificate:
    """Shake hands with ourselves in memory: the public way of `ssl` to read a certificate's fields.

    It also proves that the key fits and that the pinned CA signed it.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= NO_CHECK_TIME
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE  # it only talks to the object beside it
    _load(server, files)
    _load(client, files)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(back, there)
    far = server.wrap_bio(there, back, server_side=True)
    try:
        for _ in range(3):
            for end in (near, far):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
        return far.getpeercert() or {}
    except (ssl.SSLError, ValueError) as error:
        raise LinkDown(f"{files.cert} is not a client certificate of the pinned CA: {error}") from error
