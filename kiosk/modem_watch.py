"""Keeps the modem well: asks it how it is, judges its answers, climbs the recovery ladder. Pure.

Never touches it while a text is with it or people are being sought.
"""

from dataclasses import replace

from kiosk import health, recovery
from kiosk.effects import CyclePower, Effect, OpenModem, PollModem, Tell
from kiosk.messages import BalanceRead, ModemStatus, Now
from kiosk.reports import Reports

STATUS_EVERY_S = 60.0  # pitfall 24: an unplugged modem is seen only by asking it
BALANCE_SOON_S = 60.0  # after the first opening, and when it could not be asked
BALANCE_RETRY_S = 3600.0  # an operator that does not answer is asked again within the hour


class ModemWatch:
    """The modem's calendar and ladder; does nothing on a site without one."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._sms = reports.site.config.sms
        self._state: recovery.State = recovery.Well(0.0)
        self._status_s: float | None = None
        self._balance_s: float | None = None

    def start(self, now: Now) -> list[Effect]:
        """Open the modem."""
        if self._sms is None:
            return []
        self._state = recovery.opening(now.s)
        return [OpenModem("none")]

    def rose(self, now: Now) -> list[Effect]:
        """Note an open session."""
        if self._sms is None:
            return []
        self._state = recovery.rose(self._state, now.s)
        self._reports.health = replace(self._reports.health, modem_up=True)
        self._status_s = now.s + STATUS_EVERY_S
        if self._sms.balance and self._balance_s is None:
            self._balance_s = now.s + BALANCE_SOON_S
        return self._reports.fault("modem_down", now, wrong=False)

    def fell(self, reason: str, now: Now) -> list[Effect]:
        """Note a lost session; the recovery ladder takes over."""
        if self._sms is None:
            return []
        self._state = recovery.fell(self._state, now.s)
        self._reports.health = replace(self._reports.health, modem_up=False)
        self._status_s = None
        return self._reports.fault("modem_down", now, wrong=True, detail=reason)

    def read(self, status: ModemStatus, now: Now) -> list[Effect]:
        """Judge what the modem told of itself."""
        self._reports.health = replace(self._reports.health, modem=status)
        return self._reports.judge(health.modem_faults(status), now)

    def balance_read(self, read: BalanceRead, now: Now) -> list[Effect]:
        """Judge the balance."""
        if self._sms is None or self._sms.balance is None:
            return []
        if read.balance_kzt is None:
            self._balance_s = now.s + BALANCE_RETRY_S
            return self._reports.fault("balance_unknown", now, wrong=True, detail=read.reason)
        self._reports.health = replace(self._reports.health, balance_kzt=read.balance_kzt)
        low = read.balance_kzt < self._sms.balance.low_kzt
        return [
            *self._reports.fault("balance_unknown", now, wrong=False),
            *self._reports.fault("balance_low", now, wrong=low, detail=f"{read.balance_kzt:.0f} KZT"),
        ]

    def run(self, now: Now, *, free: bool) -> list[Effect]:
        """Climb the ladder, or ask the modem, where that is due; it is asked only while `free`."""
        out = self._recover(now)
        free = free and self._reports.health.modem_up
        if self._status_s is not None and now.s >= self._status_s:
            self._status_s = now.s + STATUS_EVERY_S
            out += [PollModem("status")] if free else []
        if self._balance_s is not None and now.s >= self._balance_s and self._sms and self._sms.balance:
            self._balance_s = now.s + (self._sms.balance.every_h * 3600 if free else BALANCE_SOON_S)
            out += [PollModem("balance")] if free else []
        return out

    def _recover(self, now: Now) -> list[Effect]:
        due_s = recovery.due_s(self._state)
        if self._sms is None or due_s is None or now.s < due_s:
            return []
        if not isinstance(self._state, recovery.Ill):
            return self.fell("no outcome of the last attempt", now)
        self._state, rung = recovery.climb(self._state, now.s, powered=self._sms.power_pin is not None)
        told = Tell("modem_recovery", (("rung", rung),), "warning")
        if rung == "reopen":
            return [told, OpenModem("none")]
        self._reports.tell_centre("modem_reset", now, detail=rung)
        if rung == "cfun":
            return [told, OpenModem("cfun")]
        return [told, CyclePower(self._sms.power_off_s), OpenModem("none")]

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        times = (recovery.due_s(self._state), self._status_s, self._balance_s)
        return min([at_s for at_s in times if at_s is not None], default=None)
