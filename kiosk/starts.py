"""How often the daemon started lately, in its volatile run directory: a crash loop must be seen.

Never raises: a file that cannot be read or written means "not too often".
"""

import logging
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)
WINDOW_S = 120.0
LIMIT = 5  # starts within the window: the journal's incidents are set aside, so that the kiosk arms


def too_many(run: Path, now_s: float) -> bool:
    """Note this start; tell whether there were too many within the window (monotonic seconds)."""
    path = run / "starts.json"
    try:
        times = [at_s for at_s in _read(path) if 0 <= now_s - at_s <= WINDOW_S]
        times = [*times, now_s][-2 * LIMIT :]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(times))
    except OSError as error:
        log.warning("starts=unknown reason=%s", error)
        return False
    return len(times) > LIMIT


def forget(run: Path) -> None:
    """Forget earlier starts: this one ended in order."""
    try:
        (run / "starts.json").unlink(missing_ok=True)
    except OSError as error:
        log.warning("starts=kept reason=%s", error)


def _read(path: Path) -> list[float]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[float])
    except (FileNotFoundError, msgspec.DecodeError):
        return []
