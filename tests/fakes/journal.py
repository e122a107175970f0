"""A journal on a disk in memory, with fault knobs; it keeps the same contract as the real one."""

from dataclasses import dataclass, field

from kiosk.messages import JournalBroke, JournalLoaded, JournalSaved, Snapshot
from kiosk.ports import Post


@dataclass
class FakeDisk:
    """What survives the process; `broken` refuses everything, `full` refuses writing, `damaged` was torn."""

    stored: Snapshot | None = None
    broken: str = ""
    full: bool = False
    damaged: bool = False
    quarantined: list[str] = field(default_factory=list)
    writes: int = 0


class FakeJournal:
    """Implements ports.Journal."""

    def __init__(self, disk: FakeDisk, post: Post) -> None:
        self._disk = disk
        self._post = post
        self._closed = False

    def load(self) -> None:
        disk, quarantined = self._disk, ""
        if disk.broken:
            self._post(JournalLoaded(Snapshot()))
            self._post(JournalBroke(disk.broken))
            return
        if disk.damaged:
            quarantined = f"journal.damaged-{len(disk.quarantined)}"
            disk.quarantined.append(quarantined)
            disk.damaged, disk.stored = False, None
        self._post(JournalLoaded(disk.stored or Snapshot(), quarantined))
        if disk.full:
            self._post(JournalBroke("disk full"))

    def save(self, snapshot: Snapshot) -> None:
        disk = self._disk
        if disk.broken or disk.full:
            self._post(JournalBroke(disk.broken or "disk full"))
            return
        if disk.stored != snapshot:
            disk.stored = snapshot
            disk.writes += 1
        self._post(JournalSaved())

    def close(self) -> None:
        self._closed = True
