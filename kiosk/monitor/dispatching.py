"""The roll-out's round: reads the fleet, lets `rollout` decide, writes first and orders then.

Runs beside the core's turn, where this monitor holds the lease. An order goes to the core like a person's: by
its queue, so that nothing of this can stand before an alert. Killed between writing and ordering, the order
is given again after a while under another name; given twice under one name, a kiosk carries it out once.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine

from kiosk.monitor import rollout as roll
from kiosk.monitor.rollout import UNDER_WAY, Mark, Rollout, Seen
from kiosk.monitor.store import rollouts

LOG = logging.getLogger(__name__)
BY = "rollout"
Ask = Callable[[dict[str, Any], Callable[[dict[str, Any]], None]], None]


class Dispatching:
    """One look at the roll-out that runs, at each `look`."""

    def __init__(
        self,
        ask: Ask,
        *,
        held: Callable[[], bool],
        rest: Callable[[], None] = lambda: None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._ask = ask
        self._held = held
        self._rest = rest
        self._now_ms = now_ms

    def look(self, engine: Engine) -> None:
        """Follow the kiosks under way, and order the next ones."""
        if not self._held():
            return
        with engine.connect() as db:
            rollout = rollouts.current(db)
            if rollout is None:
                return
            fleet, marks = self._fleet(db), rollouts.marks(db, rollout.rollout_id)
            after = rollouts.newest_event(db)
            changed = self._followed(db, rollout, fleet, marks)
        now_ms = self._now_ms()
        marks |= {mark.kiosk_id: mark for mark in changed}
        decision = roll.decide(rollout, fleet, marks, now_ms)
        orders = [roll.ordered(marks.get(name), name, now_ms=now_ms, after=after) for name in decision.orders]
        if not self._held() or not (changed or orders or decision.rollout != rollout):
            return
        with engine.execution_options(writes=True).begin() as db:
            for mark in (*changed, *orders):
                rollouts.put(db, rollout.rollout_id, mark)
            if decision.rollout != rollout and not rollouts.keep(
                db, rollout, decision.rollout, now_ms=now_ms
            ):
                orders = []  # somebody paused or stopped it just now: what was written is asked for later
        for mark in orders:
            self._order(rollout, mark)
        if decision.rollout.state != rollout.state:
            LOG.warning("rollout=%s state=%s", rollout.version, decision.rollout.state)

    def _fleet(self, db: Connection) -> list[Seen]:
        fleet: list[Seen] = []
        for page in rollouts.fleet(db):
            fleet += page
            self._rest()
        return fleet

    def _followed(
        self, db: Connection, rollout: Rollout, fleet: list[Seen], marks: dict[str, Mark]
    ) -> list[Mark]:
        """Give the marks that changed; only those that are not settled are looked at."""
        have = {seen.kiosk_id for seen in fleet if seen.version == rollout.version}
        changed = []
        for mark in marks.values():
            if mark.phase not in (*UNDER_WAY, "waiting"):
                continue
            name = roll.command_id(rollout, mark.kiosk_id, mark.tries)
            words = rollouts.words(db, mark, name, rollout.version)
            arrived = mark.kiosk_id in have
            new = roll.follow(mark, words, arrived=arrived, now_ms=self._now_ms())
            if replace(new, at_ms=mark.at_ms) != mark:
                changed.append(new)
        return changed

    def _order(self, rollout: Rollout, mark: Mark) -> None:
        name = roll.command_id(rollout, mark.kiosk_id, mark.tries)
        question = {
            "ask": "command", "kiosk": mark.kiosk_id, "name": "update", "by": BY, "command_id": name,
            "release": rollout.release, "version": rollout.version,
        }  # fmt: skip

        def answered(answer: dict[str, Any]) -> None:
            if not answer.get("ok"):
                LOG.warning("rollout kiosk=%s refused=%r", mark.kiosk_id, answer.get("text"))

        self._ask(question, answered)
