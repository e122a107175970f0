"""A day of one kiosk and the centre in virtual time, their memory measured: python -m chaos.virtual_day

The real cores, all their surroundings simulated (`kiosk.simulate`), and its laws must hold. The same hour
again and again: a press that is taken and closed, a fault of another part each time, a drill now and then.
First a warm-up: the centre keeps closed alerts for 6 h, both keep the newest of this and that, and a flood of
texts from strangers fills the 2 000 that the centre knows again. Then nothing may grow by more than 1 % in
the day: what either core holds, counted object by object, and the memory of the process. A last line of JSON.
"""

import argparse
import gc
import os
import random
import sys
import time

from chaos import result
from chaos.vitals import deep_bytes, growth_percent, look
from kiosk.simulate.performance import Performance
from kiosk.simulate.story import Deed, Shop, Story
from kiosk.simulate.world import World
from kiosk.words import load_catalogue

HOUR_S = 3600.0
WARM_UP_H = 18
FLOOD = 2_400  # texts
FLOOD_EVERY_S = 8.0
LOOK_AT_S = 3300.0  # of each hour: nothing is open then
GROWTH_MAX = 1.0
FAULTS = (
    ("mqtt:k1", "cut"), ("broker", "down"), ("modem:k1", "hang"), ("https:k1", "hang"), ("mqtt:a", "flaky"),
    ("gsm", "late"), ("disk:k1", "stall"), ("mqtt:k1", "hang"), ("broker", "lose"), ("modem:k1", "absent"),
    ("store", "stall"), ("mqtt:k1", "slow"),
)  # fmt: skip
DRILL_EVERY_H = 6


def hour(number: int) -> list[Deed]:
    """Give what is done in one hour."""
    at_s, (where, how) = number * HOUR_S, FAULTS[number % len(FAULTS)]
    deeds = [
        Deed(at_s=at_s + 590, what="fault", who=where, how=how, for_s=90.0),
        Deed(at_s=at_s + 600, what="press", who="k1", for_s=0.3),
        Deed(at_s=at_s + 760, what="officer", who="officer-11", how="accept web-a"),
        Deed(at_s=at_s + 1200, what="officer", who="officer-11", how="close web-a"),
    ]
    if number % DRILL_EVERY_H == DRILL_EVERY_H - 1:
        deeds.append(Deed(at_s=at_s + 2000, what="drill", who="k1", how="drill"))
    return deeds


def flood() -> list[Deed]:
    """Let strangers write to the centre again and again."""
    return [
        Deed(at_s=60.0 + number * FLOOD_EVERY_S, what="forge", who="a", how="unlisted")
        for number in range(FLOOD)
    ]


class Day:
    """A warm-up, one day, and what was seen of it, hour by hour."""

    def __init__(self, hours: int, seed: int) -> None:
        hours += WARM_UP_H
        deeds = [deed for number in range(hours) for deed in hour(number)] + flood()
        story = Story(
            seed=str(seed),
            shops=(Shop(mode="spoken"),),
            monitors=1,
            heal_s=hours * HOUR_S,
            deeds=tuple(sorted(deeds, key=lambda deed: deed.at_s)),
        )
        self.world = World(story, load_catalogue(), random.Random)
        self.seen: dict[str, list[tuple[float, float]]] = {"kiosk": [], "centre": [], "process": []}
        for number in range(hours):
            self.world.agenda.at(number * HOUR_S + LOOK_AT_S, self._look)

    def _look(self) -> None:
        gc.collect()
        now_s, centre = self.world.agenda.now_s, self.world.centres[0]
        for name, size in (
            ("kiosk", deep_bytes(self.world.boxes["k1"].core)),
            ("centre", deep_bytes(centre.fleet, centre.desk)),
            ("process", look(os.getpid(), now_s).rss_mib * (1 << 20)),
        ):
            self.seen[name].append((now_s, float(size)))
        print(
            f"hour={now_s / HOUR_S:.2f}", *(f"{k}={v[-1][1]:.0f}" for k, v in self.seen.items()), flush=True
        )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=int, default=24, help="after the warm-up")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    began_s, day = time.monotonic(), Day(options.hours, seed)
    outcome = Performance(day.world).play()
    wrong = "" if outcome.held else f"law {outcome.law}: {outcome.what}"
    growth = {name: growth_percent(seen[WARM_UP_H:]) for name, seen in day.seen.items()}
    wrong = wrong or ", ".join(f"{k} grew by {v:.2f} %" for k, v in growth.items() if v > GROWTH_MAX)
    result.tell(
        "make virtual-day", seed, hours=options.hours, growth_percent=round(max(growth.values()), 2),
        growth={name: round(value, 2) for name, value in growth.items()},
        kib={name: [round(seen[at][1] / 1024) for at in (WARM_UP_H, -1)] for name, seen in day.seen.items()},
        counts=outcome.counts, real_s=round(time.monotonic() - began_s), broken=wrong,
    )  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
