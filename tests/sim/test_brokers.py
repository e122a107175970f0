"""The two brokers that the demo and the tests start."""

import shutil
import socket

import pytest
from fakes.mqtt_bench import KIOSK, MONITOR, PATIENCE_S, centre
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.messages import LinkDown
from kiosk.sim.amqtt_broker import AmqttBroker
from kiosk.sim.broker import PORTS, MosquittoBroker, free_port, throw_away_passwords

pytestmark = pytest.mark.real
Broker = MosquittoBroker | AmqttBroker
WORDS = throw_away_passwords(KIOSK, MONITOR)


def make(kind: str, port: int = 0) -> Broker:
    return AmqttBroker(WORDS, port=port) if kind == "amqtt" else MosquittoBroker(passwords=WORDS, port=port)


@pytest.fixture(params=["amqtt", "mosquitto"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def answer(port: int, user: str | None, password: str | None) -> str:
    """Try to come in; gives what the CONNACK says."""
    said: list[str] = []
    client = Client(CallbackAPIVersion.VERSION2, client_id=user or "nobody", reconnect_on_failure=False)
    if user is not None:
        client.username_pw_set(user, password)
    client.on_connect = lambda _c, _u, _f, code, _p: (said.append(str(code)), client.disconnect())
    client.connect("127.0.0.1", port)
    client.loop_forever()
    return said[0] if said else "hung up"


def test_only_known_users_come_in(kind: str) -> None:
    with make(kind) as broker:
        assert answer(broker.port, KIOSK, WORDS[KIOSK]) == "Success"
        assert answer(broker.port, KIOSK, WORDS[MONITOR]) != "Success"
        assert answer(broker.port, "stranger", "x") != "Success"
        assert answer(broker.port, None, None) != "Success"


def test_a_stopped_broker_comes_back_on_the_same_port(kind: str) -> None:
    broker = make(kind)
    try:
        for end in (broker.stop, broker.kill):
            broker.start()
            with centre(broker.port, KIOSK, password=WORDS[KIOSK]) as kiosk:
                assert kiosk.say(f"pana/v1/k/{KIOSK}/event/e", b"{}") == 0
            end()
            end()
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", broker.port)) != 0
    finally:
        broker.close()
        broker.close()


def test_a_stop_with_guests_inside_leaves_nothing_behind(kind: str) -> None:
    with make(kind) as broker:
        guests = [socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE_S) for _ in range(3)]
        with centre(broker.port, KIOSK, password=WORDS[KIOSK]):
            broker.stop()
    for guest in guests:
        guest.close()


def test_a_taken_port_is_told(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = make(kind, taken.getsockname()[1])
        try:
            with pytest.raises(LinkDown, match="does not start"):
                broker.start()
        finally:
            broker.close()


def test_mosquitto_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_args, **_kwargs: None)
    broker = MosquittoBroker(passwords=WORDS)
    try:
        with pytest.raises(LinkDown, match="not installed"):
            broker.start()
    finally:
        broker.close()


def test_passwords_are_random_and_kept_for_the_owner_only() -> None:
    again = throw_away_passwords(KIOSK, MONITOR)
    assert len({*WORDS.values(), *again.values()}) == 4
    broker = MosquittoBroker(passwords=WORDS)
    stored = (broker.folder / "passwords").read_text()
    assert WORDS[KIOSK] not in stored
    assert (broker.folder / "passwords").stat().st_mode & 0o077 == 0
    broker.close()
    assert not broker.folder.exists()


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_a_free_port_is_none_that_the_kernel_gives_to_somebody_else() -> None:
    """Between its choice and its use any bind(0) or connect() could have taken it."""
    assert free_port() in PORTS
    assert max(PORTS) < 32_768


def test_ports_that_are_all_taken_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr("kiosk.sim.broker.PORTS", range(taken.getsockname()[1], 65_536)[:1])
        with pytest.raises(LinkDown, match="no free port"):
            free_port()
