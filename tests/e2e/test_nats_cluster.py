"""Three NATS JetStream nodes as broker, mutual TLS: a node dies in a stream of alerts, and none is lost."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from fakes.centre_site import fresh_alert
from fakes.mqtt_bench import Centre, Ear, centre, mqtt_config, reply, tls_files
from fakes.mqtt_kiosk import wait_for
from fakes.nats_cluster import NatsCluster
from kiosk_site import KioskSite
from paho.mqtt.reasoncodes import ReasonCode

from kiosk import wire
from kiosk.bodies import Token
from kiosk.demo import settings
from kiosk.messages import LinkRose, ReplyReceived
from kiosk.monitor.link import FILTERS, HEARTBEATS
from kiosk.net.mqtt import PahoLink

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
STREAM = ("kz-stream-1", "kz-stream-2")
HOSTILE, OTHER, MONITOR, SECOND = "kz-ala-0001", "kz-ala-0002", settings.MONITOR_ID, "monitor-2"
EVERY_S, AGAIN_S, STREAM_S = 0.05, 1.0, 6.0
RECOVERY_S = 40.0


class Source:
    """A kiosk's link in a stream of alerts: each is repeated, as a kiosk does, until the centre answers."""

    def __init__(self, cluster: NatsCluster, name: str) -> None:
        self.name, self.ear = name, Ear()
        self.sent: dict[str, float] = {}
        ports = [node.port for node in cluster.nodes]
        tls = tls_files(cluster.authority, cluster.authority.client(name))
        self.link = PahoLink(mqtt_config(*ports, keepalive_s=4, tls=tls), name, "0.1", self.ear)
        self.link.open(boot=1)
        self.ear.hear(LinkRose)

    def answered(self) -> set[str]:
        return {event.reply.alert_id for event in self.ear.all(ReplyReceived)}

    def run(self, until_s: float, deadline_s: float) -> None:
        """Raise alerts until `until_s`, then only repeat; ends when all are answered."""
        while time.monotonic() < deadline_s:
            now_s = time.monotonic()
            if now_s < until_s:
                self._say(f"{self.name}-{len(self.sent)}")
            elif not self.unanswered():
                return
            for alert_id in self.unanswered():
                if now_s - self.sent[alert_id] >= AGAIN_S:
                    self._say(alert_id)
            time.sleep(EVERY_S)

    def unanswered(self) -> set[str]:
        return set(self.sent) - self.answered()

    def _say(self, alert_id: str) -> None:
        attempt = 1 if alert_id not in self.sent else 2
        self.sent[alert_id] = time.monotonic()
        number = int(alert_id.rpartition("-")[2])
        body = fresh_alert(alert_id, self.name, seq=number + 1, attempt=attempt)
        self.link.publish(Token(f"{alert_id}.{attempt}"), body)


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        yield site


@pytest.fixture(scope="module")
def cluster(site: KioskSite) -> Iterator[NatsCluster]:
    kiosks = (settings.KIOSK_ID, HOSTILE, OTHER, *STREAM)
    with NatsCluster(site.authority, kiosks, (MONITOR, SECOND)) as cluster:
        _point(site.folder / "site.toml", cluster.brokers(0))
        _point(site.folder / "centre.toml", cluster.brokers(1))
        yield cluster


def _point(file: Path, brokers: tuple[str, ...]) -> None:
    lines = file.read_text().splitlines()
    listed = ", ".join(f'"{broker}"' for broker in brokers)
    file.write_text(
        "\n".join(f"brokers = [{listed}]" if line.startswith("brokers") else line for line in lines)
    )


def every_alert(site: KioskSite) -> list[str]:
    found: list[str] = []
    more = True
    while more:
        page = site.ask_centre(ask="alerts", start=len(found), closed=True)
        found += [view["alert_id"] for view in page["alerts"]]
        more = page["more"]
    return found


def test_a_killed_node_loses_no_alert_and_doubles_none(
    site: KioskSite, cluster: NatsCluster, record_property: Callable[[str, object], None]
) -> None:
    """The kiosks' node dies in the stream, and a press comes at that very moment."""
    site.start_centre()
    wait_for(lambda: site.ask_centre(ask="status")["link"], "the centre's link")
    site.start_kiosk()
    wait_for(lambda: site.state()["mqtt"] == "up", "the kiosk's link")
    sources = [Source(cluster, name) for name in STREAM]
    until_s = time.monotonic() + STREAM_S
    threads = [
        threading.Thread(target=source.run, args=(until_s, until_s + 2 * RECOVERY_S)) for source in sources
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: all(len(source.answered()) > 10 for source in sources), "the stream")
    killed_s = time.monotonic()
    cluster.nodes[0].kill()
    site.press()
    wait_for(lambda: site.stage() == "received", "the receipt of the press", RECOVERY_S)
    record_property("receipt_of_a_press_s", round(time.monotonic() - killed_s, 1))
    for thread in threads:
        thread.join()
    record_property("all_answered_s", round(time.monotonic() - killed_s, 1))
    assert [source.unanswered() for source in sources] == [set(), set()]
    _each_alert_once(site, sources)
    for source in sources:
        source.link.close()
    cluster.nodes[0].start()
    wait_for(cluster.is_whole, "the node that was killed", RECOVERY_S)


def _each_alert_once(site: KioskSite, sources: list[Source]) -> None:
    found = every_alert(site)
    assert len(found) == len(set(found)), "an alert twice"
    sent = {alert_id for source in sources for alert_id in source.sent}
    assert sent < set(found)
    (pressed,) = set(found) - sent
    assert site.ask_centre(ask="accept", alert=pressed, by="op-1")["ok"]
    wait_for(lambda: site.stage() == "accepted", "the acceptance", RECOVERY_S)


# ---- who may say and hear what


def join(cluster: NatsCluster, name: str, **how: object) -> contextlib.AbstractContextManager[Centre]:
    return centre(cluster.nodes[1].port, name, tls=(cluster.authority, cluster.authority.client(name)), **how)


def _say_until_heard(kiosk: Centre, topic: str, staff: Centre) -> None:
    """Do as a kiosk does: a PUBACK is no receipt, an alert is repeated."""
    again_s = 0.0

    def heard() -> bool:
        nonlocal again_s
        if time.monotonic() >= again_s:
            again_s = time.monotonic() + AGAIN_S
            kiosk.say(topic, b"{}")
        return topic in staff.topics()

    wait_for(heard, f"{topic} at the centre", RECOVERY_S)


def test_a_hostile_client_neither_speaks_for_another_nor_hears_it(cluster: NatsCluster) -> None:
    forbidden = [
        *(wire.topic(OTHER, leaf, "x") for leaf in ("alert", "ack", "cmd", "event", "cmdres")),
        *(wire.topic(OTHER, leaf) for leaf in ("status", "hb")),
        *(wire.topic(HOSTILE, leaf, "x") for leaf in ("ack", "cmd")),
        wire.monitor_topic(SECOND),
        "$MQTT/msgs/x",
        "$JS/API/STREAM/PURGE/$MQTT_msgs",
    ]
    with join(cluster, SECOND) as staff, join(cluster, HOSTILE) as hostile, join(cluster, OTHER) as victim:
        staff.listen(
            *(name for name, _ in (*FILTERS, HEARTBEATS)),
            "pana/v1/k/+/ack/+",
            "pana/v1/k/+/cmd/+",
            "pana/v1/mon/+/status",
        )
        hostile.listen("#", "pana/v1/k/+/ack/+", f"pana/v1/k/{OTHER}/#", "$MQTT/#", "$JS/#")
        hostile.listen(wire.topic(HOSTILE, "ack", "+"))
        for topic in forbidden:
            hostile.say(topic, b"forged")
            hostile.say(topic, b"forged", retain=True)
        _say_until_heard(victim, wire.topic(OTHER, "alert", "private"), staff)
        staff.say(wire.topic(OTHER, "ack", "private"), reply())
        hostile.say(wire.topic(HOSTILE, "event", "last"), b"{}")
        staff.hear(wire.topic(HOSTILE, "event", "last"))
        staff.say(wire.topic(HOSTILE, "ack", "mine"), reply())
        hostile.hear(wire.topic(HOSTILE, "ack", "mine"))
        assert set(hostile.topics()) == {wire.topic(HOSTILE, "ack", "mine")}
        assert b"forged" not in [heard.payload for heard in staff.heard]


def test_a_foreign_will_is_never_published_and_an_own_one_is(cluster: NatsCluster) -> None:
    with join(cluster, SECOND) as staff:
        staff.listen("pana/v1/k/+/status")
        with join(cluster, HOSTILE, will=(wire.topic(OTHER, "status"), b"forged will")) as hostile:
            hostile.vanish()
        with join(cluster, HOSTILE, will=(wire.topic(HOSTILE, "status"), b"own will")) as kiosk:
            kiosk.vanish()
            staff.hear(wire.topic(HOSTILE, "status"), lambda heard: heard.payload == b"own will")
        assert b"forged will" not in [heard.payload for heard in staff.heard]


def test_whoever_takes_anothers_client_id_hears_nothing_by_it(cluster: NatsCluster) -> None:
    """A limit: it does interrupt the other's connection, which NATS does not bind to the certificate."""
    topic = wire.topic(OTHER, "ack", "secret")
    tls = (cluster.authority, cluster.authority.client(HOSTILE))
    with join(cluster, SECOND) as staff, join(cluster, OTHER) as victim:
        victim.listen(wire.topic(OTHER, "ack", "+"))
        victim.client.reconnect_delay_set(min_delay=30, max_delay=30)  # the thief has its say before
        with centre(cluster.nodes[1].port, OTHER, tls=tls) as thief:
            thief.client._reconnect_on_failure = False  # else the two push each other out for ever
            thief.listen(wire.topic(OTHER, "ack", "+"))
            staff.say(topic, reply())
            wait_for(
                lambda: not thief.client.is_connected() and victim.client.is_connected(),
                "the victim",
                2 * RECOVERY_S,
            )
            victim.listen(wire.topic(OTHER, "ack", "+"))
            staff.say(topic, reply())
            victim.hear(topic)
            assert thief.heard == []


def test_mqtt_5_and_strangers_are_refused_at_connect(cluster: NatsCluster) -> None:
    for name, five, wanted in (
        (OTHER, True, "Unsupported protocol version"),
        ("kz-unknown", False, "Not authorized"),
    ):
        pair = cluster.authority.client(name)
        told: list[str] = []

        def connected(
            _client: object,
            _data: object,
            _flags: object,
            code: ReasonCode,
            _props: object,
            told: list[str] = told,
        ) -> None:
            told.append(str(code))

        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5 if five else paho.MQTTv311,
            reconnect_on_failure=False,
        )  # fmt: skip
        client.tls_set(str(cluster.authority.ca), str(pair.cert), str(pair.key))
        client.on_connect = connected
        client.connect("localhost", cluster.nodes[1].port)
        client.loop_forever()
        assert told == [wanted]
