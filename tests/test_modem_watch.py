"""The modem's health: polls, balance and the recovery ladder, through the real core."""

import pytest
from fakes.virtual_kiosk import VirtualKiosk, example_config

from kiosk.config import Duty
from kiosk.effects import CyclePower, OpenModem, PollModem
from kiosk.messages import BalanceRead, LinkFell, ModemStatus
from kiosk.recovery import OUTCOME_MAX_S

STATUS = ModemStatus(
    imei="860000000000001", sim="ready", registration="home", operator="Kcell", signal_dbm=-71
)


def kiosk(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().online()


def bare() -> VirtualKiosk:
    return kiosk(sms=None, duty=Duty(tiers=()))


def ladder(virtual: VirtualKiosk, seconds: float) -> list[object]:
    return [e for e in virtual.quiet().run(seconds).effects if isinstance(e, OpenModem | CyclePower)]


def test_the_modem_is_opened_at_start_before_anything_else() -> None:
    virtual = VirtualKiosk().start()
    assert virtual.effects[0] == OpenModem("none")


def test_an_open_modem_is_asked_each_minute() -> None:
    """Pitfall 24: an unplugged modem says nothing by itself."""
    virtual = kiosk(sms__balance=None).modem().quiet().run(185.0)
    assert virtual.of(PollModem) == [PollModem("status")] * 3


def test_a_lost_modem_is_a_fault_and_is_reopened_within_a_second() -> None:
    virtual = kiosk().modem()
    virtual.feed(LinkFell("sms", "EIO"))
    assert virtual.faults == ("modem_down",)
    assert ladder(virtual, 1.0) == [OpenModem("none")]
    assert virtual.modem().faults == ()


def test_every_rung_is_climbed_when_openings_fail() -> None:
    """Pitfall 26."""
    virtual = kiosk(sms__power_pin=25).modem()
    rungs = []
    for _ in range(5):
        virtual.feed(LinkFell("sms", "silent"))
        rungs += ladder(virtual, 10.5)
    assert rungs == [
        OpenModem("none"),
        OpenModem("none"),
        OpenModem("cfun"),
        CyclePower(5.0),
        OpenModem("none"),
        OpenModem("none"),
    ]


def test_resets_are_told_to_the_centre() -> None:
    virtual = kiosk().modem()
    for _ in range(3):
        virtual.feed(LinkFell("sms", "silent"))
        virtual.run(10.5)
    assert virtual.tells("modem_recovery")[-1] == {"rung": "cfun"}
    assert ("modem_reset", "info") in virtual.events


def test_an_opening_that_gives_no_outcome_is_given_up() -> None:
    virtual = kiosk()
    assert ladder(virtual, OUTCOME_MAX_S + 5.0) == [OpenModem("none")]
    assert virtual.faults == ("modem_down",)


def test_a_lost_modem_is_not_polled() -> None:
    virtual = kiosk().modem()
    virtual.feed(LinkFell("sms", "EIO"))
    assert virtual.quiet().run(600.0).of(PollModem) == []


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (STATUS, ()),
        (ModemStatus(imei="", sim="missing", registration="unknown", operator="", signal_dbm=None),
         ("sim_missing", "gsm_unregistered")),
    ],
)  # fmt: skip
def test_what_the_modem_tells_is_judged_and_shown(status: ModemStatus, codes: tuple[str, ...]) -> None:
    virtual = kiosk().modem()
    virtual.feed(status)
    assert virtual.faults == codes
    assert virtual.parts.status(virtual.now())["modem"] == status


# ---- balance


def test_the_balance_is_asked_a_minute_after_the_first_opening_then_once_a_day() -> None:
    """Pitfall 27."""
    virtual = kiosk().modem().quiet().run(70.0)
    assert virtual.of(PollModem).count(PollModem("balance")) == 1
    virtual.feed(BalanceRead(900.0))
    virtual.quiet().run(3600.0)
    assert PollModem("balance") not in virtual.effects
    virtual.sleep(86_400.0)
    assert PollModem("balance") in virtual.run(10.0).effects


def test_a_low_balance_is_a_fault_for_the_centre_but_not_for_the_staffs_lamp() -> None:
    virtual = kiosk().modem()
    virtual.feed(BalanceRead(499.0))
    assert virtual.faults == ("balance_low",)
    assert virtual.lamp == "armed"
    virtual.feed(BalanceRead(1500.0))
    assert virtual.faults == ()
    assert virtual.parts.heartbeat(virtual.now()).links.sms.balance_kzt == 1500.0  # type: ignore[union-attr]


def test_an_operator_that_does_not_answer_is_asked_again_within_the_hour() -> None:
    virtual = kiosk().modem().run(70.0)
    virtual.feed(BalanceRead(None, "timeout"))
    assert virtual.faults == ("balance_unknown",)
    assert PollModem("balance") in virtual.quiet().run(3601.0).effects


def test_a_balance_that_is_due_while_the_modem_is_away_is_not_put_off_for_a_day() -> None:
    virtual = kiosk().modem().run(30.0)
    virtual.feed(LinkFell("sms", "EIO"))
    virtual.run(100.0).modem().quiet()
    assert PollModem("balance") in virtual.run(61.0).effects


def test_a_site_without_balance_asks_none() -> None:
    virtual = kiosk(sms__balance=None).modem()
    assert PollModem("balance") not in virtual.run(100.0).effects
    virtual.feed(BalanceRead(1.0))
    assert virtual.faults == ()


def test_a_site_without_a_modem_does_nothing_whatever_is_said_of_one() -> None:
    virtual = bare().modem()
    virtual.feed(LinkFell("sms", "?"))
    virtual.feed(BalanceRead(1.0))
    assert virtual.run(600.0).faults == ()
    assert [e for e in virtual.effects if isinstance(e, OpenModem | PollModem)] == []
