"""What is done beside the core's turn, each on its own thread and its own connection.

Reading people, rota and registry again, deleting what is too old, telling systemd. Never holds an alert up:
whatever fails here is logged and tried again.
"""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.dispatching import Ask, Dispatching
from kiosk.monitor.messages import PlanLoaded
from kiosk.monitor.records import Plan
from kiosk.monitor.store import duty, retention
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.keeper import reason_of
from kiosk.monitor.store.trust import Trust
from kiosk.systemd import Notifier

LOG = logging.getLogger(__name__)
PLAN_S = 10.0  # a page that changes people or rota says so at once; this finds what nobody told
SWEEP_S, SWEEP_FIRST_S = 3600.0, 60.0
ROLLOUT_S = 5.0
DAILY_S = 86_400.0
REST_S = 0.05  # between two commits of retention: alerts go first
JOIN_S = 5.0


class Round:
    """Does `work` each `every_s`, and at once after `hurry`; whatever fails, it goes on."""

    def __init__(
        self,
        name: str,
        config: MonitorConfig,
        work: Callable[[Engine], None],
        *,
        every_s: float,
        first_s: float,
    ) -> None:
        self._name = name
        self._config = config
        self._work = work
        self._every_s = every_s
        self._first_s = first_s
        self._due = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def open(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def hurry(self) -> None:
        """Do it now."""
        self._due.set()

    @property
    def going(self) -> bool:
        """Tell whether the work may go on."""
        return not self._ending.is_set()

    def rest(self) -> None:
        """Pause between two commits."""
        self._ending.wait(REST_S)

    def close(self) -> None:
        """End; idempotent; returns within 5 s."""
        self._ending.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _run(self) -> None:
        wait_s = self._first_s
        engine: Engine | None = None
        while True:
            self._due.wait(wait_s)
            self._due.clear()
            if self._ending.is_set():
                break
            wait_s = self._every_s
            try:
                engine = engine or make_engine(
                    self._config.store_url, self._config.store.password_file, pool=1
                )
                self._work(engine)
            except (SQLAlchemyError, OSError) as error:
                LOG.warning("round=%s failed reason=%r", self._name, reason_of(error))
            except Exception:
                LOG.exception("round=%s failed", self._name)
        if engine is not None:
            engine.dispose()


class Plans:
    """Reads the plan and posts it when it has changed.

    Kiosks never leave the registry: a database without any and without people has lost them, and then the
    last plan is what people are called by and signed SMS are judged by.
    """

    def __init__(self, post: Callable[[PlanLoaded], None]) -> None:
        self._post = post
        self._reader = duty.PlanReader()
        self._last: Plan | None = None
        self._lost = False

    def read(self, engine: Engine) -> None:
        """Read once."""
        with engine.connect() as connection, connection.begin():
            plan = self._reader.read(connection, time.time_ns() // 1_000_000)
        last = self._last
        lost = last is not None and bool(last.kiosks) and not plan.kiosks and not plan.people
        if lost and not self._lost:
            LOG.error("plan=kept reason='people and registry are gone from the database'")
        self._lost = lost
        if plan != last and not lost:
            self._last = plan
            self._post(PlanLoaded(plan))


def plan_round(config: MonitorConfig, post: Callable[[PlanLoaded], None]) -> Round:
    """Read people, rota and registry at once and each `PLAN_S`."""
    return Round("plan", config, Plans(post).read, every_s=PLAN_S, first_s=0.0)


def sweep_round(config: MonitorConfig, held: Callable[[], bool]) -> Round:
    """Delete what is too old each hour, where this monitor holds the lease."""
    trust = Trust()

    def work(engine: Engine) -> None:
        if held():
            gone = retention.sweep(engine, config.retention, trust, lambda: made.going and held(), made.rest)
            LOG.info("retention rows=%d", gone)

    made = Round("retention", config, work, every_s=SWEEP_S, first_s=SWEEP_FIRST_S)
    return made


def rollout_round(config: MonitorConfig, held: Callable[[], bool], ask: Ask) -> Round:
    """Carry the roll-out on every few seconds, where this monitor holds the lease."""

    def work(engine: Engine) -> None:
        Dispatching(ask, held=lambda: made.going and held(), rest=made.rest).look(engine)

    made = Round("rollout", config, work, every_s=ROLLOUT_S, first_s=ROLLOUT_S)
    return made


def expiry_round(config: MonitorConfig) -> Round:
    """Say daily which certificates of the centre itself end soon."""

    def work(_engine: Engine) -> None:
        from kiosk.monitor import expiry  # noqa: PLC0415 - megabytes that the core needs once a day only

        expiry.tell(config, time.time_ns() // 1_000_000)

    return Round("certificates", config, work, every_s=DAILY_S, first_s=SWEEP_FIRST_S)


def rounds(config: MonitorConfig, held: Callable[[], bool], ask: Ask) -> tuple[Round, ...]:
    """Give the rounds beside the plan's; only the holder of the lease sweeps and carries a roll-out on."""
    return sweep_round(config, held), rollout_round(config, held, ask), expiry_round(config)


class Pulse:
    """What systemd is told of the centre: there once every part is open, alive while turns go on."""

    def __init__(self) -> None:
        """Take the manager's address from the environment; without one every method does nothing."""
        self._manager = Notifier()

    def open(self) -> None:
        """Say that the start is done."""
        self._manager.ready()

    def beat(self) -> None:
        """Feed the watchdog; once a turn is enough, for it counts in tens of seconds."""
        self._manager.alive()

    def close(self) -> None:
        """Say that an ordered end has begun; idempotent."""
        self._manager.stopping()
        self._manager.close()
