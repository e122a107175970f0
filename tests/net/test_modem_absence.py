"""A modem that answers and finds no network: given up after minutes, for the ladder to reset it."""

import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.sms_bench import OFFICER, PATIENCE_S, Posted

from kiosk import recovery
from kiosk.bodies import Token
from kiosk.config import Balance, Sms
from kiosk.messages import BalanceRead, LinkFell, LinkRose, ModemStatus, SmsFailed, SmsSent
from kiosk.modem_watch import STATUS_EVERY_S
from kiosk.net.modem_absence import PAUSES_S, Absence
from kiosk.net.sms import GammuModem
from kiosk.recovery import Rung

CHILD = """
import json, sys
from pathlib import Path
def tell(**fields): print(json.dumps(fields), flush=True)
for line in sys.stdin:
    ask = json.loads(line)
    registration, card, texts = Path(sys.argv[1]).read_text().split()
    if registration == "ends" and ask["do"] == "status":
        sys.exit(3)
    if ask["do"] in ("open", "status"):
        tell(id=ask["id"], result={"imei": "1", "sim": card, "registration": registration, "operator": "",
                                   "signal_dbm": None})
    elif ask["do"] == "send" and texts == "taken":
        tell(id=ask["id"], result={"reference": 9, "parts": 1})
    else:
        tell(id=ask["id"], error="refused")
"""
SEEKS, HOME = "RequestingNetwork", "HomeNetwork"


class Bench:
    """A GammuModem by a clock that the test moves, over a child that says what stands in a file."""

    def __init__(self, folder: Path) -> None:
        self.posted = Posted()
        self.s = 1000.0
        self._told = folder / "told"
        config = Sms(
            device="/dev/null",
            gateways=(),
            key_file="/dev/null",
            balance=Balance(code="*111#", pattern=r"(\d+)"),
            send_deadline_s=PATIENCE_S,
        )
        command = (sys.executable, "-c", CHILD, str(self._told))
        self.modem = GammuModem(config, self.posted, command=command, now_s=lambda: self.s)

    def says(self, registration: str, *, card: str = "ready", texts: str = "refused") -> None:
        self._told.write_text(f"{registration} {card} {texts}")

    def open(self, registration: str) -> None:
        self.says(registration)
        self.modem.open("none")
        assert self.posted.of(LinkRose)
        self.posted.clear()

    def polls_until(self, until_s: float, what: str = "status") -> None:
        while self.s < until_s:
            self.s += STATUS_EVERY_S
            self.modem.poll(what)

    def sends(self, *pauses_s: float) -> None:
        for pause_s in pauses_s:
            self.s += pause_s
            self.modem.send(Token("t"), OFFICER, "SOS")

    def kinds(self) -> list[type]:
        return [type(event) for event in self.posted.events]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.modem.close()


@pytest.mark.parametrize("registration", [SEEKS, "NoNetwork", "RegistrationDenied", "Unknown"])
def test_a_modem_off_the_network_for_minutes_is_given_up(bench: Bench, registration: str) -> None:
    bench.open(registration)
    bench.polls_until(1240.0)
    assert bench.kinds() == [ModemStatus] * 4
    bench.polls_until(1300.0)
    assert bench.posted.of(LinkFell) == [LinkFell("sms", "not registered for 5 min")]
    assert bench.modem.child_pid is None
    bench.modem.poll("status")
    assert len(bench.posted.of(LinkFell)) == 1


def test_one_that_finds_its_network_in_time_stays_open_and_is_counted_anew(bench: Bench) -> None:
    bench.open(SEEKS)
    bench.polls_until(1240.0)
    bench.says(HOME)
    bench.polls_until(1300.0)
    bench.says(SEEKS)
    bench.polls_until(1600.0)
    assert not bench.posted.of(LinkFell)
    bench.polls_until(1660.0)
    assert bench.posted.of(LinkFell)


def test_an_absence_counts_from_when_it_was_seen_not_from_the_opening(bench: Bench) -> None:
    bench.open(HOME)
    bench.s += 5000.0
    bench.says(SEEKS)
    bench.polls_until(bench.s + 240.0)
    assert not bench.posted.of(LinkFell)


def test_a_modem_whose_card_is_locked_is_not_called_off_the_network(bench: Bench) -> None:
    bench.open(SEEKS)
    bench.says(SEEKS, card="missing")
    bench.polls_until(1300.0)
    assert [fell.reason for fell in bench.posted.of(LinkFell)] == ["no SIM card"]


def test_the_poll_that_gives_it_up_owes_one_answer_about_the_balance(bench: Bench) -> None:
    bench.open(SEEKS)
    bench.polls_until(1360.0, "balance")
    assert len(bench.posted.of(BalanceRead)) == 6


def test_refused_texts_off_the_network_give_it_up_though_nobody_polls(bench: Bench) -> None:
    """As while people are sought, when no poll comes."""
    bench.open(HOME)
    bench.s += 5000.0
    bench.says(SEEKS)
    bench.sends(0.0, 60.0, 60.0, 59.0)
    assert bench.kinds() == [SmsFailed] * 4
    bench.sends(1.0)
    assert bench.kinds() == [SmsFailed] * 5 + [ModemStatus, LinkFell]
    bench.sends(1.0)  # it waited already: refused by the closed modem, and nothing is asked
    assert bench.kinds()[7:] == [SmsFailed]


def test_few_refused_texts_give_nothing_up(bench: Bench) -> None:
    bench.open(SEEKS)
    bench.sends(60.0, 60.0, 60.0)
    assert bench.kinds() == [SmsFailed] * 3


def test_texts_refused_on_the_network_reset_nothing(bench: Bench) -> None:
    """No money, or a number that cannot be: a reset helps neither."""
    bench.open(HOME)
    bench.sends(*[60.0] * 8)
    assert bench.kinds() == [*[SmsFailed] * 4, ModemStatus, *[SmsFailed] * 4, ModemStatus]


def test_a_text_that_was_taken_counts_anew(bench: Bench) -> None:
    bench.open(SEEKS)
    bench.sends(60.0, 60.0, 60.0)
    bench.says(SEEKS, texts="taken")
    bench.sends(60.0)
    bench.says(SEEKS)
    bench.sends(60.0, 60.0, 60.0)
    assert not bench.posted.of(LinkFell)
    assert len(bench.posted.of(SmsSent)) == 1


def test_a_child_that_ends_in_the_question_for_the_network_is_told_once(bench: Bench) -> None:
    bench.open(HOME)
    bench.says("ends")
    bench.sends(0.0, 60.0, 60.0, 60.0)
    assert bench.kinds() == [SmsFailed] * 4 + [LinkFell]
    assert "ended with 3" in bench.posted.of(LinkFell)[0].reason


def climbed(hours: float) -> list[tuple[float, Rung]]:
    """Play a kiosk in a place without any network: the rungs of its ladder, and when."""
    absence, now_s, rungs = Absence(), 0.0, []
    state: recovery.State = recovery.rose(recovery.opening(now_s), now_s)
    absence.opened("searching", now_s)
    while now_s < hours * 3600:
        now_s += STATUS_EVERY_S
        if not absence.read("searching", now_s):
            continue
        state = recovery.fell(state, now_s)
        assert isinstance(state, recovery.Ill)
        now_s = state.at_s
        state, rung = recovery.climb(state, now_s, powered=True)
        rungs.append((now_s, rung))
        now_s += 10.0  # opening
        absence.opened("searching", now_s)
        state = recovery.rose(state, now_s)
    return rungs


def test_a_stuck_modem_is_reset_within_half_an_hour_and_not_while_it_may_still_search() -> None:
    rungs = climbed(0.5)
    assert [rung for _, rung in rungs][:4] == ["reopen", "reopen", "cfun", "power"]
    assert 600 < next(at_s for at_s, rung in rungs if rung == "cfun") < 1200


def test_a_place_without_network_costs_ever_fewer_resets() -> None:
    rungs = climbed(72)
    powers = [at_s for at_s, rung in rungs if rung == "power"]
    gaps = [later - earlier for earlier, later in pairwise(powers)]
    assert gaps == sorted(gaps)
    assert gaps[0] > PAUSES_S[0]
    assert all(gap > PAUSES_S[-1] for gap in gaps[3:])
    assert len(powers) > 40
