"""Watches that MQTT hears as well as it talks, and sends the heartbeats. Pure.

A heartbeat goes out only while the receiving side is proven alive: a link that can only talk is a fault,
and is closed so that it connects again.
"""

from dataclasses import replace

from kiosk import health
from kiosk.bodies import Heartbeat, Token
from kiosk.effects import DropMqtt, Effect, OpenMqtt, Publish, ReadBoard
from kiosk.messages import Now
from kiosk.reports import Reports

FIRST_BEAT_S = 1.0
DEAF_KEEPALIVES = 2.5  # nothing heard for that long: the link can only talk
HURRY_EVERY_S = 2.0  # while somebody needs help the link rests no longer than that between two attempts
JITTER = 0.1  # so that a region's kiosks do not beat together after a power cut


class MqttWatch:
    """The MQTT link's health and the calendar of heartbeats; `boot` is the epoch's first half."""

    def __init__(self, reports: Reports) -> None:
        config = reports.site.config
        self._reports = reports
        self._deaf_after_s = DEAF_KEEPALIVES * config.mqtt.keepalive_s
        self._every_s = config.heartbeat.every_s
        self._beat_s = 0.0
        self._seq = 0
        self._started_s = 0.0
        self._up = self._deaf = False
        self._deaf_s = 0.0
        self._hurry_s: float | None = None
        self.boot = 0

    def start(self, now: Now) -> None:
        """Begin the calendar."""
        self._started_s = now.s
        self._beat_s = now.s + FIRST_BEAT_S

    def rose(self, now: Now) -> list[Effect]:
        """Take up what the centre has not heard: events, and a heartbeat at once."""
        self._up, self._deaf, self._deaf_s = True, False, now.s + self._deaf_after_s
        self._reports.owe_again()
        self._beat_s = now.s
        return self._reports.fault("mqtt_down", now, wrong=False)

    def fell(self, reason: str, now: Now) -> list[Effect]:
        """Note a lost link."""
        drops = self._reports.health.drops + (1 if self._up else 0)
        self._up = False
        self._reports.health = replace(self._reports.health, drops=drops)
        return self._reports.fault("mqtt_down", now, wrong=True, detail=reason)

    def heard(self, at_s: float, rtt_ms: int | None, now: Now) -> None:
        """Note that the receiving side is alive."""
        self._deaf = False
        self._deaf_s = max(self._deaf_s, min(at_s, now.s) + self._deaf_after_s)
        if rtt_ms is not None:
            self._reports.health = replace(self._reports.health, rtt_ms=max(0, rtt_ms))

    def beat_soon(self, now: Now) -> None:
        """Let the next heartbeat go at once: somebody asked."""
        self._beat_s = now.s

    def run(self, now: Now, *, alerting: bool, open_alerts: int) -> list[Effect]:
        """Give what is due: close a deaf link, beat, hand over what the centre is owed."""
        out: list[Effect] = []
        if self._up and now.s >= self._deaf_s:
            self._deaf, self._deaf_s = True, now.s + self._deaf_after_s
            out.append(DropMqtt("nothing heard from the broker"))
        out += self._hurry(now, alerting=alerting)
        if now.s >= self._beat_s:
            self._beat_s = now.s + self._every_s * (1 - JITTER + 2 * JITTER * now.chance)
            self._reports.owe_again()
            out.append(ReadBoard())
            if self._up and not self._deaf:
                self._seq += 1
                beat = self.heartbeat(now, alerting=alerting, open_alerts=open_alerts)
                out.append(Publish(Token("hb"), beat))
        return out + (self._reports.hand_over() if self._up else [])

    def _hurry(self, now: Now, *, alerting: bool) -> list[Effect]:
        """Cut the link's rest short while an incident is open and MQTT is down."""
        if self._up or not alerting or not self.boot:
            self._hurry_s = None
            return []
        if self._hurry_s is not None and now.s < self._hurry_s:
            return []
        self._hurry_s = now.s + HURRY_EVERY_S
        return [OpenMqtt(self.boot)]

    def heartbeat(self, now: Now, *, alerting: bool, open_alerts: int) -> Heartbeat:
        """Compose the heartbeat of this moment."""
        site = self._reports.site
        beat = health.Beat(
            seq=self._seq,
            boot=self.boot,
            at_s=now.utc_ms // 1000,
            uptime_s=int(now.s - self._started_s),
            alerting=alerting,
            open_alerts=open_alerts,
            mode=site.config.voice.mode,
            has_sms=site.config.sms is not None,
            mqtt_up=self._up,
            config_hash=site.config_hash,
            version=site.version,
        )
        return health.heartbeat(self._reports.health, beat)

    def wake_s(self) -> float:
        """Give the next monotonic time at which `run` has something to do."""
        if self._up:
            return min(self._beat_s, self._deaf_s)
        return self._beat_s if self._hurry_s is None else min(self._beat_s, self._hurry_s)
