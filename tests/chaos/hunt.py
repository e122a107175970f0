"""Does the simulation find planted bugs by itself? Random stories against each: python -m chaos.hunt

The planted bugs of `test_simulate_plants.py` are known with a short story each, most of them made by hand.
Here stories are only drawn by seed, as `kiosk simulate` draws them, until one breaks the law that the bug is
planted against; without the bug the same story has to keep every law. A last line of JSON; exit 1 when one
got away.
"""

import argparse
import os
import random
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest
from sim.test_simulate_plants import CASES, Case

from chaos import result
from kiosk.simulate.teller import Teller
from kiosk.words import load_catalogue

STORIES_MAX = 1500


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stories", type=int, default=STORIES_MAX, help="for each bug, at most")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="bugs hunted at a time")
    parser.add_argument("--bug", choices=[case.bug.__name__ for case in CASES], help="this one only")
    options = parser.parse_args()
    seed = random.randrange(2**32) if options.seed is None else options.seed
    found: dict[str, str] = {}
    away: list[str] = []
    played = 0
    cases = [number for number, case in enumerate(CASES) if options.bug in {None, case.bug.__name__}]
    with ProcessPoolExecutor(options.jobs) as pool:
        hunts = [pool.submit(hunt, number, seed, options.stories) for number in cases]
        for number, hunted in zip(cases, hunts, strict=True):
            name, (story, stories) = CASES[number].bug.__name__, hunted.result()
            played += stories
            if story:
                found[name] = story
            else:
                away.append(name)
            print(f"law={CASES[number].law} bug={name} story={story or '-'}", flush=True)
    result.tell(
        "make hunt", seed, bugs=len(cases), caught=len(found), stories=played, found=found,
        broken=", ".join(away),
    )  # fmt: skip
    return 1 if away else 0


def hunt(number: int, seed: int, stories: int) -> tuple[str, int]:
    """Give the first story that catches a case's bug, empty where none does, and how many were drawn."""
    teller = Teller(load_catalogue(), random.Random)
    for drawn in range(stories):
        if caught(teller, CASES[number], f"{seed}.{drawn}"):
            return f"{seed}.{drawn}", drawn + 1
    return "", stories


def caught(teller: Teller, case: Case, seed: str) -> bool:
    """Tell whether a story breaks the case's law with the bug, and none without it."""
    story = teller.write(seed)
    with pytest.MonkeyPatch.context() as patch:
        case.bug(patch)
        law = teller.play(story).law
    return law == case.law and teller.play(story).held


if __name__ == "__main__":
    sys.exit(main())
