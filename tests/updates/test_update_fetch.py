"""A release in parts: taken up where a break left it, never in an alarm's way, and nothing trusted of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from kiosk.messages import LinkDown
from kiosk.net.call import Answered, Question
from kiosk.update import fetch as fetching
from kiosk.update.fetch import FAILURES, PART, fetch
from kiosk.update.places import UpdateFailed
from kiosk.update.release import MB, ROOM_MB

needs_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="a mount of its own needs root")
RELEASE = "ab" * 32
CONTENT = bytes(range(256)) * (PART // 128)  # two parts and no more
DOORS = ("a.example.kz:8443", "b.example.kz:8443")


@dataclass
class Doors:
    """Doors that offer a release; `answers` come first, an exception is raised."""

    content: bytes = CONTENT
    answers: list[Answered | Exception] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def call(self, door: str, question: Question) -> Answered:
        assert question.part is not None
        first, last = question.part
        self.asked.append((door[0], first))
        assert question.path == f"/v1/releases/{RELEASE}"
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        return Answered(206, self.content[first : last + 1], len(self.content))


def get(
    folder: Path, doors: Doors, waits: list[float] | None = None, quiet: list[bool] | None = None
) -> Path:
    quiet = quiet or []
    waited = [] if waits is None else waits
    return fetch(
        RELEASE, folder, doors=DOORS, caller=doors, wait=waited.append,
        is_quiet=lambda: quiet.pop(0) if quiet else True,
    )  # fmt: skip


def test_a_release_comes_in_parts(tmp_path: Path) -> None:
    doors = Doors()
    path = get(tmp_path / "incoming", doors)
    assert path.read_bytes() == CONTENT
    assert doors.asked == [("a", 0), ("a", PART)]
    assert get(tmp_path / "incoming", doors) == path
    assert len(doors.asked) == 2


def test_a_break_costs_only_its_part(tmp_path: Path) -> None:
    (tmp_path / f"{RELEASE}.part").write_bytes(CONTENT[:1000])
    (tmp_path / f"{'cd' * 32}.part").write_bytes(b"of another order")
    (tmp_path / f"pana-release-{'cd' * 32}.tar").write_bytes(b"of another order that a cut ended")
    doors, waits = Doors(answers=[LinkDown("reset")]), list[float]()
    assert get(tmp_path, doors, waits).read_bytes() == CONTENT
    assert doors.asked[:2] == [("a", 1000), ("b", 1000)]
    assert len(waits) == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"pana-release-{RELEASE}.tar"]


def test_doors_that_stay_away_leave_it_for_later(tmp_path: Path) -> None:
    doors = Doors(answers=[LinkDown("reset")] * FAILURES)
    with pytest.raises(LinkDown):
        get(tmp_path, doors)
    assert get(tmp_path, doors).read_bytes() == CONTENT


def test_an_open_incident_has_the_line_for_itself(tmp_path: Path) -> None:
    doors, waits = Doors(), list[float]()
    get(tmp_path, doors, waits, quiet=[False, False, True])
    assert len(waits) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answered(200, CONTENT[:10]),
        Answered(503, b'{"error": "busy"}'),
        Answered(206, CONTENT[:10]),
        Answered(206, b"", 10),
        Answered(206, CONTENT[:10], fetching.RELEASE_MAX + 1),
    ],
)
def test_an_answer_that_is_no_part_is_a_failure_like_any_other(tmp_path: Path, answer: Answered) -> None:
    doors = Doors(answers=[answer])
    assert get(tmp_path, doors).read_bytes() == CONTENT
    assert doors.asked[:2] == [("a", 0), ("b", 0)]


def test_a_file_that_became_another_is_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / f"{RELEASE}.part").write_bytes(b"x" * 5000)
    doors = Doors(answers=[Answered(416, b"")])
    assert get(tmp_path, doors).read_bytes() == CONTENT
    assert doors.asked[1] == ("b", 0)


def test_a_release_that_is_not_offered_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UpdateFailed) as caught:
        get(tmp_path, Doors(answers=[Answered(404, b"{}")]))
    assert caught.value.code == "update_not_offered"


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / f"{RELEASE}.part").symlink_to("/dev/full")
    with pytest.raises(UpdateFailed) as caught:
        get(tmp_path, Doors())
    assert caught.value.code == "update_space"


# ---- room


def with_room(monkeypatch: pytest.MonkeyPatch, free: Callable[[], int]) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free()))


def test_a_release_too_large_for_the_disk_is_refused_before_it_fills_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first part says how large it is; beside it must fit what an installation needs at the least."""
    with_room(monkeypatch, lambda: ROOM_MB * MB + len(CONTENT) - 1)
    doors = Doors()
    with pytest.raises(UpdateFailed, match=f"update_space: {ROOM_MB + 2} MB < {ROOM_MB + 3} MB"):
        get(tmp_path, doors)
    assert doors.asked == [("a", 0)]
    assert not list(tmp_path.iterdir())


def test_room_for_what_is_left_to_fetch_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tmp_path / f"{RELEASE}.part"
    part.write_bytes(CONTENT[:PART])
    with_room(monkeypatch, lambda: ROOM_MB * MB + len(CONTENT) - part.stat().st_size)
    assert get(tmp_path, Doors()).read_bytes() == CONTENT


def test_a_disk_that_is_full_already_costs_the_line_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even the refusal can be written the unit tries again each minute."""
    with_room(monkeypatch, lambda: ROOM_MB * MB)
    doors = Doors()
    with pytest.raises(UpdateFailed, match="update_space"):
        get(tmp_path, doors)
    assert doors.asked == []


CHILD = """
import os, sys, threading
from pathlib import Path
from kiosk.net.call import Answered
from kiosk.update.fetch import PART, fetch
from kiosk.update.places import UpdateFailed

folder, alarms = Path(sys.argv[1]), sys.argv[2] == "alarm"
opened = threading.Event()

class Doors:
    def call(self, door, question):
        if alarms:
            opened.set()
            threading.Event().wait()  # as long as a slow line takes
        return Answered(206, bytes(PART), 128 * PART)

try:
    fetch("ab" * 32, folder, doors=["a:1"], caller=Doors(), wait=print, is_quiet=lambda: not opened.is_set())
except UpdateFailed as error:
    disk = os.statvfs(folder)
    print(error.code, disk.f_bavail * disk.f_frsize // 1_000_000)
"""


def in_a_child(*words: str, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    command = [*prefix, sys.executable, "-c", CHILD, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@needs_mounts
@pytest.mark.real
def test_a_small_disk_keeps_its_room(tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=70m none {tmp_path}\nexec "$@"'
    done = in_a_child(str(tmp_path), "", prefix=("unshare", "-m", "sh", "-ec", mount, "sh"))
    assert done.stdout.split() == ["update_space", "73"], done.stderr


# ---- an alarm meanwhile


@pytest.mark.real
def test_an_alarm_in_the_middle_of_a_part_ends_the_process_and_frees_the_line(tmp_path: Path) -> None:
    """The unit, which starts anew after a failure only, then waits for the alarm's end."""
    done = in_a_child(str(tmp_path), "alarm")
    assert done.returncode == 1
    assert "update=left reason=incident" in done.stderr
