"""The count of recent starts: a loop is seen (pitfall 37), and nothing about the file can stop a start."""

from pathlib import Path

import pytest

from kiosk import starts
from kiosk.starts import LIMIT, WINDOW_S


def starts_at(run: Path, *times_s: float) -> list[bool]:
    return [starts.too_many(run, at_s) for at_s in times_s]


def test_a_few_starts_are_no_loop(tmp_path: Path) -> None:
    assert starts_at(tmp_path, *range(LIMIT)) == [False] * LIMIT


def test_more_starts_within_the_window_are_a_loop(tmp_path: Path) -> None:
    assert starts_at(tmp_path, *range(LIMIT + 2))[-2:] == [True, True]


def test_starts_far_apart_are_no_loop(tmp_path: Path) -> None:
    assert not any(starts_at(tmp_path, *(number * WINDOW_S / (LIMIT - 1) for number in range(50))))


def test_the_edge_of_the_window_counts(tmp_path: Path) -> None:
    assert starts_at(tmp_path, *[0.0] * LIMIT, WINDOW_S)[-1] is True
    assert starts_at(tmp_path / "other", *[0.0] * LIMIT, WINDOW_S + 0.1)[-1] is False


def test_an_ordered_end_forgets_them(tmp_path: Path) -> None:
    starts_at(tmp_path, *range(LIMIT))
    starts.forget(tmp_path)
    assert starts_at(tmp_path, LIMIT) == [False]
    assert (tmp_path / "starts.json").exists()


def test_times_of_another_boot_do_not_count(tmp_path: Path) -> None:
    """Monotonic time began anew: what lies in the future was before the reboot."""
    starts_at(tmp_path, *(9000.0 + number for number in range(LIMIT)))
    assert starts_at(tmp_path, 5.0) == [False]


def test_the_file_stays_small(tmp_path: Path) -> None:
    starts_at(tmp_path, *(number / 100 for number in range(1000)))
    assert (tmp_path / "starts.json").stat().st_size < 200


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"{}", b'["x"]', b"[1e999]", b"[null]", b"[" * 10_000, b"1"]
)
def test_garbage_counts_as_none(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "starts.json").write_bytes(garbage)
    assert starts.too_many(tmp_path, 1.0) is False
    assert (tmp_path / "starts.json").read_bytes() == b"[1.0]"


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert starts.too_many(tmp_path / "run" / "kiosk", 1.0) is False
    assert (tmp_path / "run" / "kiosk" / "starts.json").exists()


def test_a_file_that_cannot_be_read_or_written_is_no_loop_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "starts.json").mkdir()
    assert starts_at(tmp_path, *range(LIMIT + 3)) == [False] * (LIMIT + 3)
    starts.forget(tmp_path)
    assert "starts=unknown" in caplog.text
    assert "starts=kept" in caplog.text


def test_a_file_where_the_folder_should_be_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    assert starts.too_many(tmp_path / "run", 1.0) is False
    starts.forget(tmp_path / "run")


def test_forgetting_what_never_was_is_no_error(tmp_path: Path) -> None:
    starts.forget(tmp_path / "nowhere")
