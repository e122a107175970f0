"""Which pins the board has, as gpiozero wants to know it.

Owns the choice between a Raspberry Pi's header and the plain numbers of any other chip. Touches no line.
"""

import struct
from pathlib import Path
from typing import Any

from gpiozero.compat import frozendict
from gpiozero.exc import PinUnknownPi
from gpiozero.pins import BoardInfo, HeaderInfo, PinInfo
from gpiozero.pins.pi import PiBoardInfo

from kiosk.hw.chips import PI_LABELS

# Not /proc/device-tree: a service with ProcSubset=pid cannot see it.
DEVICE_TREE = Path("/sys/firmware/devicetree/base")

NEW_STYLE = 0x800000
OLD_STYLE = 0xFFFF  # above it: "overvolted" and warranty bits of the first boards


def pi_revision(tree: Path = DEVICE_TREE) -> int | None:
    """Give the Raspberry Pi's revision code, or None where the device tree has none."""
    try:
        (code,) = struct.unpack(">L", (tree / "system/linux,revision").read_bytes()[:4])
    except (OSError, struct.error):
        return None
    return int(code if code & NEW_STYLE else code & OLD_STYLE)


def board_of(label: str, lines: int, tree: Path = DEVICE_TREE) -> Any:
    """Give the board behind a chip: a Pi's own header, or GPIO0 to GPIO<lines - 1> of any other chip."""
    revision = pi_revision(tree) if label in PI_LABELS else None
    if revision is not None:
        try:
            return PiBoardInfo.from_revision(revision)
        except PinUnknownPi:
            pass  # a model newer than this gpiozero: its GPIO numbers hold all the same
    return _plain(label, lines)


def _plain(label: str, lines: int) -> Any:
    pins = {
        number + 1: PinInfo(
            number=number + 1, name=f"GPIO{number}", names=frozenset({number, str(number), f"GPIO{number}"}),
            pull="", row=number + 1, col=1, interfaces=frozenset({"gpio"}),
        )
        for number in range(lines)
    }  # fmt: skip
    header = HeaderInfo(name=label, rows=lines, columns=1, pins=frozendict(pins))
    return BoardInfo(
        revision="", model=label, pcb_revision="", released="", soc="", manufacturer="", memory=0, storage="",
        usb=0, usb3=0, ethernet=0, eth_speed=0, wifi=False, bluetooth=False, csi=0, dsi=0,
        headers=frozendict({label: header}), board=label,
    )  # fmt: skip
