"""Whether a peer may speak: asked of the database at most `FRESH_S` ago, so a revoked kiosk is out at once.

No revocation list is waited for. Owns a bounded memory of answers, and nothing else.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from kiosk.monitor.doors.peer import Peer
from kiosk.monitor.doors.reading import LOOK_S, Unreadable, look
from kiosk.monitor.doors.refusals import Refused
from kiosk.monitor.store import certificates
from kiosk.monitor.store.certificates import Standing

LOG = logging.getLogger(__name__)
FRESH_S = 2.0
ALERT_LOOK_S = 0.5  # an alert waits no longer for the registry
REMEMBERED = 20_000
RENEW_AFTER_END_S = 90 * 86_400  # a kiosk that was switched off over a winter still gets back by itself


class Doorkeeper:
    """Judges peers by their certificate and the database."""

    def __init__(self, engine: Engine, *, now_s: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._now_s = now_s
        self._known: dict[tuple[str, str], tuple[float, Standing]] = {}

    async def admit_alert(self, peer: Peer) -> None:
        """Let an alert in unless its kiosk is revoked; raises Refused.

        Neither an expired certificate nor an unreadable database stops it: the core decides what is durable.
        """
        try:
            standing = await self._standing(peer, ALERT_LOOK_S)
        except Unreadable as error:
            LOG.warning("registry read=failed peer=%s reason=%s", peer.name, error)
            return
        _demand_unrevoked(standing)
        now_s = self._now_s()
        if now_s > peer.not_after_s:
            LOG.warning(
                "peer=%s certificate=expired days=%d", peer.name, (now_s - peer.not_after_s) // 86_400
            )
        if not standing.known:
            LOG.warning("peer=%s certificate=unknown serial=%s", peer.name, peer.serial)

    async def admit(self, peer: Peer) -> None:
        """Let anything else in while the certificate is in its time; raises Refused."""
        await self._admit(peer, 0)

    async def admit_renewal(self, peer: Peer) -> None:
        """Let a kiosk of the registry renew, also for a while after the end; raises Refused."""
        standing = await self._admit(peer, RENEW_AFTER_END_S)
        if not standing.registered:
            raise Refused(403, "this kiosk is not in the registry; ask the centre")

    async def _standing(self, peer: Peer, within_s: float) -> Standing:
        key = peer.serial, peer.name
        at_s, known = self._known.get(key, (0.0, None))
        if known is not None and time.monotonic() - at_s < FRESH_S:
            return known
        standing = await look(
            self._engine, lambda db: certificates.standing(db, peer.serial, peer.name), within_s
        )
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = time.monotonic(), standing
        return standing

    async def _admit(self, peer: Peer, grace_s: float) -> Standing:
        try:
            standing = await self._standing(peer, LOOK_S)
        except Unreadable as error:
            raise Refused(503, "the centre's registry cannot be read now; try again") from error
        _demand_unrevoked(standing)
        if self._now_s() > peer.not_after_s + grace_s:
            raise Refused(403, "this certificate has expired; enrol again with a new token")
        return standing


def _demand_unrevoked(standing: Standing) -> None:
    if standing.revoked:
        raise Refused(403, "this kiosk or its certificate is revoked; ask the centre")
