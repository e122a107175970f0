"""The centre's own GSM modem: the kiosk's driver and its recovery ladder, kept going by a thread.

Never decides what is sent. While the modem is lost every text fails at once, so that another way is tried.
"""

import logging
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from kiosk import recovery
from kiosk.bodies import Token
from kiosk.config import Sms
from kiosk.messages import (
    KioskEvent,
    LinkFell,
    LinkRose,
    ModemReset,
    ModemStatus,
    SmsFailed,
    SmsReceived,
    SmsSent,
)
from kiosk.monitor.messages import SmsArrived
from kiosk.monitor.notify.way import Done
from kiosk.monitor.outbox import SEND_MAX_S
from kiosk.monitor.sections import Modem
from kiosk.net.sms import GammuModem
from kiosk.ports import SmsModem
from kiosk.runtime import Worker

LOG = logging.getLogger(__name__)
TURN_S = 0.5
STATUS_EVERY_S = 60.0  # pitfall 24: an unplugged modem is seen only by asking it
CLOSE_S = 2.0
TEXT_MAX = 1000

MakeModem = Callable[[Callable[[KioskEvent], None]], SmsModem]


class CentreModem:
    """Be a Way by the centre's own SIM, and hand on the texts that come to it."""

    name = "modem"

    def __init__(
        self,
        config: Modem,
        heard: Callable[[SmsArrived], None],
        make: MakeModem | None = None,
        *,
        state: Path | None = None,
    ) -> None:
        """Begin with nothing open; in `state` it is kept that the card refused its PIN."""
        sms = Sms(
            device=config.device,
            pin_file=config.pin_file,
            smsc=config.smsc,
            gateways=(),
            key_file="/dev/null",
        )
        self._heard = heard
        made = make or (lambda post: GammuModem(sms, post, state=state))
        self._worker: Worker[SmsModem] = Worker(
            "sms-modem", lambda: made(self._event), self._event, broken=lambda why: LinkFell("sms", why)
        )
        self._lock = threading.Lock()
        self._waiting: dict[Token, Done] = {}
        self._numbers = count(1)
        self._began_ms = time.time_ns() // 1_000_000
        self._state: recovery.State = recovery.opening(time.monotonic())
        self._up = False
        self._status_s = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="sms-keeper", daemon=True)

    @property
    def up(self) -> bool:
        """Tell whether texts can go."""
        return self._up

    def open(self) -> None:
        """Open the modem on its own thread."""
        self._worker.start()
        self._open("none")
        self._thread.start()

    def close(self) -> None:
        """End it; idempotent; within 3 s."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        self._worker.close(lambda modem: modem.close(), timeout_s=CLOSE_S)

    def send(self, name: str, number: str, body: str, done: Done) -> None:
        """Queue one text."""
        if not self._up:
            done("modem: not open")
            return
        token = Token(f"{name}-{next(self._numbers)}")
        with self._lock:
            self._waiting[token] = done
        asked_s = time.monotonic()

        def turn(modem: SmsModem) -> None:
            if time.monotonic() - asked_s > SEND_MAX_S:  # it is planned again by then
                self._done(token, "modem: waited too long")
            else:
                modem.send(token, number, body)

        self._worker.submit(turn, failed=lambda reason: SmsFailed(token, reason))

    def _open(self, reset: ModemReset) -> None:
        self._worker.submit(lambda modem: modem.open(reset), newest="open")

    def _event(self, event: KioskEvent) -> None:
        match event:
            case SmsReceived(number, text):
                name = f"modem-{self._began_ms}-{next(self._numbers)}"
                self._heard(
                    SmsArrived(message_id=name, door="modem", number=number[:64], text=text[:TEXT_MAX])
                )
            case SmsSent(token=token):
                self._done(token, "")
            case SmsFailed(token, reason):
                self._done(token, f"modem: {reason}")
            case LinkRose():
                LOG.info("modem=up")
                with self._lock:
                    self._up, self._state = True, recovery.rose(self._state, time.monotonic())
                self._status_s = time.monotonic() + STATUS_EVERY_S
            case LinkFell(_, reason):
                LOG.error("modem=down reason=%r", reason)
                with self._lock:
                    self._up, self._state = False, recovery.fell(self._state, time.monotonic())
            case ModemStatus():
                LOG.info("modem registration=%s signal_dbm=%s", event.registration, event.signal_dbm)
            case _:
                LOG.debug("modem event=%s", type(event).__name__)

    def _done(self, token: Token, reason: str) -> None:
        with self._lock:
            done = self._waiting.pop(token, None)
        if done is not None:
            done(reason)

    def _keep(self) -> None:
        while not self._closing.wait(TURN_S):
            now_s = time.monotonic()
            self._worker.check(now_s)
            self._recover(now_s)
            if self._up and now_s >= self._status_s and not self._waiting:
                self._status_s = now_s + STATUS_EVERY_S
                self._worker.submit(lambda modem: modem.poll("status"), newest="poll")

    def _recover(self, now_s: float) -> None:
        """Climb the ladder that the kiosk's modem has, without a power pin."""
        with self._lock:
            due_s = recovery.due_s(self._state)
            if due_s is None or now_s < due_s:
                return
            if not isinstance(self._state, recovery.Ill):
                self._state = recovery.fell(self._state, now_s)
                return
            self._state, rung = recovery.climb(self._state, now_s, powered=False)
        LOG.warning("modem recovery=%s", rung)
        self._open("none" if rung == "reopen" else "cfun")
