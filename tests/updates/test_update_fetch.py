"""A release in parts: taken up where a break left it, never in an alarm's way, and nothing trusted of it."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kiosk.messages import LinkDown
from kiosk.net.call import Answered, Question
from kiosk.update import fetch as fetching
from kiosk.update.fetch import FAILURES, PART, fetch
from kiosk.update.places import UpdateFailed

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
