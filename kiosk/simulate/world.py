"""One story played from its beginning to its end: everything built, every deed done, every law kept. Pure."""

from dataclasses import dataclass

from kiosk.prompts import Catalogue
from kiosk.simulate import places
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.deeds import Deeds
from kiosk.simulate.diary import Diary
from kiosk.simulate.dice import Dice, Roll, Source
from kiosk.simulate.hosts.around import Surroundings
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.hosts.doorway import Doorway
from kiosk.simulate.hosts.store import SharedStore
from kiosk.simulate.laws.arrival import Arrivals
from kiosk.simulate.laws.bounds import Bounds
from kiosk.simulate.laws.court import Court, Laws
from kiosk.simulate.laws.ends import Ends
from kiosk.simulate.laws.people import Calls
from kiosk.simulate.laws.speech import Speech
from kiosk.simulate.laws.truth import Broken, Truth
from kiosk.simulate.laws.ways import Ways
from kiosk.simulate.net.broker import Broker
from kiosk.simulate.net.gsm import Gsm
from kiosk.simulate.net.pipe import Net
from kiosk.simulate.people import People
from kiosk.simulate.story import Story
from kiosk.simulate.weather import Weather

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


class World:
    """All parts of one story."""

    def __init__(self, story: Story, words: Catalogue, roll: Roll, *, telling: bool = False) -> None:
        self.story = story
        self.agenda = agenda = Agenda()
        self.weather = Weather(agenda)
        self.diary = Diary(telling=telling)
        self.truth = Truth()
        self.court = Court(agenda, self.diary, self.truth)
        self._doors: list[Doorway] = []
        self.store = SharedStore(self._wrote)
        around = self._around(words, roll)
        plan = places.plan_of(story.shops)
        self.phones = {person.person_id: person.phone for person in plan.people}
        self.centres = [
            Centre(around, self.court, self.store, plan, place) for place in range(story.monitors)
        ]
        self._doors += [Doorway(agenda, self.store, centre) for centre in self.centres]
        self.boxes = {
            f"k{number}": Box(around, self.court, shop, number) for number, shop in enumerate(story.shops, 1)
        }
        self.people = People(
            agenda, around.gsm, self.centres, self.court, dice=around.dice("people"), phones=self.phones
        )
        self._seat(around)
        self.deeds = Deeds(self)

    def _wrote(self, alert_id: str) -> None:
        for door in self._doors:
            door.wrote(alert_id)

    def _around(self, words: Catalogue, roll: Roll) -> Surroundings:
        story, agenda, weather = self.story, self.agenda, self.weather

        def mine(name: str) -> Source:
            return roll(f"{story.seed}/{name}")

        net = Net(agenda, weather)
        return Surroundings(
            agenda=agenda, weather=weather, net=net, doors=self._doors, words=words, roll=mine,
            calm=story.calm, broker=Broker(net, Dice(mine("broker"), calm=story.calm)),
            gsm=Gsm(agenda, weather, Dice(mine("gsm"), calm=story.calm)),
        )  # fmt: skip

    def _seat(self, around: Surroundings) -> None:
        """Let the court sit."""
        ways = Ways(self.weather, self.centres)
        self.court.boxes = self.boxes
        self.court.sit(
            Laws(
                ways=ways,
                arrivals=Arrivals(self.truth, ways, self.store, self.centres),
                speech=Speech(self.truth),
                calls=Calls(self.truth, ways, self.store, has_people=bool(self.phones)),
                bounds=Bounds(around.broker, self.centres),
                ends=Ends(self.truth, self.store, self.centres),
            )
        )

    def play(self) -> Outcome:
        """Play it to its end, or to the first law that breaks."""
        agenda, heal_s = self.agenda, self.story.heal_s
        for centre in self.centres:
            agenda.at(0.0, centre.boot)
        for number, box in enumerate(self.boxes.values()):
            agenda.at(1.0 + number * 0.37, box.boot)
        for deed in self.story.deeds:
            agenda.at(deed.at_s, lambda deed=deed: self.deeds.do(deed))  # type: ignore[misc]
        agenda.after(TICK_S, self._tick)
        until_s = heal_s + CALM_S + PEOPLE_S
        agenda.at(heal_s + CALM_S, lambda: self.people.settle(until_s))
        law, what = -1, ""
        try:
            mute = any(deed.who.startswith("voice:") for deed in self.story.deeds)
            agenda.run(until_s + (VOICE_QUIET_S if mute else QUIET_S))
            self._end()
        except Broken as broken:
            law, what = broken.law, broken.what
            self.court.note("", f"LAW {law} IS BROKEN: {what}")
        return self._outcome(law, what)

    def _end(self) -> None:
        """Judge the end, again a little later where something is under way in this very moment."""
        for _ in range(PATIENCE):
            try:
                return self.court.at_the_end()
            except Broken:
                self.agenda.run(self.agenda.now_s + TICK_S)
        return self.court.at_the_end()

    def _tick(self) -> None:
        self.court.tick()
        self.agenda.after(TICK_S, self._tick)

    def _outcome(self, law: int, what: str) -> Outcome:
        court = self.court
        measured = [(f"arrival {way}", s) for way, s in court.arrivals.late_s.items()]
        measured += [(f"arrival {way}, well", s) for way, s in court.arrivals.well_s.items()]
        measured += [("gap of calls", court.calls.call_gap_s), ("gap of pages", court.calls.page_gap_s)]
        measured += [(name, float(count)) for name, count in court.bounds.most.items()]
        counts = dict(court.counts, incidents=len(self.truth.facts), seconds=int(self.agenda.now_s))
        return Outcome(
            story=self.story, law=law, what=what, at_s=self.agenda.now_s, counts=counts,
            digest=self.diary.digest, timeline=self.diary.timeline(), measured=tuple(measured),
        )  # fmt: skip
