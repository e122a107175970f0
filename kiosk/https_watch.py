"""Keeps the second path known: asks a door of the centre how it is, and judges every call's outcome. Pure.

Never asks while an incident is open: then the doors have better to do, and the calls themselves tell.
"""

from dataclasses import replace

from kiosk.bodies import Token
from kiosk.effects import Effect, ProbeHttps, Tell
from kiosk.messages import Now
from kiosk.reports import Reports

FIRST_S = 20.0  # after the start; the driver is loaded then, while nothing else happens
PROBE_EVERY_S = 900.0
PROBE_AGAIN_S = 60.0  # a door that failed is asked again so soon
JITTER = 0.1


class HttpsWatch:
    """The doors' health; does nothing on a site without [https]."""

    def __init__(self, reports: Reports) -> None:
        https = reports.site.config.https
        self._reports = reports
        self._doors = len(https.centres) if https else 0
        self._probe_s: float | None = None
        self._count = 0
        self._failures = 0

    def start(self, now: Now) -> None:
        """Begin the calendar."""
        if self._doors:
            self._probe_s = now.s + FIRST_S * (1 + now.chance)

    def answered(self, rtt_ms: int | None, peer: str, now: Now) -> list[Effect]:
        """Note that a door answered as it should; `rtt_ms` where nothing held the answer back."""
        if not self._doors:
            return []
        health = self._reports.health
        news = [] if health.https_up else [Tell("link_up", (("link", "https"), ("peer", peer[:160])))]
        rtt_ms = health.https_rtt_ms if rtt_ms is None else max(0, rtt_ms)
        self._reports.health = replace(health, https_up=True, https_rtt_ms=rtt_ms)
        self._failures = 0
        return [*news, *self._reports.fault("https_down", now, wrong=False)]

    def failed(self, reason: str, now: Now) -> list[Effect]:
        """Note a failed call; the path is down once every door has failed in turn."""
        if not self._doors:
            return []
        self._failures += 1
        self._probe_s = min(self._probe_s or now.s, now.s) + PROBE_AGAIN_S
        if self._failures < self._doors:
            self._probe_s = now.s + 1.0
            return []
        health = self._reports.health
        drops = health.https_drops + (1 if health.https_up else 0)
        self._reports.health = replace(health, https_up=False, https_drops=drops)
        return self._reports.fault("https_down", now, wrong=True, detail=reason)

    def run(self, now: Now, *, busy: bool) -> list[Effect]:
        """Ask a door when that is due and nothing is open."""
        if self._probe_s is None or now.s < self._probe_s:
            return []
        self._probe_s = now.s + PROBE_EVERY_S * (1 - JITTER + 2 * JITTER * now.chance)
        if busy:
            self._probe_s = now.s + PROBE_AGAIN_S
            return []
        self._count += 1
        return [ProbeHttps(Token(f"probe.{self._count}"))]

    def wake_s(self) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        return self._probe_s
