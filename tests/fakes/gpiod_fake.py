"""A board's GPIO chips behind the face of the `gpiod` module, with the kernel's rules and fault knobs.

Only Chip and LineRequest are simulated; every value type is the real module's, so those cannot drift. The
rest is held to the real signatures by tests/hw/test_gpiod_fake.py. A request's descriptor is a real pipe.
"""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

KERNEL_BUFFER = 16  # events a line, unless the request asks for more


def fault(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Wire:
    """One line of a simulated chip: what is outside of it, and what the kernel did to it."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.driven: bool | None = None
        self.output = False
        self.settings = gpiod.LineSettings()
        self.direction = Direction.INPUT
        self.request: LineRequest | None = None
        self.consumer = ""
        self.leads_to: list[Wire] = []
        self.history: list[tuple[Direction, bool]] = []
        self.last = False
        self.seen_as = False
        self.storm_ns: int | None = None

    @property
    def level(self) -> bool:
        if self.direction is Direction.OUTPUT:
            return self.output
        if self.driven is not None:
            return self.driven
        pulls = {Bias.PULL_UP: True, Bias.PULL_DOWN: False}
        return pulls.get(self.settings.bias, self.last)


class SimChip:
    """The simulated hardware. Knobs: `vanish()`, `storm()`, `come_back()`, `denied`, `without_edges`."""

    def __init__(self, label: str, lines: int = 54, *, name: str = "gpiochip0") -> None:
        self.label = label
        self.name = name
        self.wires = [Wire(offset) for offset in range(lines)]
        self.denied = False
        self.without_edges = False
        self.present = True
        self.clock_ns: Callable[[], int] = time.monotonic_ns

    def drive(self, offset: int, high: bool | None, *, at_ns: int | None = None) -> None:
        """Put a level on a line from outside; None lets go of it."""
        self.change(self.wires[offset], lambda wire: setattr(wire, "driven", high), at_ns=at_ns)

    def level(self, offset: int) -> bool:
        return self.wires[offset].level

    def wire(self, source: int, target: int) -> None:
        """Solder an output to an input."""
        self.wires[source].leads_to.append(self.wires[target])

    def occupy(self, offset: int, consumer: str) -> None:
        """Let the kernel or another process hold a line."""
        self.wires[offset].consumer = consumer

    def storm(self, offset: int, every_ns: int) -> None:
        """Let edges come on a claimed line without end: whenever it is read its buffer is full."""
        wire = self.wires[offset]
        wire.storm_ns = every_ns
        assert wire.request is not None
        wire.request.edge(wire, high=False, at_ns=self.clock_ns())

    def calm(self, offset: int, *, high: bool) -> None:
        """End a storm at this level; what is in the buffer stays there."""
        self.wires[offset].storm_ns = None
        self.drive(offset, not high)
        self.drive(offset, high)

    def vanish(self) -> None:
        """Unplug the chip: every descriptor hangs up, every call says ENODEV."""
        self.present = False
        for wire in self.wires:
            if wire.request is not None:
                wire.request.hang_up()

    def come_back(self) -> None:
        """Plug the chip in again; what was claimed before stays dead."""
        self.present = True
        for wire in self.wires:
            wire.request, wire.consumer, wire.settings = None, "", gpiod.LineSettings()

    def change(self, wire: Wire, act: Callable[[Wire], None], *, at_ns: int | None = None) -> None:
        wire.last = wire.level
        act(wire)
        level = wire.level
        if level == wire.last:
            return
        if wire.request is not None:
            wire.request.edge(wire, high=level, at_ns=at_ns if at_ns is not None else self.clock_ns())
        for target in wire.leads_to:
            self.change(target, lambda it: setattr(it, "driven", level), at_ns=at_ns)


class FakeGpiod:
    """Stands in for the module: `chips` by device path."""

    LineSettings = gpiod.LineSettings
    EdgeEvent = gpiod.EdgeEvent
    line = gpiod.line

    def __init__(self, chips: dict[Path, SimChip]) -> None:
        self.chips = {str(path): chip for path, chip in chips.items()}

    def is_gpiochip_device(self, path: str) -> bool:
        return path in self.chips

    def Chip(self, path: str) -> "Chip":  # noqa: N802  # the module's own name
        return Chip(path, self)


class Chip:
    def __init__(self, path: str, module: "FakeGpiod | None" = None) -> None:
        sim = None if module is None else module.chips.get(path)
        if sim is None:
            raise fault(errno.ENOTTY if Path(path).exists() else errno.ENOENT)
        if not sim.present:
            raise fault(errno.ENOENT)
        if sim.denied:
            raise fault(errno.EACCES)
        self._sim: SimChip | None = sim
        self.path = path

    def close(self) -> None:
        self._sim = None

    def _live(self) -> SimChip:
        if self._sim is None:
            raise gpiod.ChipClosedError
        if not self._sim.present:
            raise fault(errno.ENODEV)
        return self._sim

    def get_info(self) -> gpiod.ChipInfo:
        sim = self._live()
        return gpiod.ChipInfo(name=sim.name, label=sim.label, num_lines=len(sim.wires))

    def get_line_info(self, line: int | str) -> gpiod.LineInfo:
        wire = self._live().wires[int(line)]
        settings = wire.settings
        debounce_us = int(settings.debounce_period.total_seconds() * 1e6)
        return gpiod.LineInfo(
            wire.offset, "", bool(wire.consumer), wire.consumer, wire.direction.value, settings.active_low,
            settings.bias.value, settings.drive.value, settings.edge_detection.value,
            settings.event_clock.value, debounce_us > 0, debounce_us,
        )  # fmt: skip

    def request_lines(
        self,
        config: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None],
        consumer: str | None = None,
        event_buffer_size: int | None = None,
        output_values: dict[int | str, Value] | None = None,
    ) -> "LineRequest":
        sim = self._live()
        ((offset, settings),) = config.items()
        wire = sim.wires[int(offset)]  # type: ignore[call-overload]
        if wire.consumer:
            raise fault(errno.EBUSY)
        request = LineRequest((sim, wire, event_buffer_size or KERNEL_BUFFER))
        try:
            request.reconfigure_lines({int(offset): settings})  # type: ignore[call-overload]
        except OSError:
            request.release()
            raise
        wire.request, wire.consumer = request, consumer or "?"
        return request


class LineRequest:
    def __init__(self, req: Any) -> None:
        self._sim, self._wire, self._room = req
        self._writer: int | None
        self._reader, self._writer = os.pipe()
        self._events: list[gpiod.EdgeEvent] = []
        self._lock = threading.Lock()
        self._seqno = 0
        self._released = False
        self._hung_up = False

    def edge(self, wire: Wire, *, high: bool, at_ns: int) -> None:
        """Do what the kernel's interrupt handler does."""
        wanted = {Edge.BOTH: True, Edge.RISING: high, Edge.FALLING: not high}
        if not wanted.get(wire.settings.edge_detection, False):
            return
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if high else gpiod.EdgeEvent.Type.FALLING_EDGE
        with self._lock:
            self._seqno += 1
            self._events.append(gpiod.EdgeEvent(kind.value, at_ns, wire.offset, self._seqno, self._seqno))
            if len(self._events) > self._room:
                del self._events[0]  # the kernel drops the oldest
            elif self._writer is not None:
                os.write(self._writer, b".")

    def hang_up(self) -> None:
        with self._lock:
            self._hung_up = True
            writer, self._writer = self._writer, None
            if writer is not None:
                os.close(writer)

    def _live(self) -> None:
        if self._released:
            raise gpiod.RequestReleasedError
        if self._hung_up or not self._sim.present:
            raise fault(errno.ENODEV)

    def release(self) -> None:
        if self._released:
            return
        self._released = True
        self.hang_up()
        os.close(self._reader)
        if self._wire.request is self:
            self._wire.request, self._wire.consumer = None, ""
            self._wire.settings = gpiod.LineSettings()

    def get_value(self, line: int | str) -> Value:
        self._live()
        return Value(int(self._wire.level))

    def set_value(self, line: int | str, value: Value) -> None:
        self._live()
        if self._wire.direction is not Direction.OUTPUT:
            raise fault(errno.EPERM)
        self._sim.change(self._wire, lambda wire: setattr(wire, "output", bool(value)))
        self._wire.history.append((Direction.OUTPUT, bool(value)))

    def reconfigure_lines(
        self, config: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None]
    ) -> None:
        self._live()
        ((_, settings),) = config.items()
        settings = settings or gpiod.LineSettings()
        self._validate(settings)

        def apply(wire: Wire) -> None:
            wire.settings = settings
            if settings.direction is not Direction.AS_IS:
                wire.direction = settings.direction
            if settings.direction is Direction.OUTPUT:
                wire.output = bool(settings.output_value)

        self._sim.change(self._wire, apply)
        self._wire.history.append((self._wire.direction, self._wire.level))

    def _validate(self, settings: gpiod.LineSettings) -> None:
        """Refuse what drivers/gpio/gpiolib-cdev.c refuses (gpio_v2_line_config_validate)."""
        is_input = settings.direction is Direction.INPUT
        wants_input = settings.edge_detection is not Edge.NONE or settings.debounce_period > timedelta()
        if wants_input and not is_input:
            raise fault(errno.EINVAL)
        if settings.bias is not Bias.AS_IS and settings.direction is Direction.AS_IS:
            raise fault(errno.EINVAL)
        if settings.edge_detection is not Edge.NONE and self._sim.without_edges:
            raise fault(errno.ENXIO)

    def wait_edge_events(self, timeout: timedelta | float | None = None) -> bool:
        raise AssertionError("select() inside it fails from descriptor 1024 on: poll the fd")

    def read_edge_events(self, max_events: int | None = None) -> list[gpiod.EdgeEvent]:
        self._live()
        if self._wire.storm_ns is not None:
            self._fill(self._wire.storm_ns)
        with self._lock:
            taken = self._events[: max_events or 64]
            del self._events[: len(taken)]
            os.read(self._reader, len(taken))
        if self._wire.storm_ns is not None:
            self._fill(self._wire.storm_ns)
        return taken

    def _fill(self, every_ns: int) -> None:
        """Let as many edges come as the buffer holds, the newest now."""
        now_ns = self._sim.clock_ns()
        for age in reversed(range(self._room)):
            self.edge(self._wire, high=age % 2 == 0, at_ns=now_ns - age * every_ns)

    def fileno(self) -> int:
        return self._reader

    @property
    def fd(self) -> int:
        return self._reader
