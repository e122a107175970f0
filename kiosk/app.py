"""The only wiring of the kiosk: configuration -> devices -> core -> run.

Owns which worker carries out which effect, and the order of start and stop. Decides nothing itself.
"""

import hashlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

import kiosk
from kiosk import effects as do
from kiosk import starts
from kiosk.bodies import Alert, Heartbeat, Token
from kiosk.config import Config
from kiosk.config_check import check
from kiosk.config_text import decode
from kiosk.control import ControlServer
from kiosk.core import MAINS, TAMPER, Core
from kiosk.messages import (
    BodyRefused,
    ConfigError,
    DeviceError,
    DrillAsked,
    InputName,
    JournalBroke,
    JournalLoaded,
    KioskEvent,
    LinkFell,
    PublishFailed,
    SmsFailed,
    StatusAsked,
    VoiceBroke,
    VoiceRefreshed,
)
from kiosk.ports import BoardSensors, Inputs, Journal, Lamp, ModemPower, MqttLink, SmsModem, Voice
from kiosk.runtime import Loop, Worker
from kiosk.site import Site
from kiosk.words import load_catalogue

log = logging.getLogger(__name__)
RENDER_MAX_S = 900.0
LEVEL = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
Request = dict[str, Any]
Reply = Callable[[dict[str, Any]], None]


def load_config(path: Path) -> tuple[Config, str]:
    """Read and check a site's configuration; give it with its short hash. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read as UTF-8 text ({error}); give the site's TOML file"
        ) from error
    config = decode(Config, text, str(path))
    errors = [problem for problem in check(config, load_catalogue()) if problem.level == "error"]
    if errors:
        raise ConfigError("\n".join(f"{path}: {problem.key}: {problem.what}" for problem in errors))
    return config, hashlib.sha256(text.encode()).hexdigest()[:8]


def load_key(config: Config) -> bytes:
    """Read the key that signs this kiosk's SMS: at least 16 bytes as hex. Raises ConfigError."""
    if config.sms is None:
        return b""
    path = Path(config.sms.key_file)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: sms.key_file: {type(error).__name__}; 32 or more hex digits expected"
        ) from error
    if len(key) < 16:
        raise ConfigError(f"{path}: sms.key_file: {len(key)} bytes are too short, at least 16 expected")
    return key


def load_site(path: Path) -> Site:
    """Read everything that the core must know. Raises ConfigError."""
    config, config_hash = load_config(path)
    return Site(
        config=config,
        words=load_catalogue(),
        key=load_key(config),
        version=kiosk.__version__,
        config_hash=config_hash,
        safe_start=starts.too_many(Path(config.paths.run), time.monotonic()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line adds: the file (for child processes), and whether mock pins are allowed."""

    file: Path
    allow_mock: bool = False


class Daemon:
    """One running kiosk."""

    def __init__(self, site: Site, options: Options) -> None:
        self._site = site
        self._options = options
        self._answers: dict[Token, Reply] = {}
        self._asked = 0
        self._last_good_s = 0.0
        self._reasons: dict[str, str] = {}  # of the open faults: the core tells them once
        self._core = Core(site)
        run = Path(site.config.paths.run)
        self._control = ControlServer(run / "kiosk.sock", self._asked_for)
        self._make_workers()
        self._loop = Loop(self._core, self._execute, workers=self._workers, progress=self._progress)

    # ---- devices

    def _make_workers(self) -> None:
        # Drivers are imported where they are made, on their own threads: the button is armed first.
        config, post = self._site.config, self._post
        self._inputs: Worker[Inputs] = Worker("inputs", self._make_inputs, post, broken=_nothing)
        self._lamp: Worker[Lamp] = Worker("lamp", self._make_lamp, post, broken=_nothing)
        self._mqtt: Worker[MqttLink] = Worker("mqtt", self._make_mqtt, post, broken=_link("mqtt"))
        self._voice: Worker[Voice] = Worker("voice-orders", self._make_voice, post, broken=VoiceBroke)
        self._sms: Worker[SmsModem] = Worker("sms", self._make_sms, post, broken=_link("sms"))
        self._board: Worker[BoardSensors] = Worker("board", self._make_board, post, broken=_nothing)
        self._journal: Worker[Journal] = Worker("journal", self._make_journal, post, broken=JournalBroke)
        self._render: Worker[Path] = Worker("render", lambda: self._options.file, post, broken=VoiceRefreshed)
        self._power: ModemPower | None = None
        first = (self._inputs, self._mqtt, self._sms, self._journal)
        self._workers: list[Worker[Any]] = [*first, self._voice, self._lamp, self._board, self._render]
        from kiosk.hw.gpio import PinSource

        self._pins = PinSource(config.gpio, allow_mock=self._options.allow_mock)

    def _make_inputs(self) -> Inputs:
        from kiosk.hw.button import GpioInputs

        config = self._site.config
        wired: dict[InputName, Any] = {InputName(button.name): button for button in config.buttons}
        wired |= {name: way for name, way in ((TAMPER, config.tamper), (MAINS, config.mains_lost)) if way}
        return GpioInputs(self._post, wired, self._pins)

    def _make_lamp(self) -> Lamp:
        from kiosk.hw.lamp import GpioLamp

        return GpioLamp(self._site.config.lamp, self._pins)

    def _make_mqtt(self) -> MqttLink:
        from kiosk.net.mqtt import PahoLink

        config = self._site.config
        return PahoLink(
            config.mqtt, config.kiosk.id, self._site.version, self._post, trusted_utc_s=self._trusted_utc_s
        )

    def _make_voice(self) -> Voice:
        from kiosk.hw.voice import open_voice

        return open_voice(self._site.config, self._site.words, self._post)

    def _make_sms(self) -> SmsModem:
        from kiosk.net.sms import GammuModem

        sms = self._site.config.sms
        if sms is None:
            raise DeviceError("no [sms] in the configuration")
        if sms.power_pin is not None:
            from kiosk.hw.power import GpioModemPower

            self._power = GpioModemPower(self._pins, pin=sms.power_pin, active_high=sms.power_active_high)
        return GammuModem(sms, self._post)

    def _make_board(self) -> BoardSensors:
        from kiosk.hw.board import Board

        return Board(self._post, state=Path(self._site.config.paths.state))

    def _make_journal(self) -> Journal:
        from kiosk.journal import SqliteJournal

        return SqliteJournal(Path(self._site.config.paths.state) / "journal.sqlite", self._post)

    def _trusted_utc_s(self) -> float:
        """Give the latest of clock, build time and last good time (pitfall 32)."""
        built_s = Path(kiosk.__file__).stat().st_mtime
        return max(time.time(), built_s, self._last_good_s)

    # ---- events and effects

    def _post(self, event: KioskEvent) -> None:
        if isinstance(event, JournalLoaded):
            self._last_good_s = event.snapshot.saved_utc_ms / 1000
        self._loop.post(event)

    def _execute(self, effect: do.Effect) -> None:  # noqa: C901, PLR0912 - one page, one match
        match effect:
            case do.Publish(token, body):
                newest = "hb" if isinstance(body, Heartbeat) else ""
                failed = (lambda reason: PublishFailed(token, reason)) if isinstance(body, Alert) else None
                self._mqtt.submit(lambda link: link.publish(token, body), newest=newest, failed=failed)
            case do.SendSms(token=token, number=number, text=text):
                self._sms.submit(
                    lambda modem: modem.send(token, number, text),
                    failed=lambda reason: SmsFailed(token, reason),
                )
            case do.OpenMqtt(boot):
                self._mqtt.submit(lambda link: link.open(boot))
            case do.DropMqtt(reason):
                self._mqtt.submit(lambda link: link.drop(reason))
            case do.OpenModem(reset):
                self._sms.submit(lambda modem: modem.open(reset), newest="open")
            case do.PollModem(what):
                self._sms.submit(lambda modem: modem.poll(what), newest=what)
            case do.CyclePower(off_s):
                self._sms.submit(lambda _: self._power.cycle(off_s) if self._power else None)
            case do.Say(key, cut):
                self._voice.submit(lambda voice: voice.say(key, cut=cut))
            case do.Hush():
                self._voice.submit(lambda voice: voice.hush())
            case do.ProbeVoice():
                self._voice.submit(lambda voice: voice.probe(), newest="probe")
            case do.RefreshVoice():
                self._render.submit(self._render_clips, newest="render")
            case do.Light(pattern):
                self._lamp.submit(lambda lamp: lamp.show(pattern), newest="show")
            case do.ReadInputs():
                self._inputs.submit(lambda inputs: inputs.read(), newest="read")
            case do.OpenInput(name):
                self._inputs.submit(lambda inputs: inputs.reopen(name), newest=f"open {name}")
            case do.ReadBoard():
                self._board.submit(lambda board: board.read(), newest="read")
            case do.Save(snapshot):
                self._journal.submit(lambda journal: journal.save(snapshot), newest="save")
            case do.Tell():
                self._tell(effect)
            case do.Answer(token, state):
                reply = self._answers.pop(token, None)
                if reply:
                    reply({**state, "reasons": dict(self._reasons)} if "faults" in state else state)
            case do.Stop():
                self._loop.stop(effect.code, effect.reason)
            case _:
                assert_never(effect)

    def _tell(self, effect: do.Tell) -> None:
        detail = dict(effect.detail)
        if effect.what in ("fault_raised", "fault_cleared"):
            self._reasons.pop(str(detail["code"]), None)
        if effect.what == "fault_raised":
            self._reasons[str(detail["code"])] = str(detail["reason"])
        words = " ".join(f"{key}={value}" for key, value in effect.detail)
        log.log(LEVEL[effect.level], "%s %s", effect.what, words)
        self._control.publish({"t_s": round(time.monotonic(), 3), "what": effect.what, **detail})

    def _render_clips(self, file: Path) -> None:
        command = [sys.executable, "-m", "kiosk", "voice", "render", "--config", str(file)]
        try:
            done = subprocess.run(command, timeout=RENDER_MAX_S, capture_output=True, check=False)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"voice render took more than {RENDER_MAX_S:.0f} s") from error
        if done.returncode:
            raise DeviceError(f"voice render ended with code {done.returncode}")
        self._post(VoiceRefreshed(""))

    # ---- the control socket

    def _asked_for(self, request: Request, reply: Reply) -> None:
        self._asked += 1
        token = Token(f"ask.{self._asked}")
        match request:
            case {"ask": "status"}:
                self._answers[token] = reply
                self._loop.post(StatusAsked(token))
            case {"ask": "drill"}:
                self._answers[token] = reply
                self._loop.post(DrillAsked(token=token, duty=request.get("duty") is True))
            case {"ask": "pin", "input": str(name), "high": bool(high)} if self._options.allow_mock:
                reply(self._drive(name, high=high))
            case _:
                reply({"ok": False, "reason": "unknown question"})

    def _drive(self, name: str, *, high: bool) -> dict[str, Any]:
        """Move a simulated pin: the demo's and the tests' finger."""
        config = self._site.config
        pins = {button.name: button.pin for button in config.buttons}
        pins |= {
            name: way.pin
            for name, way in (("tamper", config.tamper), ("mains_lost", config.mains_lost))
            if way
        }
        if name not in pins or config.gpio.factory != "mock":
            return {"ok": False, "reason": "no such simulated input"}
        pin = self._pins.factory().pin(pins[name])
        (pin.drive_high if high else pin.drive_low)()
        return {"ok": True}

    # ---- start and stop

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or an ordered restart; give the exit code."""
        from kiosk.hw.systemd import Notifier

        self._notifier = Notifier()
        for worker in self._workers:
            worker.start()
        self._inputs.submit(self._arm)
        self._journal.submit(lambda journal: journal.load())
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda which, _: self._loop.stop(0, signal.Signals(which).name))
        try:
            self._control.open()
        except DeviceError as error:
            self._post(BodyRefused("control", str(error)))
        try:
            stop = self._loop.run()
        finally:
            self._notifier.stopping()
            self._close()
        log.info("stopped code=%d reason=%s", stop.code, stop.reason)
        if stop.code == 0:
            starts.forget(Path(self._site.config.paths.run))
        return stop.code

    def _arm(self, inputs: Inputs) -> None:
        inputs.open()
        log.info("armed inputs=%d", len(self._site.config.buttons))
        self._control.publish({"t_s": round(time.monotonic(), 3), "what": "armed"})
        self._notifier.ready()

    def _progress(self) -> None:
        self._notifier.alive()

    def _close(self) -> None:
        self._inputs.close(lambda inputs: inputs.close(), timeout_s=1)
        self._mqtt.close(lambda link: link.close(), timeout_s=3)
        self._voice.close(lambda voice: voice.close(), timeout_s=2)
        self._sms.close(lambda modem: modem.close(), timeout_s=2)
        self._lamp.close(lambda lamp: lamp.close(), timeout_s=1)
        self._journal.close(lambda journal: journal.close(), timeout_s=2)
        self._board.close(lambda _: None, timeout_s=0.2)
        self._render.close(lambda _: None, timeout_s=0.2)
        self._control.close()


def _nothing(_: str) -> None:
    return None


def _link(name: Any) -> Callable[[str], KioskEvent]:
    return lambda reason: LinkFell(name, reason)
