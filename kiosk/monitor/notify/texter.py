"""The centre's SMS both ways: the ways out in their order, and the intakes that listen.

A text that one way refuses goes the next at once; when none takes it, the fleet decides when to try again.
One that the fleet no longer waits for goes no further.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from kiosk.messages import ConfigError
from kiosk.monitor.config import MonitorConfig
from kiosk.monitor.escalation import Pace
from kiosk.monitor.messages import SmsArrived, TextSettled
from kiosk.monitor.notify.gateway import HttpGateway
from kiosk.monitor.notify.modem import CentreModem
from kiosk.monitor.notify.smsd import Ask, SmsdInbox
from kiosk.monitor.notify.way import Done, Way
from kiosk.monitor.outbox import SEND_MAX_S
from kiosk.monitor.records import Text
from kiosk.monitor.sections import Sms
from kiosk.monitor.sms_keys import SmsKeys, read_key
from kiosk.monitor.staff import NO_SMS, SmsRules
from kiosk.wire import Rejected
from kiosk.words import load_catalogue

LOG = logging.getLogger(__name__)
KEY_ENDING = ".key"

Post = Callable[[SmsArrived | TextSettled], None]


class Intake(Protocol):
    """Somebody who hears texts and hands them on."""

    def open(self) -> None:
        """Begin to listen."""

    def close(self) -> None:
        """End; idempotent."""


class Texter:
    """Sends by the first way that takes a text; every text is settled by one TextSettled."""

    def __init__(
        self,
        ways: Sequence[Way],
        intakes: Sequence[Intake],
        post: Post,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._ways = ways
        self._intakes = intakes
        self._post = post

    def open(self) -> None:
        """Open every way and intake."""
        for part in (*self._ways, *self._intakes):
            part.open()

    def close(self) -> None:
        """End all; idempotent."""
        for part in (*self._ways, *self._intakes):
            part.close()

    def send(self, text: Text, number: str, body: str) -> None:
        """Send one SMS; a TextSettled follows."""
        asked_s = self._seconds()
        self._try((), text, lambda way, done: way.send(_name(text), number, body, done), asked_s)

    def _try(
        self, reasons: tuple[str, ...], text: Text, send: Callable[[Way, Done], None], asked_s: float
    ) -> None:
        place = len(reasons)
        if place >= len(self._ways) or (reasons and self._seconds() - asked_s > SEND_MAX_S):
            self._post(TextSettled(text, "; ".join(reasons) or "no way to send is configured"))
            return
        way = self._ways[place]

        def done(reason: str) -> None:
            if reason:
                LOG.warning("text way=%s failed reason=%r", way.name, reason)
                self._try((*reasons, reason), text, send, asked_s)
            else:
                LOG.info("text way=%s taken", way.name)
                self._post(TextSettled(text))

        send(way, done)


def _name(text: Text) -> str:
    return f"{text.alert_id}.{text.step}.{text.to}"


def make_texter(config: MonitorConfig, post: Post, ask: Ask) -> Texter | None:
    """Build what [sms] names; None without that section."""
    if config.sms is None:
        return None
    return Texter(_ways(config.sms, post, Path(config.paths.state)), _intakes(config.sms, ask), post)


def _ways(sms: Sms, post: Post, state: Path) -> list[Way]:
    ways: list[Way] = []
    modem = CentreModem(sms.modem, post, state=state) if sms.modem is not None else None
    if sms.gateway is not None:
        follows = modem if sms.first == "gateway" else None
        ways.append(HttpGateway(sms.gateway, has_spare=lambda: follows is not None and follows.up))
    if modem is not None:
        ways.append(modem)
    return ways[::-1] if sms.first == "modem" else ways


def _intakes(sms: Sms, ask: Ask) -> list[Intake]:
    return [] if sms.smsd_inbox is None else [SmsdInbox(Path(sms.smsd_inbox), ask)]


def read_rules(config: MonitorConfig) -> SmsRules:
    """Read keys and words for the fleet; raises ConfigError that names the file."""
    sms = config.sms
    if sms is None:
        return NO_SMS
    own: dict[str, bytes] = {}
    if sms.keys is not None:
        try:
            files = sorted(Path(sms.keys).glob(f"*{KEY_ENDING}"))
        except OSError as error:
            raise ConfigError(f"{sms.keys}: sms.keys: {error.strerror}") from error
        own = {path.name.removesuffix(KEY_ENDING): _key(path, "sms.keys") for path in files}
    return SmsRules(
        keys=SmsKeys(_key(Path(sms.master_key_file), "sms.master_key_file"), own),
        words=load_catalogue(),
        pace=Pace(first_after_s=config.escalation.first_after_s, every_s=config.escalation.every_s),
        sends=sms.modem is not None or sms.gateway is not None,
    )


def _key(path: Path, named: str) -> bytes:
    try:
        key = read_key(path.read_text(encoding="ascii"))
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"{path}: {named}: {type(error).__name__}; 32 or more hex digits expected"
        ) from error
    if isinstance(key, Rejected):
        raise ConfigError(f"{path}: {named}: {key.reason}")
    return key
