"""What a story is full of: each mood mixes presses, people and faults differently. Pure."""

from dataclasses import dataclass, replace

from kiosk.simulate.dice import Dice

FAULTS = (
    "links", "modems", "crashes", "freezes", "disks", "pins", "clocks", "broker", "store", "gsm",
    "drills", "forgeries",
)  # fmt: skip
RATE_MAX = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """How often something happens, as the mean number a minute: `links` of each kiosk, the rest in all."""

    presses: float = 2.2
    abuse: float = 0.05
    links: float = 0.0
    modems: float = 0.0
    crashes: float = 0.0
    freezes: float = 0.0
    disks: float = 0.0
    pins: float = 0.0
    clocks: float = 0.0
    broker: float = 0.0
    store: float = 0.0
    gsm: float = 0.0
    drills: float = 0.05
    forgeries: float = 0.1
    slow_people: float = 0.12  # probability that nobody reacts for minutes
    asleep: float = 0.08  # probability that nobody reacts at all


MOODS = (
    Mood(),
    Mood(links=0.5, broker=0.15),
    Mood(links=0.2, modems=0.5, gsm=0.3, slow_people=0.5),
    Mood(crashes=0.5, freezes=0.15, disks=0.3, pins=0.1, clocks=0.1),
    Mood(crashes=0.3, freezes=0.1, store=0.4, broker=0.2, slow_people=0.4),
    Mood(abuse=0.5, drills=0.3, forgeries=0.6, links=0.15),
    Mood(
        links=0.4,
        modems=0.3,
        crashes=0.25,
        freezes=0.08,
        disks=0.2,
        pins=0.06,
        clocks=0.08,
        broker=0.15,
        store=0.15,
        gsm=0.2,
    ),
    # Quiet nights: nobody wakes for rounds of calls, and no next fault heals what the last one lost.
    Mood(presses=0.15, crashes=0.2, freezes=0.05, asleep=0.7, slow_people=0.8, forgeries=0.0),
    Mood(presses=0.4, broker=0.4, forgeries=0.0),
    # Boards that stand still again and again, and wake with all of what came meanwhile in one turn.
    Mood(freezes=1.5),
    # A contact that comes loose and is found again, on a line that is as bad.
    Mood(pins=3.0, links=0.5),
    # No phone can be reached from the centre while alerts climb.
    Mood(presses=0.5, modems=3.0, slow_people=0.5, asleep=0.4),
)


def mood_of(dice: Dice) -> Mood:
    """Pick a mood, and leave out some of its faults and let others come in swarms.

    Few kinds of fault, often, find more than all of them together, seldom (swarm testing, Groce et al. 2012).
    """
    mood = dice.pick(MOODS)
    if dice.yes(0.5):
        return mood
    rates = {name: getattr(mood, name) * dice.pick((0.0, 1.0, 1.0, 4.0)) for name in FAULTS}
    return replace(mood, **{name: min(rate, RATE_MAX) for name, rate in rates.items()})
