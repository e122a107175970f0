"""From a seed to a story and its outcome, and how both are told to people. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from kiosk.prompts import Catalogue
from kiosk.simulate.author import Author
from kiosk.simulate.dice import Dice, Roll
from kiosk.simulate.performance import Outcome, Performance
from kiosk.simulate.shrink import shrink
from kiosk.simulate.story import Story
from kiosk.simulate.world import World

LAWS = (
    "no core raises an exception",
    "a press while armed reaches the centre at most X s after any one path has been up for Y s",
    "the centre holds each incident once, whatever the paths did",
    "nothing is spoken before it holds; `trying` never aloud outside `spoken`",
    "escalation goes on until a person accepts, and stops when one does",
    "a drill never reaches a duty officer as an alarm, an alarm is never shown as a drill",
    "memory, queue and journal stay bounded; no effect storms",
    "nothing on the kiosk cancels; every closed incident was closed by a person or by the 6 h rule",
    "after all faults heal, everything converges",
)


@dataclass(slots=True)
class Sum:
    """What many stories came to."""

    counts: Counter[str] = field(default_factory=Counter)
    measured: dict[str, float] = field(default_factory=dict)

    def add(self, counts: dict[str, int], measured: tuple[tuple[str, float], ...]) -> None:
        """Add one story."""
        self.counts.update(counts)
        self.counts["stories"] += 1
        for name, value in measured:
            self.measured[name] = max(value, self.measured.get(name, 0.0))

    def line(self, seed: str, violations: int) -> str:
        """Write the last line of a run."""
        names = ("incidents", "stories", "presses", "drills", "texts", "crashes", "turns", "seconds")
        told = " ".join(f"{name}={self.counts[name]}" for name in names)
        return f"simulate: {told} violations={violations} seed={seed}"


class Teller:
    """Plays stories with the package's words and dice."""

    def __init__(self, words: Catalogue, roll: Roll) -> None:
        self._words = words
        self._roll = roll

    def write(self, seed: str) -> Story:
        """Make up the story of a seed."""
        return Author(seed, Dice(self._roll(seed))).write()

    def play(self, story: Story, *, telling: bool = False) -> Outcome:
        """Play a story."""
        return Performance(World(story, self._words, self._roll, telling=telling)).play()

    def shrink(self, found: Outcome, plays_max: int) -> Outcome:
        """Give the shortest story that breaks the same law, with its timeline."""
        short = shrink(found, self.play, plays_max)
        return self.play(short.story, telling=True)


def describe(story: Story) -> str:
    """Tell a story's cast in a line or two."""
    lines = [
        f"story {story.seed}: {len(story.deeds)} deeds, monitors {story.monitors}, well at {story.heal_s:g} s"
    ]
    for number, shop in enumerate(story.shops, 1):
        paths = ["MQTT 5" if shop.five else "MQTT"] + ["HTTPS"] * shop.https + ["SMS"] * shop.sms
        lines.append(
            f"  k{number}: {', '.join(paths)}; voice {shop.mode}, guard {shop.guard}, tiers {shop.tiers}"
        )
    return "\n".join(lines)


def verdict(outcome: Outcome) -> str:
    """Tell how a story ended."""
    if outcome.held:
        return f"every law held ({outcome.counts['incidents']} incidents, trace {outcome.digest})"
    return f"LAW {outcome.law} BROKEN at {outcome.at_s:.1f} s: {outcome.what}\n  ({LAWS[outcome.law]})"
