"""Presses among faults, with the real daemon, Mosquitto, centre and modem: python -m chaos.storm --kills N

An alert counts as made once it is in the kiosk's journal or at the centre. Whatever is done then, it must be
at the centre once, answered, and closed by a person; nothing that nobody pressed may be there. Now and then
the kiosk is lost without a word: the centre must see it in 20 s. One line a press, a last line of JSON with
the counts; exit 1 with the seed when something did not hold.
"""

import argparse
import math
import random
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from kiosk_site import KioskSite, wait_for

from chaos import result
from chaos.box import Box, possible
from chaos.faults import Parts
from kiosk.config import Mqtt
from kiosk.demo import settings
from kiosk.journal import read_history
from kiosk.messages import DeviceError

SETTLE_S = 180.0
FAULTS_MAX = 5
TAP_S = 0.1  # no hand is faster; a contact that rests for less than its bounce has not moved
LOSS_EVERY = 25  # presses; each takes as long as the broker's patience
LOSS_WITHIN_S = 20.0  # EN 50136-1, SP6
KEEPALIVE_S = Mqtt(brokers=("localhost:1",)).keepalive_s  # as shipped
AT_ONCE_S = 3.0  # a press is on disk long before, on a machine as loaded as this may be
UNDER_WAY_S = 2.0  # what a broker may still have in hand


class Broken(AssertionError):
    """Something that must hold did not."""


@dataclass
class Counts:
    """What was tried so far, and what did not hold."""

    presses: int = 0
    unmade: int = 0  # killed before the press was on disk or at the centre
    faults: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    noticed_s: list[float] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0


class Storm:
    """One site, one seed."""

    def __init__(self, site: KioskSite, seed: int, box: Box | None) -> None:
        self._chance = random.Random(seed)
        self._site = site
        self.parts = Parts(site, self._chance, box)
        self.counts = Counts()
        self._known: set[str] = set()
        self._pressed_s = 0.0
        self._since_press: dict[str, float] = {}  # what was done first when, in s
        self._disk_was_full = False

    def turn(self) -> None:
        """Press once amid faults, then see it through."""
        parts, chance = self.parts, self._chance
        parts.ready()
        if self.counts.presses % LOSS_EVERY == LOSS_EVERY - 1:
            self.lose_the_kiosk()
        self._since_press.clear()
        awake = [fault for fault in parts.every() if fault != parts.hang_kiosk]
        for _ in range(chance.choice((0, 0, 1, 2, 3))):
            self._do(chance.choice(awake))
            parts.pass_time(chance.choice((0.0, chance.uniform(0, 1.0))))
        self._disk_was_full = "fill_disk" in self._since_press
        self._since_press.clear()
        self._button(high=False)
        self._pressed_s = time.monotonic()
        self.counts.presses += 1
        if released := chance.choice((True, False)):
            parts.pass_time(TAP_S)
            self._button(high=True)
            parts.pass_time(TAP_S)
        for _ in range(chance.randint(1, FAULTS_MAX)):
            parts.pass_time(chance.choice((0.0, chance.uniform(0, 0.05), chance.uniform(0, 1.5))))
            self._do(chance.choice(parts.every()))
        parts.pass_time(chance.choice((0.0, 0.0, 0.0, chance.uniform(0, 3.0))))
        parts.heal()
        if not released:
            parts.pass_time(TAP_S)
            self._button(high=True)
            parts.pass_time(TAP_S)
        self._see_through()

    def _button(self, *, high: bool) -> None:
        self._site.ask_kiosk(ask="pin", input=settings.BUTTON, high=high)

    def lose_the_kiosk(self) -> None:
        """Let it fall silent with nothing closed, and measure until the centre says so."""
        wait_for(lambda: self._life() == "online", SETTLE_S)
        way = self._chance.choice(self.parts.losses())
        with way():  # type: ignore[attr-defined]
            began_s = time.monotonic()
            with suppress(TimeoutError):
                wait_for(lambda: self._life() == "silent", 3 * LOSS_WITHIN_S)
            took_s = time.monotonic() - began_s
        self.counts.noticed_s.append(took_s)
        if took_s > LOSS_WITHIN_S:
            raise Broken(f"{way.__name__}: seen after {took_s:.1f} s")  # type: ignore[attr-defined]
        self.parts.ready()

    def _life(self) -> str:
        kiosks = self._site.ask_centre(ask="kiosks")["kiosks"]
        return str(kiosks[0]["life"]) if kiosks else ""

    def _do(self, fault: Any) -> None:
        made = self._made()
        name = fault.__name__
        self._since_press.setdefault(name, time.monotonic() - self._pressed_s)
        self.counts.faults[name] = self.counts.faults.get(name, 0) + 1
        fault()
        if gone := made - self._made():
            self.counts.lost += len(gone)
            raise Broken(f"{name} took {gone} out of the journal")

    def _see_through(self) -> None:
        began_s = time.monotonic()
        self.parts.ready()
        # one that was closed may be taken up again by a kiosk killed before it was on disk: it must end again
        wait_for(lambda: not self._open_here() & self._known, SETTLE_S)
        open_here = self._open_here()
        if not open_here:  # killed before it was on disk: but it may be sent, and on its way
            try:
                wait_for(self._new, UNDER_WAY_S)
            except TimeoutError:
                self._forgotten()
                return
        try:
            wait_for(lambda: self._new() >= open_here and self._new(), SETTLE_S)
        except TimeoutError as error:
            self.counts.lost += 1
            raise Broken(f"{open_here} is not at the centre, which has {self._new()}") from error
        self.counts.slowest_s = max(self.counts.slowest_s, time.monotonic() - began_s)
        new = self._new()
        if len(new) != 1:
            self.counts.doubled += len(new) - 1
            raise Broken(f"one press became {sorted(new)}")
        (alert_id,) = new
        wait_for(lambda: self._click("accept", alert_id), SETTLE_S)
        wait_for(lambda: self._click("close", alert_id), SETTLE_S)
        wait_for(lambda: not self._site.state().get("incidents", [0]), SETTLE_S)
        wait_for(lambda: self._held(alert_id), SETTLE_S)
        if (held := self._held(alert_id)) != ["closed"]:
            raise Broken(f"{alert_id} ended as {held}")
        self._known.add(alert_id)

    def _open_here(self) -> set[str]:
        """Name what is open at the kiosk."""
        return {str(incident["alert_id"]) for incident in self._site.state().get("incidents", ())}

    def _forgotten(self) -> None:
        """Judge a press that left nothing: the kiosk must have died before it could do anything of it."""
        killed_s = self._since_press.get("kill_kiosk", math.inf)
        excused = {"fill_disk", "hang_kiosk"} & self._since_press.keys() or self._disk_was_full
        if killed_s > AT_ONCE_S and not (excused and killed_s < math.inf):
            self.counts.lost += 1
            raise Broken(f"the press left nothing; since then {self._since_press}")
        self.counts.unmade += 1

    def _held(self, alert_id: str) -> list[str]:
        return [str(alert["stage"]) for alert in self._site.alerts() if alert["alert_id"] == alert_id]

    def _click(self, ask: str, alert_id: str) -> bool:
        with suppress(DeviceError):
            answer = self._site.ask_centre(ask=ask, alert=alert_id, by="officer-1")
            return bool(answer.get("ok")) or "already" in str(answer)
        return False

    def _new(self) -> set[str]:
        """Name the alerts at the centre that are not seen through yet."""
        return {str(alert["alert_id"]) for alert in self._site.alerts()} - self._known

    def _made(self) -> set[str]:
        """Name what is in the journal, read as a power cut would leave it, and is not seen through."""
        with suppress(DeviceError):  # none is there before the first press
            stages = read_history(self.parts.state / "journal.sqlite")
            return {stage.alert_id for stage in stages} - self._known
        return set()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000, help="go on until so many were killed")
    parser.add_argument("--presses", type=int, default=10**6, help="end after so many at the latest")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--minutes", type=float, default=90.0, help="end after this time at the latest")
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    began_s, broken = time.monotonic(), ""
    with ExitStack() as ends:
        box = ends.enter_context(Box()) if possible() else None
        where = {"listen": box.listen} if box else {}
        site = ends.enter_context(KioskSite(beat_s=5, keepalive_s=KEEPALIVE_S, doors=True, **where))
        storm = Storm(site, seed, box)
        counts, parts = storm.counts, storm.parts
        try:
            while parts.kills < options.kills and counts.presses < options.presses:
                if time.monotonic() - began_s > options.minutes * 60:
                    break
                storm.turn()
                print(f"presses={counts.presses} kills={parts.kills} unmade={counts.unmade}", flush=True)
        except (AssertionError, TimeoutError, DeviceError) as error:
            broken = f"press {counts.presses}: {error!r}"
            print(site.log()[-8000:], f"BROKEN seed={seed} {broken}", sep="\n", file=sys.stderr)
    noticed_s = counts.noticed_s
    result.tell(
        "make chaos", seed, minutes=round((time.monotonic() - began_s) / 60, 1),
        presses=counts.presses, kills=parts.kills, lost=counts.lost, doubled=counts.doubled, broken=broken,
        unmade=counts.unmade, slowest_s=round(counts.slowest_s, 1), losses_noticed=len(noticed_s),
        slowest_notice_s=round(max(noticed_s, default=0.0), 1), namespaces=box is not None,
        netem=box is not None and box.has_netem, faults=sum(counts.faults.values()),
        by_kind=dict(sorted(counts.faults.items())),
    )  # fmt: skip
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
