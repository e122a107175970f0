"""One connection of the guest to one port of this host: QEMU starts it for each, with the socket as stdin.

`restrict=on` shuts everything else: the guest sees no Internet and none of the host's other ports.
"""

import selectors
import socket
import sys


def main() -> None:
    """Carry bytes both ways until either end closes."""
    guest = socket.socket(fileno=0)
    host = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
    host.settimeout(None)
    with selectors.DefaultSelector() as ready, guest, host:
        ready.register(guest, selectors.EVENT_READ, host)
        ready.register(host, selectors.EVENT_READ, guest)
        while True:
            for key, _ in ready.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)


if __name__ == "__main__":
    main()
