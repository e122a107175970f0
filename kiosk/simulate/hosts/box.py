"""One kiosk: the real core for one life after the other, modelled devices carry out its effects. Pure.

A crash or a power cut may fall between any two effects of a turn: those before were carried out, the others
not.
"""

from collections import deque

from kiosk import effects as do
from kiosk.core import Core
from kiosk.messages import KioskEvent, Now, Woken
from kiosk.simulate import places
from kiosk.simulate.hosts.around import UTC_MS, Surroundings, Witness
from kiosk.simulate.hosts.devices import Devices
from kiosk.simulate.hosts.disk import Disk
from kiosk.simulate.hosts.pins import Pins
from kiosk.simulate.story import Shop

RESTART_S = 2.5  # systemd's RestartSec and Python's start
STARTS_WINDOW_S, STARTS_MAX = 120.0, 5  # as kiosk.starts
WAKE_LATE_S = 1e-6  # no timer is early, and floats of two clocks differ by less
OVERDUE_S = 1.0  # a crash that waits for an effect falls by then all the same


class Box:
    """One kiosk over all its lives; `who` names it in stories."""

    def __init__(self, around: Surroundings, witness: "Witness[Box]", shop: Shop, number: int) -> None:
        self.around = around
        self.shop = shop
        self.number = number
        self.who = f"k{number}"
        self._ids_begin = f"01SIM{number:02d}"
        self.kiosk_id = places.kiosk_id(number)
        self._witness = witness
        self._dice = around.dice(f"box{number}")
        self.disk = Disk(around.agenda, around.weather, who=self.who, dice=around.dice(f"disk{number}"))
        self.pins = Pins(self, around.dice(f"pins{number}"))
        self.core: Core | None = None
        self.devices: Devices | None = None
        self.began_s = 0.0
        self.loaded = False  # the journal has been read in this life
        self.mono_offset_s = 20.0
        self.utc_offset_ms = 0
        self.ids = 0
        self.life = 0
        self._starts: list[float] = []
        self._queue: deque[KioskEvent] = deque()
        self._turning = False
        self._woken_s: float | None = None
        self.frozen_until_s = 0.0
        self._doom: tuple[int, bool, float] | None = None

    # ---- time

    @property
    def mono_s(self) -> float:
        """Give the kiosk's monotonic time."""
        return self.around.agenda.now_s + self.mono_offset_s

    @property
    def utc_ms(self) -> int:
        """Give the kiosk's wall time."""
        return UTC_MS + round(self.around.agenda.now_s * 1000) + self.utc_offset_ms

    def now(self) -> Now:
        """Read time and chance for one turn."""
        self.ids += 1
        return Now(
            s=self.mono_s, utc_ms=self.utc_ms, chance=self._dice.random(),
            fresh_id=f"{self._ids_begin}{self.ids:018d}0",
        )  # fmt: skip

    # ---- life and death

    def boot(self) -> None:
        """Start the process."""
        if self.core is not None:
            return
        self.life += 1
        self.began_s = self.around.agenda.now_s
        self._starts = [at_s for at_s in self._starts if self.mono_s - at_s <= STARTS_WINDOW_S] + [
            self.mono_s
        ]
        safe = len(self._starts) > STARTS_MAX
        site = places.site_of(self.shop, self.number, self.around.words, safe_start=safe)
        self.core = Core(site)
        self.devices = Devices(self, site)
        self._queue.clear()
        self._woken_s = None
        self.frozen_until_s = 0.0
        self._witness.kiosk_began(self)
        self._turning = True
        self._turn(None)
        self._turning = False
        if self.devices is not None:
            self.devices.start()
        self._drain()

    def doom(self, effects: int, *, power: bool, off_s: float) -> None:
        """Let it die after so many more effects, or soon where there are none."""
        if self.core is None:
            return
        self._doom = (effects, power, off_s)
        life = self.life
        self.around.agenda.after(OVERDUE_S, lambda: self._die() if self._doom and life == self.life else None)

    def _die(self) -> None:
        if self._doom is None or self.core is None or self.devices is None:
            return
        _, power, off_s = self._doom
        self._end(power=power)
        if power:
            off_s = max(off_s, 8.0)
        self.around.agenda.after(max(off_s, RESTART_S), lambda: self._again(power=power))

    def _end(self, *, power: bool) -> None:
        self._doom = None
        if self.devices is not None:
            self.devices.die(power=power, lucky=self._dice.yes(0.5))
        self.core = self.devices = None
        self._queue.clear()
        self._witness.kiosk_died(self, power=power)

    def _again(self, *, power: bool) -> None:
        if self.core is not None:
            return
        if power:
            self.mono_offset_s = 20.0 - self.around.agenda.now_s
            self._starts.clear()
        self.boot()

    def _stop(self) -> None:
        """End in order, as the centre ordered; systemd starts it again."""
        if self.devices is not None:
            self.devices.finish()
            self.core = self.devices = None
            self._doom = None
            self._queue.clear()
            self._witness.kiosk_died(self, power=False)
            self.around.agenda.after(RESTART_S, lambda: self._again(power=False))

    # ---- turns

    def post(self, event: KioskEvent) -> None:
        """Take an event in, now or when the process is awake again."""
        self._queue.append(event)
        self._drain()

    def sounded(self, key: str) -> None:
        """A sentence began to sound."""
        self._witness.kiosk_sounded(self, key)

    def freeze(self, for_s: float) -> None:
        """Let the process stand still (SIGSTOP, a machine without breath); what comes meanwhile waits."""
        self.frozen_until_s = max(self.frozen_until_s, self.around.agenda.now_s + for_s)
        self.around.agenda.at(self.frozen_until_s, self._drain)

    def _drain(self) -> None:
        if self._turning or self.core is None or self.around.agenda.now_s < self.frozen_until_s:
            return
        self._turning = True
        life = self.life
        while self._queue and self.life == life and self.core is not None:
            self._turn(self._queue.popleft())
        self._turning = False
        if self.core is not None and self.life != life:
            self._drain()
        self._set_alarm()

    def _turn(self, event: KioskEvent | None) -> None:
        core = self.core
        if core is None:
            return
        try:
            effects = core.start(self.now()) if event is None else core.handle(event, self.now())
        except Exception as error:  # noqa: BLE001 - a core that raises is what is being looked for
            self._witness.kiosk_raised(self, event, error)
            self._end(power=False)
            self.around.agenda.after(RESTART_S, lambda: self._again(power=False))
            return
        self._witness.kiosk_turned(self, event, effects)
        for effect in effects:
            if self._doom is not None:
                left, power, off_s = self._doom
                if left <= 0:
                    self._die()
                    return
                self._doom = (left - 1, power, off_s)
            if isinstance(effect, do.Stop):
                self._stop()
                return
            self._witness.kiosk_did(self, effect)
            if self.devices is None:
                return
            self.devices.carry_out(effect)
        if event is None:
            self._set_alarm()

    def _set_alarm(self) -> None:
        core = self.core
        if core is None:
            return
        due_s = core.next_wake_s() - self.mono_offset_s + WAKE_LATE_S
        if self._woken_s is not None and self._woken_s <= due_s:
            return
        self._woken_s = max(due_s, self.around.agenda.now_s)
        life, set_for = self.life, self._woken_s
        self.around.agenda.at(set_for, lambda: self._wake(life, set_for))

    def _wake(self, life: int, set_for: float) -> None:
        if life != self.life or self._woken_s != set_for:
            return
        self._woken_s = None
        if not self._queue:
            self.post(Woken())
        else:
            self._drain()
