"""Times as people read them: Asia/Almaty, UTC+5 in the whole country since 2024-03-01 (pitfall 33). Pure.

tzdata is not asked: an old one still says +06.
"""

from datetime import UTC, date, datetime, timedelta, timezone

from kiosk import wire

ALMATY = timezone(timedelta(hours=5), "Asia/Almaty")
DAY_MS = 86_400_000
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_282_799_999  # years 1 (in UTC) to 9999 (in Almaty)


def local(utc_ms: int | None) -> str:
    """Show a time (UTC ms) as `31.01.2026 14:30:05`; nothing for none."""
    return "" if utc_ms is None else _at(utc_ms).strftime("%d.%m.%Y %H:%M:%S")


def clock(utc_ms: int | None) -> str:
    """Show the time of day of a time (UTC ms) as `14:30:05`; nothing for none."""
    return "" if utc_ms is None else _at(utc_ms).strftime("%H:%M:%S")


def day(utc_ms: int) -> str:
    """Show the local day of a time (UTC ms) as `2026-01-31`, as a date field wants it."""
    return _at(utc_ms).date().isoformat()


def of_wire(text: str) -> int | None:
    """Read a time of the wire as UTC ms; None where it cannot be read."""
    found = wire.utc_ms(text)
    return found if isinstance(found, int) else None


def day_begins(text: str) -> int | None:
    """Give when the local day `2026-01-31` begins (UTC ms); None for any other text."""
    try:
        found = date.fromisoformat(text)
        begin = datetime(found.year, found.month, found.day, tzinfo=ALMATY)
        return round(begin.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _at(utc_ms: int) -> datetime:
    """Give the nearest time that can be shown: what a kiosk's clock told may be any."""
    shown_ms = min(max(utc_ms, FIRST_MS), LAST_MS)
    return datetime.fromtimestamp(shown_ms / 1000, tz=UTC).astimezone(ALMATY)
