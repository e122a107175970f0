"""What a kiosk may hear of its alert, out of what is durable. Notes stay at the centre. Reads only."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from kiosk.bodies import Reply, ReplyStage
from kiosk.monitor.cases import rank
from kiosk.monitor.store.schema import alerts, stages
from kiosk.wire import utc_text


@dataclass(frozen=True, slots=True)
class Told:
    """Whose alert it is, and its stages in order."""

    kiosk_id: str
    replies: tuple[Reply, ...]

    def after(self, stage: str) -> tuple[Reply, ...]:
        """Give the stages beyond one that the kiosk knows already."""
        known = rank(stage) if stage else -1
        return tuple(reply for reply in self.replies if rank(reply.stage) > known)

    def at(self, stage: ReplyStage) -> Reply | None:
        """Give one stage, or None where it is not durable yet."""
        return next((reply for reply in self.replies if reply.stage == stage), None)


def of_alert(db: Connection, alert_id: str) -> Told | None:
    """Give what is durable of one alert; None when there is none of this id."""
    found = db.execute(
        select(alerts.c.kiosk_id, alerts.c.presses).where(alerts.c.alert_id == alert_id)
    ).first()
    if found is None:
        return None
    query = select(stages.c.stage, stages.c.at_ms, stages.c.who).where(stages.c.alert_id == alert_id)
    replies = [
        Reply(
            alert_id=alert_id,
            stage=row.stage,
            at=utc_text(row.at_ms),
            by=row.who[:60],
            presses=found.presses,
        )
        for row in db.execute(query)
    ]
    return Told(found.kiosk_id, tuple(sorted(replies, key=lambda reply: rank(reply.stage))))
