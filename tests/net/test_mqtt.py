"""The MQTT link on a real Mosquitto with the shipped configuration, mutual TLS, and real faults."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.garbage import uncollected
from fakes.mqtt_bench import (
    KIOSK,
    MONITOR,
    PATIENCE_S,
    QUICK,
    Centre,
    Ear,
    alert,
    beat,
    centre,
    event,
    mqtt_config,
    password_file,
    reply,
    server_tls,
    status_of,
    tls_files,
)
from pki import Authority

from kiosk import wire
from kiosk.bodies import Token
from kiosk.config import Mqtt
from kiosk.messages import (
    CertificateRead,
    LinkFell,
    LinkHeard,
    LinkRose,
    Published,
    PublishFailed,
    ReplyReceived,
)
from kiosk.net.mqtt import PahoClient, PahoLink
from kiosk.net.session import Limits
from kiosk.net.tls import PinnedContext
from kiosk.sim.amqtt_broker import AmqttBroker
from kiosk.sim.broker import MosquittoBroker, throw_away_passwords
from kiosk.sim.link import TcpLink

pytestmark = pytest.mark.real
DAY_S = 86400
HASTY = Limits(rise_s=0.4)
LEAST_KEEPALIVE_S = 4  # that a site may set
ACK = wire.topic(KIOSK, "ack", "01A")
STATUS = wire.topic(KIOSK, "status")

Open = Callable[..., tuple[PahoLink, Ear]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def broker(authority: Authority) -> Iterator[MosquittoBroker]:
    with MosquittoBroker(tls=server_tls(authority, authority.server())) as one:
        yield one


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens links, and closes them at the end."""
    with contextlib.ExitStack() as stack:

        def open_one(config: Mqtt, *, kiosk: str = KIOSK, **how: object) -> tuple[PahoLink, Ear]:
            ear = Ear()
            settings = {"chance": lambda: 0.0, "limits": QUICK, **how}
            link = PahoLink(config, kiosk, "0.1", ear, **settings)  # type: ignore[arg-type]
            stack.callback(link.close)
            link.open(3)
            return link, ear

        yield open_one


def secure(authority: Authority, *ports: int, kiosk: str = KIOSK, **more: object) -> Mqtt:
    return mqtt_config(*ports, tls=tls_files(authority, authority.client(kiosk)), **more)  # type: ignore[arg-type]


def responder(authority: Authority, broker: MosquittoBroker) -> contextlib.AbstractContextManager[Centre]:
    return centre(broker.port, tls=(authority, authority.client(MONITOR)))


# ---- the whole line, both protocols


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_an_alert_goes_out_and_its_receipt_comes_back_by_mutual_tls(
    authority: Authority, broker: MosquittoBroker, opened: Open, protocol: str
) -> None:
    with responder(authority, broker) as staff:
        staff.listen("pana/v1/k/+/alert/+")
        link, ear = opened(secure(authority, broker.port, protocol=protocol))
        assert ear.hear(LinkRose) == LinkRose("mqtt", f"localhost:{broker.port}")
        assert ear.hear(CertificateRead).days_left == 364
        link.publish(Token("t"), alert())
        heard = staff.hear(wire.topic(KIOSK, "alert", "01A"))
        assert (heard.payload, heard.retained, heard.qos) == (wire.encode(alert()), False, 1)
        staff.say(ACK, reply())
        assert ear.hear(ReplyReceived).reply.stage == "received"
        assert ear.hear(Published) == Published(token=Token("t"), code=0)


@pytest.mark.parametrize(("protocol", "code"), [("3.1.1", 0x00), ("5", 0x10)])
def test_a_broker_that_acknowledges_may_have_no_listener(
    authority: Authority, broker: MosquittoBroker, opened: Open, protocol: str, code: int
) -> None:
    """Pitfall 5: a PUBACK is no receipt; MQTT 5 at least hints that nobody listens."""
    link, ear = opened(secure(authority, broker.port, protocol=protocol))
    ear.hear(LinkRose)
    link.publish(Token("t"), alert())
    assert ear.hear(Published).code == code
    assert ear.all(ReplyReceived) == []


@pytest.mark.parametrize(("protocol", "code"), [("3.1.1", 0x00), ("5", 0x87)])
def test_a_denied_publish_is_told_by_mqtt_5_only(
    authority: Authority, broker: MosquittoBroker, opened: Open, protocol: str, code: int
) -> None:
    """Pitfall 5."""
    broker.acl.write_text(broker.acl.read_text().replace("pattern write pana/v1/k/%u/event/+\n", ""))
    broker.reload()
    link, ear = opened(secure(authority, broker.port, protocol=protocol))
    ear.hear(LinkRose)
    link.publish(Token("t"), event())
    assert ear.hear(Published).code == code


def test_a_kiosk_that_may_not_tell_its_status_is_not_up_under_mqtt_5(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    broker.acl.write_text("pattern read pana/v1/k/%u/ack/+\n")
    broker.reload()
    _, ear = opened(secure(authority, broker.port, protocol="5"))
    assert "0x87" in ear.hear(LinkFell).reason
    assert ear.all(LinkRose) == []


# ---- certificates and dates


def test_an_expired_server_is_refused(authority: Authority, opened: Open) -> None:
    old = authority.server("old", from_s=-9 * DAY_S, to_s=-DAY_S)
    with MosquittoBroker(tls=server_tls(authority, old)) as broker:
        _, ear = opened(secure(authority, broker.port))
        assert "server's certificate expired" in ear.hear(LinkFell).reason
        assert ear.all(LinkRose) == []


def test_only_the_trusted_time_opens_a_door_that_the_clock_keeps_shut(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfall 32: at boot the clock may say 1970; the last good time serves until it is set."""
    trusted_s = [0.0]
    _, ear = opened(secure(authority, broker.port), trusted_utc_s=lambda: trusted_s[0])
    assert "not valid before" in ear.hear(LinkFell).reason
    trusted_s[0] = authority.now_s
    ear.hear(LinkRose)


def test_a_server_of_another_authority_is_refused(authority: Authority, tmp_path: Path, opened: Open) -> None:
    """Pitfall 40."""
    stranger = Authority(tmp_path)
    with MosquittoBroker(tls=server_tls(stranger, stranger.server())) as broker:
        _, ear = opened(secure(authority, broker.port))
        assert "certificate verify failed" in ear.hear(LinkFell).reason


def test_an_expired_kiosk_never_rises_and_is_told_why(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """In TLS 1.3 the refusal comes after the handshake, with the first read."""
    mine = authority.client(KIOSK, label="expired", from_s=-9 * DAY_S, to_s=-1.5 * DAY_S)
    _, ear = opened(mqtt_config(broker.port, tls=tls_files(authority, mine)))
    assert ear.hear(CertificateRead).days_left == -2
    assert "own certificate has expired" in ear.hear(LinkFell).reason
    ear.hear(LinkFell, count=2)
    assert ear.all(LinkRose) == []


def test_another_kiosks_certificate_is_noticed_before_dialling(authority: Authority, opened: Open) -> None:
    """Pitfall 39: a cloned card brings its certificate along."""
    _, ear = opened(secure(authority, 9, kiosk="kz-ala-0009"))
    assert "another kiosk's" in ear.hear(LinkFell).reason


def test_a_renewed_certificate_is_taken_up_by_the_next_connection(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    files = tls_files(authority, authority.client(KIOSK, label="own", to_s=5.5 * DAY_S))
    link, ear = opened(mqtt_config(broker.port, tls=files))
    ear.hear(LinkRose)
    authority.client(KIOSK, label="own", to_s=90.5 * DAY_S)
    link.drop("the certificate was renewed")
    ear.hear(LinkRose, count=2)
    assert [read.days_left for read in ear.all(CertificateRead)] == [5, 90]


def test_a_missing_key_is_told_and_tried_again(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    pair = authority.client(KIOSK, label="late")
    hidden = pair.key.rename(pair.key.with_suffix(".hidden"))
    _, ear = opened(mqtt_config(broker.port, tls=tls_files(authority, pair)))
    assert "TLS files cannot be used" in ear.hear(LinkFell).reason
    hidden.rename(pair.key)
    ear.hear(LinkRose)


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1"])
def test_without_tls_nothing_beyond_this_machine_is_dialled(opened: Open, address: str) -> None:
    _, ear = opened(mqtt_config(1883, host="broker.example"), resolve=lambda _host, _port: (address,))
    assert "without TLS" in ear.hear(LinkFell).reason


# ---- passwords


def test_a_wrong_password_is_refused_and_not_told(tmp_path: Path, opened: Open) -> None:
    words = throw_away_passwords(KIOSK)
    with MosquittoBroker(passwords=words) as broker:
        config = mqtt_config(broker.port, user=KIOSK, password_file=password_file(tmp_path, "sesame"))
        _, ear = opened(config)
        reason = ear.hear(LinkFell).reason
        assert "Not authorized" in reason
        assert "sesame" not in reason


def test_a_missing_password_file_is_named(opened: Open) -> None:
    _, ear = opened(mqtt_config(9, user=KIOSK, password_file="/nowhere/password"))
    assert "/nowhere/password" in ear.hear(LinkFell).reason


# ---- brokers that are down, silent, or not brokers at all


def test_a_broker_that_is_down_at_boot_is_found_when_it_comes(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfall 7: paho's connect() raises."""
    broker.stop()
    _, ear = opened(secure(authority, broker.port))
    assert "refused" in ear.hear(LinkFell, count=2).reason
    broker.start()
    ear.hear(LinkRose)


def test_a_broker_that_accepts_and_says_nothing_is_left_for_the_next(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfall 4: to paho `connect` has succeeded."""
    with TcpLink(broker.port) as hole:
        hole.blackhole()
        _, ear = opened(secure(authority, hole.port, broker.port), limits=replace(QUICK, connect_s=0.6))
        assert str(hole.port) in ear.hear(LinkFell).reason
        assert ear.hear(LinkRose).peer == f"localhost:{broker.port}"


def test_a_plain_broker_that_never_sends_its_connack_is_left_by_the_deadline(opened: Open) -> None:
    """Pitfall 4."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        link, ear = opened(mqtt_config(mute.getsockname()[1]), limits=HASTY)
        link.publish(Token("t"), alert())
        assert ear.hear(PublishFailed) == PublishFailed(Token("t"), "not connected")
        assert "no CONNACK within" in ear.hear(LinkFell).reason
        assert ear.all(LinkRose) == []


def test_dialling_ends_with_the_time_of_its_handshake(authority: Authority, opened: Open) -> None:
    """Until then neither `drop` nor `close` reaches the network thread."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        config = secure(authority, mute.getsockname()[1])
        _, ear = opened(config, limits=replace(QUICK, connect_s=PATIENCE_S, shake_s=0.3))
        assert "no TLS handshake within 0.3 s" in ear.hear(LinkFell).reason


def test_a_broker_that_drops_every_packet_costs_the_connect_timeout_only(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """A full backlog swallows the SYN, as a blackhole on the way does."""
    with socket.socket() as door, contextlib.ExitStack() as crowd:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(4):
            guest = crowd.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(door.getsockname())
        config = secure(authority, door.getsockname()[1], broker.port)
        _, ear = opened(config, limits=replace(QUICK, connect_s=0.6))
        assert "timed out" in ear.hear(LinkFell).reason
        ear.hear(LinkRose)


def test_a_silent_dns_blocks_nobody(authority: Authority, broker: MosquittoBroker, opened: Open) -> None:
    """Each try would block for ten seconds and more; the second broker is an address (no DNS)."""
    talks = threading.Event()

    def silent(_host: str, _port: int) -> Sequence[str]:
        talks.wait()
        return ()

    files = tls_files(authority, authority.client(KIOSK))
    brokers = ("broker.example:8883", f"127.0.0.1:{broker.port}")
    try:
        config, limits = Mqtt(brokers=brokers, tls=files), replace(QUICK, resolve_s=0.3)
        link, ear = opened(config, resolve=silent, limits=limits)
        link.publish(Token("t"), alert())
        assert ear.hear(PublishFailed).reason == "not connected"
        assert "no answer from DNS" in ear.hear(LinkFell).reason
        assert ear.hear(LinkRose).peer == f"127.0.0.1:{broker.port}"
    finally:
        talks.set()


def test_closing_returns_while_dns_hangs_and_nothing_is_posted_after(opened: Open) -> None:
    talks, asked = threading.Event(), threading.Event()

    def silent(_host: str, _port: int) -> Sequence[str]:
        asked.set()
        talks.wait()
        return ("127.0.0.1",)

    patient = Limits(resolve_s=600)
    link, ear = opened(mqtt_config(1883, host="broker.example"), resolve=silent, limits=patient)
    assert asked.wait(PATIENCE_S)
    link.close()
    ear.forget()
    talks.set()
    for thread in [one for one in threading.enumerate() if one.name == "mqtt-link"]:
        thread.join(PATIENCE_S)
    assert ear.events == []


def test_a_malformed_name_does_not_end_the_thread(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfall 6: UnicodeError out of the resolver."""
    files = tls_files(authority, authority.client(KIOSK))
    _, ear = opened(Mqtt(brokers=("a..b:8883", f"localhost:{broker.port}"), tls=files))
    assert "a..b" in ear.hear(LinkFell).reason
    ear.hear(LinkRose)


GARBAGE = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x20\x02\x00\x01",  # CONNACK: wrong protocol version, at which paho would downgrade by itself
    b"\x20\x02\x00\x00\x30\x00",  # CONNACK, then a PUBLISH of no length
    b"\x20\x02\x00\x00\x32\xff\xff\xff\xff\xff",
    b"\x20\x02\x00\x00\x90\x01\x00\x40\x00",
    b"\x20\x00",
    b"\xff" * 64,
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_from_a_broker_ends_the_connection_and_never_the_link(opened: Open, garbage: bytes) -> None:
    """Pitfall 6: paho's parser raises struct.error and IndexError on some of these."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE_S)

        def serve() -> None:
            with contextlib.suppress(OSError):
                for _ in range(2):
                    with door.accept()[0] as guest:
                        asked.append(guest.recv(4096))
                        guest.sendall(garbage)
                        guest.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        link, ear = opened(mqtt_config(door.getsockname()[1]), limits=HASTY)
        ear.hear(LinkFell, count=2)
        link.close()
        thread.join(PATIENCE_S)
    assert ear.all(LinkRose) == []
    assert all(b"MQTT\x04" in packet for packet in asked), "no downgrade to another version of MQTT"


def test_a_broker_that_refuses_mqtt_5_gets_no_3_1_1_instead(tmp_path: Path, opened: Open) -> None:
    words = throw_away_passwords(KIOSK)
    with AmqttBroker(words) as broker:
        config = mqtt_config(
            broker.port, protocol="5", user=KIOSK, password_file=password_file(tmp_path, words[KIOSK])
        )
        _, ear = opened(config, limits=HASTY)
        ear.hear(LinkFell, count=2)
        assert ear.all(LinkRose) == []


# ---- links that break while they are up


def test_a_half_open_link_is_noticed_and_left(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfall 3: rc 0 and `is_connected()` true, for two keepalives."""
    with TcpLink(broker.port) as line:
        config = secure(authority, line.port, broker.port, keepalive_s=LEAST_KEEPALIVE_S)
        link, ear = opened(config, limits=replace(QUICK, ack_s=0.4))
        ear.hear(LinkRose)
        line.blackhole("down")
        link.publish(Token("t"), alert())
        assert "no PUBACK" in ear.hear(PublishFailed).reason
        assert "half open" in ear.hear(LinkFell).reason
        assert ear.hear(LinkRose, count=2).peer == f"localhost:{broker.port}"


def packets(guest: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Read MQTT packets: the first byte, and what follows the length."""
    with guest.makefile("rb") as stream:
        while first := stream.read(1):
            length = shift = 0
            while (part := stream.read(1)[0]) & 0x80:
                length, shift = length | (part & 0x7F) << shift, shift + 7
            yield first[0], stream.read(length | part << shift)


def half_hearted(guest: socket.socket, *, deaf_to: bytes) -> None:
    """Be a broker that answers everything, but acknowledges no publish whose topic has that in it."""
    for first, body in packets(guest):
        topic_end = 2 + int.from_bytes(body[:2], "big")
        if first == 0x10:
            guest.sendall(b"\x20\x02\0\0")
        elif first == 0x82:
            guest.sendall(b"\x90\x05" + body[:2] + b"\1\1\1")
        elif first == 0xC0:
            guest.sendall(b"\xd0\0")
        elif first & 0xF6 == 0x32 and deaf_to not in body[2:topic_end]:
            guest.sendall(b"\x40\x02" + body[topic_end : topic_end + 2])


def test_a_broker_that_answers_pings_but_acknowledges_no_alert_is_left_for_the_next(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(PATIENCE_S)

        def serve() -> None:
            with contextlib.suppress(OSError):
                for deaf_to in (b"/alert/", b"/none/"):
                    with door.accept()[0] as guest:
                        half_hearted(guest, deaf_to=deaf_to)

        thread = threading.Thread(target=serve)
        thread.start()
        limits = replace(QUICK, ack_s=2.0, mute_s=4.0)
        link, ear = opened(mqtt_config(door.getsockname()[1]), limits=limits)
        ear.hear(LinkRose)
        link.publish(Token("mute"), alert())
        assert ear.hear(PublishFailed) == PublishFailed(Token("mute"), "no PUBACK within 2 s")
        assert ear.hear(LinkFell).reason == "no PUBACK for 4 s"
        ear.hear(LinkRose, count=2)
        link.publish(Token("heard"), alert())
        assert ear.hear(Published).token == "heard"
        link.close()
        thread.join(PATIENCE_S)


def test_an_idle_link_proves_itself_by_pings(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Receive-side liveness: each PINGRESP is told with its round trip."""
    _, ear = opened(secure(authority, broker.port, keepalive_s=LEAST_KEEPALIVE_S))
    ear.hear(LinkHeard)  # by the PUBACK of its status
    ear.forget()
    ear.hear(LinkHeard, lambda heard: heard.rtt_ms is not None)
    assert ear.all(LinkFell) == []


def test_a_frozen_broker_is_left_and_taken_again(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    _, ear = opened(secure(authority, broker.port, keepalive_s=1))
    ear.hear(LinkRose)
    broker.freeze(frozen=True)
    ear.hear(LinkFell)
    broker.freeze(frozen=False)
    ear.hear(LinkRose, count=2)


def test_corrupted_tls_ends_the_connection(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    with TcpLink(broker.port) as line:
        link, ear = opened(secure(authority, line.port))
        ear.hear(LinkRose)
        fallen = len(ear.all(LinkFell))
        line.corrupt()
        link.publish(Token("t"), alert())
        ear.hear(LinkFell, count=fallen + 1)
        risen = len(ear.all(LinkRose))
        line.restore()
        ear.hear(LinkRose, count=risen + 1)


def test_a_killed_broker_comes_back_and_delivers_what_it_kept_for_us(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """The session is persistent: a receipt said while the kiosk was away is not lost."""
    link, ear = opened(secure(authority, broker.port))
    ear.hear(LinkRose)
    broker.kill()
    ear.hear(LinkFell)
    broker.start()
    ear.hear(LinkRose, count=2)
    link.close()
    with responder(authority, broker) as staff:
        staff.say(ACK, reply("01A", "accepted"))
    _, again = opened(secure(authority, broker.port))
    assert again.hear(ReplyReceived).reply.stage == "accepted"


def test_two_kiosks_with_one_identity_do_not_flood_the_broker(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfalls 12 and 39: they throw each other out; the rest grows as the link is never stable."""
    config = secure(authority, broker.port)
    steady = Limits(stable_s=60)
    _, one = opened(config, limits=steady, chance=lambda: 0.999)
    one.hear(LinkRose)
    _, two = opened(config, limits=steady, chance=lambda: 0.999)
    two.hear(LinkRose)
    one.hear(LinkFell)
    one.hear(LinkRose, count=2)
    two.hear(LinkFell)
    two.hear(LinkRose, count=2)
    assert len(one.all(LinkRose)) + len(two.all(LinkRose)) <= 8


def test_the_will_has_the_epoch_of_its_own_connection(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfalls 9 and 10: a late will must not beat a newer birth."""
    with responder(authority, broker) as staff, TcpLink(broker.port) as line:
        staff.listen("pana/v1/k/+/status")
        _, ear = opened(secure(authority, line.port))
        ear.hear(LinkRose)
        line.cut()
        ear.hear(LinkFell)
        line.restore()
        ear.hear(LinkRose, count=2)
        gone = status_of(
            staff.hear(STATUS, lambda heard: status_of(heard.payload).state == "offline").payload
        )
        back = status_of(staff.hear(STATUS, lambda heard: status_of(heard.payload).conn > 1).payload)
        assert (gone.boot, gone.conn, back.state) == (3, 1, "online")
        assert (back.boot, back.conn) > (gone.boot, gone.conn)


# ---- memory


def test_a_connection_that_ended_leaves_nothing_to_the_garbage_collector(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """40 kB each, TLS's for the most, waited for a full collection, which may be a day away."""
    with uncollected(PahoClient, PinnedContext) as more:
        link, ear = opened(secure(authority, broker.port))
        for connections in range(1, 5):
            ear.hear(LinkRose, count=connections)
            link.drop("test")
        ear.hear(LinkRose, count=5)
        assert more() <= 2, "one client, one context"


# ---- threads


def test_an_ear_that_raises_does_not_break_the_link(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfall 6: an exception in a callback ends paho's thread while it still looks connected."""
    link, ear = opened(secure(authority, broker.port))
    ear.hear(LinkRose)
    ear.deafness = RuntimeError("deaf")
    with responder(authority, broker) as staff:
        staff.say(ACK, reply())
        ear.hear(ReplyReceived)
    link.publish(Token("t"), event())
    ear.hear(Published)
    assert ear.all(LinkFell) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_network_thread_that_died_all_the_same_is_started_again(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Pitfall 6: check that the thread lives."""
    fatal: list[bool] = []

    def chance() -> float:
        if fatal:
            fatal.clear()
            raise SystemExit
        return 0.0

    link, ear = opened(secure(authority, broker.port), chance=chance)
    ear.hear(LinkRose)
    thread = link._link._thread
    assert thread is not None
    fatal.append(True)
    link.drop("let it die in its rest")
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    link.publish(Token("t"), beat())
    ear.hear(LinkRose, count=2)


def test_many_threads_may_publish_at_once(
    authority: Authority, broker: MosquittoBroker, opened: Open
) -> None:
    """Two threads on one TLS socket would corrupt it; only the network thread touches it."""
    with responder(authority, broker) as staff:
        staff.listen("pana/v1/k/+/event/+")
        link, ear = opened(secure(authority, broker.port))
        ear.hear(LinkRose)

        def publish(number: int) -> None:
            for turn in range(10):
                name = f"e{number}-{turn}"
                link.publish(Token(name), event(name))
                ear.hear(Published, lambda done, name=name: done.token == name)  # type: ignore[misc]

        threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        staff.hear(wire.topic(KIOSK, "event", "e3-9"))
        assert sorted(done.token for done in ear.all(Published)) == sorted(
            f"e{number}-{turn}" for number in range(4) for turn in range(10)
        )
        assert ear.all(LinkFell) == []


def test_the_module_loads_neither_paho_nor_ssl() -> None:
    """The button is armed first: those two take 80 ms here, and ten times that on a small board."""
    probe = (
        "import sys, kiosk.net.mqtt; print([m for m in sys.modules if m == 'ssl' or m.startswith('paho')])"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
