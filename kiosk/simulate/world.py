"""All parts of one story, built and tied to each other. Pure."""

from kiosk.prompts import Catalogue
from kiosk.simulate import places
from kiosk.simulate.agenda import Agenda
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
from kiosk.simulate.laws.truth import Truth
from kiosk.simulate.laws.ways import Ways
from kiosk.simulate.net.broker import Broker
from kiosk.simulate.net.gsm import Gsm
from kiosk.simulate.net.pipe import Net
from kiosk.simulate.people import People
from kiosk.simulate.story import Story
from kiosk.simulate.weather import Weather


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
