"""What the modem's answers mean in the kiosk's own words.

Owns the reading of states, reports and the operator's balance; does no I/O and never raises on bad answers.
"""

import re

from kiosk.messages import BalanceRead, ModemStatus, Registration, ReportStatus, SimState
from kiosk.net.modem_process import Status

_NOT_IN_SUM = re.compile(r"[^0-9.,-]")
_FAILED_FROM = 0x40

_SIM_STATES: dict[str, SimState] = {
    "ready": "ready",
    "missing": "missing",
    "PIN": "pin_needed",
    "PUK": "puk_needed",
}
_REGISTRATIONS: dict[str, Registration] = {
    "HomeNetwork": "home",
    "RoamingNetwork": "roaming",
    "RequestingNetwork": "searching",
    "NoNetwork": "searching",
    "RegistrationDenied": "denied",
}
CARD_WORDS: dict[SimState, str] = {
    "missing": "no SIM card",
    "pin_needed": "the SIM asks for its PIN: check pin_file",
    "puk_needed": "the SIM is locked and asks for its PUK",
    "unknown": "the SIM does not answer",
}


def told_status(status: Status) -> ModemStatus:
    """Turn the child's status into the kiosk's event."""
    return ModemStatus(
        imei=status.imei,
        sim=_SIM_STATES.get(status.sim, "unknown"),
        registration=_REGISTRATIONS.get(status.registration, "unknown"),
        operator=status.operator,
        signal_dbm=status.signal_dbm,
    )


def report_status(code: int) -> ReportStatus:
    """Read TP-Status (TS 23.040, 9.2.3.15): 0 delivered, from 0x40 failed, else still trying."""
    if code == 0:
        return "delivered"
    return "failed" if code >= _FAILED_FROM else "pending"


def read_balance(found: str | None, reason: str) -> BalanceRead:
    """Read the sum that was found in the operator's answer, with a point or a comma; None has a `reason`."""
    if found is None:
        return BalanceRead(None, reason)
    digits = _NOT_IN_SUM.sub("", found).replace(",", ".")
    try:
        return BalanceRead(float(digits))
    except ValueError:
        return BalanceRead(None, "the operator's answer holds no sum")
