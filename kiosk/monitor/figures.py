"""What the centre has done since it started, as numbers that only grow. Pure.

Bounded: an alert whose receipt never goes out is forgotten in the end.
"""

from collections.abc import Iterable
from typing import Any

from kiosk.bodies import AlertId
from kiosk.monitor.effects import FleetEffect, SendReply
from kiosk.monitor.messages import (
    AlertArrived,
    BodyRefused,
    HeartbeatArrived,
    HeartbeatsArrived,
    Notice,
    Saved,
    SaveFailed,
)

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PENDING_MAX = 4096


class Figures:
    """Counts notices and effects of one running centre; one thread owns it."""

    def __init__(self) -> None:
        self.heartbeats = 0
        self.alerts: dict[str, int] = {"mqtt": 0, "https": 0, "sms": 0}
        self.refused = 0
        self.commits = 0
        self.commits_failed = 0
        self.receipts = [0] * (len(BOUNDS_S) + 1)  # by latency: one for each bound, the last for the rest
        self.receipts_sum_s = 0.0
        self._pending: dict[AlertId, float] = {}

    def took(self, notice: Notice, effects: Iterable[FleetEffect], now_s: float) -> None:
        """Count one turn of the fleet."""
        match notice:
            case HeartbeatsArrived(heartbeats):
                self.heartbeats += sum(1 + each.merged for each in heartbeats)
            case HeartbeatArrived():
                self.heartbeats += 1 + notice.merged
            case AlertArrived():
                self._alert(notice, now_s)
            case BodyRefused():
                self.refused += 1
            case Saved():
                self.commits += 1
            case SaveFailed():
                self.commits_failed += 1
            case _:
                pass
        if self._pending:
            for effect in effects:
                if isinstance(effect, SendReply) and effect.reply.stage == "received":
                    self._receipt(AlertId(effect.reply.alert_id), now_s)

    def view(self) -> dict[str, Any]:
        """Give everything as plain data; `receipts` are cumulative by `BOUNDS_S`, the last of all."""
        total, cumulative = 0, []
        for count in self.receipts:
            total += count
            cumulative.append(total)
        return {
            "heartbeats": self.heartbeats,
            "alerts": dict(self.alerts),
            "refused": self.refused,
            "commits": self.commits,
            "commits_failed": self.commits_failed,
            "receipts": cumulative,
            "receipts_sum_s": round(self.receipts_sum_s, 6),
        }

    def _alert(self, notice: AlertArrived, now_s: float) -> None:
        self.alerts[notice.door] += 1
        self._pending.setdefault(AlertId(notice.alert.alert_id), now_s)
        if len(self._pending) > PENDING_MAX:
            del self._pending[next(iter(self._pending))]

    def _receipt(self, alert_id: AlertId, now_s: float) -> None:
        came_s = self._pending.pop(alert_id, None)
        if came_s is None:
            return
        took_s = now_s - came_s
        self.receipts_sum_s += took_s
        index = next((number for number, bound in enumerate(BOUNDS_S) if took_s <= bound), len(BOUNDS_S))
        self.receipts[index] += 1
