"""A kiosk's journal behind its port: the real packing, on a disk that stalls, fills and tears. Pure.

Faults of `disk:<who>`: `full`, `stall` (nothing ends before it heals), `worn`
(a power cut leaves a damaged file).
"""

from collections.abc import Callable

from kiosk.journal.record import Damaged, Packed, pack, unpack
from kiosk.messages import JournalBroke, JournalLoaded, JournalSaved, KioskEvent, Snapshot
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.dice import Dice
from kiosk.simulate.weather import HEALED, Weather

SYNC_S = (0.004, 0.06)
LOAD_S = (0.02, 0.4)


class Disk:
    """What survives the process: the newest snapshot that was written whole."""

    def __init__(self, agenda: Agenda, weather: Weather, *, who: str, dice: Dice) -> None:
        self._agenda = agenda
        self._weather = weather
        self._where = f"disk:{who}"
        self._dice = dice
        self.packed: Packed | None = None
        self.bytes_max = 0
        self.lost = False  # the last load found a damaged file

    def has(self, how: str) -> bool:
        """Tell whether a fault lies on it."""
        return self._weather.has(self._where, how)

    def write(self, packed: Packed) -> None:
        """Put a snapshot there."""
        self.packed = packed
        self.bytes_max = max(self.bytes_max, len(packed.body))

    def tear(self) -> None:
        """Let a power cut leave half a file."""
        if self.packed is not None:
            body = self.packed.body
            self.packed = Packed(self.packed.format, body[: len(body) // 2], self.packed.sha256)

    def read(self) -> tuple[Snapshot, str]:
        """Give what is there, and the name of a damaged file that was set aside."""
        self.lost = False
        if self.packed is None:
            return Snapshot(), ""
        try:
            return unpack(self.packed.format, self.packed.body, self.packed.sha256), ""
        except Damaged:
            self.packed, self.lost = None, True
            return Snapshot(), "journal.sqlite.damaged"

    def once(self, watcher: Callable[[], None]) -> None:
        """Be told once when it heals."""
        waiting = [watcher]

        def healed(how: str) -> None:
            if how == HEALED and waiting and not self.has("stall"):
                waiting.pop()()

        self._weather.watch(self._where, healed)

    def sync_s(self) -> float:
        """Give how long one fsync takes."""
        return self._dice.between(*SYNC_S)

    def load_s(self) -> float:
        """Give how long reading takes."""
        return self._dice.between(*LOAD_S)


class Journal:
    """The journal's worker for one life of the process: the newest snapshot replaces a waiting one."""

    def __init__(self, agenda: Agenda, disk: Disk, post: Callable[[KioskEvent], None]) -> None:
        self._agenda = agenda
        self._disk = disk
        self._post = post
        self._alive = True
        self._busy = True  # until it is loaded
        self._writing: Packed | None = None
        self._waiting: Snapshot | None = None

    def load(self) -> None:
        """Read the store."""
        if self._disk.has("stall"):
            self._disk.once(self._load)
        else:
            self._load()

    def _load(self) -> None:
        self._agenda.after(self._disk.load_s(), self._loaded)

    def _loaded(self) -> None:
        if not self._alive:
            return
        snapshot, quarantined = self._disk.read()
        self._busy = False
        self._next()  # what waits is begun before the core has heard what was read
        self._post(JournalLoaded(snapshot, quarantined))

    def save(self, snapshot: Snapshot) -> None:
        """Write one snapshot; a newer one replaces one that waits."""
        self._waiting = snapshot
        self._next()

    def _next(self) -> None:
        if self._busy or self._waiting is None or not self._alive:
            return
        self._busy = True
        self._writing, self._waiting = pack(self._waiting), None
        if self._disk.has("stall"):
            self._disk.once(self._sync)
        else:
            self._sync()

    def _sync(self) -> None:
        if self._alive:
            self._agenda.after(self._disk.sync_s(), self._written)

    def _written(self) -> None:
        if not self._alive or self._writing is None:
            return
        if self._disk.has("full"):
            self._writing = None
            self._post(JournalBroke("SQLITE_FULL: database or disk is full"))
        else:
            self._disk.write(self._writing)
            self._writing = None
            self._post(JournalSaved())
        self._busy = False
        self._next()

    def die(self, *, power: bool, lucky: bool) -> None:
        """End with the process; the commit under way is whole or not there at all, as WAL promises."""
        self._alive = False
        if self._writing is not None and lucky and not self._disk.has("full"):
            self._disk.write(self._writing)
        if power and self._disk.has("worn"):
            self._disk.tear()

    def finish(self) -> None:
        """End in order: what waits is written first."""
        self._alive = False
        if not self._disk.has("full") and not self._disk.has("stall"):
            last = pack(self._waiting) if self._waiting is not None else self._writing
            if last is not None:
                self._disk.write(last)
