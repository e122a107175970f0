"""What commands read of a site's file that may be half edited."""

from pathlib import Path

import pytest

from kiosk.commands.clock import duration, local_moment, local_time, utc_moment
from kiosk.commands.options import SOCKET, Glance, glance


def written(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_paths_language_and_drill_time_come_from_the_file(tmp_path: Path) -> None:
    text = '[kiosk]\nlanguages = ["ru"]\n[paths]\nrun = "/a"\nstate = "/b"\n[timing]\ndrill_s = 20\n'
    seen = glance(written(tmp_path, text))
    assert seen == Glance(run=Path("/a"), state=Path("/b"), language="ru", drill_s=20.0)
    assert seen.socket == Path("/a") / SOCKET


@pytest.mark.parametrize(
    "text",
    [
        "[paths",
        "",
        "paths = 3\nkiosk = 1\ntiming = []\n",
        '[paths]\nrun = "relative"\nstate = 1\n[kiosk]\nlanguages = [7]\n[timing]\ndrill_s = "x"\n',
        '[kiosk]\nlanguages = ["fr"]\n',
        "a = " + "[" * 2000,
    ],
)
def test_whatever_is_wrong_with_the_file_has_its_default(tmp_path: Path, text: str) -> None:
    assert glance(written(tmp_path, text)) == Glance()
    assert glance(tmp_path / "none") == Glance()


def test_times_are_shown_in_the_countrys_one_zone_and_sent_in_utc() -> None:
    """Pitfall 33: Kazakhstan is UTC+5; the machine's tzdata is not asked."""
    noon_utc_s = 1_800_014_400.123  # 2027-01-15 12:00:00 UTC
    assert local_time(noon_utc_s) == "17:00:00"
    assert local_moment(noon_utc_s) == "2027-01-15 17:00:00"
    assert utc_moment(noon_utc_s) == "2027-01-15T12:00:00.123Z"


def test_a_length_of_time_is_told_by_its_two_largest_parts() -> None:
    assert [duration(s) for s in (0, 59.9, 61, 3600, 90061)] == ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h"]
