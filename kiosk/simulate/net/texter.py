"""The centre's SMS: a gateway first, its own modem behind it, with the real recovery ladder. Pure.

Faults of `gateway:<monitor>`: `refuse`, `hang`, `lie` (taken, never sent), `twice`.
"""

from collections.abc import Callable

from kiosk import recovery
from kiosk.bodies import Token
from kiosk.messages import KioskEvent, LinkFell, LinkRose, SmsFailed, SmsReceived, SmsSent
from kiosk.monitor.messages import SmsArrived, TextSettled
from kiosk.monitor.records import Text
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.dice import Dice
from kiosk.simulate.net.gsm import Gsm, Sms
from kiosk.simulate.net.modem import Modem
from kiosk.simulate.weather import Weather

GATEWAY_S = (0.1, 1.5)
HANG_S = 11.0
TURN_S = 0.5
STATUS_EVERY_S = 60.0
Post = Callable[[SmsArrived | TextSettled], None]


class Texter:
    """One monitor's ways out and in, for one life of its process."""

    def __init__(
        self, agenda: Agenda, weather: Weather, gsm: Gsm, post: Post, *, who: str, number: str, life: int,
        dice: Dice,
    ) -> None:  # fmt: skip
        self._agenda = agenda
        self._weather = weather
        self._gsm = gsm
        self._post = post
        self._gateway = f"gateway:{who}"
        self._number = number
        self._dice = dice
        self._name = f"{who}{life}"
        self._count = 0
        self._waiting: dict[str, tuple[Text, str]] = {}
        self._state: recovery.State = recovery.opening(agenda.now_s)
        self._status_s = 0.0
        self._alive = True
        self._modem = Modem(agenda, weather, gsm, self._event, who=who, number=number, dice=dice)
        self._modem.open("none")
        self._keep()

    def close(self) -> None:
        """End with the process."""
        self._alive = False
        self._modem.end()

    @property
    def hears(self) -> bool:
        """Tell whether texts come in."""
        return self._modem.up

    # ---- out

    def send(self, text: Text, number: str, body: str) -> None:
        """Send by the gateway, and where it refuses by the modem."""
        has = self._weather.has
        if has(self._gateway, "hang"):
            self._agenda.after(HANG_S, lambda: self._by_modem(text, number, body, "gateway: no answer"))
        elif has(self._gateway, "refuse"):
            wait_s = self._dice.between(*GATEWAY_S)
            self._agenda.after(wait_s, lambda: self._by_modem(text, number, body, "gateway: refused"))
        else:
            self._agenda.after(self._dice.between(*GATEWAY_S), lambda: self._by_gateway(text, number, body))

    def _by_gateway(self, text: Text, number: str, body: str) -> None:
        copies = 2 if self._weather.has(self._gateway, "twice") else 1
        for _ in range(0 if self._weather.has(self._gateway, "lie") else copies):
            self._gsm.send(Sms(self._number, number, body))
        if self._alive:
            self._post(TextSettled(text))

    def _by_modem(self, text: Text, number: str, body: str, reason: str) -> None:
        if not self._alive:
            return
        if not self._modem.up:
            self._post(TextSettled(text, f"{reason}; modem: not open"))
            return
        self._count += 1
        token = Token(f"{self._name}-{self._count}")
        self._waiting[token] = (text, reason)
        self._modem.send(token, number, body)

    # ---- the modem

    def _event(self, event: KioskEvent) -> None:
        match event:
            case SmsReceived(number, text):
                self._count += 1
                name = f"modem-{self._name}-{self._count}"
                self._post(SmsArrived(message_id=name, door="modem", number=number[:64], text=text[:1000]))
            case SmsSent(token=token):
                self._settle(token, "")
            case SmsFailed(token, reason):
                self._settle(token, reason)
            case LinkRose():
                self._state = recovery.rose(self._state, self._agenda.now_s)
                self._status_s = self._agenda.now_s + STATUS_EVERY_S
            case LinkFell():
                self._state = recovery.fell(self._state, self._agenda.now_s)
            case _:
                pass

    def _settle(self, token: str, reason: str) -> None:
        found = self._waiting.pop(token, None)
        if found is not None:
            text, before = found
            self._post(TextSettled(text, f"{before}; modem: {reason}" if reason else ""))

    def _keep(self) -> None:
        """Climb the ladder, and ask the modem now and then."""
        if not self._alive:
            return
        now_s = self._agenda.now_s
        due_s = recovery.due_s(self._state)
        if due_s is not None and now_s >= due_s:
            if isinstance(self._state, recovery.Ill):
                self._state, rung = recovery.climb(self._state, now_s, powered=False)
                self._modem.open("none" if rung == "reopen" else "cfun")
            else:
                self._state = recovery.fell(self._state, now_s)
        if self._modem.up and now_s >= self._status_s and not self._waiting:
            self._status_s = now_s + STATUS_EVERY_S
            self._modem.poll("status")
        next_s = self._status_s if self._modem.up else now_s + TURN_S
        self._agenda.at(max(now_s + TURN_S, min(next_s, now_s + 5.0)), self._keep)
