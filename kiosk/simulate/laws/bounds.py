"""Law 6: memory, queues and journal stay bounded, and nothing storms. Pure."""

from collections import deque

from kiosk import effects as do
from kiosk.bodies import Alert, Heartbeat, Reply
from kiosk.cases import CASES_MAX
from kiosk.effects import Effect
from kiosk.health import FAULTS_MAX, OUTBOX_MAX
from kiosk.monitor.records import Text
from kiosk.simulate.hosts.box import Box
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.laws.truth import Broken
from kiosk.simulate.net.broker import Broker

MINUTE_S = 60.0
EFFECTS_A_TURN = 90
# In any minute, of one kiosk. Alerts: at most 8 incidents, each again at once for every press and every new
# connection; events: an outbox of 32, handed over again with each heartbeat and each new connection.
A_MINUTE = {
    "alert": 400,
    "event": 1200,
    "beat": 60,
    "text": 40,
    "post": 240,
    "save": 400,
    "say": 240,
    "open": 90,
    "reply": 1000,  # of one monitor to one kiosk
    "centre's text": 300,
    "same text": 8,  # to one person about one round: again after 5 s, 10 s, 20 s
    "same reply": 61,  # about one stage of one alert: once a second
}
SNAPSHOT_BYTES = 16_384
UNSAVED_MAX = 6_000  # changes of one monitor that wait for its store
UNSETTLED_MAX = 600  # texts of one monitor
PAGES_MAX = 2  # of these to one person about one alert: it may have two names for a while
WAITING_MAX = 4_000  # messages at the broker
QUEUE_MAX = 4_000  # items that wait for one monitor


class Bounds:
    """Counts what goes out in every minute, and looks at what is kept."""

    def __init__(self, broker: Broker, centres: list[Centre]) -> None:
        self._broker = broker
        self._centres = centres
        self._times: dict[tuple[str, str], deque[float]] = {}
        self.most: dict[str, int] = {}

    def turned(self, effects: list[Effect]) -> None:
        """Judge one turn."""
        if len(effects) > EFFECTS_A_TURN:
            raise Broken(6, f"{len(effects)} effects in one turn")

    def did(self, box: Box, effect: Effect, now_s: float) -> None:
        """Count what goes out."""
        match effect:
            case do.Publish(_, Alert()):
                self._count(box.who, "alert", now_s)
            case do.Publish(_, Heartbeat()):
                self._count(box.who, "beat", now_s)
            case do.Publish():
                self._count(box.who, "event", now_s)
            case do.SendSms():
                self._count(box.who, "text", now_s)
            case do.PostAlert() | do.PollReplies():
                self._count(box.who, "post", now_s)
            case do.Save():
                self._count(box.who, "save", now_s)
            case do.Say():
                self._count(box.who, "say", now_s)
            case do.OpenMqtt() | do.OpenModem():
                self._count(box.who, "open", now_s)
            case _:
                pass

    def replied(self, who: str, kiosk_id: str, reply: Reply, now_s: float) -> None:
        """Count what a monitor tells a kiosk."""
        self._count(f"{who} to {kiosk_id}", "reply", now_s)
        self._count(f"{who} about {reply.alert_id} {reply.stage}", "same reply", now_s)

    def texted(self, who: str, text: Text, now_s: float) -> None:
        """Count what a monitor writes to whom."""
        self._count(who, "centre's text", now_s)
        self._count(f"{who} to {text.to} about {text.alert_id} {text.step}", "same text", now_s)

    def _count(self, who: str, what: str, now_s: float) -> None:
        times = self._times.setdefault((who, what), deque())
        times.append(now_s)
        while times[0] <= now_s - MINUTE_S:
            times.popleft()
        if len(times) > self.most.get(what, 0):
            self.most[what] = len(times)
            if len(times) > A_MINUTE[what]:
                raise Broken(6, f"{who}: {len(times)} times {what} within a minute")

    def tick(self, boxes: dict[str, Box]) -> None:
        """Look at what is kept."""
        for box in boxes.values():
            if box.core is not None:
                parts = box.core.parts
                health = parts.reports.health
                self._demand(f"{box.who}: open incidents", len(parts.alarm.cases.open), CASES_MAX)
                self._demand(f"{box.who}: events that wait", len(health.outbox), OUTBOX_MAX)
                self._demand(f"{box.who}: faults", len(health.faults), FAULTS_MAX)
            self._demand(f"{box.who}: bytes of the journal", box.disk.bytes_max, SNAPSHOT_BYTES)
        for centre in self._centres:
            if centre.alive:
                sizes = centre.sizes()
                self._demand(f"{centre.who}: unsaved changes", sizes["unsaved"], UNSAVED_MAX)
                self._demand(f"{centre.who}: unsettled texts", sizes["texts"], UNSETTLED_MAX)
                self._demand(f"{centre.who}: unsettled pages of one", sizes["pages of one"], PAGES_MAX)
                self._demand(f"{centre.who}: items that wait", sizes["queue"], QUEUE_MAX)
        self._demand("broker: messages that wait", self._broker.waiting, WAITING_MAX)

    def _demand(self, what: str, size: int, most: int) -> None:
        if size > most:
            raise Broken(6, f"{what}: {size}, more than {most}")
        kind = what.partition(": ")[2]
        if size > self.most.get(kind, 0):
            self.most[kind] = size
