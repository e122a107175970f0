"""Browsers that watch the board: `python -m bench.browsers PORT COOKIE COUNT`, a process of its own.

Each holds `GET /live` open. At the end of stdin it prints, for every alert, when each browser saw it first.
"""

import json
import re
import selectors
import socket
import sys
import time

MARK = re.compile(rb"STORM[0-9]{6}")


def main() -> None:
    port, cookie, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    chooser = selectors.DefaultSelector()
    for number in range(count):
        chooser.register(_open(port, cookie), selectors.EVENT_READ, number)
    print("ready", flush=True)
    chooser.register(sys.stdin, selectors.EVENT_READ, -1)
    seen: dict[str, dict[int, float]] = {}
    while True:
        for key, _ in chooser.select():
            if key.data < 0:
                print(json.dumps({mark: sorted(at.values()) for mark, at in seen.items()}), flush=True)
                return
            for mark in MARK.findall(key.fileobj.recv(1 << 20)):
                seen.setdefault(mark.decode(), {}).setdefault(key.data, time.monotonic())


def _open(port: int, cookie: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), 10)
    link.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode())
    answer = link.recv(65536)
    if b" 200 " not in answer.split(b"\r\n", 1)[0]:
        raise ConnectionError(answer[:200])
    return link


if __name__ == "__main__":
    main()
