"""The GSM modem through its own driver: answers, SIM, network, balance, and a drill's text to the centre.

Only for a stopped daemon: a modem has one owner. Never logs a number or a text.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from kiosk.bodies import Token
from kiosk.check.heard import Heard
from kiosk.check.row import Row, fault, ok, untested, unused, warning
from kiosk.config import Sms
from kiosk.messages import BalanceRead, LinkFell, ModemStatus, SmsFailed, SmsSent

if TYPE_CHECKING:
    from kiosk.net.sms import GammuModem

PARTS = ("modem", "sim", "gsm", "balance", "sms")
WEAK_DBM = -99  # +CSQ 7: below it texts begin to fail
REGISTER_S = 30.0  # a modem that was just switched on looks for its network that long
GLANCE_S = 2.0
BALANCE_S = 25.0


def judge_modem(status: ModemStatus) -> list[Row]:
    """Judge what the modem tells of itself: modem, SIM, network."""
    return [ok("modem", "modem_ok", imei=status.imei or "?"), judge_sim(status), judge_network(status)]


def judge_sim(status: ModemStatus) -> Row:
    """Judge the SIM."""
    return ok("sim", "sim_ready") if status.sim == "ready" else fault("sim", f"sim_{status.sim}")


def judge_network(status: ModemStatus) -> Row:
    """Judge registration and signal."""
    dbm = "?" if status.signal_dbm is None else status.signal_dbm
    operator = status.operator or "?"
    if status.registration not in ("home", "roaming"):
        return fault("gsm", f"gsm_{status.registration}", dbm=dbm)
    if status.signal_dbm is None or status.signal_dbm < WEAK_DBM:
        return warning("gsm", "gsm_weak", operator=operator, dbm=dbm)
    if status.registration == "roaming":
        return warning("gsm", "gsm_roaming", operator=operator, dbm=dbm)
    return ok("gsm", "gsm_home", operator=operator, dbm=dbm)


def judge_balance(sms: Sms, read: BalanceRead | None) -> Row:
    """Judge the balance; None means that the operator did not answer."""
    if sms.balance is None:
        return unused("balance")
    if read is None or read.balance_kzt is None:
        reason = read.reason if read is not None else f"no answer within {BALANCE_S:g} s"
        return fault("balance", "balance_unknown", ussd=sms.balance.code, reason=reason)
    kzt = round(read.balance_kzt)
    if read.balance_kzt < sms.balance.low_kzt:
        return warning("balance", "balance_low", kzt=kzt, low=round(sms.balance.low_kzt))
    return ok("balance", "balance_ok", kzt=kzt)


def check_modem(sms: Sms, text: Callable[[], str] | None) -> list[Row]:
    """Open a session, look, ask for the balance, and send a drill's `text` to each gateway.

    Without a key there is no text that a gateway would believe: None.
    """
    from kiosk.net.sms import GammuModem

    heard = Heard()
    modem = GammuModem(sms, heard)
    try:
        modem.open("none")
        status = _registered(modem, heard)
        if status is None:
            fell = heard.of(LinkFell)
            reason = fell[-1].reason if fell else "no answer"
            silent = fault("modem", "modem_silent", device=sms.device, reason=reason)
            return [silent, *(untested(part, "modem") for part in PARTS[1:])]
        rows = judge_modem(status)
        if any(row.level == "fault" for row in rows):
            return [*rows, untested("balance", "modem"), untested("sms", "modem")]
        return [*rows, _balance(modem, sms, heard), _sent(modem, sms, heard, text)]
    finally:
        modem.close()


def _registered(modem: "GammuModem", heard: Heard) -> ModemStatus | None:
    """Give the newest status, waiting for a network that is still being looked for."""
    end_s = time.monotonic() + REGISTER_S
    while True:
        told = heard.of(ModemStatus)
        if not told or told[-1].sim != "ready" or told[-1].registration != "searching":
            return told[-1] if told else None
        if time.monotonic() >= end_s or heard.of(LinkFell):
            return told[-1]
        time.sleep(GLANCE_S)
        modem.poll("status")


def _balance(modem: "GammuModem", sms: Sms, heard: Heard) -> Row:
    if sms.balance is None:
        return judge_balance(sms, None)
    modem.poll("balance")
    read = heard.wait((BalanceRead,), BALANCE_S)
    return judge_balance(sms, read if isinstance(read, BalanceRead) else None)


def _sent(modem: "GammuModem", sms: Sms, heard: Heard, text: Callable[[], str] | None) -> Row:
    if not sms.gateways:
        return unused("sms")
    if text is None:
        return fault("sms", "fault_sms_key_missing")
    written = text()
    for place, number in enumerate(sms.gateways, 1):
        modem.send(Token(f"check.{place}"), number, written)
    failed = heard.of(SmsFailed)
    if failed:
        return fault("sms", "sms_failed", count=len(failed), reason=failed[0].reason)
    return ok("sms", "sms_ok", count=len(heard.of(SmsSent)))
