"""The first thing a start does: read the site's file and open the buttons, before anything else loads.

What is pressed from then on waits in the queue, with the kernel's own time, until the core is there.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

from kiosk.config import Config
from kiosk.config_text import decode
from kiosk.hw.button import GpioInputs
from kiosk.hw.gpio import PinSource
from kiosk.messages import ConfigError, InputName, KioskEvent

# The text that this kiosk last ran with, looked for at the usual place: what could name another is damaged.
COPY = "site.good.toml"
USUAL_FILE = Path("/etc/pana-kiosk/site.toml")
USUAL_COPY = Path("/var/lib/pana-kiosk") / COPY


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """An armed kiosk without a mind yet: events of its inputs gather in `queue`.

    `wrong` says why `site_file` cannot be used, where the kiosk was armed by `file`, its copy, instead.
    """

    file: Path
    site_file: Path
    text: str
    config: Config
    queue: SimpleQueue[KioskEvent]
    pins: PinSource
    inputs: GpioInputs
    allow_mock: bool = False
    wrong: str = ""


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
        file=file, site_file=file, text=text, config=config, queue=queue, pins=pins, inputs=inputs,
        allow_mock=allow_mock,
    )  # fmt: skip


def arm_by_copy(
    file: Path, error: ConfigError, *, allow_mock: bool = False, queue: SimpleQueue[KioskEvent] | None = None
) -> Armed:
    """Arm by what this kiosk last ran with, for its own file is wrong. Raises that `error` if it cannot."""
    if file != USUAL_FILE:
        raise error
    try:
        armed = arm(USUAL_COPY, allow_mock=allow_mock, queue=queue)
    except ConfigError:
        raise error from None
    return replace(armed, site_file=file, wrong=str(error))
