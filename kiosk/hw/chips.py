"""Which GPIO chip: by path, by name or by label, never a silent second choice.

Owns the one-sentence errors of chips and lines. Never requests a line.
"""

import errno
from pathlib import Path
from types import ModuleType
from typing import Any

from gpiozero.exc import BadPinFactory, GPIOPinInUse, GPIOZeroError

# Newest first. The number of the header's chip changed between kernels (Pi 5: gpiochip4, gpiochip0 since
# rpi-6.6.45), the label did not: raspberrypi/linux#6144.
PI_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")

DEVICES = Path("/dev")


class ChipMissing(BadPinFactory):  # type: ignore[misc]  # gpiozero ships no types
    """The wanted GPIO chip does not exist, or more than one answers to its label."""


class _OsFault(GPIOZeroError, OSError):  # type: ignore[misc]  # gpiozero ships no types
    """An OSError whose text is only its sentence."""

    def __str__(self) -> str:
        return str(self.strerror)


class ChipDenied(_OsFault, PermissionError):
    """A GPIO chip exists but may not be opened."""


class LineBusy(GPIOPinInUse, _OsFault):  # type: ignore[misc]  # gpiozero ships no types
    """A line is held by another process or by the kernel."""


class LineRefused(_OsFault):
    """A line cannot do what was asked of it, for example tell edges."""


class LineLost(_OsFault):
    """A line does not answer any more: its chip vanished."""


def open_chip(gpiod: ModuleType, wanted: int | str | None = None, *, devices: Path = DEVICES) -> Any:
    """Open a chip: None means the Raspberry Pi's header; a number, name or path; anything else is a label.

    `gpiod` is the libgpiod v2 module. Raises ChipMissing, ChipDenied or the OSError of the open.
    """
    path = _path_of(wanted, devices)
    return _open(gpiod, path if path is not None else _labelled(gpiod, wanted, devices))


def _path_of(wanted: int | str | None, devices: Path) -> Path | None:
    if wanted is None:
        return None
    text = str(wanted)
    if text.isdecimal():
        return devices / f"gpiochip{text}"
    if text.removeprefix("gpiochip").isdecimal():
        return devices / text
    return Path(text) if text.startswith("/") else None


def _labelled(gpiod: ModuleType, wanted: int | str | None, devices: Path) -> Path:
    labels = PI_LABELS if wanted is None else (str(wanted),)
    found, denied = _scan(gpiod, devices)
    for label in labels:
        paths = [path for path, its in found.items() if its == label]
        if len(paths) == 1:
            return paths[0]
        if paths:
            names = " and ".join(map(str, paths))
            raise ChipMissing(f"{len(paths)} GPIO chips are labelled {label} ({names}): name one by its path")
    if denied is not None:
        raise _denied(denied)
    there = ", ".join(f"{path} is {label}" for path, label in found.items()) or "there is none"
    raise ChipMissing(f"no GPIO chip is labelled {' or '.join(labels)} ({there}): name one by path or label")


def _scan(gpiod: ModuleType, devices: Path) -> tuple[dict[Path, str], Path | None]:
    """Give each chip's label, once though symlinks lead to it, and one chip that may not be opened."""
    found: dict[Path, str] = {}
    denied: Path | None = None
    for path in sorted({entry.resolve() for entry in devices.glob("gpiochip*")}):
        try:
            chip = gpiod.Chip(str(path))
        except PermissionError:
            denied = path
        except OSError:
            continue  # not a chip, or gone since the listing
        else:
            found[path] = chip.get_info().label
            chip.close()
    return found, denied


def _open(gpiod: ModuleType, path: Path) -> Any:
    try:
        return gpiod.Chip(str(path))
    except FileNotFoundError as error:
        raise ChipMissing(f"there is no GPIO chip {path}") from error
    except PermissionError as error:
        raise _denied(path) from error
    except OSError as error:
        raise ChipMissing(f"{path} is not a GPIO chip ({error.strerror})") from error


def _denied(path: Path) -> ChipDenied:
    return ChipDenied(
        errno.EACCES, f"{path} may not be opened: join the group gpio, or set DeviceAllow=char-gpiochip rw"
    )
