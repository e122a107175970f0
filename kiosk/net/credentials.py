"""Who this kiosk is to a broker: its certificate, or the demo's user and password.

Reads the files anew for each connection, so that a renewal needs no restart. Never tells a secret.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.config import Mqtt
from kiosk.messages import LinkDown

if TYPE_CHECKING:
    from kiosk.net.tls import Own, OwnCertificate, PinnedContext


class Credentials:
    """The certificate's name must be `kiosk_id`: the broker takes it for user and client id."""

    def __init__(self, config: Mqtt, kiosk_id: str, trusted_utc_s: Callable[[], float]) -> None:
        self.kiosk_id = kiosk_id
        self._config = config
        self._trusted_utc_s = trusted_utc_s
        self._own: OwnCertificate | None = None

    def context(self, host: str, hint: Callable[[str], None]) -> "PinnedContext | None":
        """Make the TLS context for one server name, or None without TLS; raises LinkDown.

        An expired certificate of our own is tried all the same, and hinted at: the broker decides, but
        Mosquitto only hangs up and does not say why.
        """
        if self._config.tls is None:
            return None
        from kiosk.net import tls  # noqa: PLC0415  ssl is 3 MB, not needed without TLS nor at the start

        self._own = self._own or tls.OwnCertificate(self._config.tls, self._trusted_utc_s)
        own = self._own.read()
        if own.name != self.kiosk_id:
            raise LinkDown(f"{self._config.tls.cert} is another kiosk's: its name is not {self.kiosk_id}")
        if own.days_left < 0:
            hint("this kiosk's own certificate has expired")
        return tls.pinned_context(self._config.tls, host, self._trusted_utc_s)

    def own(self) -> "Own | None":
        """Read what the certificate says of itself; None without TLS or while it is renewed."""
        try:
            return None if self._own is None else self._own.read()
        except LinkDown:
            return None

    def password(self) -> str | None:
        """Read the password's file of one line; raises LinkDown, which names the file only."""
        path = self._config.password_file
        if path is None:
            return None
        try:
            return Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise LinkDown(f"no MQTT password in {path}: {type(error).__name__}") from error
