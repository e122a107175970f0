"""What an SMS that came in means: a kiosk's signed alert, a person's word, or nothing. Pure.

Whatever is not proven is kept as refused or ignored and never acted upon. Numbers are masked, texts are not
kept, and nobody who writes to the centre is answered but a kiosk whose signature is right.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kiosk import sms_signed, sms_text
from kiosk.bodies import Alert, Place, ReplyStage, Words
from kiosk.messages import Now
from kiosk.monitor import cases
from kiosk.monitor.messages import Action
from kiosk.monitor.records import Case, Person, Plan, Registered
from kiosk.monitor.sms_keys import SmsKeys
from kiosk.prompts import Catalogue
from kiosk.sms_signed import MachineAlert
from kiosk.wire import Rejected, utc_ms, utc_text

TOO_OLD_S = 21_600  # a kiosk's incident ends after six hours: an older text was kept back by somebody
AHEAD_MAX_S = 86_400  # no network delivers before the day it was sent
LATE_ANSWER_MS = 900_000  # so late an answer may come that was meant for an alert which is closed by now
CODES_MAX = 4_000  # twice the alerts that memory holds
ACTIONS: dict[ReplyStage, Action] = {"accepted": "accept", "en_route": "en_route"}


@dataclass(frozen=True, slots=True)
class Refused:
    """A text that claims to be a kiosk's and is not proven; `reason` says what a technician should do."""

    reason: str
    kiosk_id: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A text that concerns nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A kiosk's alert, proven."""

    alert: Alert


@dataclass(frozen=True, slots=True)
class Said:
    """A listed person's word about an open alert."""

    person: Person
    case: Case
    action: Action


Meaning = Signed | Said | Refused | Ignored


class SmsDesk:
    """Reads texts by the registry, the keys and the people of the plan."""

    def __init__(self, keys: SmsKeys, words: Catalogue) -> None:
        self._keys = keys
        self._words = words
        self._plan = Plan()
        self._by_number: dict[int, Registered] = {}
        self._by_id: dict[str, Registered] = {}
        self._codes: dict[tuple[str, int, str], str] = {}
        self._former: dict[tuple[str, int, str], frozenset[str]] = {}

    def load(self, plan: Plan) -> None:
        """Read by this plan from now on."""
        if plan.kiosks is not self._plan.kiosks:
            self._by_number = {known.number: known for known in plan.kiosks}
            self._by_id = {known.kiosk_id: known for known in plan.kiosks}
            self._outdate_codes()
        self._plan = plan

    def _outdate_codes(self) -> None:
        """Let kiosks have other numbers; a code that was sent to people stays good all the same."""
        for of, code in self._codes.items():
            self._former[of] = self._former.pop(of, frozenset()) | {code}
        for of in tuple(self._former)[:-CODES_MAX]:
            del self._former[of]
        self._codes.clear()

    def number_of(self, kiosk_id: str) -> int:
        """Give a kiosk's number in SMS; 0 where the registry has none."""
        known = self._by_id.get(kiosk_id)
        return known.number if known is not None else 0

    def person(self, person_id: str) -> Person | None:
        """Give an active person."""
        return next((known for known in self._plan.people if known.person_id == person_id), None)

    def code_of(self, case: Case) -> str:
        """Give the four digits by which people name this alert, the same as its kiosk's (see ADR 5).

        Each text is compared with every alert's code, so they are kept.
        """
        of = case.alert.kiosk_id, case.alert.seq, case.alert.pressed_at
        code = self._codes.get(of)
        if code is None:
            number, seq, pressed_s, key = self._parts(case)
            code = sms_signed.reply_code(key, number=number, seq=seq, pressed_s=pressed_s)
            if len(self._codes) >= CODES_MAX:
                self._codes.clear()
            self._codes[of] = code
        return code

    def answer(self, case: Case) -> str:
        """Write the signed answer with this alert's newest stage; a closing one says what was counted."""
        number, seq, pressed_s, key = self._parts(case)
        code, stage = self.code_of(case), cases.top(case)
        presses = case.alert.presses if stage == "closed" else 0
        return sms_signed.sign_answer(
            key, number=number, seq=seq, pressed_s=pressed_s, code=code, stage=stage, presses=presses
        )

    def _parts(self, case: Case) -> tuple[int, int, int, bytes]:
        alert = case.alert
        pressed_ms = utc_ms(alert.pressed_at)
        pressed_s = 0 if isinstance(pressed_ms, Rejected) else pressed_ms // 1000
        return self.number_of(alert.kiosk_id), alert.seq, pressed_s, self._keys.of(alert.kiosk_id)

    def read(self, number: str, text: str, held: Callable[[], tuple[Case, ...]], now: Now) -> Meaning:
        """Say what a text means; `held` gives the alerts that a person's code may name."""
        if sms_signed.MARK in text:
            return self._signed(text, now)
        said = sms_text.parse_reply(self._words, text)
        if said is None:
            return Ignored("neither a kiosk's alert nor a person's answer")
        person = next((one for one in self._plan.people if sms_text.listed(number, (one.phone,))), None)
        if person is None:
            return Ignored("an answer from a number of nobody who is active")
        named = [case for case in held() if self._is_named(case, said.code, now)]
        still_open = [case for case in named if not cases.is_closed(case)]
        if not still_open:
            return Ignored("no open alert has this code")
        if sum(not cases.is_drill(case) for case in named) > 1:
            return Ignored("several alerts have this code: they must be accepted on a page")
        # the newest alarm goes before any drill
        case = max(still_open, key=lambda one: (not cases.is_drill(one), one.received_ms))
        return Said(person, case, ACTIONS[said.stage])

    def _is_named(self, case: Case, code: str, now: Now) -> bool:
        """Tell whether an answer that comes now may be about this alert: one just closed may be, too."""
        alert = case.alert
        former = self._former.get((alert.kiosk_id, alert.seq, alert.pressed_at), ())
        if alert.kind == "tamper" or (self.code_of(case) != code and code not in former):
            return False
        ended_ms = cases.ended_ms(case)
        return ended_ms is None or now.utc_ms - ended_ms <= LATE_ANSWER_MS

    def _signed(self, text: str, now: Now) -> Signed | Refused:
        number = sms_signed.find_number(text)
        if isinstance(number, Rejected):
            return Refused(number.reason)
        kiosk = self._by_number.get(number)
        if kiosk is None:
            return Refused(f"kiosk number {number} is not in the registry: register it with this number")
        if kiosk.revoked:
            return Refused(f"kiosk number {number} is revoked in the registry", kiosk.kiosk_id)
        found = sms_signed.unpack(text, self._keys.of(kiosk.kiosk_id))
        if isinstance(found, Rejected):
            reason = f"{found.reason}; compare sms.key_file of the kiosk with its key at the centre"
            return Refused(reason, kiosk.kiosk_id)
        wrong = _wrong_time(found, now)
        return Refused(wrong, kiosk.kiosk_id) if wrong else Signed(alert_of(found, kiosk))


def _wrong_time(found: MachineAlert, now: Now) -> str:
    age_s = now.utc_ms // 1000 - found.pressed_s
    if found.clock == "unsynced" or -AHEAD_MAX_S <= age_s <= TOO_OLD_S:
        return ""
    if age_s < 0:
        return f"pressed {-age_s} s in the future: set the clocks of kiosk and centre"
    return f"pressed {age_s} s ago: too old for a text"


def alert_of(found: MachineAlert, kiosk: Registered) -> Alert:
    """Build an alert from its 20 bytes and the registry's words for the place."""
    pressed_at = utc_text(found.pressed_s * 1000)
    other = found.kind if found.kind != "press" else "other"
    return Alert(
        alert_id=cases.sms_name(found.number, found.seq, found.pressed_s),
        kiosk_id=kiosk.kiosk_id,
        kind=found.kind,
        button=other if found.button == sms_signed.OTHER_BUTTON else f"button {found.button + 1}",
        pressed_at=pressed_at,
        clock=found.clock,
        presses=found.presses,
        seq=found.seq,
        attempt=1,
        sent_at=pressed_at,
        route="sms",
        place=kiosk.place or _nameless(found, kiosk),
        versions={},
        duty=found.duty,
    )


def _nameless(found: MachineAlert, kiosk: Registered) -> Place:
    """Word a place that the registry does not know: people must be sent somewhere all the same."""
    name = Words(kk=kiosk.kiosk_id[:60], ru=kiosk.kiosk_id[:60])
    lat, lon = max(-90.0, min(found.lat, 90.0)), max(-180.0, min(found.lon, 180.0))
    return Place(name=name, address=name, entrance=name, lat=lat, lon=lon, accuracy_m=0, kato="000000000")
