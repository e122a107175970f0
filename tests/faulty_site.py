"""One fresh daemon at a time on a shared, real site whose parts can be broken: for the tests of faults."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kiosk_site import KioskSite, wait_for

from kiosk.demo import settings
from kiosk.messages import DeviceError

PATIENCE_S = 40.0
SOON_S = 8.0  # an alert that had a healthy path takes far less; a loaded machine may need some of it
Edit = Callable[[str], str]


@dataclass
class Watch:
    """One daemon on the site, and what the centre and the phones have got since it was started."""

    site: KioskSite
    daemon: "subprocess.Popen[bytes]"
    pressed_s: float = 0.0
    texts_before: dict[str, int] = field(default_factory=dict)
    alerts_before: frozenset[str] = frozenset()
    events_before: frozenset[str] = frozenset()
    log_from: int = 0

    def press(self) -> None:
        self.pressed_s = time.monotonic()
        self.site.press()

    def alerts(self) -> list[dict[str, Any]]:
        """List the presses that are new at the centre."""
        new = [alert for alert in self.site.alerts() if alert["alert_id"] not in self.alerts_before]
        return [alert for alert in new if alert["kind"] == "press"]

    def alert_at_centre(self, within_s: float = PATIENCE_S) -> float:
        """Wait for the one new alert; gives the seconds since the press."""
        wait_for(self.alerts, within_s)
        took_s = time.monotonic() - self.pressed_s
        assert len(self.alerts()) == 1
        return took_s

    def texts(self, number: str = settings.OFFICER) -> list[str]:
        inbox = self.site.modem.network.phones[number].inbox()
        return [text.text for text in inbox[self.texts_before.get(number, 0) :]]

    def text_on_phone(self, number: str = settings.OFFICER, *, within_s: float = PATIENCE_S) -> float:
        """Wait for an SMS; gives the seconds since the press."""
        phone, before = self.site.modem.network.phones[number], self.texts_before.get(number, 0)
        found = phone.wait(before + 1, timeout_s=within_s)
        assert len(found) > before, self.log()[-2000:]
        return found[before].at_s - self.pressed_s

    def reason(self, fault: str, within_s: float = PATIENCE_S) -> str:
        """Wait until the daemon itself tells of a fault; gives the reason."""
        wait_for(lambda: fault in self.site.state().get("faults", ()), within_s)
        return str(self.site.state()["reasons"][fault])

    def events(self) -> list[dict[str, Any]]:
        return [event for event in _events(self.site) if event["event_id"] not in self.events_before]

    def told_to_centre(
        self, code: str, state: str = "raised", within_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Wait for an event at the centre."""

        def found() -> list[dict[str, Any]]:
            return [
                event
                for event in self.events()
                if (event["code"], event.get("state", "info")) == (code, state)
            ]

        wait_for(found, within_s)
        return found()[0]

    def up(self, *links: str) -> None:
        wait_for(lambda: all(self.site.state().get(link) == "up" for link in links), PATIENCE_S)

    def click(self, ask: str, **fields: str) -> None:
        (alert,) = self.alerts()
        answer = self.site.ask_centre(ask=ask, alert=alert["alert_id"], by="officer-1", **fields)
        assert answer["ok"], answer

    def log(self) -> str:
        return self.site.log()[self.log_from :]

    def kill(self) -> None:
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def end(self) -> int:
        """End the daemon as systemd does; gives its exit code."""
        self.daemon.terminate()
        return self.daemon.wait(15)


def _events(site: KioskSite) -> list[dict[str, Any]]:
    with contextlib.suppress(DeviceError):  # a site may have no centre
        return [event for kiosk in site.ask_centre(ask="kiosks")["kiosks"] for event in kiosk["events"]]
    return []


def heal(site: KioskSite) -> None:
    """Take every fault away, and what an earlier daemon left."""
    site.link.restore()
    modem = site.modem
    modem.unhang()
    modem.replug()
    modem.find_network()
    modem.set_delay(0.0)
    shutil.rmtree(site.folder / "kiosk", ignore_errors=True)
    (site.folder / "kiosk").mkdir()
    (site.folder / "run" / "starts.json").unlink(missing_ok=True)


@contextlib.contextmanager
def watch(
    site: KioskSite,
    *links: str,
    edit: Edit = lambda toml: toml,
    prefix: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
    state: Mapping[str, bytes] | None = None,
) -> Iterator[Watch]:
    """Start a daemon on a healed site and wait for `links`; `edit` changes its file, `state` its folder."""
    heal(site)
    for name, content in (state or {}).items():
        (site.folder / "kiosk" / name).write_bytes(content)
    (site.folder / "faulty.toml").write_text(edit((site.folder / "site.toml").read_text()))
    phones = {number: len(phone.inbox()) for number, phone in site.modem.network.phones.items()}
    usual = dict(site.environ)
    site.environ.update(environ or {})
    log_from = len(site.log()) if (site.folder / "log").exists() else 0
    try:
        daemon = site.start_kiosk(prefix=prefix, name="faulty.toml")
    finally:
        site.environ.clear()
        site.environ.update(usual)
    watched = Watch(
        site=site,
        daemon=daemon,
        texts_before=phones,
        alerts_before=frozenset(str(alert["alert_id"]) for alert in site.alerts()),
        events_before=frozenset(str(event["event_id"]) for event in _events(site)),
        log_from=log_from,
    )
    try:
        watched.up(*links)
        yield watched
    finally:
        watched.kill()


def replaced(old: str, new: str) -> Edit:
    """Give an edit that must find its place."""

    def edit(toml: str) -> str:
        assert old in toml, toml
        return toml.replace(old, new)

    return edit
