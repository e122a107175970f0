"""The first thing a start does: read the site's file and open the buttons, before anything else loads.

What is pressed from then on waits in the queue, with the kernel's own time, until the core is there.
"""

from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from kiosk.config import Config
from kiosk.config_text import decode
from kiosk.hw.button import GpioInputs
from kiosk.hw.gpio import PinSource
from kiosk.messages import ConfigError, InputName, KioskEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """An armed kiosk without a mind yet: events of its inputs gather in `queue`."""

    file: Path
    text: str
    config: Config
    queue: SimpleQueue[KioskEvent]
    pins: PinSource
    inputs: GpioInputs
    allow_mock: bool = False


def read_config(file: Path) -> tuple[Config, str]:
    """Read and decode a site's file; give it with its text. Raises ConfigError."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file}: cannot be read as UTF-8 text ({error}); give the site's TOML file"
        ) from error
    return decode(Config, text, str(file)), text


def arm(file: Path, *, allow_mock: bool = False, queue: SimpleQueue[KioskEvent] | None = None) -> Armed:
    """Open every input of the site. Raises ConfigError; an input that fails is an InputLost in the queue."""
    config, text = read_config(file)
    queue = SimpleQueue() if queue is None else queue
    pins = PinSource(config.gpio, allow_mock=allow_mock)
    wired = {InputName(name): way for name, way in config.inputs().items()}
    inputs = GpioInputs(queue.put, wired, pins)
    inputs.open()
    return Armed(
        file=file, text=text, config=config, queue=queue, pins=pins, inputs=inputs, allow_mock=allow_mock
    )
