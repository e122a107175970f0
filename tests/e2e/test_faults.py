"""Faults of the real daemon's links and devices: one press goes out by what is left, each fault is told."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faulty_site import SOON_S, Watch, replaced, watch
from kiosk_site import KioskSite, wait_for

from kiosk import control
from kiosk.demo import settings
from kiosk.monitor.cases import LATE_AFTER_S
from kiosk.sim.soundcard import SoundCard, no_card

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
Record = Callable[[str, object], None]
SPOKEN = replaced('mode = "off"', 'mode = "spoken"')
HASTY_MODEM = replaced("[sms.balance]", "send_deadline_s = 5\n[sms.balance]")


@pytest.fixture(scope="module")
def site() -> Iterator[KioskSite]:
    with KioskSite(beat_s=5) as site:
        site.start_centre()
        yield site


def goes_by_mqtt(watched: Watch, record: Record) -> None:
    """Press once: with a healthy broker the centre has the alert at once, whatever else is broken."""
    watched.press()
    took_s = watched.alert_at_centre()
    record("alert_s", round(took_s, 2))
    assert took_s < SOON_S
    wait_for(lambda: watched.site.stage() == "received")


def goes_by_sms(watched: Watch, record: Record) -> None:
    """Press once: with a healthy modem the duty officer and the gateway get one text each."""
    watched.press()
    took_s = watched.text_on_phone()
    record("alert_s", round(took_s, 2))
    watched.text_on_phone(settings.GATEWAY)
    assert len(watched.texts()) == 1


# ---- the modem


def test_a_modem_that_hangs(site: KioskSite, record_property: Record) -> None:
    with watch(site, "mqtt", "sms", edit=HASTY_MODEM) as watched:
        site.modem.hang()
        assert site.ask_kiosk(ask="drill")["ok"]  # a hung port looks like an idle one: only a text finds out
        assert "not answer" in watched.reason("modem_down")
        watched.told_to_centre("modem_down")
        goes_by_mqtt(watched, record_property)


def test_a_modem_that_hangs_in_the_very_press(site: KioskSite, record_property: Record) -> None:
    """Both roads: the Internet comes back while the modem's worker still waits for its text's deadline."""
    with watch(site, "mqtt", "sms") as watched:
        site.modem.hang()
        site.link.cut()
        wait_for(lambda: site.state()["mqtt"] == "down")
        watched.press()
        wait_for(lambda: "path=sms" in watched.log())
        site.link.restore()
        record_property("alert_s", round(watched.alert_at_centre(), 2))
        assert watched.alerts()[0]["path"] == "mqtt"
        assert watched.texts() == []  # the text was still with the modem


def test_a_modem_that_is_pulled_out(site: KioskSite, record_property: Record) -> None:
    with watch(site, "mqtt", "sms") as watched:
        site.modem.unplug()
        assert "vanished" in watched.reason("modem_down")
        goes_by_mqtt(watched, record_property)
        watched.told_to_centre("modem_down")
        site.modem.replug()
        watched.up("sms")
        watched.told_to_centre("modem_down", "cleared")


# ---- the speaker


def test_a_sound_device_that_hangs(site: KioskSite, tmp_path: Path, record_property: Record) -> None:
    with contextlib.closing(SoundCard(tmp_path)) as card:
        card.stuff()
        with watch(site, "mqtt", edit=SPOKEN, environ=card.environ) as watched:
            goes_by_mqtt(watched, record_property)  # while the first probe of the device hangs
            assert "not done in its time" in watched.reason("voice_unavailable")
            watched.told_to_centre("voice_unavailable")
            assert "what=said" not in watched.log()


def test_no_sound_card(site: KioskSite, tmp_path: Path, record_property: Record) -> None:
    with watch(site, "mqtt", edit=SPOKEN, environ=no_card(tmp_path)) as watched:
        assert watched.reason("voice_unavailable")
        goes_by_mqtt(watched, record_property)
        watched.told_to_centre("voice_unavailable")


# ---- the Internet


def test_a_broker_that_swallows_everything(site: KioskSite, record_property: Record) -> None:
    with watch(site, "mqtt", "sms") as watched:
        site.link.blackhole()
        goes_by_sms(watched, record_property)
        assert watched.reason("mqtt_down")
        site.link.restore()
        watched.alert_at_centre()
        watched.told_to_centre("mqtt_down")
        (alert,) = watched.alerts()
        assert alert["late"] == (alert["age_s"] > LATE_AFTER_S)  # the link may be known down within that time


def test_a_broker_that_only_listens(site: KioskSite, record_property: Record) -> None:
    """What comes from the broker is swallowed: without a receipt SMS goes; the centre has the alert once."""
    with watch(site, "mqtt", "sms") as watched:
        site.link.blackhole("down")
        goes_by_sms(watched, record_property)
        watched.alert_at_centre()
        site.link.restore()
        wait_for(lambda: site.stage() == "received")
        assert len(watched.alerts()) == 1


@contextlib.contextmanager
def silent_dns(folder: Path) -> Iterator[tuple[tuple[str, ...], threading.Event]]:
    """Be a name server that never answers; gives how to run under it, and whether it was asked."""
    asked, over = threading.Event(), threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.9", 53))
        server.settimeout(0.2)

        def listen() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    server.recv(512)
                    asked.set()

        thread = threading.Thread(target=listen)
        thread.start()
        (folder / "resolv.conf").write_text("nameserver 127.0.0.9\noptions timeout:30 attempts:5\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")
        script = "".join(
            f"mount --bind {folder / name} /etc/{name}\n" for name in ("resolv.conf", "nsswitch.conf")
        )
        try:
            yield ("unshare", "-m", "sh", "-ec", script + 'exec "$@"', "sh"), asked
        finally:
            over.set()
            thread.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount of its own needs root")
def test_a_name_server_that_never_answers(site: KioskSite, tmp_path: Path, record_property: Record) -> None:
    named = replaced("localhost:", "broker.example:")
    with silent_dns(tmp_path) as (prefix, asked), watch(site, "sms", edit=named, prefix=prefix) as watched:
        goes_by_sms(watched, record_property)
        assert asked.is_set()
        assert "no answer from DNS" in watched.reason("mqtt_down")
        assert watched.end() == 0


def test_a_broker_without_a_listener_gives_no_receipt(record_property: Record) -> None:
    """It acknowledges every publish; only the centre's own word is a receipt, so people are written to."""
    with KioskSite(beat_s=5, mode="spoken") as site, watch(site, "mqtt", "sms") as watched:
        told: list[dict[str, object]] = []
        thread = threading.Thread(target=follow, args=(site, told), daemon=True)
        thread.start()
        goes_by_sms(watched, record_property)
        assert 9.5 < watched.text_on_phone() < 25
        assert site.stage() == "sending"
        wait_for(lambda: any(event["what"] == "said" for event in told))
        assert watched.end() == 0
        thread.join(10)
        said = {event["key"] for event in told if event["what"] == "said"}
        assert said
        assert said <= {"pressed", "sending", "trying"}


def follow(site: KioskSite, told: list[dict[str, object]]) -> None:
    with contextlib.suppress(OSError):
        told.extend(control.watch(site.folder / "run" / "kiosk.sock", 60.0))


# ---- the log


def test_a_log_that_nobody_reads(site: KioskSite, tmp_path: Path, record_property: Record) -> None:
    fifo = tmp_path / "log.fifo"
    os.mkfifo(fifo)
    full = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(full, bytes(4096))
    try:
        prefix = ("sh", "-c", f'exec "$@" 2>{fifo}', "sh")
        with watch(site, "mqtt", prefix=prefix) as watched:
            goes_by_mqtt(watched, record_property)
            assert watched.end() == 0
    finally:
        os.close(full)
