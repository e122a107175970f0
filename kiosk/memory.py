"""What outlives a power cut: which start this is, what to write to the journal and when. Pure.

No alert waits for the disk: the link opens without the journal after `JOURNAL_WAIT_S`. But nothing is written
before the journal was read or broke: the write would wait behind the reading, and wipe what that is to bring.
While the kiosk is idle nothing is written but the last good time, once a day.
"""

from dataclasses import replace

from kiosk.effects import Effect, OpenMqtt, Save
from kiosk.messages import Now, Snapshot
from kiosk.wire import bounded_utc_ms

JOURNAL_WAIT_S = 2.0  # an alert must not wait for a disk
SAVE_EVERY_S = 86_400.0  # the last good time, for a board without a clock
RETRY_S = 60.0  # a full disk is tried again that often


class Memory:
    """The newest snapshot that was written, and this start's number."""

    def __init__(self) -> None:
        self.boot = 0
        self._kept_boot = 0
        self._good_utc_ms = 0
        self._saved = Snapshot()
        self._save_s: float | None = None
        self._open_s: float | None = None
        self._is_read = False  # or broke: then it is not read any more

    def start(self, now: Now) -> None:
        """Begin: the journal is being read now."""
        self._open_s = now.s + JOURNAL_WAIT_S
        self._save_s = now.s + SAVE_EVERY_S

    def loaded(self, snapshot: Snapshot, now: Now) -> list[Effect]:
        """Take up the last start's number; a later epoch must never look older than it."""
        self._is_read = True
        self._kept_boot = max(self._kept_boot, snapshot.boot)
        self._good_utc_ms = max(self._good_utc_ms, bounded_utc_ms(snapshot.saved_utc_ms))
        return self._open(now)

    def run(self, now: Now) -> list[Effect]:
        """Open the link without the journal when that has waited long enough."""
        return self._open(now) if self._open_s is not None and now.s >= self._open_s else []

    def _open(self, now: Now) -> list[Effect]:
        if self._open_s is None:
            return []
        self._open_s = None
        self.boot = max(self._kept_boot + 1, now.utc_ms // 1000)
        return [OpenMqtt(self.boot)]

    def broke(self, now: Now) -> None:
        """Note that the journal cannot be read, or the newest snapshot was not written: it is tried again."""
        self._is_read = True
        self._save_s = now.s + RETRY_S

    def save(self, new: Snapshot, now: Now, *, synced: bool = False) -> list[Effect]:
        """Write a snapshot that tells something new, or the time when that is due.

        The last good time never goes back, but by a clock that is `synced`.
        """
        if self._open_s is not None or self._save_s is None or not self._is_read:
            return []
        good_utc_ms = now.utc_ms if synced else max(now.utc_ms, self._good_utc_ms)
        new = replace(new, boot=max(self.boot, self._kept_boot), saved_utc_ms=self._saved.saved_utc_ms)
        if new == self._saved and now.s < self._save_s:
            return []
        new = replace(new, saved_utc_ms=good_utc_ms)
        self._good_utc_ms = good_utc_ms
        self._saved, self._save_s = new, now.s + SAVE_EVERY_S
        return [Save(new)]

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which something is due."""
        if self._open_s is not None:
            return self._open_s
        return self._save_s if self._is_read else None
