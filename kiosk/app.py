"""The only wiring of the kiosk: configuration -> devices -> core -> run.

Owns the order of start and stop, the log and the control socket's questions. Decides nothing itself.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_never

from kiosk import effects as do
from kiosk import starts
from kiosk.arming import Armed
from kiosk.bodies import Token
from kiosk.control import ControlServer
from kiosk.core import Core
from kiosk.devices import Devices
from kiosk.dispatch import Dispatch, Local
from kiosk.messages import DeviceError, DrillAsked, SayAsked, StatusAsked, TrialAsked, WorkerFailed
from kiosk.runtime import Loop, hand_on_soon
from kiosk.site import Site
from kiosk.site_files import build_site
from kiosk.systemd import Notifier

log = logging.getLogger(__name__)
LEVEL = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
Request = dict[str, Any]
Reply = Callable[[dict[str, Any]], None]


class Daemon:
    """One running kiosk around inputs that are armed already."""

    def __init__(self, armed: Armed) -> None:
        self._armed = armed
        self._site: Site = build_site(armed.config, armed.text, armed.file)
        self._answers: dict[Token, Reply] = {}
        self._asked = 0
        self._notifier = Notifier()
        self._control = ControlServer(Path(armed.config.paths.run) / "kiosk.sock", self._asked_for)
        self.devices = Devices(self._site, armed, armed.queue.put)
        dispatch = Dispatch(self.devices, self._do)
        self.loop = Loop(
            Core(self._site),
            dispatch.carry_out,
            queue=armed.queue,
            workers=self.devices.workers,
            progress=self._notifier.turned,
        )

    def run(self) -> int:
        """Run until SIGTERM, SIGINT or an ordered restart; give the exit code."""
        hand_on_soon()
        # CPython before 3.11.4 holds its lock from vfork() until the child's program is loaded: while a busy
        # card is waited for, every thread would stand still (python/cpython#104372). The switch is the
        # library's own: subprocess, "Disabling use of vfork() or posix_spawn()".
        subprocess._USE_VFORK = False  # type: ignore[misc]  # noqa: SLF001
        self.devices.start()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda which, _: self.loop.stop(0, signal.Signals(which).name))
        try:
            self._control.open()
        except DeviceError as error:
            self.loop.post(WorkerFailed("control", str(error)))
        try:
            stop = self.loop.run()
        except BaseException:
            self.devices.keep()  # and no word of `stopped`: the broker's will must tell that it fell
            raise
        else:
            self._notifier.stopping()
            self.devices.close()
        finally:
            self._control.close()
            self._notifier.close()
        log.info("stopped code=%d reason=%s", stop.code, stop.reason)
        if stop.code == 0:
            starts.forget(Path(self._site.config.paths.run))
        return stop.code

    # ---- effects that concern no device

    def _do(self, effect: Local) -> None:
        match effect:
            case do.Tell():
                self._tell(effect)
            case do.Answer(token, state):
                reply = self._answers.pop(token, None)
                if reply:
                    reply(state)
            case do.Stop(code, reason):
                self.loop.stop(code, reason)
            case _:
                assert_never(effect)

    def _tell(self, effect: do.Tell) -> None:
        words = " ".join(f"{key}={value}" for key, value in effect.detail)
        log.log(LEVEL[effect.level], "%s %s", effect.what, words)
        self._control.publish({"t_s": round(time.monotonic(), 3), "what": effect.what, **dict(effect.detail)})

    # ---- the control socket

    def _asked_for(self, request: Request, reply: Reply) -> None:
        self._asked += 1
        token = Token(f"ask.{self._asked}")
        match request:
            case {"ask": "status"}:
                self._answers[token] = reply
                self.loop.post(StatusAsked(token))
            case {"ask": "drill"}:
                self._answers[token] = reply
                flags = {name: request.get(name) is True for name in ("duty", "silent", "whole")}
                self.loop.post(DrillAsked(token=token, **flags))
            case {"ask": "trial", "button": str(button), "seconds": int(seconds) | float(seconds)}:
                self._answers[token] = reply
                self.loop.post(TrialAsked(token=token, button=button, seconds=float(seconds)))
            case {"ask": "say", "key": str(key)}:
                self._answers[token] = reply
                self.loop.post(SayAsked(token, key))
            case {"ask": "pin", "input": str(name), "high": bool(high)} if self._armed.allow_mock:
                reply(self._drive(name, high=high))
            case _:
                reply({"ok": False, "reason": "unknown question"})

    def _drive(self, name: str, *, high: bool) -> dict[str, Any]:
        """Move a simulated pin: the demo's and the tests' finger."""
        wired = self._site.config.inputs()
        if name not in wired or self._site.config.gpio.factory != "mock":
            return {"ok": False, "reason": "no such simulated input"}
        pin = self._armed.pins.factory().pin(wired[name].pin)
        (pin.drive_high if high else pin.drive_low)()
        return {"ok": True}
