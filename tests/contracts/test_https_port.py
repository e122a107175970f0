"""The contract of ports.HttpsDoor: on the fake, and by requests over real TLS sockets."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from fakes.doors import Centre, FakeDoor, Server
from fakes.garbage import uncollected
from fakes.mqtt_bench import KIOSK, PATIENCE_S, Ear, alert, tls_files
from fakes.standstill import Standstill
from pki import YEAR_S, Authority

from kiosk.bodies import Token
from kiosk.config import Https, Tls
from kiosk.messages import HttpsAnswered, HttpsFailed
from kiosk.net import call
from kiosk.net.call import PinnedAdapter, TimedContext
from kiosk.net.https import RequestsDoor
from kiosk.net.names import Names
from kiosk.ports import HttpsDoor

QUICK_S = 1.0
SLACK_S = 3.0  # of a loaded machine; what it stands still is taken off
T = Token("t")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("https"))


class Bench(Protocol):
    ear: Ear
    centre: Centre
    door: HttpsDoor


class FakeBench:
    def __init__(self) -> None:
        self.ear, self.centre = Ear(), Centre()
        self.door: HttpsDoor = FakeDoor(self.centre, self.ear)


class RealBench:
    def __init__(self, server: Server, files: Tls, *, deadline_s: float = 20.0, **more: object) -> None:
        self.ear, self.centre, self.server = Ear(), server.centre, server
        config = Https(centres=(server.door,), deadline_s=deadline_s)
        self.door = RequestsDoor(config, files, self.ear, hold_s=1, **more)  # type: ignore[arg-type]


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    with Server(Centre(), authority) as one:
        yield one


@pytest.fixture
def files(authority: Authority) -> Tls:
    return tls_files(authority, authority.client(KIOSK))


BOTH = ["fake", pytest.param("real", marks=pytest.mark.real)]


def built(request: pytest.FixtureRequest, **how: float) -> Bench:
    if request.param == "fake":
        return FakeBench()
    return RealBench(request.getfixturevalue("server"), request.getfixturevalue("files"), **how)


@pytest.fixture(params=BOTH)
def bench(request: pytest.FixtureRequest) -> Bench:
    return built(request)


@pytest.fixture(params=BOTH)
def hasty(request: pytest.FixtureRequest) -> Bench:
    """A bench whose calls end soon, for doors that would never end them."""
    return built(request, deadline_s=QUICK_S)


@pytest.fixture
def real(server: Server, files: Tls) -> RealBench:
    return RealBench(server, files)


def calls(bench: Bench) -> list[Callable[[], None]]:
    return [
        lambda: bench.door.post(T, alert()),
        lambda: bench.door.poll(T, "01A", "received"),
        lambda: bench.door.probe(T),
    ]


def test_an_alert_arrives_whole_and_the_centres_own_receipt_comes_back(bench: Bench) -> None:
    bench.door.post(T, alert())
    answered = bench.ear.hear(HttpsAnswered)
    assert bench.centre.alerts == [alert()]
    assert (answered.token, [reply.stage for reply in answered.replies]) == (T, ["received"])
    assert answered.rtt_ms is not None


def test_later_stages_come_by_asking_for_them_in_order(bench: Bench) -> None:
    bench.door.post(T, alert())
    bench.centre.says("01A", "accepted")
    bench.centre.says("01A", "en_route")
    bench.door.poll(Token("p"), "01A", "received")
    replies = bench.ear.hear(HttpsAnswered, lambda heard: heard.token == "p").replies
    assert [reply.stage for reply in replies] == ["accepted", "en_route"]


def test_a_question_without_news_is_answered_in_the_end_with_nothing(bench: Bench) -> None:
    bench.door.post(T, alert())
    bench.door.poll(Token("p"), "01A", "received")
    assert bench.ear.hear(HttpsAnswered, lambda heard: heard.token == "p").replies == ()


def test_a_door_that_is_well_says_so_and_one_without_its_centre_does_not(bench: Bench) -> None:
    bench.door.probe(T)
    assert bench.ear.hear(HttpsAnswered).replies == ()
    bench.centre.mode = "coreless"
    bench.door.probe(T)
    assert bench.ear.hear(HttpsFailed).token == T


FAULTS = ["refuses", "hangs", "drips", "drips_headers", "handshake", "dies", "500", "403", "302", "garbage"]


@pytest.mark.parametrize("mode", [*FAULTS, "huge"])
def test_whatever_a_door_does_one_failure_comes_in_time_and_never_a_receipt(hasty: Bench, mode: str) -> None:
    hasty.centre.says("01A", "accepted")
    hasty.centre.mode = mode
    began_s = time.monotonic()
    with Standstill() as still:
        for ask in calls(hasty)[:2]:
            ask()
    took_s = time.monotonic() - began_s - still.s
    assert [event.token for event in hasty.ear.all(HttpsFailed)] == [T, T]
    assert hasty.ear.all(HttpsAnswered) == []
    assert took_s < 2 * QUICK_S + 1 + SLACK_S


@pytest.mark.real
@pytest.mark.parametrize("mode", ["", "dies", "refuses", "hangs", "500", "garbage"])
def test_a_call_leaves_nothing_to_the_garbage_collector(server: Server, files: Tls, mode: str) -> None:
    names = Names(lambda *_: (*NOBODY, HERE))
    bench = RealBench(server, files, deadline_s=QUICK_S, names=names)
    with uncollected(PinnedAdapter, TimedContext) as more:
        bench.centre.mode = mode
        for ask in calls(bench):
            ask()
        assert more() == 0


def test_an_answer_about_another_alert_is_none(bench: Bench) -> None:
    bench.door.post(T, alert())
    bench.centre.mode = "lies"
    bench.centre.says("01A", "accepted")
    for ask in calls(bench)[:2]:
        ask()
    assert len(bench.ear.all(HttpsFailed)) == 2
    assert len(bench.ear.all(HttpsAnswered)) == 1


@pytest.mark.parametrize("mode", ["", "slow"])
def test_a_door_that_recovers_is_used_again_as_is_a_slow_one(bench: Bench, mode: str) -> None:
    bench.centre.mode = "dies"
    bench.door.post(T, alert())
    bench.ear.hear(HttpsFailed)
    bench.centre.mode = mode
    bench.door.post(T, alert())
    assert bench.ear.hear(HttpsAnswered).replies[0].alert_id == "01A"


def test_a_closed_door_posts_nothing_more(bench: Bench) -> None:
    bench.door.close()
    bench.door.close()
    for ask in calls(bench):
        ask()
    assert bench.ear.events == []


# ---- what only the real one can get wrong


@pytest.mark.real
def test_it_shows_its_certificate_and_names_the_door_that_it_means(real: RealBench) -> None:
    real.door.probe(T)
    real.ear.hear(HttpsAnswered)
    assert real.server.peers == [KIOSK]
    assert real.server.names == ["localhost"]
    assert f"Host: {real.server.door}".encode() in real.server.requests[0]


@pytest.mark.real
def test_nothing_of_the_environment_counts(
    real: RealBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    real.door.probe(T)
    real.ear.hear(HttpsAnswered)
    assert b"authorization" not in real.server.requests[0].lower()


@pytest.mark.real
def test_a_server_of_another_authority_is_refused_whatever_the_environment_trusts(
    tmp_path: Path, files: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 40: state CAs sign for others. requests adds certifi's CAs by itself, and must not here."""
    stranger = Authority(tmp_path)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(stranger.ca))
    with Server(Centre(), stranger) as server:
        bench = RealBench(server, files)
        bench.door.post(T, alert())
    assert "CERTIFICATE_VERIFY_FAILED" in bench.ear.hear(HttpsFailed).reason
    assert server.centre.alerts == []


@pytest.mark.real
def test_the_public_authorities_are_not_loaded(real: RealBench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    wrap = call.TimedContext.wrap_socket

    def spied(self: call.TimedContext, *args: object, **more: object) -> object:
        seen.append(len(self.get_ca_certs()))
        return wrap(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(call.TimedContext, "wrap_socket", spied)
    real.door.probe(T)
    real.ear.hear(HttpsAnswered)
    assert seen == [1]


@pytest.mark.real
@pytest.mark.parametrize("name", ["elsewhere.kz", "127.0.0.2"])
def test_the_name_must_be_the_certificates(authority: Authority, files: Tls, name: str) -> None:
    with Server(Centre(), authority, authority.server("other", names=(name,))) as server:
        bench = RealBench(server, files)
        bench.door.post(T, alert())
    assert "CERTIFICATE_VERIFY_FAILED" in bench.ear.hear(HttpsFailed).reason
    assert server.centre.alerts == []


@pytest.mark.real
@pytest.mark.parametrize(
    ("when_s", "why"), [(0, ""), (2 * YEAR_S, "expired"), (-2 * YEAR_S, "not valid before")]
)
def test_dates_are_judged_by_the_trusted_time_and_not_by_the_clock(
    authority: Authority, server: Server, files: Tls, when_s: float, why: str
) -> None:
    """Pitfall 32: the clock of this machine is right; only the time given counts."""
    bench = RealBench(server, files, trusted_utc_s=lambda: authority.now_s + when_s)
    bench.door.post(T, alert())
    assert bool(bench.ear.all(HttpsAnswered)) is not bool(why)
    assert not why or why in bench.ear.hear(HttpsFailed).reason
    assert bool(server.centre.alerts) is not bool(why)


@pytest.mark.real
def test_a_certificate_expired_by_the_clock_is_well_by_the_trusted_time(
    authority: Authority, files: Tls
) -> None:
    old = authority.server("old", from_s=-7200, to_s=-3600)
    with Server(Centre(), authority, old) as server:
        bench = RealBench(server, files, trusted_utc_s=lambda: authority.now_s - 5400)
        bench.door.probe(T)
    assert bench.ear.hear(HttpsAnswered)


@pytest.mark.real
def test_a_dns_that_hangs_blocks_nothing_and_the_next_door_is_taken(server: Server, files: Tls) -> None:
    talks, ear = threading.Event(), Ear()

    def resolve(_host: str, _port: int) -> tuple[str, ...]:
        talks.wait(PATIENCE_S)
        return ("127.0.0.1",)

    good = f"127.0.0.1:{server.port}"  # an address, which needs no DNS
    config = Https(centres=("silent.kz:8443", good), deadline_s=20.0)
    door = RequestsDoor(config, files, ear, names=Names(resolve, deadline_s=0.2))
    began_s = time.monotonic()
    with Standstill() as still:
        door.post(T, alert())
    assert time.monotonic() - began_s - still.s < QUICK_S + SLACK_S
    assert "DNS" in ear.hear(HttpsFailed).reason
    talks.set()
    door.post(T, alert())
    assert ear.hear(HttpsAnswered).peer == good


HERE, ROTTEN = "127.0.0.1", "127.0.0.2"
NOBODY = ("127.0.0.3", "127.0.0.4")  # as an IPv6 address is at a site without IPv6


@pytest.fixture
def rotten(server: Server) -> Iterator[str]:
    """An address of the same port that takes every connection and ends it at once."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()

    listener = socket.create_server((ROTTEN, server.port))
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield ROTTEN
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(PATIENCE_S)


def failures_before_the_answer(door: RequestsDoor, ear: Ear, most: int) -> int:
    """Post an alert again and again, as the core does; give how many calls failed first."""
    before = len(ear.all(HttpsFailed))
    for count in range(most):
        door.post(T, alert())
        if len(ear.all(HttpsFailed)) == before + count:
            return count
    raise AssertionError([event.reason for event in ear.all(HttpsFailed)])


@pytest.mark.real
@pytest.mark.parametrize(
    ("centres", "order", "failures"),
    [
        pytest.param(1, (HERE, ROTTEN), 0, id="the first address is dialled first"),
        pytest.param(1, (ROTTEN, HERE), 1, id="one door at its second address"),
        pytest.param(1, (*NOBODY, HERE), 0, id="where nobody listens the next is dialled at once"),
        pytest.param(2, (HERE, ROTTEN), 0, id="the first of two doors at its first address"),
        pytest.param(2, (ROTTEN, HERE), 2, id="doors and addresses do not turn in lockstep"),
    ],
)
@pytest.mark.usefixtures("rotten")
def test_a_door_is_found_at_whichever_address_it_has(
    server: Server, files: Tls, centres: int, order: tuple[str, ...], failures: int
) -> None:
    ear, found = Ear(), {"localhost": order, "away.kz": NOBODY}
    config = Https(centres=(server.door, f"away.kz:{server.port}")[:centres], deadline_s=20.0)
    door = RequestsDoor(config, files, ear, names=Names(lambda host, _: found[host]))
    assert failures_before_the_answer(door, ear, 4) == failures
    for again in (order, order[::-1], (HERE,)):
        found["localhost"] = again
        assert failures_before_the_answer(door, ear, 1) == 0, "it stays with what worked"


@pytest.mark.real
@pytest.mark.usefixtures("rotten")
def test_an_address_that_answers_badly_is_left_for_the_next_as_well(server: Server, files: Tls) -> None:
    ear = Ear()
    config = Https(centres=(server.door,), deadline_s=20.0)
    door = RequestsDoor(config, files, ear, names=Names(lambda *_: (HERE, ROTTEN)))
    server.centre.mode = "coreless"
    door.probe(T)
    server.centre.mode = ""
    assert failures_before_the_answer(door, ear, 2) == 1


@pytest.mark.real
def test_files_that_are_not_there_are_a_failure_and_are_read_anew_each_time(
    real: RealBench, files: Tls, tmp_path: Path
) -> None:
    cert, key = tmp_path / "cert", tmp_path / "key"
    config = Https(centres=(real.server.door,), deadline_s=20.0)
    door = RequestsDoor(config, Tls(ca=files.ca, cert=str(cert), key=str(key)), real.ear)
    door.probe(T)
    assert "cannot be used" in real.ear.hear(HttpsFailed).reason
    cert.write_bytes(Path(files.cert).read_bytes())
    key.write_bytes(Path(files.key).read_bytes())
    door.probe(T)
    assert real.ear.hear(HttpsAnswered)
