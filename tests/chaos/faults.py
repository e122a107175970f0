"""What is done to the running parts: killed, stopped, cut off, filled with lies. Faults last and overlap.

Owns when each of them ends; `heal` ends all. Owns no judgement: `storm` says what must hold.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil
from kiosk_site import KioskSite, wait_for
from stepped_clock import Clock

from chaos.box import Box
from kiosk.sim.link import TcpLink

HELD_S = (0.05, 6.0)  # short ones are as likely as long ones, by their order of size
UPTIME_S = 30 * 86_400  # how far a start's monotonic clock may be from the one before
STEP_S = 9_000  # below half of the 6 h rule, to either side: an incident must not look that old
Fault = Callable[[], None]


class Parts:
    """A site with its processes, which come back as systemd would bring them; `box` is the kiosk's own."""

    def __init__(self, site: KioskSite, chance: random.Random, box: Box | None) -> None:
        self.site = site
        self.kills = 0
        self.state = site.folder / "kiosk" if box is None else box.mount(site.folder / "kiosk")
        self._box = box
        self._clock = Clock(site.folder)
        self._chance = chance
        self._ends: list[tuple[float, Fault]] = []
        self._centre = site.start_centre()
        self._kiosk = self._start_kiosk()
        assert site.door_link is not None
        self._doors: TcpLink = site.door_link

    def _start_kiosk(self) -> "subprocess.Popen[bytes]":
        inside = self._box.prefix(self._chance.randrange(UPTIME_S)) if self._box else ()
        moved = (f"{name}={value}" for name, value in self._clock.environ.items())
        return self.site.start_kiosk(prefix=(*inside, "env", *moved))

    # ---- kills

    def kill_kiosk(self) -> None:
        """SIGKILL, and the next start, with monotonic clocks of its own as after a reboot."""
        self._kill(self._kiosk)
        # it is the storm that starts it so often, not a crash loop of its own
        (self.site.folder / "run" / "starts.json").unlink(missing_ok=True)
        self._kiosk = self._start_kiosk()

    def kill_centre(self) -> None:
        """SIGKILL, and the next start."""
        self._kill(self._centre)
        self.site.broker.freeze(frozen=False)  # or the start could not be seen to its end
        self._centre = self.site.start_centre()

    def kill_doors(self) -> None:
        """SIGKILL; the centre's core starts its doors again."""
        for child in psutil.Process(self._centre.pid).children(recursive=True):
            with suppress(psutil.Error):  # one that was killed already, by a centre that hangs not yet buried
                if "doors" in child.cmdline():
                    child.kill()
                    self.kills += 1

    def kill_broker(self) -> None:
        """SIGKILL, and the next start with its store."""
        self.kills += 1
        self.site.broker.kill()
        self.site.broker.start()

    def forget_broker(self) -> None:
        """SIGKILL, and the next start without its store: all that it had acknowledged is gone."""
        self.kills += 1
        self.site.broker.kill()
        for store in self.site.broker.folder.glob("mosquitto.db*"):
            store.unlink()
        self.site.broker.start()

    # ---- faults that last

    def hang_kiosk(self) -> None:
        """SIGSTOP."""
        self._hang(self._kiosk)

    def hang_centre(self) -> None:
        """SIGSTOP."""
        self._hang(self._centre)

    def hang_broker(self) -> None:
        """SIGSTOP, with every connection open."""
        self.site.broker.freeze(frozen=True)
        self._until(lambda: self.site.broker.freeze(frozen=False))

    def cut_link(self) -> None:
        """Reset every connection and refuse new ones."""
        self.site.link.cut()
        self._until(self.site.link.restore)

    def swallow(self) -> None:
        """Leave the link half open, one way or both."""
        self.site.link.blackhole(self._chance.choice(("up", "down", "both")))
        self._until(self.site.link.restore)

    def slow_link(self) -> None:
        """Let everything come later."""
        self.site.link.delay(self._chance.uniform(20, 400))
        self._until(self.site.link.restore)

    def corrupt(self) -> None:
        """Flip bits in the TLS stream."""
        self.site.link.corrupt()
        self._until(self.site.link.restore)

    def cut_doors(self) -> None:
        """Reset every HTTPS connection and refuse new ones."""
        self._doors.cut()
        self._until(self._doors.restore)

    def swallow_doors(self) -> None:
        """Leave HTTPS half open, one way or both."""
        self._doors.blackhole(self._chance.choice(("up", "down", "both")))
        self._until(self._doors.restore)

    def slow_doors(self) -> None:
        """Let everything by HTTPS come later."""
        self._doors.delay(self._chance.uniform(20, 400))
        self._until(self._doors.restore)

    def corrupt_doors(self) -> None:
        """Flip bits in the TLS stream of HTTPS."""
        self._doors.corrupt()
        self._until(self._doors.restore)

    def hang_modem(self) -> None:
        """Let the modem fall silent."""
        self.site.modem.hang()
        self._until(self.site.modem.unhang)

    def pull_modem(self) -> None:
        """Pull the modem out and put it in again."""
        self.site.modem.unplug()
        self._until(self.site.modem.replug)

    def step_clock(self) -> None:
        """Set the kiosk's wall clock, ahead or back; it stays so."""
        self._clock.jump(self._chance.randint(-STEP_S, STEP_S))

    # ---- those that need a box

    def lose_packets(self) -> None:
        """Lose some of the kiosk's packets, both ways."""
        assert self._box is not None
        self._box.lose(self._chance.choice((2, 10, 20, 40)))
        self._until(self._box.clear)

    def narrow_link(self) -> None:
        """Leave the kiosk a link as narrow as an old telephone's."""
        assert self._box is not None
        self._box.narrow(self._chance.choice((10, 32, 128)))
        self._until(self._box.clear)

    def fill_disk(self) -> None:
        """Take the last byte of the kiosk's disk."""
        assert self._box is not None
        self._box.fill()
        self._until(self._box.unfill)

    # ---- all of them

    def every(self) -> tuple[Fault, ...]:
        """Give all faults; kills stand often, for they are what is counted."""
        kills = (*[self.kill_kiosk] * 4, self.kill_centre, self.kill_doors)
        brokers = (self.kill_broker, self.forget_broker)
        hangs = (self.hang_kiosk, self.hang_centre, self.hang_broker, self.hang_modem, self.pull_modem)
        boxed = (self.lose_packets, self.narrow_link, self.fill_disk) if self._box else ()
        ways = (self.cut_link, self.swallow, self.slow_link, self.corrupt, self.step_clock)
        doors = (self.cut_doors, self.swallow_doors, self.slow_doors, self.corrupt_doors)
        return (*kills, *brokers, *hangs, *ways, *doors, *boxed)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, ending each fault when it is due."""
        until_s = time.monotonic() + seconds
        while True:
            now_s = time.monotonic()
            due = [end for at_s, end in self._ends if at_s <= now_s]
            self._ends = [(at_s, end) for at_s, end in self._ends if at_s > now_s]
            for end in due:
                end()
            if now_s >= until_s:
                return
            time.sleep(min([until_s, *(at_s for at_s, _ in self._ends)]) - now_s)

    def heal(self) -> None:
        """End every fault."""
        ends, self._ends = self._ends, []
        for _, end in ends:
            end()

    def ready(self) -> None:
        """Wait until a press would go the whole way."""
        wait_for(lambda: self.site.state().get("mqtt") == "up", 120.0)

    # ---- a kiosk that is lost without a word

    def losses(self) -> tuple[Callable[[], object], ...]:
        """Give the ways in which a kiosk falls silent with nothing closed; each is held until left."""
        return (self.stopped, self.black, self.unplugged) if self._box else (self.stopped, self.black)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """SIGSTOP."""
        self._kiosk.send_signal(signal.SIGSTOP)
        yield
        self._kiosk.send_signal(signal.SIGCONT)

    @contextmanager
    def black(self) -> Iterator[None]:
        """A link that swallows both ways."""
        self.site.link.blackhole("both")
        yield
        self.site.link.restore()

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """A cable pulled: each packet is lost."""
        assert self._box is not None
        self._box.unplug()
        yield
        self._box.clear()

    # ---- how

    def _until(self, end: Fault) -> None:
        shortest, longest = HELD_S
        held_s = shortest * (longest / shortest) ** self._chance.random()
        self._ends.append((time.monotonic() + held_s, end))

    def _hang(self, child: "subprocess.Popen[bytes]") -> None:
        child.send_signal(signal.SIGSTOP)
        self._until(lambda: child.send_signal(signal.SIGCONT))  # nothing to one that was killed since

    def _kill(self, child: "subprocess.Popen[bytes]") -> None:
        """Kill a process; what it had started goes with it, as with a unit of systemd."""
        self.kills += 1
        started = psutil.Process(child.pid).children(recursive=True)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        for one in started:
            with suppress(psutil.NoSuchProcess):
                one.kill()
