"""A release by the centre's door: in parts, each its own call, taken up where a break left it.

Nothing is trusted of it: the file is verified whole afterwards. Waits while an incident is open or may be,
and leaves once one opens, so that an alarm has the line for itself. Never takes the last room of the disk.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from kiosk.check.lookout import lookout
from kiosk.messages import LinkDown
from kiosk.net.call import Answered, Question, demand_ok
from kiosk.update.places import UpdateFailed
from kiosk.update.release import MB, ROOM_MB, forget

PART = 1 << 20
PART_S = 300.0  # 3.5 kB/s are enough
FAILURES = 6
PAUSE_S = 10.0
RELEASE_MAX = (1 << 30) + (16 << 20)


class Calls(Protocol):
    """Who can ask a door: kiosk.net.call.Caller."""

    def call(self, door: str, question: Question) -> Answered:
        """Ask one door; raises LinkDown."""


def _leave() -> None:
    """End the process wherever it is: the unit tries again after its pause, and takes up what is there."""
    os._exit(1)


def fetch(
    release: str,
    folder: Path,
    *,
    doors: Sequence[str],
    caller: Calls,
    wait: Callable[[float], None],
    is_quiet: Callable[[], bool],
) -> Path:
    """Fetch a release into `folder`; give its file. Raises LinkDown for now, UpdateFailed for good.

    An incident that opens while a part is under way ends this process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / f"pana-release-{release}.tar"
    if done.exists():
        return done
    part = folder / f"{release}.part"
    forget(folder, keep=release)
    failures = 0
    while True:
        if not is_quiet():
            wait(PAUSE_S)
            continue
        door = doors[failures % len(doors)]
        size = part.stat().st_size if part.exists() else 0
        _demand_room(folder, PART)
        try:
            with lookout("update", lambda: not is_quiet(), _leave):
                answer = caller.call(door, _question(release, size))
            whole = _take(part, size, answer)
        except LinkDown:
            failures += 1
            if failures >= FAILURES:
                raise
            wait(PAUSE_S)
            continue
        failures = 0
        if part.stat().st_size >= whole:
            part.rename(done)
            return done


def _question(release: str, size: int) -> Question:
    return Question(path=f"/v1/releases/{release}", deadline_s=PART_S, part=(size, size + PART - 1))


def _demand_room(folder: Path, size: int) -> None:
    """Raise UpdateFailed unless so many bytes fit beside the least that an installation needs."""
    free = shutil.disk_usage(folder).free
    if size > free - ROOM_MB * MB:
        raise UpdateFailed("update_space", f"{free // MB} MB < {ROOM_MB + -(-size // MB)} MB")


def _take(part: Path, size: int, answer: Answered) -> int:
    """Put one part behind what is there, on the disk; give the length of the whole."""
    if answer.status == HTTPStatus.NOT_FOUND:
        raise UpdateFailed("update_not_offered", part.stem)
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        part.unlink(missing_ok=True)  # it became another file
        raise LinkDown("the centre's file is shorter than what was fetched")
    if answer.status != HTTPStatus.PARTIAL_CONTENT:
        demand_ok(answer)
        raise LinkDown("the door does not answer in parts")
    if answer.whole is None or not answer.body or answer.whole > RELEASE_MAX:
        raise LinkDown("a part that says nothing of the whole")
    _demand_room(part.parent, answer.whole - size)
    try:
        with part.open("ab") as file:
            file.truncate(size)
            file.write(answer.body)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UpdateFailed("update_space", error.strerror or "") from error
    return answer.whole
