"""A site with an installer at it: centre, doors, Mosquitto, and modems on both sides of one network."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, Self

from fakes.unenrolled_site import UnenrolledSite
from kiosk_site import wait_for

from kiosk import control
from kiosk.demo import settings
from kiosk.messages import DeviceError
from kiosk.sim.modem import SimModem
from kiosk.sim.phone import Phone

SIM = "+77010000017"  # of the kiosk's modem


class InstalledSite(UnenrolledSite):
    """The centre answers by SMS, too; `finger` presses whatever button is tried."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.centre_modem = SimModem(number=settings.GATEWAY, link=self.folder / "centre-modem")
        self._bridge(self.modem, settings.GATEWAY, self.centre_modem, SIM)
        self._bridge(self.centre_modem, SIM, self.modem, settings.GATEWAY)
        with (self.folder / "centre.toml").open("a") as file:
            file.write(f'first = "modem"\n[sms.modem]\ndevice = "{self.folder}/centre-modem"\n')

    @staticmethod
    def _bridge(sender: SimModem, number: str, to: SimModem, known_as: str) -> None:
        sender.network.add(Phone(number, on_text=lambda received: to.deliver(known_as, received.text)))

    def __enter__(self) -> Self:
        super().__enter__()
        self._ends.enter_context(self.centre_modem)
        return self

    def ready(self) -> None:
        """Start everything and wait until the kiosk's links are up."""
        self.start_centre()
        self.hand_over_token()
        self.errands()
        assert self.ask_centre(ask="reload")["ok"]
        self.start_kiosk(name="etc/site.toml")
        wait_for(lambda: self.state().get("mqtt") == "up", within_s=60)
        wait_for(lambda: self.state().get("sms") == "up", within_s=60)

    @contextlib.contextmanager
    def finger(self, presses: int = 1) -> Iterator[list[dict[str, Any]]]:
        """Press the button that is tried; give every event that happened."""
        seen: list[dict[str, Any]] = []

        def follow() -> None:
            with contextlib.suppress(DeviceError):
                path = self.folder / "run" / "kiosk.sock"
                for event in control.watch(path, 60.0, question={"ask": "status"}):
                    seen.append(event)
                    if event.get("what") == "trial_begun":
                        for _ in range(presses):
                            self.press()

        threading.Thread(target=follow, daemon=True).start()
        wait_for(lambda: seen)
        yield seen

    def check_install(self, *more: str) -> tuple[int, dict[str, Any], str]:
        """Run the installer's check; give its exit code, its record and what it told."""
        command = [sys.executable, "-m", "kiosk", "check", "--install", "--json", "--by", "Әлия Қ."]
        command += ["--config", str(self.etc / "site.toml"), *more]
        environ = {**os.environ, **self.environ}
        done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, env=environ)
        record: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
        return done.returncode, record, done.stderr
