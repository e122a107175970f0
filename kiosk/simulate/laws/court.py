"""All laws together: what kiosks, monitors and people do is shown to each that it concerns. Pure."""

from dataclasses import dataclass

from kiosk import effects as kiosk_do
from kiosk.bodies import Alert
from kiosk.effects import Effect, Tell
from kiosk.messages import JournalLoaded, KioskEvent
from kiosk.monitor import effects as centre_do
from kiosk.monitor.effects import FleetEffect
from kiosk.monitor.records import Case, Change
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.diary import Diary
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.laws.arrival import Arrivals
from kiosk.simulate.laws.bounds import Bounds
from kiosk.simulate.laws.ends import Ends
from kiosk.simulate.laws.people import Calls
from kiosk.simulate.laws.speech import Speech
from kiosk.simulate.laws.truth import Broken, Truth
from kiosk.simulate.laws.ways import Ways
from kiosk.simulate.net.gsm import Sms
from kiosk.simulate.people import STAGE

SELDOM = 5  # ticks between two looks at what is kept
QUIET = frozenset({"command_result", "link_up", "lease"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """One of each."""

    ways: Ways
    arrivals: Arrivals
    speech: Speech
    calls: Calls
    bounds: Bounds
    ends: Ends


class Court:
    """Sees everything and objects to what no law allows."""

    def __init__(self, agenda: Agenda, diary: Diary, truth: Truth) -> None:
        self._agenda = agenda
        self._diary = diary
        self._truth = truth
        self.boxes: dict[str, Box] = {}
        self.counts = dict.fromkeys(("turns", "presses", "drills", "tampers", "texts", "crashes"), 0)

    def sit(self, laws: Laws) -> None:
        """Take the laws in."""
        self._ways = laws.ways
        self.arrivals = laws.arrivals
        self._speech = laws.speech
        self.calls = laws.calls
        self.bounds = laws.bounds
        self._ends = laws.ends

    def note(self, who: str, what: str) -> None:
        """Write into the diary."""
        self._diary.note(self._agenda.now_s, who, what)

    def miss(self, what: str) -> None:
        """Object to a press that did not count."""
        raise Broken(1, what)

    # ---- kiosks

    def kiosk_turned(self, box: Box, event: KioskEvent | None, effects: list[Effect]) -> None:
        """One turn of a core came to these effects."""
        now_s = self._agenda.now_s
        self.counts["turns"] += 1
        if isinstance(event, JournalLoaded):
            box.loaded = True
        self._truth.heard(box, event, now_s)
        if not effects:
            return
        self._truth.turned(box, effects, now_s)
        for effect in effects:
            if isinstance(effect, Tell):
                self._told(box.who, effect)
        self._ends.turned(box, effects, now_s)
        self._speech.turned(box, effects, now_s)
        self.bounds.turned(effects)

    def _told(self, who: str, tell: Tell) -> None:
        if tell.what in {"pressed", "drill", "tamper"}:
            self.counts[{"pressed": "presses", "drill": "drills", "tamper": "tampers"}[tell.what]] += 1
        if tell.what not in QUIET:
            self.note(who, " ".join([tell.what, *(f"{name}={value}" for name, value in tell.detail)]))

    def kiosk_did(self, box: Box, effect: Effect) -> None:
        """One of them was carried out."""
        now_s = self._agenda.now_s
        match effect:
            case kiosk_do.Publish() | kiosk_do.PostAlert() | kiosk_do.SendSms():
                self._truth.did(effect, now_s)
                self.calls.kiosk_did(box, effect, now_s)
                if isinstance(effect, kiosk_do.SendSms):
                    self.counts["texts"] += 1
                    self.note(box.who, f"hands a text to the modem {effect.token}")
                elif isinstance(effect.body, Alert):
                    self._speech.told(effect.body)
                    self.note(
                        box.who,
                        f"sends {effect.token} stage={effect.body.stage} presses={effect.body.presses}",
                    )
            case kiosk_do.Say(key):
                self.note(box.who, f"says {key}")
            case _:
                pass
        self.bounds.did(box, effect, now_s)

    def kiosk_sounded(self, box: Box, key: str) -> None:
        """A sentence began to sound."""
        self._speech.sounded(box, key, self._agenda.now_s)

    def kiosk_died(self, box: Box, *, power: bool) -> None:
        """The process or the power is gone."""
        self.counts["crashes"] += 1
        box.loaded = False
        for fact in self._truth.died(box, self._agenda.now_s):
            raise Broken(7, f"{fact.alert_id} went from the disk of {box.who}, and nobody had ended it")
        self._speech.died(box)
        self.note(box.who, "loses its power" if power else "its process ends")

    def kiosk_began(self, box: Box) -> None:
        """The process runs."""
        box.loaded = False
        self.note(box.who, "its process begins")

    def kiosk_raised(self, box: Box, event: KioskEvent | None, error: Exception) -> None:
        """The core let an exception out."""
        raise Broken(0, f"{box.who}: {type(error).__name__}: {error}, at {type(event).__name__}") from error

    # ---- monitors

    def centre_did(self, centre: Centre, effect: FleetEffect) -> None:
        """A monitor carried an effect out."""
        match effect:
            case Tell():
                self._told(centre.who, effect)
            case centre_do.SendText(text):
                self.calls.centre_did(centre, effect, self._agenda.now_s)
                self.bounds.texted(centre.who, text, self._agenda.now_s)
                self.note(centre.who, f"texts {text.to} {text.step} about {text.alert_id}")
            case centre_do.SendReply(kiosk_id, reply):
                self.bounds.replied(centre.who, kiosk_id, reply, self._agenda.now_s)
                self.note(centre.who, f"tells {kiosk_id} {reply.stage} of {reply.alert_id}")
            case centre_do.Show(case):
                self.calls.shown(case)
            case _:
                pass

    def centre_kept(self, changes: list[Change]) -> None:
        """A commit ended well."""
        self.arrivals.kept(changes, self._agenda.now_s)
        self._ends.kept(changes)

    def centre_died(self, centre: Centre) -> None:
        """The process is gone."""
        self.counts["crashes"] += 1
        self._ways.moved_s = self._agenda.now_s
        self.note(centre.who, "its process ends")

    def centre_began(self, centre: Centre) -> None:
        """The process runs."""
        self._ways.moved_s = self._agenda.now_s
        self.note(centre.who, "its process begins")

    def centre_raised(self, centre: Centre, error: Exception) -> None:
        """The fleet let an exception out."""
        raise Broken(0, f"monitor {centre.who}: {type(error).__name__}: {error}") from error

    # ---- people

    def person_read(self, person: str, sms: Sms) -> None:
        """A text reached a telephone."""
        self.calls.read(person, sms, self._agenda.now_s)
        self.note(person, f"reads {sms.text[:24]!r}")

    def person_said(self, person: str, action: str, alert: Case) -> None:
        """Somebody did something on a page."""
        fact = self._truth.of_row(alert)
        self.note(person, f"{action} on a page {alert.alert.alert_id}")
        if fact is not None:
            self._truth.says(fact, STAGE[action], self._agenda.now_s)

    def person_wrote(self, person: str, action: str, code: str) -> None:
        """Somebody wrote a word and a code."""
        self.note(person, f"writes {action} {code}")
        self._truth.wrote(STAGE[action], code, self._agenda.now_s)

    # ---- time

    def tick(self) -> None:
        """Look at everything once a second."""
        now_s = self._agenda.now_s
        self.arrivals.tick(self.boxes, now_s)
        self.calls.tick(self.boxes, now_s)
        self._ends.tick(self.boxes)
        if round(now_s) % SELDOM == 0:
            self.bounds.tick(self.boxes)

    def at_the_end(self) -> None:
        """Judge the end."""
        self.arrivals.at_the_end()
        self._ends.at_the_end(self.boxes)
