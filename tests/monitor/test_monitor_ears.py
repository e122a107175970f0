"""The ears on a real Mosquitto with the shipped rules: they hear heartbeats, and say when they do not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import paho.mqtt.client as paho
import pytest

from kiosk.monitor.hearing import LENGTH, Down, Frame, Some, Up
from kiosk.sim.broker import MosquittoBroker, throw_away_passwords

pytestmark = pytest.mark.real
EARS, KIOSK = "monitor-1-hb", "kz-1"
PATIENCE_S = 45.0  # a deadline, never a delay


class Bench:
    """A broker, the ears as a process, and one kiosk that beats."""

    def __init__(self, folder: Path, protocol: str) -> None:
        self.passwords = throw_away_passwords(EARS, KIOSK)
        self.broker = MosquittoBroker(passwords=self.passwords)
        (folder / "ears.password").write_text(self.passwords[EARS] + "\n")
        self._file = folder / "monitor.toml"
        self._file.write_text(f"""
            [monitor]
            id = "monitor-1"
            [mqtt]
            brokers = ["127.0.0.1:{self.broker.port}"]
            protocol = "{protocol}"
            [mqtt.heartbeats]
            id = "{EARS}"
            user = "{EARS}"
            password_file = "{folder}/ears.password"
        """)

    def listen(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "kiosk", "monitor", "ears", "--config", str(self._file)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def publish(self, leaf: str, *payloads: bytes) -> None:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=KIOSK)
        client.username_pw_set(KIOSK, self.passwords[KIOSK])
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        for payload in payloads:
            client.publish(f"pana/v1/k/{KIOSK}/{leaf}", payload, qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()


@pytest.fixture(params=["3.1.1", "5"])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(tmp_path, request.param)
    with made.broker:
        yield made


def told(stream: IO[bytes]) -> Frame:
    """Read the next frame that says something."""
    while True:
        (size,) = LENGTH.unpack(stream.read(LENGTH.size))
        frame: Frame = msgspec.msgpack.decode(stream.read(size), type=Frame)
        if frame != Some(()):
            return frame


def test_the_ears_hear_heartbeats_only_and_come_back_with_the_broker(bench: Bench) -> None:
    with bench.listen() as child:
        assert child.stdout
        peer = f"127.0.0.1:{bench.broker.port}"
        assert told(child.stdout) == Up(peer)
        bench.publish("status", b"no heartbeat")
        bench.publish("hb", b"one", b"two")
        heard: list[tuple[str, bytes, int]] = []
        while not heard or heard[-1][1] != b"two":
            frame = told(child.stdout)
            assert isinstance(frame, Some)
            heard += frame.beats
        assert {topic for topic, _, _ in heard} == {f"pana/v1/k/{KIOSK}/hb"}
        assert sum(1 + before for _, _, before in heard) == 2
        bench.broker.kill()
        assert isinstance(told(child.stdout), Down)
        bench.broker.start()
        while isinstance(frame := told(child.stdout), Down):
            pass
        assert frame == Up(peer)
        child.terminate()
        assert child.wait(PATIENCE_S) == 0


def test_the_ears_end_when_the_centre_is_gone(bench: Bench) -> None:
    with bench.listen() as child:
        assert child.stdout
        assert isinstance(told(child.stdout), Up)
        child.stdout.close()
        assert child.wait(PATIENCE_S) is not None


def test_ears_that_are_not_configured_say_so(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text('[monitor]\nid = "monitor-1"\n[mqtt]\nbrokers = ["127.0.0.1:1883"]\n')
    command = [sys.executable, "-m", "kiosk", "monitor", "ears", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "mqtt.heartbeats" in done.stderr
