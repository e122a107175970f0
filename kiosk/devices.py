"""Every device of the kiosk, each with its one worker thread, built from the configuration.

Drivers are imported where they are made, on their own threads: the button is armed long before.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kiosk.arming import Armed
from kiosk.hw.clock import trusted_utc_s
from kiosk.hw.render_child import RENDER_MAX_S, render_in_child
from kiosk.messages import (
    BoardRead,
    CertificateRead,
    CertificateRenewed,
    DeviceError,
    JournalBroke,
    JournalLoaded,
    KioskEvent,
    LinkFell,
    VoiceBroke,
    VoiceRefreshed,
    WorkerFailed,
)
from kiosk.ports import (
    BoardSensors,
    HttpsDoor,
    Inputs,
    Journal,
    Lamp,
    ModemPower,
    MqttLink,
    Post,
    SmsModem,
    Updates,
    Voice,
)
from kiosk.runtime import Worker
from kiosk.site import Site
from kiosk.update_folder import UpdateFolder

log = logging.getLogger(__name__)
RENEW_MAX_S = 120.0
CERTIFICATE_EVERY_S = 6 * 3600.0


class Devices:
    """The workers by name; `post` is the one door that every device answers by."""

    def __init__(self, site: Site, armed: Armed, queue_post: Post) -> None:
        self._site = site
        self._armed = armed
        self._queue_post = queue_post
        self._last_good_s = 0.0
        self._synced = False
        self._certificate_s = 0.0
        self._door_addresses: dict[str, tuple[str, ...]] = {}  # the probes learn them, an alert needs them
        self._power: ModemPower | None = None
        post = self.post
        self.inputs: Worker[Inputs] = Worker("inputs", lambda: armed.inputs, post, broken=_nothing)
        self.mqtt: Worker[MqttLink] = Worker("mqtt", self._make_mqtt, post, broken=_link("mqtt"))
        self.https: Worker[HttpsDoor] = Worker("https", self._make_https, post, broken=_nothing)
        self.https_poll: Worker[HttpsDoor] = Worker("https-poll", self._make_https, post, broken=_nothing)
        self.sms: Worker[SmsModem] = Worker("sms", self._make_sms, post, broken=_link("sms"))
        self.journal: Worker[Journal] = Worker("journal", self._make_journal, post, broken=JournalBroke)
        self.voice: Worker[Voice] = Worker("voice-orders", self._make_voice, post, broken=VoiceBroke)
        self.lamp: Worker[Lamp] = Worker("lamp", self._make_lamp, post, broken=_failed("lamp"))
        self.board: Worker[BoardSensors] = Worker("board", self._make_board, post, broken=_failed("board"))
        self.render: Worker[Path] = Worker(
            "render", lambda: armed.file, post, broken=VoiceRefreshed, busy_max_s=2 * RENDER_MAX_S
        )
        self.renew: Worker[Path] = Worker("renew", lambda: armed.file, post, broken=CertificateRenewed)
        state = Path(site.config.paths.state)
        self.updates: Worker[Updates] = Worker(
            "updates", lambda: UpdateFolder(state, post), post, broken=_failed("updates")
        )
        alerting = (self.inputs, self.mqtt, self.sms, self.journal)
        doors = (self.https, self.https_poll, self.renew) if site.config.https else ()
        others = (self.voice, self.lamp, self.board, self.render, self.updates)
        self.workers: tuple[Worker[Any], ...] = (*alerting, *doors, *others)

    def post(self, event: KioskEvent) -> None:
        """Queue an event; remember on its way what it says of the time."""
        if isinstance(event, JournalLoaded):
            self._last_good_s = event.snapshot.saved_utc_ms / 1000
        elif isinstance(event, BoardRead):
            self._synced = event.clock_synced
        self._queue_post(event)

    def start(self) -> None:
        """Start every thread and load the journal."""
        for worker in self.workers:
            worker.start()
        self.journal.submit(lambda journal: journal.load())

    def close(self) -> None:
        """Close all in order, each within its own time: the MQTT link says `stopped` first."""
        self.inputs.close(lambda inputs: inputs.close(), timeout_s=1)
        self.mqtt.close(lambda link: link.close(), timeout_s=3, finish=True)
        self.voice.close(lambda voice: voice.close(), timeout_s=2)
        self.sms.close(lambda modem: modem.close(), timeout_s=2)
        if self._power:
            self._power.close()
        for door in (self.https, self.https_poll):
            door.close(lambda https: https.close(), timeout_s=0.2)
        self.lamp.close(lambda lamp: lamp.close(), timeout_s=1)
        self.keep()
        for idle in (self.board, self.renew, self.render, self.updates):
            idle.close(lambda _: None, timeout_s=0.2)

    def keep(self) -> None:
        """Write what the journal was last given, and close it: all that a crash leaves time for."""
        self.journal.close(lambda journal: journal.close(), timeout_s=2, finish=True)

    def cycle_modem_power(self, off_s: float) -> None:
        """Take the modem's power away for a while; called on the modem's own thread."""
        if self._power:
            self._power.cycle(off_s)

    def render_clips(self, file: Path) -> None:
        """Render the clips anew in a child process. Raises DeviceError."""
        render_in_child(file)
        self.post(VoiceRefreshed(""))

    def renew_certificate(self, file: Path) -> None:
        """Have the centre sign a new key, in a child process: its libraries are large. Raises DeviceError."""
        command = [sys.executable, "-m", "kiosk", "enrol", "--renew", "--config", str(file)]
        try:
            done = subprocess.run(command, timeout=RENEW_MAX_S, capture_output=True, check=False)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"the renewal took more than {RENEW_MAX_S:.0f} s") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise DeviceError(said[-1][:160] if said else f"the renewal ended with code {done.returncode}")
        self.post(CertificateRenewed())
        self._tell_certificate()

    def look_at_papers(self) -> None:
        """Tell which of this kiosk's own files can be used: some come after the start, by enrolment.

        Now and then also how long its certificate lives: MQTT tells that only while it is connected.
        """
        from kiosk import site_check
        from kiosk.net import papers

        found = papers.look(self._site.config)
        if wrong := site_check.look(self._armed, self._site.words):
            found = replace(found, missing={**found.missing, "config_wrong": wrong})
        self.post(found)
        if time.monotonic() >= self._certificate_s:
            with suppress(DeviceError):  # `cert_missing` tells it; it is read as soon as it is there
                self._tell_certificate()
                self._certificate_s = time.monotonic() + CERTIFICATE_EVERY_S

    def _tell_certificate(self) -> None:
        from kiosk.net.tls import OwnCertificate

        files = self._site.config.identity()
        if files is not None:
            own = OwnCertificate(files, self._trusted_utc_s).read()
            self.post(CertificateRead(own.days_left, own.life_days))

    def _settle_identity(self) -> None:
        """Carry out a change of key and certificate that a power cut interrupted; if it cannot be, go on."""
        from kiosk.net import identity

        files = self._site.config.identity()
        try:
            if files is not None:
                identity.finish(files)
        except (DeviceError, OSError) as error:
            log.warning("identity=unsettled reason=%s", error)

    def _make_https(self) -> HttpsDoor:
        from kiosk.net.https import RequestsDoor
        from kiosk.net.names import Names

        config = self._site.config
        https = config.https
        files = https.tls or config.mqtt.tls if https else None
        if https is None or files is None:
            raise DeviceError("no [https] or no TLS files in the configuration")
        self._settle_identity()
        names = Names(good=self._door_addresses)
        return RequestsDoor(https, files, self.post, trusted_utc_s=self._trusted_utc_s, names=names)

    def _make_lamp(self) -> Lamp:
        from kiosk.hw.lamp import GpioLamp

        return GpioLamp(self._site.config.lamp, self._armed.pins)

    def _make_mqtt(self) -> MqttLink:
        from kiosk.net.mqtt import PahoLink

        config = self._site.config
        self._settle_identity()
        return PahoLink(
            config.mqtt, config.kiosk.id, self._site.version, self.post, trusted_utc_s=self._trusted_utc_s
        )

    def _make_voice(self) -> Voice:
        from kiosk.hw.voice import open_voice

        return open_voice(self._site.config, self._site.words, self.post)

    def _make_sms(self) -> SmsModem:
        from kiosk.net.sms import GammuModem

        sms = self._site.config.sms
        if sms is None:
            raise DeviceError("no [sms] in the configuration")
        if sms.power_pin is not None:
            from kiosk.hw.power import GpioModemPower

            self._power = GpioModemPower(
                self._armed.pins, pin=sms.power_pin, active_high=sms.power_active_high
            )
        return GammuModem(sms, self.post, state=Path(self._site.config.paths.state))

    def _make_board(self) -> BoardSensors:
        from kiosk.hw.board import Board

        return Board(self.post, state=Path(self._site.config.paths.state))

    def _make_journal(self) -> Journal:
        from kiosk.journal import SqliteJournal

        return SqliteJournal(Path(self._site.config.paths.state) / "journal.sqlite", self.post)

    def _trusted_utc_s(self) -> float:
        return trusted_utc_s(synced=self._synced, last_good_s=self._last_good_s)


def _nothing(_: str) -> None:
    return None


def _failed(worker: str) -> Callable[[str], KioskEvent]:
    return lambda reason: WorkerFailed(worker, reason)


def _link(name: Any) -> Callable[[str], KioskEvent]:
    return lambda reason: LinkFell(name, reason)
