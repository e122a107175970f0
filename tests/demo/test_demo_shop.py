"""The simulated shop with its real processes: it starts whole, does what people can, leaves nothing."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import httpx
import psutil
import pytest
from kiosk_site import wait_for

from kiosk.demo import shop as shops
from kiosk.demo.shop import Shop
from kiosk.messages import DeviceError, LinkDown
from kiosk.sim.broker import MosquittoBroker

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
PATIENCE_S = 60.0
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Shop(clips=tmp_path_factory.mktemp("clips"), mode="off", answers=False) as shop:
        assert shop.wait(lambda: shop.ask_kiosk(ask="status")["mqtt"] == "up", PATIENCE_S), shop.log("kiosk")
        yield shop


def heard(shop: Shop, what: str, source: str) -> dict[str, Any]:
    """Take events until one is of that kind."""
    while True:
        try:
            event = shop.events.get(timeout=PATIENCE_S)
        except Empty:
            raise AssertionError(f"{what} never came from the {source}") from None
        if (event["what"], event["from"]) == (what, source):
            return event


def test_a_press_reaches_the_centre_and_a_text_the_officer_who_answers(shop: Shop) -> None:
    assert shop.wait(lambda: shop.ask_kiosk(ask="status")["sms"] == "up", PATIENCE_S)
    with pytest.raises(DeviceError, match="no text to answer"):
        shop.reply()
    shop.cut("mqtt")
    assert shop.wait(lambda: shop.ask_kiosk(ask="status")["mqtt"] == "down", PATIENCE_S)
    shop.press()
    pressed = heard(shop, "pressed", "kiosk")
    assert heard(shop, "phone_rang", "phone")["parts"] == 1
    shop.reply()
    assert heard(shop, "reply_crossed", "network")["text"].startswith("OK ")
    heard(shop, "accepted", "kiosk")
    shop.restore("mqtt")
    wait_for(lambda: shop.ask_centre(ask="alerts")["alerts"], PATIENCE_S)
    assert shop.ask_centre(ask="alerts")["alerts"][0]["alert_id"] == pressed["alert_id"]


def test_sound_and_gsm_can_be_cut_and_given_back(shop: Shop) -> None:
    conf = Path(shop._sound.environ["ALSA_CONFIG_PATH"])
    works = conf.read_text(encoding="utf-8")
    shop.cut("sound")
    assert conf.read_text(encoding="utf-8") != works
    shop.restore("sound")
    assert conf.read_text(encoding="utf-8") == works
    shop.cut("gsm")
    assert not shop.modem.network.registered()
    shop.restore("gsm")
    assert shop.modem.network.registered()


def test_waiting_has_an_end_even_while_nobody_answers(shop: Shop) -> None:
    def away() -> bool:
        raise DeviceError("nobody")

    assert shop.wait(away, 0.1) is False
    assert shop.log("nobody") == ""


def test_secrets_are_for_the_owner_only(shop: Shop) -> None:
    secrets = [*shop.folder.glob("*.password"), shop.folder / "sms.key"]
    assert len(secrets) == 4
    assert {path.stat().st_mode & 0o077 for path in secrets} == {0}


def test_a_part_that_does_not_start_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shops, "START_S", 1.0)
    shop = Shop(clips=tmp_path, mode="off", broker="mosquitto")
    shop.site_file.write_text("[kiosk]\n", encoding="utf-8")
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(LinkDown, match="did not start"), shop:
        pass
    assert not {child.pid for child in psutil.Process().children()} - before
    assert not shop.folder.exists()
    assert isinstance(shop._broker, MosquittoBroker)
    assert not shop._broker.folder.exists()


def test_a_child_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shops, "STOP_S", 0.2)
    stubborn = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    assert stubborn.stdout.readline() == b"deaf\n"
    shops._end(stubborn)
    assert stubborn.returncode == -9
    stubborn.stdout.close()


def test_the_sign_in_that_is_told_opens_the_board(shop: Shop) -> None:
    told = shop.pages
    with httpx.Client(base_url=told["address"], follow_redirects=True, timeout=30) as browser:
        page = browser.get("sign-in")
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        form = {**hidden, "name": told["user"], "password": told["password"]}
        origin = {"origin": told["address"].rstrip("/")}
        answer = browser.post("sign-in", data=form, headers=origin)
        assert answer.status_code == 200
        assert browser.get("audit").status_code == 200, "the visitor may see everything"
