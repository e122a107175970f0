"""Mutual TLS with one pinned CA and our own dates, over real sockets on this machine."""

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.mqtt_bench import KIOSK, PATIENCE_S, tls_files
from pki import YEAR_S, Authority, Pair

from kiosk.config import Tls
from kiosk.messages import LinkDown
from kiosk.net.tls import Own, OwnCertificate, check_dates, pinned_context

pytestmark = pytest.mark.real
DAY_S = 86400


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


def server_context(authority: Authority, pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def meet(context: ssl.SSLContext, served: ssl.SSLContext) -> str:
    """Let our context meet a server; gives the TLS version, or raises what our side met."""
    near, far = socket.socketpair()
    near.settimeout(PATIENCE_S)
    far.settimeout(PATIENCE_S)

    def serve() -> None:
        try:
            with served.wrap_socket(far, server_side=True) as wrapped:
                wrapped.recv(1)
        except OSError:
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(near) as wrapped:
            return wrapped.version() or ""
    finally:
        near.close()
        thread.join()
        far.close()


class SlowLine:
    """A server at the end of a line on which time passes only where our side waits, and some bytes with it.

    It stands in for `time` in kiosk.net.tls: each look at the clock is a turn of the line.
    """

    def __init__(self, context: ssl.SSLContext, *, bytes_a_turn: int, turn_s: float) -> None:
        self.near, self._far = socket.socketpair()
        self.near.settimeout(PATIENCE_S)
        self._far.setblocking(False)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server = context.wrap_bio(self._in, self._out, server_side=True)
        self._bytes, self._turn_s = bytes_a_turn, turn_s
        self.now_s = 0.0

    def monotonic(self) -> float:
        self.now_s += self._turn_s
        with contextlib.suppress(BlockingIOError, OSError):
            self._in.write(self._far.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            self._server.do_handshake()
        self._far.send(self._out.read(self._bytes))
        return self.now_s

    def close(self) -> None:
        self.near.close()
        self._far.close()


@pytest.fixture
def slow_line(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SlowLine]]:
    with contextlib.ExitStack() as stack:

        def lay(**how: float) -> SlowLine:
            line = SlowLine(server_context(authority, authority.server()), **how)  # type: ignore[arg-type]
            stack.callback(line.close)
            monkeypatch.setattr("kiosk.net.tls.time", line)
            return line

        yield lay


def test_a_narrow_line_has_more_time_for_its_handshake_than_for_a_word(
    authority: Authority, slow_line: Callable[..., SlowLine]
) -> None:
    """At 1 kbit/s; OpenSSL's own limit is the socket's timeout for all of it, 5 s here."""
    files = tls_files(authority, authority.client(KIOSK))
    context = pinned_context(files, "localhost", at(authority.now_s))
    line = slow_line(bytes_a_turn=128, turn_s=1.0)
    with context.wrap_socket(line.near) as wrapped:
        assert wrapped.version() == "TLSv1.3"
        assert wrapped.gettimeout() == PATIENCE_S
    assert 8.0 < line.now_s < 25.0


def test_a_dripping_peer_ends_with_the_time_of_a_handshake(
    authority: Authority, slow_line: Callable[..., SlowLine]
) -> None:
    files = tls_files(authority, authority.client(KIOSK))
    context = pinned_context(files, "localhost", at(authority.now_s))
    line = slow_line(bytes_a_turn=1, turn_s=0.5)
    with pytest.raises(TimeoutError, match="no TLS handshake within 25 s"):
        context.wrap_socket(line.near)
    assert 25.0 < line.now_s < 27.0
    assert line.near.fileno() == -1


def test_a_peer_that_says_nothing_is_left_after_one_wait(authority: Authority) -> None:
    files = tls_files(authority, authority.client(KIOSK))
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(0.05)
        with pytest.raises(TimeoutError, match=r"nothing said in 0\.05 s of"):
            pinned_context(files, "localhost", at(authority.now_s)).wrap_socket(near)


def at(now_s: float) -> Callable[[], float]:
    return lambda: now_s


def test_the_right_server_is_met_by_tls_1_3(authority: Authority) -> None:
    files = tls_files(authority, authority.client(KIOSK))
    context = pinned_context(files, "localhost", at(authority.now_s))
    assert meet(context, server_context(authority, authority.server())) == "TLSv1.3"


def test_tls_1_2_is_the_least(authority: Authority) -> None:
    files = tls_files(authority, authority.client(KIOSK))
    served = server_context(authority, authority.server())
    served.maximum_version = ssl.TLSVersion.TLSv1_2
    assert meet(pinned_context(files, "localhost", at(authority.now_s)), served) == "TLSv1.2"
    assert pinned_context(files, "localhost", at(0)).minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_server_of_any_other_authority_is_refused_whatever_the_system_trusts(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 40: state CAs sign for others; the system's store must not count."""
    stranger = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.ca))
    files = tls_files(authority, authority.client(KIOSK))
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(
            pinned_context(files, "localhost", at(authority.now_s)),
            server_context(authority, stranger.server()),
        )


@pytest.mark.parametrize("name", ["elsewhere.kz", "127.0.0.2", "*"])
def test_the_name_must_be_the_certificates(authority: Authority, name: str) -> None:
    files = tls_files(authority, authority.client(KIOSK))
    with pytest.raises((ssl.SSLCertVerificationError, ValueError)):
        meet(pinned_context(files, name, at(authority.now_s)), server_context(authority, authority.server()))


def test_an_address_is_a_name_too(authority: Authority) -> None:
    files = tls_files(authority, authority.client(KIOSK))
    assert meet(
        pinned_context(files, "127.0.0.1", at(authority.now_s)), server_context(authority, authority.server())
    )


def test_another_kiosk_cannot_pose_as_the_server(authority: Authority) -> None:
    thief = authority.client("localhost")
    files = tls_files(authority, authority.client(KIOSK))
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(pinned_context(files, "localhost", at(authority.now_s)), server_context(authority, thief))


@pytest.mark.parametrize(
    ("when_s", "good"),
    [
        (-2 * DAY_S, False),  # neither the server's certificate nor the CA is valid yet
        (-7200, False),  # the CA is, the server's certificate is not
        (0, True),
        (YEAR_S - DAY_S, True),
        (YEAR_S + DAY_S, False),
        (11 * YEAR_S, False),
    ],
)
def test_dates_are_judged_by_the_trusted_time_not_by_the_clock(
    authority: Authority,
    when_s: float,
    good: bool,
) -> None:
    """Pitfall 32: no RTC. The clock of this machine is right; only the time given counts."""
    files = tls_files(authority, authority.client(KIOSK))
    context = pinned_context(files, "localhost", at(authority.now_s + when_s))
    served = server_context(authority, authority.server())
    if good:
        assert meet(context, served)
    else:
        with pytest.raises(LinkDown, match=r"not valid before|expired"):
            meet(context, served)


def test_a_clock_of_1970_does_not_hinder_when_a_later_time_can_be_trusted(authority: Authority) -> None:
    """Pitfall 32: max(clock, build time, last good time) is the caller's; an early clock loses to either."""
    clock_s, built_s, last_good_s = 0.0, authority.now_s - 400 * DAY_S, authority.now_s - 60
    files = tls_files(authority, authority.client(KIOSK))
    served = server_context(authority, authority.server())
    assert meet(pinned_context(files, "localhost", lambda: max(clock_s, built_s, last_good_s)), served)
    with pytest.raises(LinkDown, match="is the clock right"):
        meet(pinned_context(files, "localhost", lambda: max(clock_s, built_s)), served)


def test_an_expired_server_is_refused_although_openssl_does_not_look(authority: Authority) -> None:
    old = authority.server("old", from_s=-30 * DAY_S, to_s=-DAY_S)
    files = tls_files(authority, authority.client(KIOSK))
    with pytest.raises(LinkDown, match="server's certificate expired"):
        meet(pinned_context(files, "localhost", at(authority.now_s)), server_context(authority, old))


def test_an_expired_authority_is_refused(tmp_path: Path) -> None:
    short = Authority(tmp_path, life_s=DAY_S)
    files = tls_files(short, short.client(KIOSK))
    with pytest.raises(LinkDown, match="pinned CA expired"):
        meet(
            pinned_context(files, "localhost", at(short.now_s + 2 * DAY_S)),
            server_context(short, short.server()),
        )


def test_an_old_and_a_new_authority_of_one_name_serve_together() -> None:
    """A roll-over: both stand in the file, one of them has expired."""
    peer = {"issuer": "A", "notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Jan  1 00:00:00 2027 GMT"}
    old = {"subject": "A", "notBefore": "Jan  1 00:00:00 2020 GMT", "notAfter": "Jan  1 00:00:00 2025 GMT"}
    new = {"subject": "A", "notBefore": "Jan  1 00:00:00 2024 GMT", "notAfter": "Jan  1 00:00:00 2034 GMT"}
    now_s = ssl.cert_time_to_seconds("Jun  1 00:00:00 2026 GMT")
    check_dates(peer, [old, new], now_s)
    with pytest.raises(LinkDown, match="pinned CA expired"):
        check_dates(peer, [old], now_s)
    with pytest.raises(LinkDown, match="not issued directly"):
        check_dates(peer, [{**new, "subject": "B"}], now_s)
    with pytest.raises(LinkDown, match="not issued directly"):
        check_dates({}, [new], now_s)


def test_an_expired_kiosk_is_refused_by_the_server_not_by_itself(authority: Authority) -> None:
    mine = authority.client(KIOSK, label="mine-old", from_s=-2 * DAY_S, to_s=-DAY_S)
    context = pinned_context(tls_files(authority, mine), "localhost", at(authority.now_s))
    served = server_context(authority, authority.server())
    served.maximum_version = ssl.TLSVersion.TLSv1_2  # in TLS 1.3 the refusal comes with the first read
    with pytest.raises(ssl.SSLError, match=r"(?i)expired"):
        meet(context, served)


def test_a_missing_or_damaged_file_is_named(authority: Authority, tmp_path: Path) -> None:
    good = tls_files(authority, authority.client(KIOSK))
    (tmp_path / "torn").write_text("-----BEGIN CERTIFICATE-----\nMII\n")
    for files in (
        Tls(ca="/nowhere/ca", cert=good.cert, key=good.key),
        Tls(ca=good.ca, cert=str(tmp_path / "torn"), key=good.key),
        Tls(ca=good.ca, cert=good.cert, key="/nowhere/key"),
        Tls(ca=good.ca, cert=good.cert, key=tls_files(authority, authority.client("b")).key),
    ):
        with pytest.raises(LinkDown, match=r"cannot be used.*key"):
            pinned_context(files, "localhost", at(authority.now_s))


def test_the_own_certificate_tells_its_name_and_the_days_it_has_left(authority: Authority) -> None:
    files = tls_files(authority, authority.client(KIOSK, label="mine", to_s=10.5 * DAY_S))
    assert OwnCertificate(files, at(authority.now_s)).read() == Own(name=KIOSK, days_left=10, life_days=10)
    assert OwnCertificate(files, at(authority.now_s + 9.6 * DAY_S)).read().days_left == 0
    assert OwnCertificate(files, at(authority.now_s + 12 * DAY_S)).read().days_left == -2


def test_a_renewed_certificate_is_read_anew(authority: Authority) -> None:
    pair = authority.client(KIOSK, label="renewed", to_s=3.5 * DAY_S)
    own = OwnCertificate(tls_files(authority, pair), at(authority.now_s))
    assert own.read().days_left == 3
    pair = authority.client(KIOSK, label="renewed", to_s=90.5 * DAY_S)
    os.utime(pair.cert, ns=(1, 1))
    assert own.read().days_left == 90


def test_a_certificate_of_another_authority_or_purpose_is_not_ours(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path).client(KIOSK)
    for pair in (stranger, authority.server()):
        with pytest.raises(LinkDown, match="not a client certificate of the pinned CA"):
            OwnCertificate(tls_files(authority, pair), at(authority.now_s)).read()


def test_a_missing_certificate_is_a_link_that_is_down(authority: Authority) -> None:
    files = Tls(ca=str(authority.ca), cert="/nowhere/cert", key="/nowhere/key")
    with pytest.raises(LinkDown, match="no certificate at /nowhere/cert"):
        OwnCertificate(files, at(authority.now_s)).read()
