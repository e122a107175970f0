"""One story played from its beginning to its end: every deed done, every law kept. Pure."""

from dataclasses import dataclass

from kiosk.simulate.deeds import Deeds
from kiosk.simulate.laws.truth import Broken
from kiosk.simulate.story import Story
from kiosk.simulate.world import World

TICK_S = 1.0
PATIENCE = 4  # seconds, at the end
CALM_S = 45.0  # after all has healed, before good people come
PEOPLE_S = 120.0  # that long they take and close what is open
QUIET_S = 150.0  # then everything has been retried, cleared and told
VOICE_QUIET_S = 330.0  # a speaker that broke is tried again each 300 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a story: the law that broke (-1: none), and what was counted."""

    story: Story
    law: int
    what: str
    at_s: float
    counts: dict[str, int]
    digest: str
    timeline: str = ""
    measured: tuple[tuple[str, float], ...] = ()

    @property
    def held(self) -> bool:
        """Tell whether every law held."""
        return self.law < 0


class Performance:
    """One world, through its story."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._agenda = world.agenda
        self._court = world.court

    def play(self) -> Outcome:
        """Play it to its end, or to the first law that breaks."""
        world, agenda = self._world, self._agenda
        deeds, story = Deeds(world), world.story
        for centre in world.centres:
            agenda.at(0.0, centre.boot)
        for number, box in enumerate(world.boxes.values()):
            agenda.at(1.0 + number * 0.37, box.boot)
        for deed in story.deeds:
            agenda.at(deed.at_s, lambda deed=deed: deeds.do(deed))  # type: ignore[misc]
        agenda.after(TICK_S, self._tick)
        until_s = story.heal_s + CALM_S + PEOPLE_S
        agenda.at(story.heal_s + CALM_S, lambda: world.people.settle(until_s))
        law, what = -1, ""
        try:
            mute = any(deed.who.startswith("voice:") for deed in story.deeds)
            agenda.run(until_s + (VOICE_QUIET_S if mute else QUIET_S))
            self._end()
        except Broken as broken:
            law, what = broken.law, broken.what
            self._court.note("", f"LAW {law} IS BROKEN: {what}")
        return self._outcome(law, what)

    def _end(self) -> None:
        """Judge the end, again a little later where something is under way in this very moment."""
        for _ in range(PATIENCE):
            try:
                return self._court.at_the_end()
            except Broken:
                self._agenda.run(self._agenda.now_s + TICK_S)
        return self._court.at_the_end()

    def _tick(self) -> None:
        self._court.tick()
        self._agenda.after(TICK_S, self._tick)

    def _outcome(self, law: int, what: str) -> Outcome:
        world, court = self._world, self._court
        measured = [(f"arrival {way}", s) for way, s in court.arrivals.late_s.items()]
        measured += [(f"arrival {way}, well", s) for way, s in court.arrivals.well_s.items()]
        measured += [("gap of calls", court.calls.call_gap_s), ("gap of pages", court.calls.page_gap_s)]
        measured += [(name, float(count)) for name, count in court.bounds.most.items()]
        counts = dict(court.counts, incidents=len(world.truth.facts), seconds=int(self._agenda.now_s))
        return Outcome(
            story=world.story, law=law, what=what, at_s=self._agenda.now_s, counts=counts,
            digest=world.diary.digest, timeline=world.diary.timeline(), measured=tuple(measured),
        )  # fmt: skip
