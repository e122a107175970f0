"""What the simulated modem answers to each AT command (3GPP TS 27.005 and 27.007, PDU mode only).

Owns the settings that commands change; never touches the port.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.sim.card import Card
from kiosk.sim.network import Network
from kiosk.sim.store import STORE, AtError, cms, need

NO_SIM, PIN_NEEDED, WRONG_PIN = "+CME ERROR: 10", "+CME ERROR: 11", "+CME ERROR: 16"
_BAD_PDU, _NOT_SUPPORTED = 304, 303
_PLAIN = {"", "Z", "V1", "Q0", "&F", "&D0", "&D2", "&C1", "X4", "S0", "H"}
_SETTABLE = {"+CSCS", "+CLIP", "+CRC", "+CVHU", "+CSMP", "+CMEE", "+CREG", "+CGREG", "+CSCA", "+CSDH"}
_DEFAULTS = {"+CSCS": '"GSM"', "+CSMP": "17,167,0,0", "+CSCA": '"+77010000000"', "+CMEE": "0", "+CREG": "0"}
_FIXED = {
    "+CGMI": "Simulated",
    "+GMI": "Simulated",
    "+CGMM": "SIM800-SIM",
    "+GMM": "SIM800-SIM",
    "+CGMR": "1.0",
    "+CBC": "+CBC: 0,100",
    "+CPAS": "+CPAS: 0",
    "+GCAP": "+GCAP: +CGSM",
    "+CLCC": "",
}
_RANGES = {
    "+CNMI": "+CNMI: (0-2),(0-2),(0,2),(0-2),(0,1)",
    "+CSCS": '+CSCS: ("GSM","UCS2")',
    "+CPMS": '+CPMS: ("SM"),("SM"),("SM")',
    "+CMGF": "+CMGF: (0)",
}
_BOOT_DEAF_MODE = "1,1"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ask the port for a PDU whose TPDU has so many bytes."""

    tpdu_length: int


@dataclass(slots=True, kw_only=True)
class Commands:
    """Answer commands from the card and the network; `announce` writes unasked lines."""

    card: Card
    network: Network
    announce: Callable[[str], None]
    reset: Callable[[], None]
    imei: str = "356938035643809"
    ussd_delay_s: float = 0.05
    settings: dict[str, str] = field(default_factory=lambda: dict(_DEFAULTS))
    notify: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])

    def answer(self, name: str, form: str, value: str) -> list[str] | Prompt:
        """List the lines before OK; `form` is one of "", "=", "?", "=?". Raises AtError."""
        if (name, form) in STORE:
            return STORE[name, form](self.card, value)
        if (name, form) in _SPECIAL:
            return _SPECIAL[name, form](self, value)
        return self._simple(name, form, value)

    def _simple(self, name: str, form: str, value: str) -> list[str]:
        match form:
            case "" if name in _PLAIN:
                return []
            case "" if name in _FIXED:
                return [_FIXED[name]]
            case "=?" if name in _RANGES:
                return [_RANGES[name]]
            case "?" if name in _SETTABLE:
                return [f"{name}: {self.settings.get(name, '0')}"]
            case "=" if name in _SETTABLE:
                self.settings[name] = value
                return []
        raise AtError("ERROR")

    def restart(self) -> None:
        """Forget every setting, as a reset does; the card asks for its PIN again."""
        self.settings = dict(_DEFAULTS)
        self.notify = [0, 0, 0, 0, 0]
        self.card.unlocked = False

    def _need_card(self) -> None:
        if not self.card.ready():
            raise AtError(PIN_NEEDED if self.card.present else NO_SIM)

    def pin_state(self, _value: str) -> list[str]:
        """+CPIN?"""
        state = self.card.state()
        if state is None:
            raise AtError(NO_SIM)
        return [f"+CPIN: {state}"]

    def pin_enter(self, value: str) -> list[str]:
        """+CPIN="…"."""
        if self.card.state() != "SIM PIN" or not self.card.enter(value.strip('"')):
            raise AtError(WRONG_PIN)
        return []

    def identity(self, _value: str) -> list[str]:
        """+CGSN: the IMEI."""
        return [self.imei]

    def subscriber(self, _value: str) -> list[str]:
        """+CIMI."""
        self._need_card()
        return [self.card.imsi]

    def signal(self, _value: str) -> list[str]:
        """+CSQ: 99 is unknown (27.007, 8.5)."""
        heard = self.network.registered() or self.network.registration == 3
        return [f"+CSQ: {self.network.signal_csq if heard else 99},0"]

    def registration(self, _value: str) -> list[str]:
        """+CREG? with the place when it was set to 2."""
        state = self.network.registration if self.card.ready() else 0
        mode = self.settings["+CREG"]
        place = ',"01F4","2A3B"' if mode == "2" and self.network.registered() else ""
        return [f"+CREG: {mode},{state}{place}"]

    def packet_registration(self, _value: str) -> list[str]:
        """+CGREG?: no packet service."""
        return [f"+CGREG: {self.settings.get('+CGREG', '0')},0"]

    def operator(self, _value: str) -> list[str]:
        """+COPS? in the format asked for; without a name when not registered."""
        if not (self.card.ready() and self.network.registered()):
            return ["+COPS: 0"]
        form = self.settings.get("+COPS", "0")
        name = self.network.operator_code if form == "2" else self.network.operator
        return [f'+COPS: 0,{form},"{name}"']

    def operator_format(self, value: str) -> list[str]:
        """+COPS=3,n."""
        mode, _, form = value.partition(",")
        if mode == "3":
            self.settings["+COPS"] = form
        return []

    def centre_number(self, _value: str) -> list[str]:
        """+CSCA?"""
        need(self.card)
        return [f"+CSCA: {self.settings['+CSCA']},145"]

    def message_format(self, value: str) -> list[str]:
        """+CMGF=0 only: no text mode."""
        if value != "0":
            raise cms(_NOT_SUPPORTED)
        return []

    def notify_set(self, value: str) -> list[str]:
        """+CNMI=mode,mt,bm,ds,bfr."""
        digits = [int(digit) for digit in value.split(",") if digit.isdigit()]
        self.notify[: len(digits)] = digits[:5]
        return []

    def notify_state(self, _value: str) -> list[str]:
        """+CNMI?"""
        return ["+CNMI: " + ",".join(str(value) for value in self.notify)]

    def send(self, value: str) -> Prompt:
        """+CMGS=length."""
        need(self.card)
        if not value.isdigit():
            raise cms(_BAD_PDU)
        return Prompt(int(value))

    def ussd(self, value: str) -> list[str]:
        """+CUSD=1,"code",15: OK at once, the operator's answer later."""
        self._need_card()
        _mode, _, rest = value.partition(",")
        code = rest.split(",")[0].strip('"')
        if not code:
            return []
        if not self.network.registered():
            raise AtError("+CME ERROR: 30")
        asked = code if code[:1] in "*#" else _from_ucs2(code)
        self.network.after(self.ussd_delay_s, lambda: self._tell_ussd(asked))
        return []

    def _tell_ussd(self, code: str) -> None:
        tariff = self.network.tariff
        if code != tariff.ussd_code:
            self.announce("+CUSD: 4")
            return
        text = tariff.ussd_reply.format(balance=tariff.balance_kzt)
        hexed = not text.isascii() or "UCS2" in self.settings["+CSCS"]
        shown = text.encode("utf-16-be").hex().upper() if hexed else text
        self.announce(f'+CUSD: 0,"{shown}",{15 if text.isascii() else 72}')

    def function(self, value: str) -> list[str]:
        """+CFUN=1,1 restarts the modem; other levels change nothing."""
        if value == _BOOT_DEAF_MODE:
            self.reset()
        return []


def _from_ucs2(text: str) -> str:
    try:
        return bytes.fromhex(text).decode("utf-16-be")
    except ValueError:
        return text


_SPECIAL: dict[tuple[str, str], Callable[[Commands, str], list[str] | Prompt]] = {
    ("+CPIN", "?"): Commands.pin_state,
    ("+CPIN", "="): Commands.pin_enter,
    ("+CGSN", ""): Commands.identity,
    ("+GSN", ""): Commands.identity,
    ("+CIMI", ""): Commands.subscriber,
    ("+CSQ", ""): Commands.signal,
    ("+CREG", "?"): Commands.registration,
    ("+CGREG", "?"): Commands.packet_registration,
    ("+CGATT", "?"): lambda _commands, _value: ["+CGATT: 0"],
    ("+COPS", "?"): Commands.operator,
    ("+COPS", "="): Commands.operator_format,
    ("+CSCA", "?"): Commands.centre_number,
    ("+CMGF", "="): Commands.message_format,
    ("+CMGF", "?"): lambda _commands, _value: ["+CMGF: 0"],
    ("+CNMI", "?"): Commands.notify_state,
    ("+CNMI", "="): Commands.notify_set,
    ("+CMGS", "="): Commands.send,
    ("+CUSD", "="): Commands.ussd,
    ("+CFUN", "?"): lambda _commands, _value: ["+CFUN: 1"],
    ("+CFUN", "="): Commands.function,
    ("+CSMS", "?"): lambda _commands, _value: ["+CSMS: 0,1,1,1"],
}
