"""The process that talks to the modem through gammu, one JSON object a line on stdin and stdout.

Owns the gammu session. Never decides anything: it answers commands and tells what came in. It is made to be
killed: gammu may block for minutes, and the parent's end closes stdin, which ends this at once.
"""

from __future__ import annotations

import os
import select
import time

import gammu

from kiosk.net.child_loop import private_stdout, serve
from kiosk.net.child_words import explain, message_told, ussd_told
from kiosk.net.mailbox import Mailbox
from kiosk.net.modem_port import config_file, descriptor_of, restart_modem

TYPE_CHECKING = False  # as typing has it; importing typing costs this small process 1 MB
if TYPE_CHECKING:
    from typing import Any

    from kiosk.net.child_loop import Fields, Tell

_VALIDITY = "6H"  # as long as an incident lasts; without it gammu writes five minutes
_RESET_S = 40.0
_BREATH_S = 0.02  # a babbling modem must not burn the processor
# a card that was busy is looked at again, and every card after a text: nobody polls while people are sought,
# and the notice of a person's answer can be lost
_MAIL_AGAIN_S = 2.0
_MAIL_LATEST_S = 30.0  # the texts of a round go out one after another, and each puts the look off
_USSD_S = 20.0
_BUSY_POLL_MS = 1000
_ON_AIR = {"HomeNetwork", "RoamingNetwork"}
_KNOCK_S = 3.0
_EMPTY = (gammu.ERR_EMPTY, gammu.ERR_INVALIDLOCATION)
_DEAD = (gammu.ERR_TIMEOUT, gammu.ERR_DEVICEWRITEERROR, gammu.ERR_DEVICEREADERROR)


class Refused(Exception):
    """A command that cannot be done; the text is safe to log."""


class Silent(OSError):
    """A modem that is there and says nothing."""


class Session:
    """Hold one gammu session; `tell` writes an object to the parent."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._machine: Any = None
        self._device = ""
        self._centre = ""
        self._imei = ""
        self._sim = "unknown"
        self._mailbox: Mailbox | None = None
        self._mail = False
        self._mail_s = self._mail_latest_s = 0.0
        self._pattern = ""
        self._ussd_until_s: float | None = None
        self.fd: int | None = None

    def answer(self, ask: Fields) -> None:
        """Carry out one command and tell its result, or why it failed."""
        do = {"open": self.open, "status": self.status, "send": self.send, "balance": self.balance}
        try:
            if self.fd is not None:
                self._knock(self.fd)
            result = do[ask["do"]](ask)
        except (gammu.GSMError, Refused, OSError, ValueError) as error:
            dead = isinstance(error, (*_DEAD, OSError)) or ask["do"] == "open"
            self._tell({"id": ask["id"], "error": explain(error), "dead": dead})
        else:
            self._tell({"id": ask["id"], "result": result})

    def _knock(self, fd: int) -> None:
        # a hung modem shows here in 3 s, before anything is sent; and the OK closes a line of garbage
        # that gammu would take for the beginning of the next answer
        os.write(fd, b"AT\r")
        wait_s = _KNOCK_S
        while select.select([fd], [], [], wait_s)[0]:
            self._machine.ReadDevice()
            wait_s = _BREATH_S
        if wait_s == _KNOCK_S:
            raise Silent("the modem does not answer")

    def open(self, ask: Fields) -> Fields:
        """Reset the modem if asked, open the session, enter the PIN, ask for incoming messages."""
        self._device = ask["device"]
        if ask["reset"] == "cfun":
            restart_modem(self._device, timeout_s=_RESET_S)
        machine = gammu.StateMachine()
        # SetConfig() would leave incoming messages and reports unconfigured: only a file will do
        machine.ReadConfig(Filename=config_file(self._device))
        machine.Init()
        self._machine = machine
        self.fd = fd = descriptor_of(self._device)
        self._imei = machine.GetIMEI()
        self._sim = self._unlock(ask.get("pin"))
        if self._sim == "ready":
            self._centre = ask.get("smsc") or machine.GetSMSC(1)["Number"]
            machine.SetIncomingCallback(self._heard)
            machine.SetIncomingSMS(True)
            machine.SetIncomingUSSD(True)
            self._mailbox = Mailbox(machine, fd, self._tell, empty=_EMPTY, dead=_DEAD, failed=gammu.GSMError)
            if ask["poison"]:
                self._mailbox.delete(ask["poison"])
        return self.status(ask)

    def status(self, _ask: Fields) -> Fields:
        """Read registration, signal and, where the modem is not registered, the SIM's state."""
        machine = self._machine
        network: Fields = {}
        signal = -1
        try:
            network = machine.GetNetworkInfo()
            signal = machine.GetSignalQuality()["SignalStrength"]
        except gammu.GSMError as error:
            _raise_if_dead(error)
        registration = network.get("State", "")
        if registration not in _ON_AIR:
            # gammu pauses 0.7 s here, which would keep a text waiting; on the air the card is ready
            self._sim = self._sim_state(self._sim)
        # a notice of a message can be lost in garbage or in gammu's short queue
        self._mail, self._mail_s, self._mail_latest_s = self._sim == "ready", 0.0, 0.0
        return {
            "imei": self._imei,
            "sim": self._sim,
            "registration": registration,
            "operator": network.get("NetworkName") or network.get("NetworkCode") or "",
            "signal_dbm": signal if signal < -1 else None,
        }

    def send(self, ask: Fields) -> Fields:
        """Send one segment with a delivery report; more than one segment is refused."""
        # AutoText takes UCS-2 only where a letter needs it; SendSMS of a bare text would write "?????"
        entry = {"ID": "ConcatenatedAutoTextLong", "Buffer": ask["text"]}
        parts = gammu.EncodeSMS({"Class": -1, "Unicode": False, "Entries": [entry]})
        if len(parts) != 1:
            raise Refused(f"the text needs {len(parts)} segments, one is allowed")
        message = parts[0]
        centre = {"Number": self._centre, "Validity": _VALIDITY}
        message.update(SMSC=centre, Number=ask["number"], Type="Status_Report")
        try:
            reference = self._machine.SendSMS(message)
        finally:
            self._look_soon()
        if not 0 <= reference <= 255:
            raise Refused(f"the modem gave no reference ({reference})")
        return {"reference": reference, "parts": 1}

    def _look_soon(self) -> None:
        now_s = time.monotonic()
        if not self._mail:
            self._mail, self._mail_latest_s = True, now_s + _MAIL_LATEST_S
        self._mail_s = min(now_s + _MAIL_AGAIN_S, self._mail_latest_s)

    def balance(self, ask: Fields) -> Fields:
        """Ask the operator by USSD; the answer is told later."""
        self._pattern = ask["pattern"]
        self._machine.DialService(ask["code"])
        self._ussd_until_s = time.monotonic() + _USSD_S
        return {}

    def listen(self) -> None:
        """Take in what the modem writes by itself."""
        self._machine.ReadDevice()
        time.sleep(_BREATH_S)

    def work(self) -> None:
        """Read one message, or see whether there are any; give up on a USSD answer that does not come."""
        mailbox = self._mailbox
        if mailbox is not None and mailbox.reading:
            mailbox.read_on()
        elif mailbox is not None and self._mail and time.monotonic() >= self._mail_s:
            self._mail = False  # before: a notice in the middle of the sweep asks for another one
            if not mailbox.begin():
                self._mail_s = self._mail_latest_s = time.monotonic() + _MAIL_AGAIN_S
                self._mail = True
        if self._ussd_until_s is not None and time.monotonic() >= self._ussd_until_s:
            self._ussd_until_s = None
            self._tell({"event": "ussd", "text": None, "reason": "the operator did not answer"})

    def wait_ms(self) -> int | None:
        """Say how long may be slept: for ever when nothing is due."""
        if self._mailbox is not None and self._mailbox.reading:
            return 0
        if self._mail and self._mailbox is not None:
            return max(0, round(1000 * (self._mail_s - time.monotonic())))
        return None if self._ussd_until_s is None else _BUSY_POLL_MS

    def _heard(self, _machine: Any, kind: str, fields: Fields) -> None:
        # may run in the middle of a send: only note it
        if kind == "SMS" and "Text" in fields:
            self._tell(message_told(fields))
        elif kind == "SMS":
            self._mail, self._mail_s, self._mail_latest_s = True, 0.0, 0.0
        elif kind == "USSD" and self._ussd_until_s is not None:
            self._ussd_until_s = None
            self._tell(ussd_told(fields, self._pattern))

    def _sim_state(self, known: str = "unknown") -> str:
        try:
            wanted: str | None = self._machine.GetSecurityStatus()
        except gammu.ERR_NOSIM:
            return "missing"
        except gammu.GSMError as error:
            _raise_if_dead(error)
            return known
        return "ready" if wanted is None or wanted in {"PIN2", "PUK2"} else wanted

    def _unlock(self, pin: str | None) -> str:
        state = self._sim_state()
        if state != "PIN" or pin is None:
            return state
        try:
            self._machine.EnterSecurityCode("PIN", pin)
        except gammu.GSMError as error:
            _raise_if_dead(error)
            # three wrong ones lock the card: the parent must not offer it again
            wrong = isinstance(error, gammu.ERR_SECURITYERROR)  # a card that is only busy is ERR_NOSIM
            self._tell({"event": "pin_refused" if wrong else "pin_failed"})
        return self._sim_state()


def _raise_if_dead(error: Any) -> None:
    if isinstance(error, _DEAD):
        raise error


def main() -> None:
    """Serve until stdin ends or the device vanishes."""
    tell = private_stdout()
    try:
        serve(Session(tell), tell)
    except (gammu.GSMError, OSError, KeyError, TypeError, ValueError) as error:
        tell({"event": "gone", "reason": explain(error)})


if __name__ == "__main__":
    main()
