"""What the simulated modem answers to each AT command (3GPP TS 27.005 and 27.007, PDU mode only).

Owns the settings that commands change; never touches the port.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.sim.card import SLOTS, Card
from kiosk.sim.network import Network

NO_SIM, PIN_NEEDED, WRONG_PIN = "+CME ERROR: 10", "+CME ERROR: 11", "+CME ERROR: 16"
_CMS_NO_SIM, _CMS_PIN, _CMS_INDEX = "+CMS ERROR: 310", "+CMS ERROR: 311", "+CMS ERROR: 321"
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


class AtError(Exception):
    """Carry the final line of a command that failed."""


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
        if name in _PLAIN:
            return []
        if name in _FIXED and form == "":
            return [_FIXED[name]]
        if name in _RANGES and form == "=?":
            return [_RANGES[name]]
        special = _SPECIAL.get((name, form))
        if special is not None:
            return special(self, value)
        if name in _SETTABLE and form == "=":
            self.settings[name] = value
            return []
        if name in _SETTABLE and form == "?":
            return [f"{name}: {self.settings.get(name, '0')}"]
        raise AtError("ERROR")

    def restart(self) -> None:
        """Forget every setting, as a reset does; the card asks for its PIN again."""
        self.settings = dict(_DEFAULTS)
        self.notify = [0, 0, 0, 0, 0]
        self.card.unlocked = False

    def _need_card(self, missing: str, locked: str) -> None:
        if not self.card.present:
            raise AtError(missing)
        if not self.card.ready():
            raise AtError(locked)

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
        self._need_card(NO_SIM, PIN_NEEDED)
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
        self._need_card(_CMS_NO_SIM, _CMS_PIN)
        return [f"+CSCA: {self.settings['+CSCA']},145"]

    def message_format(self, value: str) -> list[str]:
        """+CMGF=0 only: no text mode."""
        if value != "0":
            raise AtError("+CMS ERROR: 303")
        return []

    def store_state(self, _value: str) -> list[str]:
        """+CPMS? and +CPMS=…: how full the card is."""
        self._need_card(_CMS_NO_SIM, _CMS_PIN)
        used = len(self.card.slots)
        return ["+CPMS: " + ",".join([f'"SM",{used},{SLOTS}'] * 3)]

    def store_choose(self, value: str) -> list[str]:
        """+CPMS="SM",…"""
        self._need_card(_CMS_NO_SIM, _CMS_PIN)
        if set(value.replace('"', "").split(",")) != {"SM"}:
            raise AtError("+CMS ERROR: 302")
        used = len(self.card.slots)
        return ["+CPMS: " + ",".join([f"{used},{SLOTS}"] * 3)]

    def notify_set(self, value: str) -> list[str]:
        """+CNMI=mode,mt,bm,ds,bfr."""
        digits = [int(digit) for digit in value.split(",") if digit.isdigit()]
        self.notify[: len(digits)] = digits[:5]
        return []

    def notify_state(self, _value: str) -> list[str]:
        """+CNMI?"""
        return ["+CNMI: " + ",".join(str(value) for value in self.notify)]

    def read(self, value: str) -> list[str]:
        """+CMGR=n."""
        self._need_card(_CMS_NO_SIM, _CMS_PIN)
        kept = self.card.slots.get(int(value) if value.isdigit() else 0)
        if kept is None:
            raise AtError(_CMS_INDEX)
        state, kept.read = int(kept.read), True
        return [f"+CMGR: {state},,{len(kept.tpdu)}\r\n00{kept.tpdu.hex().upper()}"]

    def list_all(self, value: str) -> list[str]:
        """+CMGL=4: everything on the card; 0 and 1 only what is unread or read."""
        self._need_card(_CMS_NO_SIM, _CMS_PIN)
        lines = []
        for place, kept in sorted(self.card.slots.items()):
            if value in {"4", str(int(kept.read))}:
                lines.append(
                    f"+CMGL: {place},{int(kept.read)},,{len(kept.tpdu)}\r\n00{kept.tpdu.hex().upper()}"
                )
                kept.read = True
        return lines

    def delete(self, value: str) -> list[str]:
        """+CMGD=n."""
        self._need_card(_CMS_NO_SIM, _CMS_PIN)
        place = value.partition(",")[0]
        if not place.isdigit() or not 1 <= int(place) <= SLOTS:
            raise AtError(_CMS_INDEX)
        self.card.slots.pop(int(place), None)
        return []

    def send(self, value: str) -> Prompt:
        """+CMGS=length."""
        self._need_card(_CMS_NO_SIM, _CMS_PIN)
        if not value.isdigit():
            raise AtError("+CMS ERROR: 304")
        return Prompt(int(value))

    def ussd(self, value: str) -> list[str]:
        """+CUSD=1,"code",15: OK at once, the operator's answer later."""
        self._need_card(NO_SIM, PIN_NEEDED)
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
    ("+CPMS", "?"): Commands.store_state,
    ("+CPMS", "="): Commands.store_choose,
    ("+CNMI", "?"): Commands.notify_state,
    ("+CNMI", "="): Commands.notify_set,
    ("+CMGR", "="): Commands.read,
    ("+CMGL", "="): Commands.list_all,
    ("+CMGD", "="): Commands.delete,
    ("+CMGS", "="): Commands.send,
    ("+CUSD", "="): Commands.ussd,
    ("+CFUN", "?"): lambda _commands, _value: ["+CFUN: 1"],
    ("+CFUN", "="): Commands.function,
    ("+CSMS", "?"): lambda _commands, _value: ["+CSMS: 0,1,1,1"],
}
