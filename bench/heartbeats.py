"""Heartbeats of many kiosks, written over a few sockets: a process of its own, `python -m bench.heartbeats`.

The packets are gmqtt's, made once; only the sequence number in each changes, so that the load costs the
machine next to nothing beside what it measures. A line on stdin lets the load begin.
"""

import argparse
import os
import socket
import ssl
import sys
import time
from types import SimpleNamespace

from gmqtt.client import Message
from gmqtt.mqtt.package import LoginPackageFactor, PublishPacket

from kiosk import wire
from kiosk.bodies import (
    Board,
    ButtonHealth,
    Heartbeat,
    Links,
    MqttHealth,
    SmsHealth,
    VoiceHealth,
)

FIRST_SEQ = 1_000_000_000  # ten digits from the first to the last, so that a packet keeps its length
BOOT = 7
SLICE_S = 0.02
V311 = SimpleNamespace(proto_name=b"MQTT", proto_ver=4)


def kiosk_id(number: int) -> str:
    return f"kz-ala-{number:06d}"


def heartbeat(number: int, seq: int = FIRST_SEQ, boot: int = BOOT) -> Heartbeat:
    """Give a healthy kiosk's heartbeat of about 330 bytes."""
    return Heartbeat(
        seq=seq, boot=boot, at=1_767_000_000, uptime_s=100_000 + number,
        button=ButtonHealth(last_press_at=1_766_900_000, last_test_at=1_766_990_000),
        links=Links(mqtt=MqttHealth(rtt_ms=31 + number % 40, drops=number % 3),
                    sms=SmsHealth(operator="Kcell", signal_dbm=-70 - number % 30, balance_kzt=1250.5)),
        voice=VoiceHealth(mode="spoken"), board=Board(temp_c=41 + number % 20, disk_free_mb=21_000),
        config_hash="4be1c0de", version="1.4.0",
    )  # fmt: skip


class Beats:
    """One packet for each kiosk, and the next number of all of them."""

    def __init__(self, kiosks: int) -> None:
        self.seq = FIRST_SEQ
        self._packets = [_packet(number) for number in range(kiosks)]
        self._at = self._packets[0].index(str(FIRST_SEQ).encode())
        self._next = 0

    def take(self, count: int) -> bytes:
        """Give the next `count` packets in one piece, kiosk after kiosk."""
        out = []
        for _ in range(count):
            packet = self._packets[self._next]
            at = packet.index(b'"seq":') + 6
            packet[at : at + 10] = b"%d" % self.seq
            out.append(bytes(packet))
            self._next += 1
            if self._next == len(self._packets):
                self._next = 0
                self.seq += 1
        return b"".join(out)


def _packet(number: int) -> bytearray:
    body = wire.encode(heartbeat(number))
    message = Message(wire.topic(kiosk_id(number), "hb"), body, qos=0)
    _, packet = PublishPacket.build_package(message, V311)
    return bytearray(packet)


def connect(port: int, ca: str, user: str, cert: str, key: str) -> socket.socket:
    """Connect by certificate and wait for the CONNACK."""
    plain = socket.create_connection(("localhost", port), 10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    link = context.wrap_socket(plain, server_hostname="localhost")
    link.sendall(LoginPackageFactor.build_package(user, None, None, False, 100, V311))
    if link.recv(4)[3:] != b"\x00":
        raise ConnectionError(f"the broker refuses {user}")
    return link


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--users", nargs="+", required=True, help="name:certificate:key")
    parser.add_argument("--ca", required=True)
    parser.add_argument("--kiosks", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    os.nice(10)  # ten thousand kiosks have processors of their own
    beats = Beats(options.kiosks)
    links = [connect(options.port, options.ca, *user.split(":")) for user in options.users]
    print("ready", flush=True)
    sys.stdin.readline()
    print(_pour(beats, links, options.rate, options.seconds), flush=True)
    sys.stdin.readline()


def _pour(beats: Beats, links: list[socket.socket], rate: int, seconds: float) -> int:
    """Keep to the rate, without catching up by bursts; give how many were sent."""
    sent, begun_s = 0, time.monotonic()
    total = int(rate * seconds)
    turn = 0
    while sent < total:
        behind = int((time.monotonic() - begun_s) * rate) - sent
        count = min(max(behind, 0), int(rate * SLICE_S) + 1, total - sent)
        if count:
            links[turn % len(links)].sendall(beats.take(count))
            sent += count
            turn += 1
        time.sleep(SLICE_S / 4)
    return sent


if __name__ == "__main__":
    main()
