"""The doors of an alarm: an alert comes in, and its stages go out.

Never says that an alert was received before the core has said that it is durable.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from kiosk import wire
from kiosk.bodies import STAGES, Alert, Reply, ReplyStage
from kiosk.control import DaemonAway
from kiosk.monitor.doors.intake import read
from kiosk.monitor.doors.peer import NAME, Peer
from kiosk.monitor.doors.reading import LOOK_S, Unreadable, look
from kiosk.monitor.doors.refusals import Refused, answer
from kiosk.monitor.doors.standing import Doorkeeper
from kiosk.monitor.doors.waiting import Waiting
from kiosk.monitor.feed import Feed, View
from kiosk.monitor.store import replies
from kiosk.monitor.store.replies import Told

LOG = logging.getLogger(__name__)
CORE_S = 3.5  # with the looks beside it below a kiosk's own 5 s, so that it hears 503 and not silence
AT_ONCE = 128  # alerts that wait for the core together; its socket takes 256 questions of one client
RECEIPT_LOOK_S = 0.3
WAIT_MAX_S = 25.0
# Between the looks after an event, which may run ahead of its commit: seldom by more than milliseconds.
LOOK_AGAIN_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
UNKNOWN = "no alert of this kiosk has this id"
FOREIGN = "alert id of another kiosk"  # as the core words it
REPLY_STAGES: dict[str, ReplyStage] = {
    "received": "received",
    "accepted": "accepted",
    "en_route": "en_route",
    "on_scene": "on_scene",
    "closed": "closed",
}


class AlertDoors:
    """`POST /v1/alerts` and `GET /v1/alerts/<id>/replies`."""

    def __init__(self, engine: Engine, feed: Feed, keeper: Doorkeeper, waiting: Waiting) -> None:
        self._engine = engine
        self._feed = feed
        self._keeper = keeper
        self._waiting = waiting
        self._places = asyncio.Semaphore(AT_ONCE)

    async def deliver(self, request: Request, peer: Peer) -> Response:
        """Take an alert in; answer with the stage that it has reached, once that is durable."""
        await self._keeper.admit_alert(peer)
        alert = await read(request, Alert)
        if alert.kiosk_id != peer.name:
            raise Refused(403, f"kiosk_id: must be {peer.name}, the name in the certificate")
        stage, presses = await self._hand_over(alert, peer)
        LOG.info("door=alerts peer=%s alert=%s stage=%s", peer.name, alert.alert_id, stage)
        return answer(await self._reply(alert, stage, presses))

    async def _hand_over(self, alert: Alert, peer: Peer) -> tuple[ReplyStage, int]:
        """Give the stage that it has reached and the presses that are counted; 0 where the core is mute."""
        away = Refused(503, "the centre cannot take alerts now; try again, and use the other paths meanwhile")
        try:
            question = {"ask": "alert", "body": wire.encode(alert).decode(), "peer": peer.name}
            async with asyncio.timeout(CORE_S), self._places:
                said = await self._feed.ask(question, CORE_S)
        except UnicodeError as error:
            raise Refused(400, "Alert: not UTF-8") from error
        except (DaemonAway, TimeoutError) as error:
            raise away from error
        if said.get("text") == FOREIGN:
            raise Refused(403, "alert_id: belongs to another kiosk; give this alert an id of its own")
        stage = REPLY_STAGES.get(str(said.get("text")))
        if said.get("ok") is not True or stage is None:
            LOG.error("door=alerts alert=%s refused=%s", alert.alert_id, _reason(said))
            raise away
        presses = said.get("presses")
        return stage, presses if isinstance(presses, int) else 0

    async def _reply(self, alert: Alert, stage: ReplyStage, presses: int) -> Reply:
        """Word the receipt as the other paths do; the core's word is enough where the store is slow.

        Never claim a press of an alert that is closed which nobody counted: its kiosk would not open it anew.
        """
        with suppress(Unreadable):
            told = await self._told(alert.alert_id, RECEIPT_LOOK_S)
            if told is not None and (reply := told.at(stage)) is not None:
                return reply
        if not presses and stage == "closed":
            raise Refused(503, "the centre cannot tell how this alert was closed; try again")
        at = wire.utc_text(time.time_ns() // 1_000_000)
        return Reply(alert_id=alert.alert_id, stage=stage, at=at, presses=presses or alert.presses)

    async def replies(self, request: Request, peer: Peer) -> Response:
        """Answer with the stages beyond `after`, in order; wait for one, at most `wait` seconds."""
        await self._keeper.admit_alert(peer)
        alert_id = request.path_params["alert_id"]
        if not NAME.fullmatch(alert_id):
            raise Refused(404, UNKNOWN)
        after, wait_s = _question(request)
        with self._waiting.bell(peer.name, alert_id) as bell:
            if bell is None:
                raise Refused(429, "too many questions wait for answers; end the others first")
            found = await self._beyond(alert_id, after, peer)
            if not found and wait_s:
                found = await self._wait(request, bell, wait_s, (alert_id, after, peer))
                await self._keeper.admit_alert(peer)
        return answer(found)

    async def _wait(
        self, request: Request, bell: asyncio.Event, wait_s: float, question: tuple[str, str, Peer]
    ) -> tuple[Reply, ...]:
        """Wait for news or the end of the time; a peer that hangs up ends it too."""
        gone = asyncio.create_task(_hung_up(request))
        rests_s: Iterator[float] = iter(())
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    await _first_of(bell, gone, next(rests_s, None))
                    if gone.done():
                        return ()
                    if bell.is_set():
                        bell.clear()
                        rests_s = iter(LOOK_AGAIN_S)
                    if (found := await self._beyond(*question)) or self._waiting.closed:
                        return found
        except TimeoutError:
            return await self._beyond(*question)
        finally:
            gone.cancel()

    async def _beyond(self, alert_id: str, after: str, peer: Peer) -> tuple[Reply, ...]:
        try:
            told = await self._told(alert_id, LOOK_S)
        except Unreadable as error:
            raise Refused(503, "the centre's store cannot be read now; try again") from error
        if told is None or told.kiosk_id != peer.name:
            raise Refused(404, UNKNOWN)
        return told.after(after)

    async def _told(self, alert_id: str, within_s: float) -> Told | None:
        return await look(self._engine, lambda db: replies.of_alert(db, alert_id), within_s)


def _question(request: Request) -> tuple[str, float]:
    after = request.query_params.get("after", "")
    if after and after not in STAGES:
        raise Refused(400, f"after: must be one of {', '.join(STAGES)}, or left out")
    text = request.query_params.get("wait", f"{WAIT_MAX_S:.0f}")
    if not (text.isascii() and text.isdigit() and len(text) <= 2) or int(text) > WAIT_MAX_S:
        raise Refused(400, f"wait: must be whole seconds from 0 to {WAIT_MAX_S:.0f}")
    return after, float(text)


async def _first_of(bell: asyncio.Event, gone: asyncio.Task[None], rest_s: float | None) -> None:
    ring = asyncio.create_task(bell.wait())
    try:
        await asyncio.wait({ring, gone}, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ring.cancel()


async def _hung_up(request: Request) -> None:
    """Return when the peer has ended the connection; a body, which nobody asked for, is passed over."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _reason(said: View) -> str:
    return repr(str(said.get("error") or said.get("text"))[:200])
