"""The board's own parts, read afresh: clock, disk, supply; and this kiosk's certificate.

Reads only; works beside a running daemon as well as without it.
"""

from collections.abc import Callable
from pathlib import Path

from kiosk.check.heard import Heard
from kiosk.check.row import Row, fault, ok, untested, unused, warning
from kiosk.config import Config
from kiosk.health import CERT_SOON_DAYS, DISK_LOW_MB
from kiosk.messages import BoardRead
from kiosk.net.papers import look


def check_board(config: Config) -> list[Row]:
    """Read clock, disk and supply."""
    from kiosk.hw.board import Board

    heard = Heard()
    Board(heard, state=Path(config.paths.state)).read()
    return judge_board(heard.of(BoardRead)[-1], config.paths.state)


def judge_board(read: BoardRead, folder: str) -> list[Row]:
    """Judge the board's figures; a supply that tells nothing counts as well."""
    clock = ok("clock", "clock_ok") if read.clock_synced else warning("clock", "clock_unsynced")
    free_mb = read.disk_free_mb
    if free_mb is None:
        disk = fault("disk", "disk_unknown", folder=folder)
    elif free_mb < DISK_LOW_MB:
        disk = fault("disk", "disk_low", folder=folder, mb=free_mb, least=DISK_LOW_MB)
    else:
        disk = ok("disk", "disk_ok", folder=folder, mb=free_mb)
    supply = ok("supply", "supply_ok")
    if read.under_voltage or read.throttled:
        supply = fault("supply", "supply_weak" if read.under_voltage else "supply_throttled")
    return [clock, disk, supply]


def check_certificate(config: Config, trusted_utc_s: Callable[[], float]) -> list[Row]:
    """Read this kiosk's certificate: its name, its key, its CA, and the days that are left."""
    files = config.identity()
    if files is None:
        return [unused("certificate")]
    missing = look(config).missing
    for code in ("ca_missing", "cert_missing"):
        if code in missing:
            return [fault("certificate", f"fault_{code}")]
    from kiosk.net.tls import OwnCertificate

    own = OwnCertificate(files, trusted_utc_s).read()
    name, days = own.name, own.days_left
    if name != config.kiosk.id:
        return [fault("certificate", "cert_other", name=name, kiosk=config.kiosk.id)]
    return [judge_days(days)]


def judge_days(days: int | None) -> Row:
    """Judge the certificate's remaining life."""
    if days is None:
        return untested("certificate", "pending")
    if days < 0:
        return fault("certificate", "cert_expired", days=-days)
    if days < CERT_SOON_DAYS:
        return warning("certificate", "cert_soon", days=days)
    return ok("certificate", "cert_ok", days=days)
