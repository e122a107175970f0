"""The board's own figures: model, heat, supply, disk, memory, clock.

Plain reads of /sys and /proc; what a board does not tell is None, never an error.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.messages import BoardRead
from kiosk.ports import Post

# get_throttled, bits of now: 0 under-voltage, 1 clock capped, 2 throttled, 3 soft temperature limit.
# (The same 16 bits higher: since boot.) Source: Raspberry Pi documentation, vcgencmd get_throttled.
UNDER_VOLTAGE = 0x1
THROTTLED = 0xE

# As systemd's timedatectl judges: the kernel's own bound of the error, which grows by 0.5 ms a second from
# the last correction on, is still below what an unsynchronised clock shows. STA_UNSYNC says less.
SYNCED_BELOW_US = 16_000_000

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class BoardIdentity:
    """Which board this is, "" where it does not say."""

    model: str
    serial: str


class Board:
    """Reads one board (port `BoardSensors`). `root` is / but for tests; `state` is the disk that matters."""

    def __init__(
        self,
        post: Post,
        *,
        state: Path,
        root: Path = Path("/"),
        clock_error_us: Callable[[], int | None] | None = None,
    ) -> None:
        self._post = post
        self._root = root
        self._state = state
        self._clock_error_us = clock_error_us or kernel_clock_error_us

    def read(self) -> None:
        """Read everything that this board tells and post BoardRead."""
        throttled = self._throttled()
        self._post(
            BoardRead(
                temp_c=self._temperature_c(),
                under_voltage=self._low_voltage_alarm() or bool(throttled & UNDER_VOLTAGE),
                throttled=bool(throttled & THROTTLED),
                disk_free_mb=self._disk_free_mb(),
                mem_free_mb=self._mem_free_mb(),
                clock_synced=self._clock_synced(),
            )
        )

    def identity(self) -> BoardIdentity:
        """Give model and serial number. Not from /proc/device-tree: ProcSubset=pid hides it."""
        tree = "sys/firmware/devicetree/base"
        return BoardIdentity(self._text(f"{tree}/model") or "", self._text(f"{tree}/serial-number") or "")

    def _temperature_c(self) -> int | None:
        millidegrees = self._number("sys/class/thermal/thermal_zone0/temp")
        return None if millidegrees is None else round(millidegrees / 1000)

    def _low_voltage_alarm(self) -> bool:
        """Tell whether the supply fell below 4.63 V lately (kernel driver raspberrypi-hwmon)."""
        for sensor in self._root.glob("sys/class/hwmon/hwmon*"):
            name = sensor.relative_to(self._root)
            if self._text(f"{name}/name") == "rpi_volt":
                return self._number(f"{name}/in0_lcrit_alarm") == 1
        return False

    def _throttled(self) -> int:
        """Give the firmware's bits; only Raspberry Pi's own kernel has them."""
        for file in self._root.glob("sys/devices/platform/soc*/*firmware/get_throttled"):
            return self._number(str(file.relative_to(self._root)), base=16) or 0
        return 0

    def _disk_free_mb(self) -> int | None:
        try:
            disk = os.statvfs(self._state)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize // MB

    def _mem_free_mb(self) -> int | None:
        for line in (self._text("proc/meminfo") or "").splitlines():
            name, _, rest = line.partition(":")
            figure = rest.split()
            if name == "MemAvailable" and figure and figure[0].isdecimal():
                return int(figure[0]) * 1024 // MB
        return None

    def _clock_synced(self) -> bool:
        """Tell whether the wall clock was set from a time server.

        First by systemd-timesyncd's mark, which any sandbox can see and which holds for this boot. Else, for
        chrony and others, by adjtimex(2), which knows every time daemon.
        """
        if (self._root / "run/systemd/timesync/synchronized").exists():
            return True
        if self._filtered():
            return False
        error_us = self._clock_error_us()
        return error_us is not None and error_us < SYNCED_BELOW_US

    def _filtered(self) -> bool:
        """Tell whether a seccomp filter is on: it may kill a process that calls adjtimex (@clock)."""
        status = self._text("proc/self/status") or ""
        return any(line.split() == ["Seccomp:", "2"] for line in status.splitlines())

    def _text(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text(errors="replace").strip().strip("\0")
        except OSError:
            return None

    def _number(self, path: str, *, base: int = 10) -> int | None:
        try:
            return int(self._text(path) or "", base)
        except ValueError:
            return None


def uptime_s() -> float:
    """Give the seconds since the board started, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def kernel_clock_error_us() -> int | None:
    """Give adjtimex(2)'s `maxerror` in microseconds, or None where the kernel refuses to tell."""
    import ctypes  # noqa: PLC0415  # 3 ms and 1 MB that a kiosk with timesyncd never pays

    # struct timex: int modes (0 = only read), then long offset, freq, maxerror and more, 208 bytes in all.
    timex = (ctypes.c_long * 64)()
    libc = ctypes.CDLL(None)
    return int(timex[3]) if libc.adjtimex(timex) >= 0 else None
