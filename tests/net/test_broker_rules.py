"""The shipped Mosquitto configuration and ACL against a hostile kiosk, a hostile responder and strangers."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from fakes.mqtt_bench import (
    KIOSK,
    MONITOR,
    OTHER,
    PATIENCE_S,
    Centre,
    centre,
    command,
    duty,
    reply,
    server_tls,
)
from paho.mqtt.enums import CallbackAPIVersion
from pki import Authority

from kiosk import wire
from kiosk.sim.broker import SHIPPED, MosquittoBroker, free_port, shipped_acl

pytestmark = pytest.mark.real
SECOND = "monitor-2"
names = count()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def broker(authority: Authority) -> Iterator[MosquittoBroker]:
    with MosquittoBroker(tls=server_tls(authority, authority.server()), monitors=(MONITOR, SECOND)) as one:
        yield one


@pytest.fixture(params=[False, True], ids=["3.1.1", "5"])
def five(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def spy(authority: Authority, broker: MosquittoBroker) -> Iterator[Centre]:
    """The second responder, who reads everything."""
    with join(authority, broker, SECOND) as one:
        one.listen("pana/v1/k/#", "pana/v1/mon/+/status")
        yield one


def join(
    authority: Authority, broker: MosquittoBroker, name: str, **how: object
) -> contextlib.AbstractContextManager[Centre]:
    return centre(broker.port, name, tls=(authority, authority.client(name)), **how)


def sentinel(sender: Centre, spy: Centre, kiosk: str = KIOSK) -> None:
    """Say something allowed, and wait for it: what was said before has arrived by then, or never will."""
    topic = wire.topic(kiosk, "event", f"sentinel{next(names)}")
    sender.say(topic, b"{}")
    spy.hear(topic)


FORBIDDEN_TO_A_KIOSK = [
    wire.topic(OTHER, "alert", "x"),
    wire.topic(OTHER, "status"),
    wire.topic(OTHER, "hb"),
    wire.topic(OTHER, "event", "x"),
    wire.topic(OTHER, "cmdres", "x"),
    wire.topic(KIOSK, "ack", "x"),
    wire.topic(OTHER, "ack", "x"),
    wire.topic(KIOSK, "cmd", "x"),
    wire.topic(OTHER, "cmd", "x"),
    wire.monitor_topic(MONITOR),
    wire.monitor_topic(KIOSK),
    f"pana/v1/k/{KIOSK}/alert/x/y",
    f"pana/v1/k/{KIOSK}/status/x",
]


def test_a_kiosk_speaks_for_itself_only(
    authority: Authority, broker: MosquittoBroker, spy: Centre, five: bool
) -> None:
    with join(authority, broker, KIOSK, five=five) as hostile:
        codes = [hostile.say(topic, b"forged") for topic in FORBIDDEN_TO_A_KIOSK]
        codes += [hostile.say(topic, b"forged", retain=True) for topic in FORBIDDEN_TO_A_KIOSK]
        sentinel(hostile, spy)
    assert [heard.topic for heard in spy.heard if heard.payload == b"forged"] == []
    assert set(codes) == ({0x87} if five else {0}), "3.1.1 says success even where it was denied"


def test_what_a_kiosk_may_say_arrives(
    authority: Authority, broker: MosquittoBroker, spy: Centre, five: bool
) -> None:
    own = [wire.topic(KIOSK, "alert", "a"), wire.topic(KIOSK, "event", "e"), wire.topic(KIOSK, "cmdres", "c"),
           wire.topic(KIOSK, "status"), wire.topic(KIOSK, "hb")]  # fmt: skip
    with join(authority, broker, KIOSK, five=five) as kiosk:
        for topic in own:
            kiosk.say(topic, b"true")
            assert spy.hear(topic, lambda heard: heard.payload == b"true")


@pytest.mark.parametrize(
    "topic", [wire.topic(OTHER, "status"), wire.topic(KIOSK, "ack", "w"), wire.monitor_topic(MONITOR)]
)
def test_a_foreign_will_is_never_published(
    authority: Authority, broker: MosquittoBroker, spy: Centre, topic: str
) -> None:
    with join(authority, broker, KIOSK, will=(topic, b"forged will")) as hostile:
        hostile.vanish()
    with join(authority, broker, KIOSK) as again:
        sentinel(again, spy)
    assert b"forged will" not in [heard.payload for heard in spy.heard]


def test_an_own_will_is_published(authority: Authority, broker: MosquittoBroker, spy: Centre) -> None:
    with join(authority, broker, KIOSK, will=(wire.topic(KIOSK, "status"), b"own will")) as kiosk:
        kiosk.vanish()
        spy.hear(wire.topic(KIOSK, "status"), lambda heard: heard.payload == b"own will")


def test_a_kiosk_overhears_nothing(authority: Authority, broker: MosquittoBroker, five: bool) -> None:
    """SUBACK says granted even where reading is denied: it is checked at delivery."""
    with join(authority, broker, KIOSK, five=five) as hostile, join(authority, broker, MONITOR) as staff:
        hostile.listen("#", "pana/v1/k/+/ack/+", f"pana/v1/k/{OTHER}/#", "pana/v1/k/+/alert/+", "$SYS/#")
        with join(authority, broker, OTHER) as victim:
            victim.say(wire.topic(OTHER, "alert", "private"), b"{}")
        staff.say(wire.topic(OTHER, "ack", "private"), reply())
        staff.say(wire.topic(OTHER, "cmd", "private"), command())
        staff.say(wire.topic(KIOSK, "ack", "mine"), reply())
        hostile.hear(wire.topic(KIOSK, "ack", "mine"))
        assert set(hostile.topics()) <= {wire.topic(KIOSK, "ack", "mine"), wire.monitor_topic(MONITOR)}


def test_every_kiosk_may_know_whether_anybody_is_on_duty(
    authority: Authority, broker: MosquittoBroker
) -> None:
    with join(authority, broker, MONITOR) as staff, join(authority, broker, KIOSK) as kiosk:
        staff.say(wire.monitor_topic(MONITOR), duty(), retain=True)
        kiosk.listen("pana/v1/mon/+/status")
        assert kiosk.hear(wire.monitor_topic(MONITOR)).retained


def test_a_responder_cannot_raise_an_alert_or_speak_for_a_kiosk_or_a_colleague(
    authority: Authority, broker: MosquittoBroker, spy: Centre, five: bool
) -> None:
    leaves = ("alert", "x"), ("status", ""), ("hb", ""), ("event", "x"), ("cmdres", "x")
    forbidden = [wire.topic(KIOSK, leaf, id_) for leaf, id_ in leaves]  # type: ignore[arg-type]
    forbidden.append(wire.monitor_topic(SECOND))
    with join(authority, broker, MONITOR, five=five) as hostile:
        for topic in forbidden:
            hostile.say(topic, b"forged by staff")
        hostile.say(wire.topic(KIOSK, "ack", "last"), b"{}")
        spy.hear(wire.topic(KIOSK, "ack", "last"))
    assert b"forged by staff" not in [heard.payload for heard in spy.heard]


def test_nobody_takes_another_kiosks_session_over(authority: Authority, broker: MosquittoBroker) -> None:
    """Pitfall 39: the client id is the certificate's name, whatever CONNECT says."""
    with join(authority, broker, OTHER) as victim, join(authority, broker, MONITOR) as staff:
        victim.listen(wire.topic(OTHER, "ack", "+"))
        thief = centre(broker.port, OTHER, tls=(authority, authority.client(KIOSK)))
        with thief as hostile:
            hostile.listen(wire.topic(OTHER, "ack", "+"))
            staff.say(wire.topic(OTHER, "ack", "secret"), reply())
            victim.hear(wire.topic(OTHER, "ack", "secret"))
            assert hostile.heard == []
            assert victim.client.is_connected()


def test_alerts_go_on_coming_while_a_responder_can_acknowledge_none(
    authority: Authority, broker: MosquittoBroker, five: bool
) -> None:
    """Its disk is full: people must hear of the 21st alert, too, where Mosquitto's own limit is 20."""
    with join(authority, broker, MONITOR, five=five) as staff, join(authority, broker, KIOSK) as kiosk:
        staff.client.manual_ack_set(True)
        staff.listen("pana/v1/k/+/alert/+")
        topics = [wire.topic(KIOSK, "alert", f"waits{number}") for number in range(100)]
        for topic in topics:
            kiosk.say(topic, b"{}")
        staff.hear(topics[-1])
        assert set(topics) <= set(staff.topics())


@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_without_a_certificate_of_ours_nobody_comes_in(
    authority: Authority, broker: MosquittoBroker, tmp_path_factory: pytest.TempPathFactory, who: str
) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=KIOSK, reconnect_on_failure=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca)
    if who == "stranger":
        stranger = Authority(tmp_path_factory.mktemp("stranger")).client(KIOSK)
        context.load_cert_chain(stranger.cert, stranger.key)
    client.tls_set_context(context)
    connected: list[str] = []
    client.on_connect = lambda *_: connected.append("in")
    with contextlib.suppress(OSError):
        client.connect("localhost", broker.port)
        client.loop_forever()
    assert connected == []


def test_a_deny_shuts_a_lost_kiosk_out_at_once(
    authority: Authority, broker: MosquittoBroker, spy: Centre
) -> None:
    """A CRL stops only its next connection, and an expired CRL stops the whole fleet."""
    kept = broker.acl.read_text()
    with join(authority, broker, KIOSK) as lost, join(authority, broker, OTHER) as good:
        sentinel(lost, spy)
        broker.acl.write_text(f"{kept}\nuser {KIOSK}\ntopic deny #\n")
        broker.reload()
        try:
            for number in range(200):
                topic = wire.topic(KIOSK, "event", f"lost{number}")
                lost.say(topic, b"{}")
                sentinel(good, spy, OTHER)
                if topic not in spy.topics():
                    break
            else:
                pytest.fail("the live connection of the lost kiosk may still publish")
        finally:
            broker.acl.write_text(kept)
            broker.reload()


def test_each_responder_has_its_own_stanza() -> None:
    rules = shipped_acl((MONITOR, SECOND))
    assert rules.count("topic write pana/v1/mon/monitor-1/status") == 1
    assert rules.count("topic write pana/v1/mon/monitor-2/status") == 1
    assert shipped_acl((MONITOR,)) == (SHIPPED / "acl").read_text()


def test_the_shipped_configuration_is_what_was_proven() -> None:
    shipped = (SHIPPED / "mosquitto.conf").read_text().splitlines()
    for line in ("require_certificate true", "use_identity_as_username true", "use_username_as_clientid true",
                 "allow_anonymous false", "tls_version tlsv1.3", "set_tcp_nodelay true", "max_keepalive 120",
                 "max_inflight_messages 1000",
                 "message_size_limit 8192", "autosave_on_changes true", "autosave_interval 1"):  # fmt: skip
        assert line in shipped


DEBIAN = """pid_file {folder}/pid
persistence true
persistence_location {folder}/
log_dest file {folder}/log
include_dir {folder}/conf.d
"""


def test_the_shipped_file_is_a_drop_in_for_debians_own(authority: Authority, tmp_path: Path) -> None:
    """Mosquitto refuses to start where two files say where its store lies."""
    (tmp_path / "conf.d").mkdir()
    pair, port = authority.server("drop-in"), free_port()
    dropped = (SHIPPED / "mosquitto.conf").read_text().replace("listener 8883", f"listener {port} 127.0.0.1")
    for name, path in (("ca.crt", authority.ca), ("server.crt", pair.cert), ("server.key", pair.key)):
        dropped = dropped.replace(f"/etc/mosquitto/pana/{name}", str(path))
    dropped = dropped.replace("/etc/mosquitto/pana/acl", str(SHIPPED / "acl"))
    (tmp_path / "conf.d" / "pana.conf").write_text(dropped + ("user root\n" if os.geteuid() == 0 else ""))
    (tmp_path / "mosquitto.conf").write_text(DEBIAN.format(folder=tmp_path))
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program
    child = subprocess.Popen([program, "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.PIPE)
    try:
        with join_at(authority, port, KIOSK) as kiosk:
            assert kiosk.say(wire.topic(KIOSK, "hb"), b"{}") == 0
    finally:
        child.kill()
        child.communicate()


def join_at(authority: Authority, port: int, name: str) -> contextlib.AbstractContextManager[Centre]:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return centre(port, name, tls=(authority, authority.client(name)))
        assert time.monotonic() < deadline_s, "the broker does not start"
        time.sleep(0.02)
