"""What the core may expect of any SmsModem: the fake, and the real driver over a simulated modem."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.sms import FakeModem
from fakes.sms_bench import OFFICER, ModemBench, Posted
from fakes.standstill import Standstill

from kiosk.bodies import Token
from kiosk.messages import (
    BalanceRead,
    LinkFell,
    LinkRose,
    ModemStatus,
    SmsFailed,
    SmsReceived,
    SmsReported,
    SmsSent,
)
from kiosk.ports import SmsModem

KAZAKH = "Көмек! №17 Абай 10, 14:32 жауап: OK 4711"
STRANGER = "+77019999999"
tokens = (Token(f"t{number}") for number in itertools.count())


@dataclass
class Rig:
    """A modem, its knobs, what it posted and what reached the officer."""

    modem: SmsModem
    knobs: Any
    posted: Posted
    arrived: Callable[[], list[str]]
    take_card: Callable[[], None]
    give_card: Callable[[], None]
    patience: Callable[[float], None]

    def ready(self) -> None:
        """Bring everything back to health, open, and forget what was posted."""
        self.knobs.replug()
        self.knobs.unhang()
        self.knobs.find_network()
        self.give_card()
        self.posted.clear()
        self.modem.open("none")
        assert self.posted.wait(LinkRose)
        self.posted.clear()

    def send(self, text: str, number: str = OFFICER) -> Token:
        token = next(tokens)
        self.modem.send(token, number, text)
        return token


def fake(_: Path) -> tuple[Rig, Callable[[], None]]:
    posted = Posted()
    modem = FakeModem(posted)
    texts: Callable[[], list[str]] = lambda: [text for _number, text in modem.sent]  # noqa: E731
    rig = Rig(
        modem,
        modem,
        posted,
        texts,
        take_card=lambda: modem.set_card("missing"),
        give_card=lambda: modem.set_card("ready"),
        patience=lambda _send_deadline_s: None,
    )
    return rig, modem.close


def real(folder: Path) -> tuple[Rig, Callable[[], None]]:
    bench = ModemBench(folder)

    def patience(send_deadline_s: float) -> None:
        config = bench.modem._config
        bench.modem._config = msgspec.structs.replace(config, send_deadline_s=send_deadline_s)

    rig = Rig(
        bench.modem,
        bench.sim,
        bench.posted,
        lambda: [received.text for received in bench.phone.inbox()],
        take_card=lambda: bench.sim.set_card(present=False),
        give_card=bench.sim.set_card,
        patience=patience,
    )
    return rig, bench.close


@pytest.fixture(scope="module", params=[fake, pytest.param(real, marks=pytest.mark.real)])
def rigs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Rig]]:
    """Five open sessions, opened side by side: gammu takes four seconds for each."""
    made = [request.param(tmp_path_factory.mktemp("sms")) for _ in range(5)]
    with ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(lambda one: one[0].ready(), made))
    yield [rig for rig, _close in made]
    for _rig, close in made:
        close()
        close()


@pytest.fixture
def rig(rigs: list[Rig]) -> Rig:
    """An open session that no test breaks."""
    rigs[0].posted.clear()
    return rigs[0]


@pytest.fixture
def mortal(rigs: list[Rig]) -> Rig:
    """An open session that the test may break."""
    rig = rigs.pop()
    rig.posted.clear()
    return rig


def test_a_text_is_sent_as_one_segment_and_reported(rig: Rig) -> None:
    token = rig.send(KAZAKH)
    [sent] = rig.posted.wait(SmsSent)
    assert (sent.token, sent.parts) == (token, 1)
    report = SmsReported(sent.reference, "delivered")
    rig.posted.expect(report)
    assert rig.posted.events.index(sent) < rig.posted.events.index(report)
    assert rig.arrived()[-1] == KAZAKH


def test_a_text_of_two_segments_is_refused_and_the_session_stays(rig: Rig) -> None:
    token = rig.send("ұзақ " * 20)
    [failed] = rig.posted.wait(SmsFailed)
    assert failed.token == token
    assert "one is allowed" in failed.reason
    rig.send("after")
    assert rig.posted.wait(SmsSent)
    assert not rig.posted.of(LinkFell)


def test_an_incoming_text_is_posted_as_it_was_written(rig: Rig) -> None:
    rig.knobs.deliver(STRANGER, "ОК 4711 қабылдадым")
    assert rig.posted.wait(SmsReceived) == [SmsReceived(STRANGER, "ОК 4711 қабылдадым")]


def test_a_poll_tells_the_modem_and_the_balance(rig: Rig) -> None:
    rig.modem.poll("balance")
    [status] = rig.posted.wait(ModemStatus)
    assert (status.sim, status.registration, status.operator) == ("ready", "home", "SimTel")
    assert status.imei == "356938035643809"
    assert status.signal_dbm == -71
    assert rig.posted.wait(BalanceRead) == [BalanceRead(1000.0)]


def test_a_refused_text_fails_and_the_session_stays(rig: Rig) -> None:
    rig.knobs.refuse_sends(38)
    token = rig.send("refused")
    assert [failed.token for failed in rig.posted.wait(SmsFailed)] == [token]
    rig.send("after")
    assert rig.posted.wait(SmsSent)
    assert not rig.posted.of(LinkFell)


def test_off_the_network_a_text_fails_and_the_poll_says_why(rig: Rig) -> None:
    rig.knobs.lose_network(denied=True)
    rig.modem.poll("status")
    rig.send("nowhere")
    rig.knobs.find_network()
    assert rig.posted.wait(ModemStatus)[0].registration == "denied"
    assert rig.posted.wait(SmsFailed)
    assert not rig.posted.of(LinkFell)


def test_a_hung_modem_fails_the_text_then_the_link_and_can_be_reopened(mortal: Rig) -> None:
    mortal.patience(2.0)  # less than the three seconds after which the child itself finds the modem silent
    mortal.knobs.hang()
    token = mortal.send("into the void")
    mortal.posted.wait(LinkFell)
    [failed, fell] = mortal.posted.events
    assert isinstance(failed, SmsFailed)
    assert failed.token == token
    assert failed.reason.startswith("hung")
    assert isinstance(fell, LinkFell)
    mortal.knobs.unhang()
    mortal.patience(10.0)
    mortal.ready()
    mortal.send("alive again")
    assert mortal.posted.wait(SmsSent)


def test_an_unplugged_modem_is_told_unasked_and_once(mortal: Rig) -> None:
    mortal.knobs.unplug()
    assert len(mortal.posted.wait(LinkFell)) == 1
    mortal.send("too late")
    assert mortal.posted.wait(SmsFailed)
    assert len(mortal.posted.of(LinkFell)) == 1
    mortal.modem.open("none")
    assert len(mortal.posted.wait(LinkFell, 2)) == 2


def test_without_a_card_the_link_falls_and_the_status_says_missing(mortal: Rig) -> None:
    mortal.take_card()
    mortal.knobs.lose_network()
    mortal.modem.poll("status")
    [fell] = mortal.posted.wait(LinkFell)
    assert "SIM" in fell.reason
    assert mortal.posted.of(ModemStatus)[-1].sim == "missing"


def test_a_closed_modem_answers_without_raising(mortal: Rig) -> None:
    with Standstill() as still:
        began_s = time.monotonic()
        mortal.modem.close()
        mortal.modem.close()
        took_s = time.monotonic() - began_s
    assert took_s - still.s < 2.5
    mortal.posted.clear()
    mortal.send("nobody is there")
    mortal.modem.poll("balance")
    assert mortal.posted.of(SmsFailed)
    [balance] = mortal.posted.of(BalanceRead)
    assert balance.balance_kzt is None
    assert not mortal.posted.of(LinkFell)
