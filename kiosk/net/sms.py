"""The kiosk's GSM modem, driven by gammu in a child process that can be killed at any time.

Owns the session's life and its deadlines. Never retries, never opens by itself, never waits without end;
phone numbers and texts are never logged.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from kiosk.bodies import Token
from kiosk.config import Sms
from kiosk.messages import (
    LinkFell,
    LinkRose,
    ModemFailed,
    ModemReset,
    SmsFailed,
    SmsReceived,
    SmsReported,
    SmsSent,
)
from kiosk.net.modem_absence import Absence
from kiosk.net.modem_answers import CARD_WORDS, report_status, told_status
from kiosk.net.modem_balance import BalanceQuestion
from kiosk.net.modem_process import COMMAND, Ended, Hung, ModemProcess, Sent, Status, Told
from kiosk.net.pin import WITHHELD, CardPin
from kiosk.ports import Post

_OPEN_S = 25.0  # gammu takes 6 s with a healthy modem
_RESET_OPEN_S = 75.0  # a modem starts in up to 40 s
_STATUS_S = 8.0
_CLOSE_S = 0.7
_STUCK_MAX = 2  # killed children that are not gone: they hang in the kernel, with the modem's device


class GammuModem:
    """Be the SmsModem of a serial modem; every method but `close` belongs to one worker thread.

    A warm session hands a message to the modem within about 0.7 s (gammu's own pauses). In the folder `state`
    it keeps that a card has refused the PIN; without it the next start offers that PIN again.
    """

    def __init__(
        self,
        config: Sms,
        post: Post,
        *,
        command: tuple[str, ...] = COMMAND,
        state: Path | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._post = post
        self._command = command
        self._now_s = now_s
        self._absence = Absence()
        self._lock = threading.Lock()
        self._process: ModemProcess | None = None
        self._session = 0
        self._up = False
        self._busy = False
        self._lost_while_busy = ""
        self._early_reports: list[SmsReported] = []
        self._pin = CardPin(config.pin_file, state)
        self._stuck: list[ModemProcess] = []
        self._reading = 0
        self._poison = 0
        self._balance = BalanceQuestion(config.balance, post)

    @property
    def child_pid(self) -> int | None:
        """Name the child's process, None without a session."""
        process = self._process
        return process.pid if process is not None else None

    def open(self, reset: ModemReset) -> None:
        """Kill any session and open a new one; posts ModemStatus, and LinkRose or LinkFell.

        `cfun` restarts the modem first. A refused PIN is never offered again: three lock the card.
        """
        self._end_session()
        with self._turn():
            try:
                status = told_status(self._open(reset))
            except (ModemFailed, OSError) as error:
                self._end_session()
                self._post(LinkFell("sms", str(error)))
                return
            self._post(status)
            if status.sim == "ready":
                self._pin.forget()
                self._absence.opened(status.registration, self._now_s())
                self._up = True
                self._post(LinkRose("sms", status.operator))
            else:
                self._end_session()
                withheld = status.sim == "pin_needed" and self._pin.is_withheld
                self._post(LinkFell("sms", WITHHELD if withheld else CARD_WORDS[status.sim]))

    def send(self, token: Token, number: str, text: str) -> None:
        """Send one segment; posts SmsSent or SmsFailed (then LinkFell too when the session is dead)."""
        with self._turn():
            try:
                raw = self._ask("send", self._config.send_deadline_s, number=number, text=text)
            except ModemFailed as error:
                self._post(SmsFailed(token, f"hung: {error}" if isinstance(error, Hung) else str(error)))
                self._fall_if_dead(error)
                if self._process is not None and self._absence.refused(self._now_s()):
                    self._look()
                return
            self._absence.sent()
            sent = msgspec.json.decode(raw, type=Sent)
            self._post(SmsSent(token=token, reference=sent.reference, parts=sent.parts))

    def poll(self, what: str) -> None:
        """Post ModemStatus, for `balance` a BalanceRead too; a modem long off the network is given up."""
        with self._turn():
            if what == "balance":
                self._balance.begin()
            self._look(what)

    def _look(self, what: str = "status") -> None:
        try:
            status = told_status(msgspec.json.decode(self._ask("status", _STATUS_S), type=Status))
            self._post(status)
            if what == "balance":
                self._balance.ask(lambda **code: self._ask("balance", _STATUS_S, **code))
        except ModemFailed as error:
            if what == "balance":
                self._balance.lose(str(error))
            self._fall_if_dead(error)
            return
        on_card = CARD_WORDS.get(status.sim, "")
        if reason := on_card or self._absence.read(status.registration, self._now_s()):
            self._fall(reason)
            self._end_session()

    def close(self) -> None:
        """End the child; idempotent; returns within 1 s."""
        self._end_session()

    def _open(self, reset: ModemReset) -> Status:
        with self._lock:
            session = self._session
            self._stuck = [process for process in self._stuck if process.is_running]
            if len(self._stuck) >= _STUCK_MAX:
                raise ModemFailed("the modem hangs in the kernel: take its power away or restart the machine")

        def ended(reason: str, crashed: bool) -> None:
            self._process_ended(session, reason, crashed=crashed)

        self._process = ModemProcess(self._hear, ended, command=self._command)
        fields = {"device": self._config.device, "pin": self._pin.offer(), "smsc": self._config.smsc}
        deadline_s = _RESET_OPEN_S if reset == "cfun" else _OPEN_S
        poison, self._poison = self._poison, 0  # the session may die of another before its answer is read
        try:
            raw = self._ask("open", deadline_s, reset=reset, poison=poison, **fields)
        except ModemFailed:
            self._poison = self._poison or poison
            raise
        return msgspec.json.decode(raw, type=Status)

    def _ask(self, do: str, deadline_s: float, **fields: object) -> msgspec.Raw:
        if self._process is None:
            raise ModemFailed("the modem's session is not open")
        return self._process.ask(do, deadline_s=deadline_s, **fields)

    def _hear(self, told: Told) -> None:
        match told.event:
            case "received":
                self._post(SmsReceived(told.number, told.text or ""))
            case "reported":
                self._report(SmsReported(told.reference, report_status(told.status)))
            case "ussd":
                self._balance.take(told)
            case "reading":
                self._reading = told.place
            case "pin_refused":
                self._pin.refuse()
            case "pin_failed":
                self._pin.set_aside()
            case "gone":
                pass  # told by the end of the process

    def _report(self, report: SmsReported) -> None:
        # a network may report a text before the modem has answered its send; nobody would know it then
        with self._lock:
            if self._busy:
                self._early_reports.append(report)
                return
        self._post(report)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold back reports and the end of the session until what was asked has its own answer."""
        with self._lock:
            self._busy, self._lost_while_busy = True, ""
        try:
            yield
        finally:
            lost: str | None = None
            while lost is None:
                with self._lock:
                    early, self._early_reports = self._early_reports, []
                    if not early:
                        self._busy, lost = False, self._lost_while_busy
                for report in early:  # those that come meanwhile are held back too, and told after these
                    self._post(report)
            if lost:
                self._fall(lost)

    def _process_ended(self, session: int, reason: str, *, crashed: bool) -> None:
        with self._lock:
            if session != self._session:
                return
            if crashed and self._reading:
                self._poison = self._reading
            self._reading = 0
            if self._busy:
                self._lost_while_busy = reason
                return
        self._fall(reason)

    def _fall_if_dead(self, error: ModemFailed) -> None:
        if isinstance(error, Hung | Ended):
            self._fall(str(error))
            self._end_session()

    def _fall(self, reason: str) -> None:
        with self._lock:
            was_up, self._up = self._up, False
        self._balance.lose(reason)
        if was_up:
            self._post(LinkFell("sms", reason))

    def _end_session(self) -> None:
        with self._lock:
            self._session += 1
            self._up = False
            process, self._process = self._process, None
        if process is not None:
            process.close(grace_s=_CLOSE_S)
            if process.is_running:
                with self._lock:
                    self._stuck.append(process)
