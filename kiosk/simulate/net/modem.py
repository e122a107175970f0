"""A GSM modem behind its port, with every bad habit of docs' pitfalls: one worker, one job at a time. Pure.

Faults of `modem:<who>`: `hang` (nothing answers; the text may have gone), `mute` (opens well, hangs at each
text), `absent` (unplugged: seen only when it is asked), `refuse`, `lie` (says sent, sends nothing: an empty
balance), `question` (what is not Latin becomes `?`), `sim` (no card), `denied` (registered nowhere).
"""

from collections.abc import Callable

from kiosk.bodies import Token
from kiosk.messages import (
    BalanceRead,
    KioskEvent,
    LinkFell,
    LinkRose,
    ModemReset,
    ModemStatus,
    SimState,
    SmsFailed,
    SmsReceived,
    SmsReported,
    SmsSent,
)
from kiosk.simulate.agenda import Agenda, Do
from kiosk.simulate.dice import Dice
from kiosk.simulate.net.gsm import Gsm, Sms
from kiosk.simulate.weather import Weather

OPEN_S = (3.0, 8.0)
OPEN_MAX_S, RESET_MAX_S = 25.0, 75.0  # the driver's own deadlines
RESET_S = (12.0, 40.0)
SEND_S = (0.7, 4.0)
STATUS_MAX_S = 8.0
GONE_ANYWAY_P = 0.4  # a killed send may still have gone out (pitfall 25)
Job = tuple[str, Callable[[Do], None]]


class Modem:
    """One modem of somebody (`who`) with its SIM's number; every event is posted to the owner."""

    def __init__(
        self, agenda: Agenda, weather: Weather, gsm: Gsm, post: Callable[[KioskEvent], None], *,
        who: str, number: str, dice: Dice, send_max_s: float = 45.0,
    ) -> None:  # fmt: skip
        self._agenda = agenda
        self._weather = weather
        self._gsm = gsm
        self._post = post
        self._where = f"modem:{who}"
        self._air = f"sms:{who}"
        self._number = number
        self._dice = dice
        self._send_max_s = send_max_s
        self._jobs: list[Job] = []
        self._busy = False
        self._reference = dice.whole(0, 255)
        self._alive = True
        self.up = False
        gsm.listen(number, self._air, self._hear)

    def end(self) -> None:
        """End with the process; a text under way may still go."""
        self._alive = self.up = False
        self._jobs.clear()

    # ---- the worker

    def submit(self, job: Callable[[Do], None], newest: str = "") -> None:
        """Queue a job, which calls what it is given when it is done; `newest` replaces a waiting one."""
        if newest:
            self._jobs = [waiting for waiting in self._jobs if waiting[0] != newest]
        self._jobs.append((newest, job))
        self._next()

    def _next(self) -> None:
        if self._busy or not self._jobs or not self._alive:
            return
        self._busy = True
        self._jobs.pop(0)[1](self._done)

    def _done(self) -> None:
        self._busy = False
        self._next()

    def _after(self, wait_s: float, do: Do, done: Do) -> None:
        def act() -> None:
            if self._alive:
                do()
                done()

        self._agenda.after(wait_s, act)

    def _has(self, how: str) -> bool:
        return self._weather.has(self._where, how)

    # ---- what is asked of it

    def open(self, reset: ModemReset) -> None:
        """Kill any session and open a new one."""
        self.submit(lambda done: self._open(reset, done), "open")

    def _open(self, reset: ModemReset, done: Do) -> None:
        self.up = False
        if self._has("hang"):
            max_s = RESET_MAX_S if reset == "cfun" else OPEN_MAX_S
            self._after(max_s, lambda: self._fall("the modem did not answer `open`", was_up=True), done)
        elif self._has("absent"):
            self._after(0.3, lambda: self._fall("no such device", was_up=True), done)
        else:
            wait_s = self._dice.between(*(RESET_S if reset == "cfun" else OPEN_S))
            self._after(wait_s, self._opened, done)

    def _opened(self) -> None:
        status = self._status()
        self._post(status)
        if self._has("absent") or self._has("hang") or status.sim != "ready":
            self._fall("no SIM card", was_up=True)
            return
        self.up = True
        self._post(LinkRose("sms", status.operator))
        self._gsm.awake(self._number)

    def _status(self) -> ModemStatus:
        sim: SimState = "missing" if self._has("sim") else "ready"
        denied = self._has("denied")
        return ModemStatus(
            imei="350000000000006", sim=sim, registration="denied" if denied else "home", operator="Kcell",
            signal_dbm=None if denied else -70,
        )  # fmt: skip

    def _fall(self, reason: str, *, was_up: bool = False) -> None:
        was_up, self.up = was_up or self.up, False
        if was_up:
            self._post(LinkFell("sms", reason))

    def send(self, token: Token, number: str, text: str) -> None:
        """Send one text."""
        self.submit(lambda done: self._send(token, number, text, done))

    def _send(self, token: Token, number: str, text: str, done: Do) -> None:
        dice = self._dice
        if not self.up:
            self._after(0.01, lambda: self._post(SmsFailed(token, "the modem's session is not open")), done)
        elif self._has("hang") or self._has("mute"):
            if dice.yes(GONE_ANYWAY_P):
                self._go_out(number, text, 0)
            self._after(self._send_max_s, lambda: self._hung(token), done)
        elif self._has("absent"):
            self._after(dice.between(1.0, 5.0), lambda: self._hung(token), done)
        elif self._has("refuse") or self._has("denied"):
            self._after(dice.between(1.0, 8.0), lambda: self._post(SmsFailed(token, "CMS 38")), done)
        else:
            self._after(dice.between(*SEND_S), lambda: self._sent(token, number, text), done)

    def _hung(self, token: Token) -> None:
        self._post(SmsFailed(token, "hung: the modem did not answer `send`"))
        self._fall("the modem did not answer `send`")

    def _sent(self, token: Token, number: str, text: str) -> None:
        self._reference = (self._reference + 1) % 256
        reference = self._reference
        self._post(SmsSent(token=token, reference=reference, parts=1))
        if not self._has("lie"):
            self._go_out(number, text, reference)

    def _go_out(self, number: str, text: str, reference: int) -> None:
        if self._has("question"):
            text = "".join(letter if letter.isascii() else "?" for letter in text)
        report = self._report(reference)
        self._gsm.send(Sms(self._number, number, text), stretch=self._air, report=report)

    def _report(self, reference: int) -> Callable[[bool], None]:
        def report(delivered: bool) -> None:
            if self._alive and self.up:
                self._post(SmsReported(reference, "delivered" if delivered else "failed"))

        return report

    def poll(self, what: str) -> None:
        """Ask it how it is, and for the balance."""
        self.submit(lambda done: self._poll(what, done), what)

    def _poll(self, what: str, done: Do) -> None:
        if not self.up or self._has("hang") or self._has("absent"):
            wait_s = STATUS_MAX_S if self._has("hang") else 0.2
            self._after(wait_s, lambda: self._unanswered(what), done)
        else:
            self._after(self._dice.between(0.1, 1.0), lambda: self._answered(what), done)

    def _unanswered(self, what: str) -> None:
        if what == "balance":
            self._post(BalanceRead(None, "the modem did not answer"))
        self._fall("the modem did not answer `status`")

    def _answered(self, what: str) -> None:
        status = self._status()
        self._post(status)
        if status.sim != "ready":
            self._fall("no SIM card")
        elif what == "balance":
            self._post(BalanceRead(100.0 if self._has("lie") else 5_000.0))

    def cycle(self, off_s: float) -> None:
        """Take its power away for a while."""
        self.submit(lambda done: self._after(off_s, lambda: None, done))

    def _hear(self, sms: Sms) -> bool:
        if not self._alive or not self.up or self._has("hang") or self._has("absent"):
            return False
        self._post(SmsReceived(sms.sender, sms.text))
        return True
