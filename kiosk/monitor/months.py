"""Months of Asia/Almaty (UTC+5 the whole year, pitfall 33) as stretches of UTC ms. Pure."""

from datetime import UTC, datetime, timedelta, timezone

ALMATY = timezone(timedelta(hours=5))
FIRST_YEAR, LAST_YEAR = 2000, 2199


def name_of(utc_ms: int) -> str:
    """Name the month of a time, like 2026-01."""
    return datetime.fromtimestamp(utc_ms / 1000, tz=UTC).astimezone(ALMATY).strftime("%Y-%m")


def parse(text: str) -> tuple[int, int] | None:
    """Read year and month of 2026-01; None for any other text."""
    year, dash, month = text.partition("-")
    digits = year + month
    if not (dash and len(year) == 4 and len(month) == 2 and digits.isascii() and digits.isdigit()):
        return None
    if not (FIRST_YEAR <= int(year) <= LAST_YEAR and 1 <= int(month) <= 12):
        return None
    return int(year), int(month)


def begins_ms(year: int, month: int) -> int:
    """Give when a month begins, UTC ms; months beyond 12 go on into the next years, those below 1 back."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return round(datetime(year, month, 1, tzinfo=ALMATY).timestamp() * 1000)


def stretch(first: tuple[int, int], last: tuple[int, int]) -> list[tuple[str, int, int]]:
    """Give (name, begin, end) of every month from `first` to `last`, both included."""
    found = []
    year, month = first
    while (year, month) <= last:
        found.append((f"{year:04d}-{month:02d}", begins_ms(year, month), begins_ms(year, month + 1)))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found
