"""The check's own hand on the modem: the real driver once, a modem in memory for the rest."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fakes.check_bench import changed, trial
from fakes.sms import FakeModem
from fakes.virtual_kiosk import WORDS, example_config

from kiosk.check import alone, modem
from kiosk.check.row import Row
from kiosk.config import Config
from kiosk.sim.modem import SimModem
from kiosk.site import Site


def rows_of(config: Config) -> dict[str, Row]:
    assert config.sms is not None
    return {row.part: row for row in modem.check_modem(config.sms, trial(config).text)}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[FakeModem], None]], None]:
    """Put a modem in memory in the driver's place, its knobs turned by the test."""

    def put(turn: Callable[[FakeModem], None]) -> None:
        def make(_settings: object, post: Callable[[object], None]) -> FakeModem:
            made = FakeModem(post)
            turn(made)
            return made

        monkeypatch.setattr("kiosk.net.sms.GammuModem", make)

    return put


Put = Callable[[Callable[[FakeModem], object]], None]


@pytest.mark.real
def test_a_real_session_tells_all_and_sends_the_drill_to_the_gateway(tmp_path: Path) -> None:
    seen: list[object] = []
    with SimModem(link=tmp_path / "modem", observe=seen.append) as sim:
        sim.set_balance(12.0)
        sms = example_config().sms
        assert sms is not None
        balance = msgspec.structs.replace(sms.balance, code="*111#", pattern="([0-9.]+)")
        rows = rows_of(example_config(sms__device=str(tmp_path / "modem"), sms__balance=balance))
    assert {part: row.level for part, row in rows.items()} == {
        "modem": "ok", "sim": "ok", "gsm": "ok", "balance": "warning", "sms": "ok",
    }  # fmt: skip
    assert str(rows["modem"].values["imei"]).isdecimal()
    (sent,) = (one for one in seen if hasattr(one, "parts"))
    assert sent.parts == 1
    assert sent.text.startswith("TEST")


def test_without_a_card_the_later_parts_are_untested(fake: Put) -> None:
    fake(lambda sim: sim.set_card("missing"))
    rows = rows_of(example_config())
    assert rows["sim"].code == "sim_missing"
    assert {rows[part].level for part in ("balance", "sms")} == {"untested"}


def test_a_network_that_is_being_looked_for_is_waited_for_only_so_long(
    fake: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modem, "REGISTER_S", 0.05)
    monkeypatch.setattr(modem, "GLANCE_S", 0.01)
    fake(lambda sim: sim.lose_network())
    assert rows_of(example_config())["gsm"].code == "gsm_searching"


def test_refused_texts_and_an_unreadable_balance_are_faults(fake: Put) -> None:
    def turn(sim: FakeModem) -> None:
        sim.refuse_sends(38)
        sim.balance_kzt = None

    fake(turn)
    rows = rows_of(example_config())
    assert rows["balance"].values["reason"] == "no answer"
    assert rows["sms"].code == "sms_failed"
    assert rows["sms"].values["reason"] == "the modem refused"


def test_a_modem_that_does_not_answer_leaves_the_rest_untested(fake: Put) -> None:
    fake(lambda sim: sim.hang())
    rows = rows_of(example_config())
    assert rows["modem"].code == "modem_silent"
    assert {row.code for part, row in rows.items() if part != "modem"} == {"untested_modem"}


def test_a_site_without_balance_and_gateways_has_neither(fake: Put) -> None:
    fake(lambda _: None)
    rows = rows_of(changed(example_config(), "sms", balance=None, gateways=()))
    assert {rows[part].level for part in ("balance", "sms")} == {"unused"}


def test_without_a_key_the_modem_is_tested_and_no_text_is_sent(fake: Put) -> None:
    fake(lambda _: None)
    config = example_config()
    rows = {row.part: row for row in alone._modem(Site(config=config, words=WORDS), trial(config))}
    assert rows["sms"].code == "fault_sms_key_missing"
    assert rows["gsm"].level == "ok"


def test_a_site_may_have_no_modem() -> None:
    without = Site(config=example_config(sms=None), words=WORDS)
    assert {row.level for row in alone._modem(without, trial(without.config))} == {"unused"}
