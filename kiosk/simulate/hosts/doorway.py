"""A monitor's HTTPS door: asks the core, reads the shared store, holds questions. Pure.

It stands where `kiosk.monitor.doors` stands on a real one, and keeps its times.
"""

from typing import Any

from kiosk import wire
from kiosk.bodies import STAGES, Alert, Reply
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.hosts.centre import Centre
from kiosk.simulate.hosts.store import SharedStore
from kiosk.simulate.net.door import HOLD_S, Answer

CORE_S = 3.5
LOOK_S = 0.02


class Doorway:
    """One monitor's door, a process of its own."""

    def __init__(self, agenda: Agenda, store: SharedStore, centre: Centre) -> None:
        self._agenda = agenda
        self._store = store
        self._centre = centre
        self.name = centre.who
        self._waiting: list[tuple[str, str, float, Answer]] = []

    def deliver(self, body: bytes, peer: str, answer: Answer) -> None:
        """`POST /v1/alerts`: the core's word, or 503 when it does not come in time."""
        alert = wire.parse(Alert, body)
        if isinstance(alert, wire.Rejected) or alert.kiosk_id != peer or not self._centre.alive:
            answer(None)
            return
        answered = [False]

        def reply(said: dict[str, Any]) -> None:
            if answered[0]:
                return
            answered[0] = True
            stage = said.get("text")
            if said.get("ok") is True and stage in STAGES:
                answer(wire.encode(self._receipt(alert, stage, said.get("presses", 0))))
            else:
                answer(None)

        self._centre.ask({"ask": "alert", "body": body.decode(), "peer": peer}, reply)
        self._agenda.after(CORE_S, lambda: reply({}))

    def _receipt(self, alert: Alert, stage: Any, presses: int) -> Reply:
        if self._centre.works:
            for told in self._store.replies(alert.alert_id, "") or ():
                if told.stage == stage:
                    return told
        at = wire.utc_text(0)
        return Reply(alert_id=alert.alert_id, stage=stage, at=at, presses=presses or alert.presses)

    def ask(self, alert_id: str, after: str, peer: str, answer: Answer) -> None:
        """`GET /v1/alerts/<id>/replies`: at once when there is something, else held."""
        found = self._told(alert_id, peer)
        if found is None:
            answer(None)
        elif told := self._store.replies(alert_id, after):
            answer(_listed(told))
        else:
            self._waiting.append((alert_id, after, self._agenda.now_s, answer))
            self._agenda.after(HOLD_S, lambda: self._over(answer))

    def _told(self, alert_id: str, peer: str) -> list[Reply] | None:
        row = self._store.rows.get(alert_id)
        if not self._centre.works or row is None or row.case.alert.kiosk_id != peer:
            return None
        return self._store.replies(alert_id, "")

    def _over(self, answer: Answer) -> None:
        before = len(self._waiting)
        self._waiting = [one for one in self._waiting if one[3] is not answer]
        if len(self._waiting) < before:
            answer(_listed([]))

    def wrote(self, alert_id: str) -> None:
        """Note that something about an alert was written: whoever waits for it is answered."""
        for one in [one for one in self._waiting if one[0] == alert_id]:
            told = self._store.replies(alert_id, one[1])
            if told:
                self._waiting.remove(one)
                self._agenda.after(LOOK_S, lambda one=one, told=told: one[3](_listed(told)))  # type: ignore[misc]

    def health(self, answer: Answer) -> None:
        """`GET /v1/health`: whether the core is there."""
        answer(b'{"core": true}' if self._centre.alive else None)


def _listed(replies: list[Reply]) -> bytes:
    return b"[" + b",".join(wire.encode(reply) for reply in replies) + b"]"
