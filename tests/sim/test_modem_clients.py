"""The simulated modem serves a second, independent client, and its PDUs read well in a third library."""

import threading
import time
import warnings
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from smspdudecoder.fields import SMSDeliver, SMSSubmit

from kiosk.sim.modem import SimModem
from kiosk.sim.network import ReplySeen, Seen, SmsSeen
from kiosk.sim.phone import Phone
from kiosk.sim.segments import pack_deliver

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from gsmmodem.exceptions import CmsError, PinRequiredError, TimeoutException
    from gsmmodem.modem import GsmModem

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

OFFICER = "+77011234567"
PATIENCE_S = 10.0


class Client:
    """python-gsmmodem-new on the simulated modem, and what it heard."""

    def __init__(self, path: str) -> None:
        self.heard: list[tuple[str, str]] = []
        self._more = threading.Condition()
        self.modem: Any = GsmModem(path, 115200, smsReceivedCallbackFunc=self._take)
        self.modem.timeout = 0.05

    def _take(self, sms: Any) -> None:
        with self._more:
            self.heard.append((sms.number, sms.text))
            self._more.notify_all()

    def settle(self) -> None:
        """Let it delete what it has read: a notice that comes meanwhile it takes for an answer."""
        for thread in threading.enumerate():
            if "handlemodemnotification" in thread.name.lower():
                thread.join(PATIENCE_S)

    def close(self) -> None:
        self.settle()
        self.modem.close()

    def wait(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.heard) >= count, PATIENCE_S), self.heard


def answers(client: Client) -> bool:
    try:
        return "OK" in client.modem.write("AT", timeout=0.2)
    except TimeoutException:
        return False


@pytest.fixture
def seen() -> list[Seen]:
    return []


@pytest.fixture
def phone() -> Phone:
    return Phone(OFFICER)


@pytest.fixture
def sim(seen: list[Seen], phone: Phone, tmp_path: Path) -> Iterator[SimModem]:
    with SimModem(phones=[phone], observe=seen.append, link=tmp_path / "modem") as modem:
        yield modem


@pytest.fixture
def client(sim: SimModem) -> Iterator[Client]:
    client = Client(sim.path)
    client.modem.connect()
    yield client
    client.close()


def test_a_second_client_sends_and_gets_the_report_and_both_answers(
    client: Client, phone: Phone, seen: list[Seen]
) -> None:
    sent = client.modem.sendSms(OFFICER, "Көмек! OK 4711", waitForDeliveryReport=True, deliveryTimeout=5)
    assert sent.status == sent.DELIVERED
    for count, answer in enumerate(("OK 4711", "GO 4711"), 1):
        client.settle()
        phone.send(answer)
        client.wait(count)
    assert client.heard == [(OFFICER, "OK 4711"), (OFFICER, "GO 4711")]
    assert [received.text for received in phone.inbox()] == ["Көмек! OK 4711"]
    assert [type(one) for one in seen] == [SmsSeen, ReplySeen, ReplySeen]


def test_a_long_text_arrives_whole_and_is_counted_in_parts(client: Client, phone: Phone) -> None:
    text = "ұзын хат " * 20
    client.modem.sendSms(OFFICER, text.strip())
    [received] = phone.wait(timeout_s=PATIENCE_S)
    assert (received.text, received.parts) == (text.strip(), 3)


def test_what_the_client_writes_reads_the_same_in_a_third_library(client: Client, seen: list[Seen]) -> None:
    for text in ("Plain latin @ {text}", "Қазақша мәтін №17"):
        client.modem.sendSms(OFFICER, text)
        sms = seen[-1] if isinstance(seen[-1], SmsSeen) else None
        assert sms is not None
        [pdu] = sms.pdus_hex
        read = SMSSubmit.decode(StringIO(pdu))
        assert read["user_data"]["data"] == text
        assert "+" + read["recipient"]["number"].lstrip("+") == OFFICER


def test_the_modem_tells_who_it_is_and_where(client: Client) -> None:
    modem = client.modem
    assert (modem.imei, modem.imsi) == ("356938035643809", "401770000000017")
    assert (modem.signalStrength, modem.networkName) == (21, "SimTel")
    assert modem.waitForNetworkCoverage(timeout=2) == 21


def test_a_cms_error_reaches_the_client_with_its_code(sim: SimModem, client: Client) -> None:
    sim.refuse_sends(38)
    with pytest.raises(CmsError) as failed:
        client.modem.sendSms(OFFICER, "refused")
    assert failed.value.code == 38
    sim.lose_network()
    with pytest.raises(CmsError) as failed:
        client.modem.sendSms(OFFICER, "no network")
    assert failed.value.code == 331


def test_a_locked_card_wants_its_pin_and_takes_it(sim: SimModem) -> None:
    sim.set_card(pin="4711")
    client = Client(sim.path)
    with pytest.raises(PinRequiredError):
        client.modem.connect()
    client.modem.close()
    client = Client(sim.path)
    client.modem.connect(pin="4711")
    assert client.modem.imsi
    client.modem.close()


def test_a_hung_modem_says_nothing_and_lives_again(sim: SimModem, client: Client) -> None:
    sim.hang()
    with pytest.raises(TimeoutException):
        client.modem.write("AT", timeout=0.3)
    sim.unhang()
    assert client.modem.write("AT") == ["OK"]


def test_a_reset_forgets_the_settings_and_is_deaf_for_a_while(sim: SimModem, client: Client) -> None:
    sim._boot_s = 3.0
    sim.jam()
    client.modem.write("AT+CFUN=1,1")
    with pytest.raises(TimeoutException):
        client.modem.write("AT", timeout=0.1)
    deadline_s = time.monotonic() + PATIENCE_S
    while not answers(client):
        assert time.monotonic() < deadline_s
    assert sim.network.refuse_all is None


def test_after_replugging_the_name_is_another_and_the_link_follows(sim: SimModem, tmp_path: Path) -> None:
    before = sim.path
    client = Client(sim.path)
    client.modem.connect()
    sim.unplug()
    assert not (tmp_path / "modem").exists()
    sim.replug()
    assert sim.path != before
    assert str((tmp_path / "modem").readlink()) == sim.path
    client.modem.alive = False
    again = Client(str(tmp_path / "modem"))
    again.modem.connect()
    assert again.modem.imei
    again.modem.close()


def test_ussd_tells_the_balance_and_refuses_other_codes(sim: SimModem, client: Client) -> None:
    client.modem.write('AT+CSCS="GSM"')
    assert client.modem.sendUssd("*111#").message == "Balans 1000.00 KZT"
    sim.lose_network(denied=True)
    with pytest.raises(Exception, match="CME 30"):
        client.modem.sendUssd("*111#")


def test_deliveries_read_the_same_in_a_third_library() -> None:
    for text in ("OK 4711", "ОК 4711 қабылдадым"):
        [tpdu] = pack_deliver(OFFICER, text)
        read = SMSDeliver.decode(StringIO("00" + tpdu.hex()))
        assert read["user_data"]["data"] == text
