"""What a session asks of an MQTT library, so that it knows none. Owns nothing."""

from typing import Protocol

from kiosk.net.outbox import Outbox


class Client(Protocol):
    """What a session asks of an MQTT library; it answers through the session's `on_…` methods."""

    @property
    def keepalive_s(self) -> int:
        """The keepalive in force, which an MQTT 5 broker may have changed; 0 is none."""

    def dial(self, address: str) -> None:
        """Open the socket and send CONNECT; raises OSError."""

    def step(self, waker: Outbox, wait_s: float) -> bool:
        """Wait for the socket or the waker, then read and write; tells whether anything was read."""

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> int:
        """Queue a publish; gives its packet id; raises ValueError."""

    def subscribe(self, filters: tuple[str, ...]) -> None:
        """Ask for filters at QoS 1."""

    def disconnect(self) -> None:
        """Send DISCONNECT, so that the broker drops the will."""

    def abort(self) -> None:
        """Close the socket as it is; idempotent."""
