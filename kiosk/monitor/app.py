"""The running centre: wires store, link and local socket to the fleet, and turns it.

One queue, one loop, one thread that owns fleet and store. Never decides anything.
"""

import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from kiosk.control import ControlServer
from kiosk.messages import Now
from kiosk.monitor import intake, messages
from kiosk.monitor.background import Pulse, Round, plan_round, rounds
from kiosk.monitor.children import Child
from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.crew import Crew
from kiosk.monitor.desk import Desk, Reply
from kiosk.monitor.figures import Figures
from kiosk.monitor.fleet import Fleet, Limits
from kiosk.monitor.hearing import Hearing
from kiosk.monitor.link import PahoSession
from kiosk.monitor.memory import Memory
from kiosk.monitor.neighbours import Neighbours, apart
from kiosk.monitor.notify.cap_hook import Hook, make_hook
from kiosk.monitor.notify.texter import make_texter, read_rules
from kiosk.monitor.store import Store
from kiosk.monitor.uplink import Beats, BeatsWaiting, Settled, Uplink
from kiosk.runtime import collect_seldom, hand_on_soon, read_now

LOG = logging.getLogger(__name__)
TICK_S = 1.0
BATCH = 256  # messages that share one commit; also bounds how long a person's question waits
HEARD_MAX = 10_000  # messages that wait; alerts are few by then: the broker holds back unacknowledged ones
CLIENTS, WAITING = 32, 256  # of the local socket: pages and doors ask for many people on one connection


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asks at the local socket."""

    request: dict[str, Any]
    reply: Reply


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The process shall end in order."""


Work = (
    intake.Heard | messages.LinkRose | messages.LinkFell | messages.SmsArrived | messages.TextSettled
    | messages.PlanLoaded | messages.EarsRose | messages.EarsFell | Settled | BeatsWaiting | Asked
    | messages.LeaseChanged | messages.NewsRead | messages.Ticked
)  # fmt: skip
Item = Work | StopAsked


class Centre:
    """One centre from its configuration to its end."""

    def __init__(
        self, config: MonitorConfig, *, file: Path | None = None, now: Callable[[], Now] = read_now
    ) -> None:
        limits = config.fleet
        self._has_ears = file is not None and config.mqtt.heartbeats is not None
        self._now = now
        self._fleet = Fleet(
            Limits(silent_after_s=limits.silent_after_s, kiosks=limits.kiosks, alerts=limits.alerts),
            on_duty=config.monitor.on_duty,
            sms=read_rules(config),
            ears=self._has_ears,
        )
        self._figures = Figures()
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._plan = plan_round(config, self._queue.put)
        self._desk = Desk(self._fleet, self._plan.hurry, self._counted)
        self._store = Store(config.store_url, config.store.password_file, writer=config.monitor.id)
        self._neighbours = Neighbours(self._store, config.monitor.id, time.monotonic)
        self._memory = Memory(self._store, self._handle, now, self._neighbours)
        self._boot, self._config, self._pulse = 0, config, Pulse()
        self._beats = Beats(self._post)
        self._reader = intake.BeatReader(limits.kiosks)
        self._uplink = Uplink(config.mqtt, self._session, self._post)
        self._control = ControlServer(Path(config.socket_path), self._asked, clients=CLIENTS, waiting=WAITING)
        self._texter = make_texter(config, self._post, self._asked)
        hook = make_hook(config.cap)
        self._crew = Crew(
            uplink=self._uplink,
            control=self._control,
            desk=self._desk,
            texter=self._texter,
            keep=self._memory.keep,
            on_show=hook.show if hook else None,
        )
        others = rounds(config, lambda: self._neighbours.holds, self._asked)
        self._beside: list[Child | Round | Hook | Pulse] = [*self._children(file), self._plan, *others]
        self._beside += [hook, self._pulse] if hook else [self._pulse]
        self._ticked_s = 0.0

    def _session(self, number: int) -> PahoSession:
        config, beats = self._config, None if self._has_ears else self._beats
        return PahoSession(config.mqtt, config.monitor.id, (self._boot, number), self._post, beats)

    def _children(self, file: Path | None) -> list[Child]:
        """Name the processes beside this one; they read the same file."""
        if file is None:
            return []
        wanted = [name for name in ("web", "doors") if getattr(self._config, name) is not None]
        children = [Child(name, [name, "--config", str(file)]) for name in wanted]
        if self._has_ears:
            hearing = Hearing(self._beats, self._post)
            children.append(Child("ears", ["ears", "--config", str(file)], listen=hearing.listen))
        return children

    def _asked(self, request: dict[str, Any], reply: Reply) -> None:
        number = request.pop("id", None)
        numbered = reply if number is None else lambda answer: reply({**answer, "id": number})
        self._queue.put(Asked(request, numbered))

    def _counted(self) -> dict[str, Any]:
        return {**self._figures.view(), "queue": self._queue.qsize()}

    def stop(self) -> None:
        """End in order after the batch under way; callable from a signal handler."""
        self._queue.put(StopAsked())

    def run(self) -> None:
        """Serve until `stop`; raises DeviceError when the local socket cannot be opened."""
        hand_on_soon()
        self._control.open()
        try:
            self._boot = self._memory.restore()
            self._neighbours.begin(self._boot)
            collect_seldom()
            self._uplink.open()
            if self._texter is not None:
                self._texter.open()
            for part in self._beside:
                part.open()
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

    def _end(self) -> None:
        for part in self._beside:
            part.close()
        with suppress(Exception):
            self._handle(messages.Stopped())
            self._memory.commit()
        self._neighbours.close()
        if self._texter is not None:
            self._texter.close()
        self._uplink.close()
        self._control.close()
        self._memory.close()

    def _turn(self) -> bool:
        """Take in what waits, commit once, then let the promises out; False when it is time to end."""
        batch = self._batch()
        for notice in self._neighbours.look(loaded=self._memory.loaded, link_up=self._fleet.link_up):
            self._guard(notice)
        for item in batch:
            if not isinstance(item, StopAsked):
                self._guard(item)
        if time.monotonic() - self._ticked_s >= TICK_S:
            self._ticked_s = time.monotonic()
            if self._guard(messages.Ticked()):  # one that always fails is restarted, not the alerts of now
                self._pulse.beat()
        self._memory.commit()
        return not any(isinstance(item, StopAsked) for item in batch)

    def _guard(self, item: Work) -> bool:
        """Let no message that a bug of ours trips over end the centre: it stays with the broker."""
        try:
            self._take(item)
        except Exception:
            LOG.exception("item=%s failed", type(item).__name__)
            if isinstance(item, Asked):
                item.reply({"error": "the centre failed to handle this; its log says why"})
            for part in apart(item):
                self._guard(part)
            return False
        return True

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
                notice = intake.read(item)
            case BeatsWaiting():
                notice, others = self._reader.read(self._beats.take())
                for each in others:
                    self._handle(self._recall(each))
            case Settled():
                notice = self._uplink.settled(item)
            case Asked():
                notice = self._desk.ask(item.request, item.reply)
            case messages.LinkFell() | messages.LinkRose():
                self._uplink.forget()
                notice = item
            case _:
                notice = item
        if notice is not None:
            self._handle(self._recall(notice))

    def _recall(self, notice: messages.Notice) -> messages.Notice:
        """Look an alert up in the store when memory has let it go."""
        if not isinstance(notice, messages.AlertArrived) or self._fleet.caseload.get(notice.alert.alert_id):
            return notice
        return self._memory.recall(notice)

    def _handle(self, notice: messages.Notice) -> None:
        now = self._now()
        effects = self._fleet.handle(notice, now)
        self._figures.took(notice, effects, now.s)
        for effect in effects:
            self._crew.carry_out(effect)


def run(config: MonitorConfig, file: Path | None = None) -> None:
    """Run one centre until SIGTERM or SIGINT; raises DeviceError when another one holds the socket."""
    centre = Centre(config, file=file)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: centre.stop())
    centre.run()
