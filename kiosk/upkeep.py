"""Keeps every part but the inputs well: links, modem, speaker, board, and the cover phrase. Pure.

Owns the calendar of everything that is not an alert. None of it may come before one.
"""

from collections.abc import Mapping
from dataclasses import replace

from kiosk import health
from kiosk.effects import Effect, ProbeVoice, ReadBoard, Say
from kiosk.https_watch import HttpsWatch
from kiosk.messages import BoardRead, Now
from kiosk.modem_watch import ModemWatch
from kiosk.mqtt_watch import MqttWatch
from kiosk.renewal import Renewal
from kiosk.reports import Reports
from kiosk.sms_text import LOCAL_OFFSET_MS

VOICE_EVERY_S = 300.0  # a speaker that broke is tried again that often
PAPERS = ("ca_missing", "cert_missing", "sms_key_missing", "config_wrong")
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class Upkeep:
    """All watches. Methods give effects; `run` gives what is due."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self.modem = ModemWatch(reports)
        self.mqtt = MqttWatch(reports)
        self.https = HttpsWatch(reports)
        self.renewal = Renewal(reports)
        voice = reports.site.config.voice
        self._cover = voice.cover if voice.mode == "cover" else None
        self._cover_s: float | None = None
        self._probe_s: float | None = None

    def start(self, now: Now) -> list[Effect]:
        """Begin: open the modem, look at the board and the speaker."""
        self.mqtt.start(now)
        self.https.start(now)
        out: list[Effect] = [*self.modem.start(now), ReadBoard(), ProbeVoice()]
        if self._cover:
            self._cover_s = now.s + self._cover.every_min * 60
        if self._reports.site.safe_start:
            out += self._reports.fault("restart_loop", now, wrong=True)
        return out

    def board_read(self, read: BoardRead, now: Now) -> list[Effect]:
        """Judge the board."""
        self._reports.health = replace(self._reports.health, board=read)
        return self._reports.judge(health.board_faults(read), now)

    def certificate(self, days_left: int, life_days: int, now: Now) -> list[Effect]:
        """Judge the client certificate's remaining life; it is renewed in its last third."""
        self.renewal.read(days_left, life_days, now)
        self._reports.health = replace(self._reports.health, cert_days_left=days_left)
        soon = days_left < health.CERT_SOON_DAYS
        return self._reports.fault("cert_expiring", now, wrong=soon, detail=f"{days_left} days")

    def papers(self, missing: Mapping[str, str], now: Now) -> list[Effect]:
        """Judge the files that say who this kiosk is: a missing or wrong one is a fault and stops nothing."""
        return [
            effect
            for code in PAPERS
            for effect in self._reports.fault(code, now, wrong=code in missing, detail=missing.get(code, ""))
        ]

    def voice(self, now: Now, *, wrong: bool, reason: str = "") -> list[Effect]:
        """Note whether sound works."""
        self._probe_s = now.s + VOICE_EVERY_S if wrong else None
        self._reports.health = replace(self._reports.health, voice_ok=not wrong)
        return self._reports.fault("voice_unavailable", now, wrong=wrong, detail=reason)

    def run(self, now: Now, *, alerting: bool, open_alerts: int, modem_free: bool) -> list[Effect]:
        """Give everything that is due now."""
        out = self.modem.run(now, free=modem_free)
        if self._probe_s is not None and now.s >= self._probe_s:
            self._probe_s = now.s + VOICE_EVERY_S
            out.append(ProbeVoice())
        if self._cover and self._cover_s is not None and now.s >= self._cover_s:
            self._cover_s = now.s + self._cover.every_min * 60
            hour = (now.utc_ms + LOCAL_OFFSET_MS) % DAY_MS // HOUR_MS
            ordinary = self._cover.from_hour <= hour < self._cover.to_hour and not alerting
            out += [Say("cover")] if ordinary else []
        out += self.https.run(now, busy=open_alerts > 0)
        out += self.renewal.run(now, busy=open_alerts > 0)
        return out + self.mqtt.run(now, alerting=alerting, open_alerts=open_alerts)

    def wake_s(self) -> float:
        """Give the next monotonic time at which `run` has something to do."""
        times = (
            self.mqtt.wake_s(), self.https.wake_s(), self.renewal.wake_s(), self.modem.wake_s(),
            self._cover_s, self._probe_s,
        )  # fmt: skip
        return min([at_s for at_s in times if at_s is not None])
