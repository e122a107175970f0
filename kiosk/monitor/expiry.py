"""Which of the certificates that the centre itself uses end soon, so that somebody is told in time.

Reads files only, never a key. Nothing renews these by itself: a person makes the next pair (docs/doors.md).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from kiosk.monitor.config import MonitorConfig

LOG = logging.getLogger(__name__)
SOON_DAYS = 30
DAY_S = 86_400
LOOK_MS = 600_000  # a page shows what was found this long ago at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A file whose certificate ends within SOON_DAYS; `left_days` is below 0 once it has ended."""

    file: str
    left_days: int


class Lookout:
    """What ends soon, read again now and then."""

    def __init__(self, config: MonitorConfig) -> None:
        self._config = config
        self._found: tuple[int, list[Ending]] | None = None
        self._served: dict[str, int] = {}

    def serves(self, file: str) -> None:
        """Count a file from now on by the certificate that it holds now, whatever is put there later."""
        end_s = _end_s(file, last=False)
        if end_s is not None:
            self._served[file] = end_s
            self._found = None

    def look(self, now_ms: int) -> list[Ending]:
        """List what ends soon, as of ten minutes ago at most."""
        if self._found is None or abs(now_ms - self._found[0]) > LOOK_MS:
            self._found = now_ms, ending(self._config, now_ms, self._served)
        return self._found[1]


def ending(config: MonitorConfig, now_ms: int, served: Mapping[str, int] | None = None) -> list[Ending]:
    """List what ends within SOON_DAYS or has ended, by its end; files that cannot be read are left out.

    `served` are the ends (UTC s) of those certificates that are in use whatever their files hold.
    """
    ends = {file: _end_s(file, last=last) for file, last in _files(config).items()} | dict(served or {})
    left = {file: (end_s - now_ms // 1000) // DAY_S for file, end_s in ends.items() if end_s is not None}
    return sorted(
        (Ending(file=file, left_days=days) for file, days in left.items() if days < SOON_DAYS),
        key=lambda one: one.left_days,
    )


def tell(config: MonitorConfig, now_ms: int) -> None:
    """Log a line for each of them."""
    for one in ending(config, now_ms):
        if one.left_days < 0:
            LOG.error("certificate=ended file=%s left_days=%d", one.file, one.left_days)
        else:
            LOG.warning("certificate=ends file=%s left_days=%d", one.file, one.left_days)


def _files(config: MonitorConfig) -> dict[str, bool]:
    """Name each file, and whether its last certificate counts, as for a CA that is being replaced."""
    tls, ears, doors, ca = config.mqtt.tls, config.mqtt.heartbeats, config.doors, config.ca
    cas = (tls and tls.ca, doors and doors.ca, ca and ca.cert)
    pairs = (tls and tls.cert, ears and ears.cert, doors and doors.cert, config.web and config.web.cert)
    return {file: True for file in cas if file} | {file: False for file in pairs if file}


def _end_s(file: str, *, last: bool) -> int | None:
    try:
        found = x509.load_pem_x509_certificates(Path(file).read_bytes())
    except (OSError, ValueError):  # whoever uses it says so
        return None
    ends = [int(one.not_valid_after_utc.timestamp()) for one in found]
    return max(ends) if last else min(ends)
