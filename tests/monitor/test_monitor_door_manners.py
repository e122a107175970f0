"""Peers without manners: slow, garbled, many, pipelining, hanging up; and the parts that bear them."""

import asyncio
import contextlib
import dataclasses
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fakes.doors_site import PATIENCE_S, DoorsSite, patient
from fakes.mqtt_kiosk import wait_for
from fakes.virtual_centre import an_alert

from kiosk import wire
from kiosk.messages import ConfigError
from kiosk.monitor import ca
from kiosk.monitor.ca import files as ca_files
from kiosk.monitor.crowd import Crowd
from kiosk.monitor.doors import intake, protocol, server
from kiosk.monitor.doors.context import make_context
from kiosk.monitor.doors.peer import read_peer
from kiosk.monitor.doors.waiting import EACH, Waiting
from kiosk.monitor.sections import Doors

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    with patient() as patch:
        patch.setattr(server, "FILES_LOOK_S", 0.1)
        made = DoorsSite(tmp_path_factory.mktemp("manners")).start()
        yield made
        made.close()


@pytest.fixture(scope="module")
def pair(site: DoorsSite) -> tuple[Path, Path]:
    return site.kiosk("kz-1")


def link(site: DoorsSite, pair: tuple[Path, Path] | None) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", site.port), PATIENCE_S)
    return site.context(pair).wrap_socket(plain, server_hostname="localhost")


def everything(channel: ssl.SSLSocket) -> bytes:
    """Read until the other side hangs up; raises TimeoutError when it does not."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := channel.recv(65536):
            data += piece
    return data


def request(alert_id: str, kiosk_id: str = "kz-1", *, last: bool = False) -> bytes:
    body = wire.encode(an_alert(alert_id=alert_id, kiosk_id=kiosk_id))
    close = "connection: close\r\n" if last else ""
    head = f"POST /v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{close}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def test_pipelined_requests_are_answered_in_order_under_the_same_name(
    site: DoorsSite, pair: tuple[Path, Path]
) -> None:
    with link(site, pair) as channel:
        channel.sendall(request("P1") + request("P2", "kz-2") + request("P3", last=True))
        answers = everything(channel)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"200", b"403", b"200"]
    assert answers.index(b"P1") < answers.index(b"must be kz-1") < answers.index(b"P3")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/alerts HTTP/1.1\r\nhost: x\r\n",
        request("SLOW")[:-5],
        b"G",
    ],
    ids=["nothing", "half a header", "half a body", "one letter"],
)
def test_who_dawdles_is_hung_up_on_or_told_so(
    site: DoorsSite, pair: tuple[Path, Path], sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "DAWDLE_S", 0.6)
    monkeypatch.setattr(protocol, "LOOK_S", 0.1)
    monkeypatch.setattr(intake, "BODY_S", 0.4)
    with link(site, pair) as channel:
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # it may be hung up on already
            channel.sendall(sent)
        answer = everything(channel)
    assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0]
    assert not [alert for alert in site.core.taken if alert.alert_id == "SLOW"]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"GET / FTP/1.1\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nhost: x\r\nx: " + b"A" * 40_000 + b"\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nhost : x\r\n\r\n",
        b"POST /v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ],
    ids=[
        "tls in tls",
        "another protocol",
        "long header",
        "space in a name",
        "negative length",
        "two lengths",
    ],
)
def test_what_is_no_http_is_refused_as_json(site: DoorsSite, pair: tuple[Path, Path], sent: bytes) -> None:
    with link(site, pair) as channel:
        channel.sendall(sent)
        head, _, body = everything(channel).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert msgspec.json.decode(body)["error"].startswith("Invalid HTTP request")


def test_a_chunked_body_is_counted_while_it_comes(site: DoorsSite, pair: tuple[Path, Path]) -> None:
    head = b"POST /v1/alerts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with link(site, pair) as channel:
        channel.sendall(head + b"transfer-encoding: chunked\r\n\r\n" + b"1000\r\n" + b" " * 4096 + b"\r\n")
        channel.sendall(b"1001\r\n" + b" " * 4097 + b"\r\n")
        assert b" 413 " in everything(channel).split(b"\r\n")[0]


def test_who_hangs_up_in_the_middle_changes_nothing(site: DoorsSite, pair: tuple[Path, Path]) -> None:
    for _ in range(20):
        with link(site, pair) as channel:
            channel.sendall(request("CUT")[:-9])
    with link(site, pair) as channel:
        channel.sendall(request("AFTER", last=True))
        assert b"200 OK" in everything(channel)
    assert not [alert for alert in site.core.taken if alert.alert_id == "CUT"]


def test_plain_http_gets_nothing(site: DoorsSite) -> None:
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE_S) as plain:
        plain.sendall(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"HTTP/" not in plain.recv(4096)


def test_a_flood_of_strangers_leaves_the_door_open_for_a_kiosk(
    site: DoorsSite, pair: tuple[Path, Path]
) -> None:
    strangers = [link(site, None) for _ in range(protocol.ROOM.stranger_each + 12)]
    try:
        with link(site, pair) as channel:
            channel.sendall(request("FLOOD", last=True))
            assert b"200 OK" in everything(channel)
        assert everything(strangers[0]) == b""  # the oldest went
    finally:
        for stranger in strangers:
            stranger.close()


def test_a_kiosk_with_dead_connections_gets_a_new_one(site: DoorsSite, pair: tuple[Path, Path]) -> None:
    dead = [link(site, pair) for _ in range(protocol.ROOM.known_each)]
    try:
        with link(site, pair) as channel:
            channel.sendall(request("NINTH", last=True))
            assert b"200 OK" in everything(channel)
    finally:
        for one in dead:
            one.close()


def test_a_renewed_certificate_of_the_doors_is_taken_up_without_a_restart(
    site: DoorsSite, pair: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    def serial() -> str:
        with link(site, pair) as channel:
            return str((channel.getpeercert() or {})["serialNumber"]).lower().lstrip("0")

    (site.folder / "doors.crt").write_bytes(b"torn")
    wait_for(lambda: "certificate=unusable" in caplog.text, "a look at it")
    before = serial()
    issued, own = site.authority.server_pair(["localhost", "127.0.0.1"], site.now_s, 100)
    site._write("doors.key", own.key)
    site._write("doors.crt", own.cert)
    wait_for(lambda: serial() == issued.serial, "the new certificate")
    assert before != issued.serial


def test_a_certificate_whose_key_has_not_come_yet_leaves_the_old_pair_in_force(
    site: DoorsSite, pair: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """OpenSSL keeps the half that it took: no kiosk could shake hands between the two files' writing."""

    def serial() -> str:
        with link(site, pair) as channel:
            return str((channel.getpeercert() or {})["serialNumber"]).lower().lstrip("0")

    before = serial()
    issued, own = site.authority.server_pair(["localhost", "127.0.0.1"], site.now_s, 100)
    site._write("doors.crt", own.cert)
    wait_for(lambda: "MISMATCH" in caplog.text, "a look at it")
    assert serial() == before
    site._write("doors.key", own.key)
    wait_for(lambda: serial() == issued.serial, "the new certificate")


# ---- the parts


def test_a_newcomer_is_never_turned_away_for_an_old_ones_sake() -> None:
    full, gone = Crowd(protocol.ROOM), []
    drops = [lambda number=number: gone.append(number) for number in range(protocol.ROOM.strangers + 1)]
    for number, drop in enumerate(drops):
        assert full.enter(f"from {number}", drop, stranger=True)
    assert gone == [0]
    for number, drop in enumerate(drops):
        full.leave(f"from {number}", drop)
        full.leave(f"from {number}", drop)
    assert full.enter("kiosk kz-1", drops[0], stranger=False)
    assert gone == [0]


def test_a_full_house_takes_nobody() -> None:
    full = Crowd(dataclasses.replace(protocol.ROOM, everybody=1))
    assert full.enter("kiosk kz-1", lambda: None, stranger=False)
    assert not full.enter("kiosk kz-2", lambda: None, stranger=False)


def test_bells_ring_for_their_alert_only_and_all_when_news_may_have_been_missed() -> None:
    async def story() -> None:
        waiting = Waiting()
        with waiting.bell("kz-1", "A") as mine, waiting.bell("kz-2", "B") as other:
            assert mine is not None
            assert other is not None
            for event in ({"what": "case"}, {"what": "case", "alert": 1}, {"what": "kiosk"}, {}):
                waiting.hear(event)
            waiting.hear({"what": "case", "alert": {"alert_id": "A"}})
            assert (mine.is_set(), other.is_set()) == (True, False)
            waiting.hear({"what": "feed_up"})
            assert other.is_set()
        assert waiting._bells == {}
        assert waiting._of == {}
        held = [waiting.bell("kz-1", "A") for _ in range(EACH + 1)]
        assert [bell.__enter__() is None for bell in held] == [False] * EACH + [True]
        for bell in held:
            bell.__exit__(None, None, None)
        assert waiting._of == {}

    asyncio.run(story())


@pytest.mark.parametrize("der", [None, b"", b"x", b"0\x82"])
def test_what_is_no_certificate_names_nobody(der: bytes | None) -> None:
    assert read_peer(der) is None


@pytest.mark.parametrize("name", ["kz 1", "kz/1", "қаз", "a.b"])
def test_a_name_that_no_kiosk_can_have_names_nobody(site: DoorsSite, name: str) -> None:
    _, made = site.authority.client_pair(name, site.now_s, 1)
    assert read_peer(x509.load_pem_x509_certificate(made.cert).public_bytes(Encoding.DER)) is None


def test_wrong_files_and_addresses_are_said(site: DoorsSite, tmp_path: Path) -> None:
    good = Doors(
        listen="[::1]:8443",
        cert=str(site.folder / "doors.crt"),
        key=str(site.folder / "doors.key"),
        ca=str(site.ca_file),
    )
    assert server.listen_address(good.listen) == ("::1", 8443)
    with pytest.raises(ConfigError, match="no port"):
        server.listen_address("localhost:70000")
    nothing = str(tmp_path / "none")
    for change in ({"cert": nothing}, {"ca": nothing}, {"ca": good.key}):
        with pytest.raises(ConfigError, match="cannot be used"):
            make_context(msgspec.structs.replace(good, **change))
    for text in ("short", "қ"):
        (tmp_path / "key").write_text(text)
        with pytest.raises(ConfigError, match="key"):
            server._read_key(tmp_path / "key")
    with pytest.raises(ConfigError, match=r"\[doors\]"):
        server.make(msgspec.structs.replace(site.config, doors=None))


def test_a_ca_whose_key_is_open_wrong_or_missing_signs_nothing(site: DoorsSite, tmp_path: Path) -> None:
    cert, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    with pytest.raises(ca.CaError, match="cannot be used"):
        ca_files.load(str(cert), str(key))
    other = ca.create("Another", site.now_s)
    ca_files.write_pair(other, cert, key)
    assert ca_files.load(str(cert), str(key)).not_after_s > site.now_s
    with pytest.raises(ca.CaError, match="does not belong"):
        ca.Authority(site.pair.cert, other.key)
    with pytest.raises(ca.CaError, match="cannot be read"):
        ca.Authority(b"x", other.key)
    key.chmod(0o644)
    with pytest.raises(ca.CaError, match="chmod 600"):
        ca_files.load(str(cert), str(key))
    with pytest.raises(ca.CaError, match="cannot be written"):
        ca_files.write(Path("/proc/none/x"), b"", 0o600)


def test_a_ca_binds_its_servers_signs_within_its_own_time_and_refuses_nonsense(site: DoorsSite) -> None:
    young = ca.create("Young", 1_000_000_000, permit=["centre.example.kz", "10.0.0.1"], days=400)
    authority = ca.Authority(young.cert, young.key)
    issued, _ = authority.client_pair("kz-1", 1_000_000_000 - 100, 3650)
    assert issued.not_after_s == authority.not_after_s
    assert issued.not_before_s == 1_000_000_000 - 6 * 3600  # never before the CA's own beginning
    with pytest.raises(ca.CaError, match="expired"):
        authority.client_pair("kz-1", authority.not_after_s, 1)
    with pytest.raises(ca.CaError, match="at least one name"):
        authority.server_pair([], 1_000_000_100, 1)
    with pytest.raises(ca.CaError, match="neither a DNS name"):
        authority.server_pair(["қала.kz"], 1_000_000_100, 1)
    with pytest.raises(ca.CaError, match="1 to 64"):
        authority.client_pair("x" * 65, 1_000_000_100, 1)


def test_openssl_holds_a_bound_ca_to_its_names(tmp_path: Path) -> None:
    now_s = int(time.time())
    bound = ca.create("Bound", now_s, permit=["centre.example.kz"])
    authority = ca.Authority(bound.cert, bound.key)
    (tmp_path / "ca.crt").write_bytes(bound.cert)

    def accepted(kind: ssl.Purpose, pair: ca.Pair) -> bool:
        (tmp_path / "one.crt").write_bytes(pair.cert)
        purpose = "sslserver" if kind is ssl.Purpose.SERVER_AUTH else "sslclient"
        done = subprocess.run(
            ["openssl", "verify", "-purpose", purpose, "-CAfile", "ca.crt", "one.crt"],
            cwd=tmp_path, capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode == 0

    server_names = {"centre.example.kz": True, "evil.kz": False, "127.0.0.1": False}
    for name, good in server_names.items():
        assert accepted(ssl.Purpose.SERVER_AUTH, authority.server_pair([name], now_s, 30)[1]) is good
    kiosk = authority.client_pair("kz-ala-0001", now_s, 30)[1]
    assert accepted(ssl.Purpose.CLIENT_AUTH, kiosk)
    assert not accepted(ssl.Purpose.SERVER_AUTH, kiosk)
