"""The drill that a check sends by itself while no daemon runs: its values, built as the core builds them.

Never opens an incident and never touches the journal; `seq` 0 says that the journal was not asked.
"""

from pathlib import Path

from kiosk import sms_signed, transmission
from kiosk.bodies import Alert, AlertId, Clock
from kiosk.check.heard import Heard
from kiosk.hw import clock
from kiosk.hw.board import Board
from kiosk.incident import Incident
from kiosk.journal import store
from kiosk.messages import BoardRead, Now
from kiosk.site import Site


class Trial:
    """One drill of one site at one moment."""

    def __init__(self, site: Site, now: Now, clock: Clock) -> None:
        self._site = site
        self._now = now
        pressed_s = now.utc_ms // 1000
        number = site.config.kiosk.number
        self._incident = Incident(
            alert_id=AlertId(now.fresh_id),
            kind="drill",
            button="drill",
            pressed_s=now.s,
            pressed_utc_ms=now.utc_ms,
            clock=clock,
            seq=0,
            code=sms_signed.reply_code(site.key, number=number, seq=0, pressed_s=pressed_s),
            duty=False,
        )

    def alert(self) -> Alert:
        """Give it as it travels by MQTT."""
        return transmission.alert(self._site, self._incident, self._now, attempt=1, route="mqtt")

    def text(self) -> str:
        """Give it as the centre's gateway gets it by SMS."""
        return transmission.sms(self._site, self._incident, "gateway", self._incident.clock)


def trusted_utc_s(state: Path) -> float:
    """Give the latest time that can be trusted, the journal's last good one included, in s since 1970."""
    heard = Heard()
    Board(heard, state=state).read()
    try:
        saved_s = store.read_only(state / "journal.sqlite").saved_utc_ms / 1000
    except store.FAILURES:
        saved_s = 0.0
    return clock.trusted_utc_s(synced=heard.of(BoardRead)[-1].clock_synced, last_good_s=saved_s)
