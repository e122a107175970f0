"""The centre's configuration: what is allowed, and what a wrong one says."""

import pytest

from kiosk.messages import ConfigError
from kiosk.monitor.config import read

GOOD = '[monitor]\nid = "monitor-1"\n[mqtt]\nbrokers = ["127.0.0.1:1883"]\n'


def test_two_keys_are_enough() -> None:
    config = read(GOOD, "m.toml")
    assert config.monitor.on_duty
    assert config.store_path == "/var/lib/pana-monitor/centre.sqlite"
    assert config.socket_path == "/run/pana-monitor/monitor.sock"
    assert config.fleet.silent_after_s < 90


@pytest.mark.parametrize("host", ["localhost", "127.0.0.9"])
def test_this_machine_needs_no_tls(host: str) -> None:
    read(GOOD.replace("127.0.0.1", host), "m.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("127.0.0.1", "broker.example.kz"), "without [mqtt.tls] only brokers on this machine"),
        (GOOD.replace("127.0.0.1", "10.0.0.1"), "without [mqtt.tls] only brokers on this machine"),
        (GOOD.replace("1883", "70000"), "a port is a number from 1 to 65535"),
        (GOOD + '[mqtt.tls]\nca = "/ca"\ncert = "/cert"\n', "cert and key belong together"),
        (GOOD + 'password_file = "/pw"\n', "needs mqtt.user"),
        (GOOD.replace("brokers", "broker"), "did you mean brokers?"),
        (GOOD.replace("monitor-1", "M 1"), "monitor.id"),
        (GOOD + "[fleet]\nsilent_after_s = 1\n", "fleet.silent_after_s"),
        ("[monitor]\n", "mqtt: missing"),
        (GOOD + '[mqtt.heartbeats]\nid = "monitor-1"\n', "must differ from monitor.id"),
        (GOOD + '[mqtt.heartbeats]\nid = "monitor-1-hb"\ncert = "/c"\n', "cert and key belong together"),
        (GOOD + '[mqtt.heartbeats]\nid = "m-hb"\npassword_file = "/p"\n', "needs mqtt.heartbeats.user"),
        ("nonsense", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_says_what_and_where(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, "m.toml")
    assert said in str(caught.value)
    assert "m.toml" in str(caught.value)
