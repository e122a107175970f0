"""The time by which certificates are judged (pitfall 32): a board without a clock starts anywhere.

A clock that a time server set is believed alone: what a wrong one left on the disk must not outlive it. Until
then the latest counts of the clock, the build and the last good time.
"""

import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import kiosk

MADE_AT = "made-at: "


def trusted_utc_s(*, synced: bool, last_good_s: float) -> float:
    """Give the latest time that can be trusted, in s since 1970."""
    now_s = time.time()
    return now_s if synced else max(now_s, built_utc_s(), last_good_s)


def built_utc_s() -> float:
    """Give when this version was made, as the signed MANIFEST in its slot says; without one, its file's date.

    Never that date where it can be helped: it is the installation's, by the clock of then.
    """
    with suppress(OSError, ValueError):
        head, _, _ = Path(sys.prefix, "MANIFEST").read_text(encoding="utf-8").partition("\n\n")
        for line in head.splitlines():
            if line.startswith(MADE_AT):
                return datetime.fromisoformat(line.removeprefix(MADE_AT)).timestamp()
    return Path(kiosk.__file__).stat().st_mtime
