"""The real processes for an hour and more, with one small trouble after the other: python -m chaos.soak

Neither kiosk nor centre is ever restarted: what they forget to give back adds up. Each round has a trouble as
a site meets them in days, some have a press that is answered and closed; then, in a quiet moment, memory and
handles are looked at. From the end of a warm-up on memory may grow by 1 %, and no file descriptor, thread,
child or temporary file may be left over. A last line of JSON; exit 1 when a figure is too high.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from kiosk_site import KioskSite, wait_for

from chaos import result
from chaos.vitals import Vitals, growth_percent, left_over, look
from kiosk.config import Mqtt
from kiosk.messages import DeviceError

ROUND_S = 45.0  # light load: most of a round nothing happens
WARM_ROUND_S = 8.0  # while it warms up: caches fill sooner
WARM_UP_S = 400.0  # each trouble some five times
# At once: SQLite's page cache grows to 2 MiB a connection with the first 1500 alerts and no further (a store
# alone: 57.9 to 59.9 MiB, level from there on).
WARM_PRESSES = 1600
PRESS_EVERY = 4  # rounds; the centre keeps a closed alert for 6 h in memory, some 20 kB each, on purpose
LOOKS = 5  # at the beginning and at the end
CALM_S = 240.0
SETTLE_S = 3.0
GROWTH_MAX = 1.0
KEEPALIVE_S = Mqtt(brokers=("localhost:1",)).keepalive_s


class Soak:
    """One site over its hour."""

    def __init__(self, site: KioskSite, seed: int) -> None:
        self._chance = random.Random(seed)
        self._site = site
        (site.folder / "tmp").mkdir()
        site.environ["TMPDIR"] = str(site.folder / "tmp")
        site.environ["MALLOC_ARENA_MAX"] = "2"  # as kiosk.service sets it
        self.pids = {"centre": site.start_centre().pid, "kiosk": site.start_kiosk().pid}
        self.seen: dict[str, list[Vitals]] = {name: [] for name in self.pids}
        self.rounds = self.presses = 0
        self.troubles: dict[str, int] = {}

    def burst(self, presses: int) -> None:
        """Press again and again, each answered and closed at once."""
        for _ in range(presses):
            self._site.press()
            self._answer()
            wait_for(lambda: not self._site.state()["incidents"], CALM_S)

    def round(self, for_s: float) -> None:
        """One press and one trouble, then a quiet moment in which all is looked at."""
        began_s = time.monotonic()
        trouble = self._chance.choice(self._all())
        self.troubles[trouble.__name__] = self.troubles.get(trouble.__name__, 0) + 1
        with_press = for_s < ROUND_S or self.rounds % PRESS_EVERY == 0
        early = self._chance.random() < 0.5
        if with_press and early:
            self._site.press()
        trouble()
        if with_press and not early:
            self._site.press()
        if with_press:
            self.presses += 1
            self._answer()
        wait_for(self._calm, CALM_S)
        self.rounds += 1
        time.sleep(max(SETTLE_S, began_s + for_s - time.monotonic()))
        for name, pid in self.pids.items():
            self.seen[name].append(look(pid, time.monotonic()))

    def files(self) -> list[str]:
        """Name every file of the site that no part of it keeps on purpose."""
        kept = {"journal.sqlite", "monitor.sqlite"}
        found = [path for path in self._site.folder.rglob("*") if path.is_file()]
        return sorted(
            str(path.relative_to(self._site.folder))
            for path in found
            if not any(path.name.startswith(name) for name in kept)
        )

    def _answer(self) -> None:
        """Take and close what is open, as a person would."""
        wait_for(self._open, CALM_S)
        for ask in ("accept", "close"):
            for alert_id in self._open():
                self._site.ask_centre(ask=ask, alert=alert_id, by="officer-1")

    def _open(self) -> list[str]:
        with suppress(DeviceError):
            return [str(alert["alert_id"]) for alert in self._site.ask_centre(ask="alerts")["alerts"]]
        return []

    def _calm(self) -> bool:
        state = self._site.state()
        return state.get("mqtt") == state.get("sms") == "up" and not state["incidents"] and not self._open()

    # ---- troubles

    def _all(self) -> tuple[Callable[[], None], ...]:
        return (
            self.restart_broker, self.kill_broker, self.cut_network, self.half_open_link, self.slow_network,
            self.replug_modem, self.hang_modem, self.lose_mobile_network,
        )  # fmt: skip

    def restart_broker(self) -> None:
        self._site.broker.stop()
        self._site.broker.start()

    def kill_broker(self) -> None:
        self._site.broker.kill()
        self._site.broker.start()

    def cut_network(self) -> None:
        self._site.link.cut()
        time.sleep(5.0)
        self._site.link.restore()

    def half_open_link(self) -> None:
        """Until the kiosk itself gives the link up."""
        self._site.link.blackhole("both")
        time.sleep(2.0 * KEEPALIVE_S)
        self._site.link.restore()

    def slow_network(self) -> None:
        self._site.link.delay(300.0)
        time.sleep(3.0)
        self._site.link.restore()

    def replug_modem(self) -> None:
        self._site.modem.unplug()
        time.sleep(4.0)
        self._site.modem.replug()

    def hang_modem(self) -> None:
        self._site.modem.hang()
        time.sleep(8.0)
        self._site.modem.unhang()

    def lose_mobile_network(self) -> None:
        self._site.modem.lose_network()
        time.sleep(5.0)
        self._site.modem.find_network()


def judge(soak: Soak, warm: int, files: list[str]) -> tuple[dict[str, object], str]:
    """Give the figures, and what is too high."""
    figures: dict[str, object] = {}
    growths, wrong = [], []
    for name, every in soak.seen.items():
        seen = every[warm:]
        growth = growth_percent([(one.at_s, one.rss_mib) for one in seen])
        left = left_over(seen[:LOOKS], seen[-LOOKS:])
        growths.append(growth)
        if growth > GROWTH_MAX or left:
            wrong.append(f"{name} grew by {growth:.2f} % and left {left} handles")
        figures[name] = {
            "rss_mib": [round(seen[0].rss_mib, 1), round(seen[-1].rss_mib, 1)],
            "growth_percent": round(growth, 2), "left_over": left,
            "fds_threads_children": [seen[0].handles, seen[-1].handles],
        }  # fmt: skip
    new = sorted(set(soak.files()) - set(files))
    if new:
        wrong.append(f"files left over: {new[:9]}")
    return {"growth_percent": round(max(growths), 2), "files_left": len(new), **figures}, "; ".join(wrong)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=1.0, help="behind the warm-up")
    parser.add_argument(
        "--warm-up", type=float, default=WARM_UP_S, help="seconds of quick troubles after the presses"
    )
    parser.add_argument("--warm-presses", type=int, default=WARM_PRESSES, help="at its beginning")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    with KioskSite(beat_s=30, keepalive_s=KEEPALIVE_S, doors=True) as site:
        soak = Soak(site, seed)
        soak.burst(options.warm_presses)
        print(f"pressed={options.warm_presses}", flush=True)
        began_s = time.monotonic() + options.warm_up
        while time.monotonic() < began_s:
            soak.round(WARM_ROUND_S)
        warm, files, least_s = soak.rounds, soak.files(), options.hours * 3600
        while (lasted_s := time.monotonic() - began_s) < least_s or soak.rounds < warm + 2 * LOOKS:
            soak.round(ROUND_S)
            print(f"minutes={lasted_s / 60:.1f}", *(seen[-1] for seen in soak.seen.values()), flush=True)
        figures, wrong = judge(soak, warm, files)
    if wrong:
        print(f"BROKEN seed={seed} {wrong}", file=sys.stderr)
    result.tell(
        "make soak", seed, hours=round(lasted_s / 3600, 3), rounds=soak.rounds - warm, warm_up_rounds=warm,
        presses=soak.presses, **figures, troubles=dict(sorted(soak.troubles.items())), broken=wrong,
    )  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
