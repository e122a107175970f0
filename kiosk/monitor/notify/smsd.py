"""Texts that gammu-smsd wrote into its inbox folder: each is read, asked about, and moved aside.

A file is moved only when the centre has answered, so that a crash loses none; a file's name is the text's
id, so that reading it twice is harmless. Names and contents are anybody's: nothing of them is believed.
"""

import logging
import re
import stat
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

LOG = logging.getLogger(__name__)
NAME = re.compile(r"IN[0-9]{8}_[0-9]{6}_[0-9]{1,6}_([+0-9A-Za-z ._-]{0,40})_[0-9]{1,4}\.txt")
TURN_S = 1.0
AGAIN_TURNS = 30  # a question that nobody answered is asked again
BATCH = 100  # texts that are asked about at once, and strange files that one turn moves
STRANGE_KEPT = 1000  # anybody may send as many as they like
SIZE_MAX = 4096
YOUNG_S = 60.0
TEXT_MAX = 1000
CLOSE_S = 3.0
STRANGE = "IN*"  # beside NAME: gammu-smsd writes a binary SMS (WAP push, MMS) as .bin
DONE, BAD = "processed", "unreadable"
BOMS = (b"\xff\xfe", b"\xfe\xff")

Ask = Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], None]


class SmsdInbox:
    """Watches one folder on one thread."""

    def __init__(self, folder: Path, ask: Ask) -> None:
        self._folder = folder
        self._ask = ask
        self._answered: SimpleQueue[tuple[str, bool]] = SimpleQueue()
        self._asked: dict[str, int] = {}
        self._turns = 0
        self._fault = ""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="smsd-inbox", daemon=True)

    def open(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """End; idempotent."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self.turn()
            except OSError as error:
                self._complain(f"{self._folder}: {error.strerror or type(error).__name__}")
            else:
                self._fault = ""
            self._closing.wait(TURN_S)

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            LOG.error("smsd inbox=unusable reason=%r", fault)
        self._fault = fault

    def turn(self) -> None:
        """Move what was answered aside, ask about what is new, then move aside what is no text.

        Raises OSError when it cannot.
        """
        self._turns += 1
        with suppress(Empty):
            while True:
                name, taken = self._answered.get_nowait()
                if taken:
                    self._move(name, DONE)
                self._asked.pop(name, None)
        found = sorted(self._folder.iterdir())
        self._ask_about([path for path in found if NAME.fullmatch(path.name)][: BATCH * 10])
        self._clear([path for path in found if path.match(STRANGE) and not NAME.fullmatch(path.name)])

    def _ask_about(self, texts: Iterable[Path]) -> None:
        for path in texts:
            if len(self._asked) >= BATCH:
                return
            asked = self._asked.get(path.name)
            if asked is None or self._turns - asked >= AGAIN_TURNS:
                self._take(path)

    def _take(self, path: Path) -> None:
        """Ask about one file; an unreadable one goes aside."""
        found = NAME.fullmatch(path.name)
        if found is None or _is_unfilled(path):
            return
        text = _read(path)
        if text is None:
            LOG.error("smsd file=unreadable moved_to=%s", BAD)
            self._move(path.name, BAD)
            return
        self._asked[path.name] = self._turns
        question = {
            "ask": "sms",
            "message_id": f"smsd-{path.stem}"[:128],
            "door": "smsd",
            "number": found[1],
            "text": text[:TEXT_MAX],
        }
        self._ask(question, lambda answer, name=path.name: self._hear(name, answer))  # type: ignore[misc]

    def _hear(self, name: str, answer: dict[str, Any]) -> None:
        """Note an answer, on the centre's thread: one that says `not on disk yet` is asked again."""
        waits = "error" in answer or str(answer.get("text", "")).startswith("not on disk")
        self._answered.put((name, not waits))

    def _clear(self, strange: Iterable[Path]) -> None:
        """Move what is no text to what cannot be read; only the newest of it stays there."""
        old = [path for path in strange if not _is_young(path)][:BATCH]
        if not old:
            return
        for path in old:
            self._move(path.name, BAD)
        LOG.error("smsd strange=%d moved_to=%s", len(old), BAD)
        kept = sorted(path for path in (self._folder / BAD).glob(STRANGE) if not NAME.fullmatch(path.name))
        for path in kept[:-STRANGE_KEPT]:
            with suppress(OSError):
                path.unlink()

    def _move(self, name: str, where: str) -> None:
        aside = self._folder / where
        aside.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            (self._folder / name).replace(aside / name)


def _is_unfilled(path: Path) -> bool:
    """Tell whether an empty file is so young that gammu-smsd, which makes it first, may still fill it."""
    with suppress(OSError):
        return path.lstat().st_size == 0 and _is_young(path)
    return False


def _is_young(path: Path) -> bool:
    """Tell whether somebody may still be writing or renaming it."""
    with suppress(OSError):
        return abs(time.time() - path.lstat().st_mtime) < YOUNG_S
    return False


def _read(path: Path) -> str | None:
    """Read one small, regular file as UTF-8, or as UTF-16 where it says so; None when it is neither."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > SIZE_MAX:
            return None
        raw = path.read_bytes()
        return raw.decode("utf-16" if raw[:2] in BOMS else "utf-8").strip("\r\n\0")
    except (OSError, UnicodeError):
        return None
