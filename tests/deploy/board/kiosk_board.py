"""One board with a kiosk on it and the world around it: power, pin, cable, modem, and what the centre knows.

Waits on conditions only; every deadline is generous, for an emulated board on a busy machine is slow.
"""

import contextlib
import json
import time
from pathlib import Path
from typing import Any, Self

from deploy.board.desk import BUTTON_PIN
from deploy.board.host import Host
from deploy.board.image import Image
from deploy.board.machine import Machine, until
from deploy.board.modem_cable import ModemCable

ARMED_S = 600.0
SOON_S = 300.0
# The button is open: at once, or later than the daemon where udev had not come to the chip yet.
ARMED = (
    "journalctl -b -u kiosk.service -o short-monotonic --no-pager"
    " | grep -E 'armed inputs=1 of=1|fault_cleared code=button_lost' | tail -n 1 | grep ."
)


class KioskBoard:
    """A machine over `image` in `folder`, wired to `host`; its power may go and come as often as wanted."""

    def __init__(self, host: Host, image: Image, folder: Path, *, stick: Path | None = None) -> None:
        self.host = host
        self.machine = Machine(image, folder, doors=host.doors, stick=stick)
        self._cable = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()

    def power_on(self) -> None:
        """Switch on with the modem plugged in, and wait for the test's own window into it."""
        self.machine.power_on(wait=False)
        self._plug_cable()
        self.machine.wait_until_up()

    def cut_power(self) -> None:
        """Pull the plug; idempotent."""
        self.machine.cut_power()
        self._cable.close()

    def shut_down(self) -> None:
        """End in order, as `poweroff` does, and keep what was written."""
        self.machine.run("systemctl poweroff", within_s=10)
        until(lambda: not self.machine.is_on(), within_s=SOON_S, what="the end of the shut-down")
        self.cut_power()

    def _plug_cable(self) -> None:
        self._cable.enter_context(ModemCable(self.machine.modem_socket, self.host.folder / "modem"))

    def unplug_modem(self) -> None:
        """Pull the modem's USB plug; with its supply it forgets what it was doing."""
        self.machine.unplug_modem()
        self._cable.close()
        self.host.modem.power_cycle()

    def plug_modem(self) -> None:
        """Plug it in again."""
        self._plug_cable()
        self.machine.plug_modem()

    # ---- the kiosk

    def wait_armed(self) -> float:
        """Wait until this boot's daemon is armed; gives the seconds from the kernel's start."""
        line = self.machine.wait_for(ARMED, within_s=ARMED_S, why="an armed kiosk")
        return float(line.partition("[")[2].partition("]")[0])

    def wait_linked(self, *links: str) -> dict[str, Any]:
        """Wait until the daemon says that these links are up; gives its status."""
        deadline_s = time.monotonic() + ARMED_S
        while True:
            state = self.status()
            if state and all(state.get(link) == "up" for link in links):
                return state
            assert time.monotonic() < deadline_s, f"{links} not up: {state}\n{self.log()}"
            time.sleep(1.0)

    def status(self) -> dict[str, Any]:
        """Ask the daemon how it is; empty while it does not answer."""
        done = self.machine.run("kiosk status --json", within_s=60)
        with contextlib.suppress(ValueError):
            answer: dict[str, Any] = json.loads(done.text)
            return answer
        return {}

    def log(self, lines: int = 60) -> str:
        """Give the daemon's newest lines."""
        return self.machine.run(
            f"journalctl -b -u kiosk.service -o short-monotonic --no-pager | tail -n {lines}"
        ).text

    # ---- presses and what comes of them

    def press(self) -> None:
        """Press the button: the pin moves, nothing else is told."""
        self.machine.pins.press(BUTTON_PIN)

    def press_for_alert(self) -> dict[str, Any]:
        """Press, and wait for the one new alert at the centre."""
        before = self.host.alert_ids()
        self.press()
        return self.alert_beyond(before)

    def alert_beyond(self, before: set[str], *, within_s: float = SOON_S) -> dict[str, Any]:
        """Wait for an alert that is not among these."""
        until(lambda: self.host.alert_ids() - before, within_s=within_s, what="an alert at the centre")
        (new,) = [alert for alert in self.host.alerts() if alert["alert_id"] not in before]
        return new

    def mark(self) -> str:
        """Give the end of the daemon's log as it is now, for `since`."""
        return self.machine.must("journalctl -n 0 --show-cursor").partition("cursor: ")[2].strip()

    def wait_for_line(self, words: str, *, since: str = "", within_s: float = SOON_S) -> str:
        """Wait for a line of the daemon's log of this boot that holds these words; gives the first one."""
        after = f"--after-cursor='{since}'" if since else ""
        script = f"journalctl -b -u kiosk.service --no-pager {after} | grep -m 1 -F -- '{words}'"
        return self.machine.wait_for(script, within_s=within_s, why=words)

    def close(self, alert_id: str) -> None:
        """Let a person close the alert, and wait until the kiosk has none."""
        self.host.advance(alert_id, "closed")
        deadline_s = time.monotonic() + SOON_S
        while self.status().get("incidents", [1]):
            assert time.monotonic() < deadline_s, self.log()
            time.sleep(1.0)
