"""The board's figures, from a made-up root, and from this very machine."""

import time
from pathlib import Path

import pytest

from kiosk.hw import board as boards
from kiosk.hw.board import Board, BoardIdentity
from kiosk.messages import BoardRead

UNFILTERED = "Name:\tkiosk\nSeccomp:\t0\n"


class Root:
    """A root directory with only what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.put("proc/self/status", UNFILTERED)

    def put(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def read(self, *, clock_error_us: int | None = None, state: str = "") -> BoardRead:
        posted: list[BoardRead] = []
        Board(
            posted.append,  # type: ignore[arg-type]
            state=self.path / state,
            root=self.path,
            clock_error_us=lambda: clock_error_us,
        ).read()
        return posted[0]


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path)


def test_a_board_that_tells_nothing_is_read_without_an_error(root: Root) -> None:
    (root.path / "proc/self/status").unlink()
    assert root.read(state="absent") == BoardRead(
        temp_c=None,
        under_voltage=False,
        throttled=False,
        disk_free_mb=None,
        mem_free_mb=None,
        clock_synced=False,
    )
    assert Board(print, state=root.path, root=root.path).identity() == BoardIdentity("", "")


def test_model_and_serial_come_from_sysfs(root: Root) -> None:
    """Pitfall 43: ProcSubset=pid hides /proc/device-tree."""
    root.put("sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.1\0")
    root.put("sys/firmware/devicetree/base/serial-number", "10000000abcdef01\0")
    identity = Board(print, state=root.path, root=root.path).identity()
    assert identity == BoardIdentity("Raspberry Pi 4 Model B Rev 1.1", "10000000abcdef01")


def test_heat_and_memory_are_read(root: Root) -> None:
    root.put("sys/class/thermal/thermal_zone0/temp", "48686\n")
    root.put("proc/meminfo", "MemTotal:  948304 kB\nMemFree:  1 kB\nMemAvailable:  500000 kB\n")
    read = root.read()
    assert read.temp_c == 49
    assert read.mem_free_mb == 512
    assert read.disk_free_mb is not None
    assert read.disk_free_mb >= 0


@pytest.mark.parametrize(("text", "temp_c"), [("", None), ("hot", None), ("-5000", -5)])
def test_nonsense_is_no_figure(root: Root, text: str, temp_c: int | None) -> None:
    root.put("sys/class/thermal/thermal_zone0/temp", text)
    root.put("proc/meminfo", "MemAvailable: much\nMemAvailable:\nnothing")
    assert root.read().temp_c == temp_c
    assert root.read().mem_free_mb is None


@pytest.mark.parametrize(("alarm", "low"), [("1", True), ("0", False)])
def test_the_supply_s_alarm_is_told(root: Root, alarm: str, low: bool) -> None:
    """Pitfall 38: bursts of the modem pull the supply down."""
    root.put("sys/class/hwmon/hwmon0/name", "cpu_thermal")
    root.put("sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    root.put("sys/class/hwmon/hwmon1/in0_lcrit_alarm", f"{alarm}\n")
    assert root.read().under_voltage is low


@pytest.mark.parametrize(
    ("bits", "low", "throttled"),
    [
        ("0", False, False),
        ("1", True, False),
        ("50005", True, True),
        ("50000", False, False),
        ("8", False, True),
    ],
)
@pytest.mark.parametrize("folder", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_the_firmware_s_bits_of_now_are_told_and_those_of_the_past_not(
    root: Root, folder: str, bits: str, low: bool, throttled: bool
) -> None:
    """Pitfall 38."""
    root.put(f"sys/devices/platform/{folder}/get_throttled", f"{bits}\n")
    read = root.read()
    assert (read.under_voltage, read.throttled) == (low, throttled)


def test_timesyncd_s_mark_means_synced_and_nothing_else_is_asked(root: Root) -> None:
    """Pitfall 32: no RTC, so the clock is wrong until somebody set it."""
    root.put("run/systemd/timesync/synchronized", "")
    root.put("proc/self/status", "Seccomp:\t2\n")
    assert root.read(clock_error_us=None).clock_synced


@pytest.mark.parametrize(("error_us", "synced"), [(2_000, True), (16_000_000, False), (None, False)])
def test_any_time_daemon_is_known_by_the_kernel_s_error_bound(
    root: Root, error_us: int | None, synced: bool
) -> None:
    assert root.read(clock_error_us=error_us).clock_synced is synced


def test_the_kernel_is_not_asked_under_a_filter_that_might_kill_us(root: Root) -> None:
    root.put("proc/self/status", "Seccomp:\t2\n")
    posted: list[object] = []

    def killed() -> int:
        raise AssertionError("SIGSYS")

    Board(posted.append, state=root.path, root=root.path, clock_error_us=killed).read()  # type: ignore[arg-type]
    assert len(posted) == 1


def test_this_machine_s_kernel_gives_its_clock_s_error_bound() -> None:
    error_us = boards.kernel_clock_error_us()
    assert error_us is None or 0 <= error_us <= 16_000_000


def test_the_uptime_goes_on(tmp_path: Path) -> None:
    before = boards.uptime_s()
    assert before > 0
    assert boards.uptime_s() >= before
    assert before >= time.monotonic() - 1
