"""The running centre: wires store, link and local socket to the fleet, and turns it.

One queue, one loop, one thread that owns fleet and store. Never decides anything.
"""

import json
import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, assert_never

from kiosk import wire
from kiosk.bodies import AlertId
from kiosk.control import ControlServer
from kiosk.effects import Tell
from kiosk.messages import Now
from kiosk.monitor import intake, messages
from kiosk.monitor.caseload import KEEP_CLOSED_MS
from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.desk import Desk, Reply
from kiosk.monitor.effects import Acknowledge, Announce, Answer, FleetEffect, Save, SendCommand, SendReply
from kiosk.monitor.fleet import Fleet, Limits
from kiosk.monitor.link import PahoSession
from kiosk.monitor.store import Store, StoreBroken
from kiosk.monitor.uplink import Settled, Uplink
from kiosk.runtime import hand_on_soon, read_now

LOG = logging.getLogger(__name__)
TICK_S = 1.0
BATCH = 256  # messages that share one commit; also bounds how long a person's question waits
HEARD_MAX = (
    10_000  # messages that wait; alerts are few by then: the broker holds back what is not acknowledged
)
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asks at the local socket."""

    request: dict[str, Any]
    reply: Reply


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The process shall end in order."""


Work = intake.Heard | messages.LinkRose | messages.LinkFell | Settled | Asked
Item = Work | StopAsked


class Centre:
    """One centre from its configuration to its end."""

    def __init__(self, config: MonitorConfig, *, now: Callable[[], Now] = read_now) -> None:
        limits = config.fleet
        self._now = now
        self._fleet = Fleet(
            Limits(silent_after_s=limits.silent_after_s, kiosks=limits.kiosks, alerts=limits.alerts),
            on_duty=config.monitor.on_duty,
        )
        self._desk = Desk(self._fleet)
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._store = Store(Path(config.store_path))
        self._quarantined = ""
        self._loaded = False
        self._boot = 0
        self._config = config
        self._uplink = Uplink(config.mqtt, self._session, self._post)
        self._control = ControlServer(Path(config.socket_path), self._asked)
        self._saves: list[Save] = []
        self._ticked_s = 0.0

    def _session(self, number: int) -> PahoSession:
        config = self._config
        return PahoSession(config.mqtt, config.monitor.id, (self._boot, number), self._post)

    def _asked(self, request: dict[str, Any], reply: Reply) -> None:
        self._queue.put(Asked(request, reply))

    def stop(self) -> None:
        """End in order after the batch under way; callable from a signal handler."""
        self._queue.put(StopAsked())

    def run(self) -> None:
        """Serve until `stop`; raises DeviceError when the local socket cannot be opened."""
        hand_on_soon()
        self._control.open()
        try:
            self._restore()
            self._uplink.open()
            self._ticked_s = time.monotonic()
            while self._turn():
                pass
        finally:
            self._end()

    def _post(self, item: Item) -> None:
        """Queue what came; while the disk stalls, heartbeats give way so that memory does not."""
        if isinstance(item, intake.Heard) and item.receipt is None and self._queue.qsize() > HEARD_MAX:
            return
        self._queue.put(item)

    def _restore(self) -> None:
        """Begin with what the store holds; without one alerts reach people, but no receipts go out."""
        now = self._now()
        self._boot = now.utc_ms // 1000
        try:
            self._store.open()
            self._boot = self._store.next_boot(now.utc_ms // 1000)
            self._load(now)
        except StoreBroken as error:
            self._handle(messages.SaveFailed(str(error)))
        self._commit()

    def _load(self, now: Now) -> None:
        cases, kiosks, events = self._store.load(now.utc_ms - KEEP_CLOSED_MS)
        self._loaded = True
        self._quarantined = self._store.quarantined
        self._handle(
            messages.Restored(cases=cases, kiosks=kiosks, events=events, quarantined=self._quarantined)
        )

    def _end(self) -> None:
        with suppress(Exception):
            self._handle(messages.Stopped())
            self._commit()
        self._uplink.close()
        self._control.close()
        self._store.close()

    def _turn(self) -> bool:
        """Take in what waits, commit once, then let the promises out; False when it is time to end."""
        going = True
        for item in self._batch():
            if isinstance(item, StopAsked):
                going = False
            else:
                self._guard(item)
        if time.monotonic() - self._ticked_s >= TICK_S:
            self._ticked_s = time.monotonic()
            self._handle(messages.Ticked())
        self._commit()
        return going

    def _guard(self, item: Work) -> None:
        """Let no message that a bug of ours trips over end the centre: it stays with the broker."""
        try:
            self._take(item)
        except Exception:
            LOG.exception("item=%s failed", type(item).__name__)
            if isinstance(item, Asked):
                item.reply({"error": "the centre failed to handle this; its log says why"})

    def _batch(self) -> list[Item]:
        rest_s = max(0.0, self._ticked_s + TICK_S - time.monotonic())
        items: list[Item] = []
        with suppress(Empty):
            items.append(self._queue.get(timeout=rest_s))
            while len(items) < BATCH:
                items.append(self._queue.get_nowait())
        return items

    def _take(self, item: Work) -> None:
        notice: messages.Notice | None
        match item:
            case intake.Heard():
                notice = self._recall(intake.read(item))
            case Settled():
                notice = self._uplink.settled(item)
            case Asked():
                notice = self._desk.ask(item.request, item.reply)
            case messages.LinkFell() | messages.LinkRose():
                self._uplink.forget()
                notice = item
            case _:
                assert_never(item)
        if notice is not None:
            self._handle(notice)

    def _recall(self, notice: messages.Notice) -> messages.Notice:
        """Look an alert up in the store when memory has let it go."""
        if not isinstance(notice, messages.AlertArrived) or self._fleet.caseload.get(notice.alert.alert_id):
            return notice
        known = self._store.find(notice.alert.alert_id)
        return messages.AlertArrived(
            alert=notice.alert, door=notice.door, receipt=notice.receipt, known=known
        )

    def _handle(self, notice: messages.Notice) -> None:
        for effect in self._fleet.handle(notice, self._now()):
            self._carry_out(effect)

    def _commit(self) -> None:
        """Make everything of this batch durable in one commit and report back to the fleet."""
        while self._saves:
            saves, self._saves = self._saves, []
            try:
                if not self._loaded:
                    self._load(self._now())
                self._store.commit([change for save in saves for change in save.changes])
            except StoreBroken as error:
                self._handle(messages.SaveFailed(str(error)))
            else:
                self._handle(messages.Saved(saves[-1].serial))
                if self._store.quarantined != self._quarantined:
                    self._quarantined = self._store.quarantined
                    self._handle(messages.StoreRenewed(self._quarantined))

    def _carry_out(self, effect: FleetEffect) -> None:
        match effect:
            case Save():
                self._saves.append(effect)
            case SendReply(kiosk_id, reply):
                topic = wire.topic(kiosk_id, "ack", reply.alert_id)
                taken = messages.ReplyTaken(AlertId(reply.alert_id), reply.stage)
                self._uplink.send(topic, wire.encode(reply), taken)
            case SendCommand(kiosk_id, command):
                self._uplink.send(wire.topic(kiosk_id, "cmd", command.command_id), wire.encode(command))
            case Acknowledge(receipt):
                self._uplink.acknowledge(receipt)
            case Announce(on_duty):
                self._uplink.announce(on_duty=on_duty)
            case Answer():
                self._desk.answer(effect)
            case Tell():
                self._tell(effect)
            case _:
                assert_never(effect)

    def _tell(self, tell: Tell) -> None:
        fields = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in tell.detail)
        LOG.log(LEVELS[tell.level], "event=%s %s", tell.what, fields)
        at = wire.utc_text(time.time_ns() // 1_000_000)
        self._control.publish({"what": tell.what, "at": at, "level": tell.level, **dict(tell.detail)})


def run(config: MonitorConfig) -> None:
    """Run one centre until SIGTERM or SIGINT; raises DeviceError when another one holds the socket."""
    centre = Centre(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: centre.stop())
    centre.run()
