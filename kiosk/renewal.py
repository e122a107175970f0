"""When this kiosk's certificate is renewed: in the last third of its life, spread over the fleet. Pure.

Never while an incident is open. A renewal that failed is tried again the next day, near the end each hour.
"""

from kiosk.effects import Effect, RenewCertificate, Tell
from kiosk.health import CERT_SOON_DAYS
from kiosk.messages import Now
from kiosk.reports import Reports

DAY_S = 86_400.0
HOUR_S = 3600.0
FIRST_WITHIN_S = 4 * HOUR_S  # kiosks of one day's installation do not all come at once
URGENT_WITHIN_S = 600.0
OUTCOME_MAX_S = 900.0  # the worker's own deadline is far below


class Renewal:
    """The calendar of renewal; does nothing on a site without [https]."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._days_left: int | None = None
        self._at_s: float | None = None
        self._until_s: float | None = None

    def read(self, days_left: int, life_days: int, now: Now) -> None:
        """Take in how much of the certificate's life is left; a life of 0 days is not known."""
        self._days_left = days_left
        if life_days <= 0 or days_left * 3 > life_days or self._reports.site.config.https is None:
            self._at_s = None
        elif self._at_s is None and self._until_s is None:
            self._at_s = now.s + now.chance * (URGENT_WITHIN_S if self._urgent else FIRST_WITHIN_S)

    @property
    def _urgent(self) -> bool:
        return self._days_left is not None and self._days_left < CERT_SOON_DAYS

    def done(self, reason: str, now: Now) -> list[Effect]:
        """Note how a renewal ended; an empty reason is success."""
        self._until_s = self._at_s = None
        if reason:
            every_s = HOUR_S if self._urgent else DAY_S
            self._at_s = now.s + every_s * (0.9 + 0.2 * now.chance)
        told = [] if reason else [Tell("certificate_renewed")]
        return [*told, *self._reports.fault("cert_renewal_failed", now, wrong=bool(reason), detail=reason)]

    def run(self, now: Now, *, busy: bool) -> list[Effect]:
        """Renew when that is due and nothing is open."""
        if self._until_s is not None and now.s >= self._until_s:
            return self.done("no outcome of the last attempt", now)
        if self._at_s is None or now.s < self._at_s:
            return []
        if busy:
            self._at_s = now.s + URGENT_WITHIN_S * (0.5 + now.chance)
            return []
        self._at_s, self._until_s = None, now.s + OUTCOME_MAX_S
        return [RenewCertificate()]

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        return self._until_s if self._at_s is None else self._at_s
