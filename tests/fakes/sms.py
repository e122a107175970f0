"""A modem in memory behind the SmsModem port: the same events, the same fault knobs as the simulated one."""

import itertools
from typing import Literal

from kiosk.bodies import Token
from kiosk.messages import (
    BalanceRead,
    LinkFell,
    LinkRose,
    ModemReset,
    ModemStatus,
    Registration,
    SimState,
    SmsFailed,
    SmsReceived,
    SmsReported,
    SmsSent,
)
from kiosk.ports import Post
from kiosk.sms_text import fits

CARD_WORDS: dict[SimState, str] = {
    "missing": "no SIM card",
    "pin_needed": "the SIM asks for its PIN",
    "puk_needed": "the SIM is locked",
    "unknown": "the SIM does not answer",
}


class FakeModem:
    """Does everything at once on the caller's thread; what comes in while closed waits on the card."""

    def __init__(self, post: Post, *, unreachable: tuple[str, ...] = ()) -> None:
        self.post = post
        self.sent: list[tuple[str, str]] = []
        self.resets: list[ModemReset] = []
        self.unreachable = unreachable
        self.registration: Registration = "home"
        self.card: SimState = "ready"
        self.balance_kzt: float | None = 1000.0
        self.signal_dbm: int | None = -71
        self._open = False
        self._hung = False
        self._plugged = True
        self._jammed = False
        self._silent = False
        self._refusals: list[int] = []
        self._waiting: list[SmsReceived] = []
        self._reference = itertools.cycle(range(1, 256))

    # ---- the port

    def open(self, reset: ModemReset) -> None:
        self.resets.append(reset)
        self._open = False
        if not self._plugged:
            self.post(LinkFell("sms", "the modem's device is not there"))
            return
        if self._hung:
            self.post(LinkFell("sms", "hung: the modem did not answer `open`"))
            return
        if reset == "cfun":
            self._jammed = False
        self.post(self._status())
        if self.card != "ready":
            self.post(LinkFell("sms", CARD_WORDS[self.card]))
            return
        self._open = True
        self.post(LinkRose("sms", "SimTel"))
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self.post(message)

    def send(self, token: Token, number: str, text: str) -> None:
        if not self._open:
            self.post(SmsFailed(token, "the modem's session is not open"))
            return
        if self._hung:
            self.post(SmsFailed(token, "hung: the modem did not answer `send`"))
            self._fall("the modem did not answer `send`")
            return
        if not fits(text):
            self.post(SmsFailed(token, "the text needs 2 segments, one is allowed"))
            return
        if self._jammed or self.registration not in ("home", "roaming") or self._refusals:
            if self._refusals:
                self._refusals.pop(0)
            self.post(SmsFailed(token, "the modem refused"))
            return
        reference = next(self._reference)
        if not self._silent:
            self.sent.append((number, text))  # before the news: who hears it may look at once
        self.post(SmsSent(token=token, reference=reference, parts=1))
        if not self._silent and number not in self.unreachable:
            self.post(SmsReported(reference, "delivered"))

    def poll(self, what: str) -> None:
        reason = "" if self._open else "the modem's session is not open"
        if self._open and self._hung:
            reason = "the modem did not answer `status`"
        if reason:
            if what == "balance":
                self.post(BalanceRead(None, reason))
            if self._open:
                self._fall(reason)
            return
        self.post(self._status())
        if what == "balance":
            self.post(BalanceRead(self.balance_kzt, "" if self.balance_kzt is not None else "no answer"))
        if self.card != "ready":
            self._fall(CARD_WORDS[self.card])

    def close(self) -> None:
        self._open = False

    # ---- knobs

    def hang(self) -> None:
        self._hung = True

    def unhang(self) -> None:
        self._hung = False

    def unplug(self) -> None:
        self._plugged = False
        if self._open:
            self._fall("the modem's device vanished")

    def replug(self) -> None:
        self._plugged, self._hung, self._jammed = True, False, False

    def power_cycle(self) -> None:
        self.unplug()
        self.replug()

    def die(self) -> None:
        """End the session as a crash of the child does."""
        if self._open:
            self._fall("the modem's process ended with -11")

    def jam(self) -> None:
        self._jammed = True

    def refuse_sends(self, *cms_codes: int) -> None:
        self._refusals.extend(cms_codes)

    def lose_network(self, *, denied: bool = False) -> None:
        self.registration = "denied" if denied else "searching"

    def find_network(self) -> None:
        self.registration = "home"

    def set_card(self, state: Literal["ready", "missing", "pin_needed", "puk_needed"]) -> None:
        self.card = state

    def swallow(self) -> None:
        """Take every text and deliver none, as an empty balance does."""
        self._silent = True

    def deliver(self, sender: str, text: str) -> None:
        message = SmsReceived(sender, text)
        if self._open and not self._hung:
            self.post(message)
        else:
            self._waiting.append(message)

    def _fall(self, reason: str) -> None:
        self._open = False
        self.post(LinkFell("sms", reason))

    def _status(self) -> ModemStatus:
        found = self.card == "ready" and self.registration in ("home", "roaming")
        return ModemStatus(
            imei="356938035643809",
            sim=self.card,
            registration=self.registration,
            operator="SimTel" if found else "",
            signal_dbm=self.signal_dbm,
        )
