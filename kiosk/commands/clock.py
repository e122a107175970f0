"""Times as people at the site read them."""

from datetime import UTC, datetime, timedelta, timezone

LOCAL = timezone(timedelta(hours=5))  # Kazakhstan is one zone since 2024-03-01; old tzdata says +06


def local_time(utc_s: float) -> str:
    """Write hours, minutes and seconds of a wall time (s since 1970) in Kazakhstan."""
    return datetime.fromtimestamp(utc_s, tz=LOCAL).strftime("%H:%M:%S")


def local_moment(utc_s: float) -> str:
    """Write date and time of a wall time (s since 1970) in Kazakhstan."""
    return datetime.fromtimestamp(utc_s, tz=LOCAL).strftime("%Y-%m-%d %H:%M:%S")


def utc_moment(utc_s: float) -> str:
    """Write a wall time (s since 1970) as RFC 3339 UTC with ms."""
    moment = datetime.fromtimestamp(utc_s, tz=UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def duration(seconds: float) -> str:
    """Write a length of time in days, hours, minutes and seconds, its two largest parts."""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])
