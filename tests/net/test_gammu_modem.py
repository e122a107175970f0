"""The real driver, gammu and its child, against a modem that does everything wrong.

Opening takes gammu four seconds of pauses, so the scenes are played side by side, once, and looked at.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import StringIO

import psutil
import pytest
from fakes.sms_bench import OFFICER, ModemBench
from smspdudecoder.fields import SMSSubmit

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
from kiosk.net.sms import GammuModem
from kiosk.sim.network import SmsSeen
from kiosk.sms_text import fits

pytestmark = pytest.mark.real

KAZAKH = "Көмек! №17 Абай 10, 14:32 жауап: OK 4711"
T1, T2, T3 = Token("t1"), Token("t2"), Token("t3")
NOISE = b'\r\nRING\r\n\r\n+CREG: 2\r\n\xff\xfe\x00garbage~~\r\n\r\n+CLIP: "",128\r\n'
HOSTILE = [
    bytes([0x04]),
    bytes(30),
    bytes.fromhex("040B91") + b"\xa5" * 100,
    b"\x5a" * 300,
    bytes.fromhex("04FF91") + b"\x21" * 200,
    bytes.fromhex("040B917710214365F70008621121124000008CFF") + b"\xd8\x00" * 69,
    bytes.fromhex("040B917710214365F700F4621121124000008C") + bytes(140),
    bytes.fromhex("440B917710214365F7000862112112400000100A0003FF0200") + b"\0A" * 6,
]
FIGURES: dict[str, float] = {}


def opened(bench: ModemBench) -> None:
    bench.modem.open("none")
    assert bench.posted.wait(LinkRose)


def hung_modem(bench: ModemBench) -> None:
    opened(bench)
    child = bench.modem.child_pid
    bench.sim.hang()
    bench.modem.send(T1, OFFICER, "lost")
    assert child is not None
    FIGURES["child outlives"] = float(psutil.pid_exists(child))
    bench.sim.unhang()
    bench.modem.open("none")
    bench.modem.send(T2, OFFICER, "found")
    bench.posted.wait(SmsReported)


def slow_network(bench: ModemBench) -> None:
    opened(bench)
    bench.posted.clear()
    bench.sim.set_delay(60)
    bench.modem.send(T1, OFFICER, "perhaps sent")


def hung_while_idle(bench: ModemBench) -> None:
    opened(bench)
    bench.posted.clear()
    bench.sim.hang()
    bench.modem.poll("balance")
    bench.sim.unhang()


def jammed_modem(bench: ModemBench) -> None:
    opened(bench)
    bench.sim.jam()
    bench.modem.send(T1, OFFICER, "refused")
    bench.modem.open("cfun")
    bench.modem.send(T2, OFFICER, "after the reset")
    bench.posted.wait(SmsReported)


def hung_modem_cannot_be_reset(bench: ModemBench) -> None:
    bench.sim.hang()
    bench.modem.open("cfun")


def noisy_modem(bench: ModemBench) -> None:
    opened(bench)
    bench.sim.interject(NOISE)
    for token in (T1, T2, T3):
        bench.modem.send(token, OFFICER, KAZAKH)
    bench.modem.poll("balance")
    bench.posted.wait(BalanceRead)
    bench.sim.interject(b"")
    bench.sim.say("+CREG: 0")
    bench.sim.babble(bytes(range(256)) * 8)
    bench.sim.deliver(OFFICER, "OK 4711")
    bench.modem.poll("status")
    bench.posted.wait(SmsReceived)


def hostile_texts(bench: ModemBench) -> None:
    for tpdu in HOSTILE:
        bench.sim.deliver_tpdu(tpdu)
    bench.sim.deliver("Kcell", "реклама " * 60)
    bench.sim.deliver(OFFICER, "a\0b\0c")
    bench.sim.deliver(OFFICER, "OK 4711")
    opened(bench)
    wait_for(lambda: any(got.text == "OK 4711" for got in bench.posted.of(SmsReceived)))
    for tpdu in HOSTILE:
        bench.sim.deliver_tpdu(tpdu)
    bench.sim.deliver(OFFICER, "GO 4711")
    wait_for(lambda: any(got.text == "GO 4711" for got in bench.posted.of(SmsReceived)))
    bench.modem.poll("status")
    wait_for(lambda: not bench.sim.card.slots)


def full_card(bench: ModemBench) -> None:
    for number in range(40):
        bench.sim.deliver(OFFICER, f"before {number}")
    opened(bench)
    bench.posted.wait(SmsReceived, 30)
    bench.sim.lose_network()  # it holds them all back, to bring them at once
    for number in range(25):
        bench.sim.deliver(OFFICER, f"burst {number}")
    bench.sim.find_network()
    bench.posted.wait(SmsReceived, 55)


def one_after_another(bench: ModemBench) -> None:
    opened(bench)
    for number in range(60):
        bench.sim.deliver(OFFICER, f"OK {number}")
        bench.posted.wait(SmsReceived, number + 1)


def held_by_the_network(bench: ModemBench) -> None:
    opened(bench)
    bench.sim.lose_network()
    bench.sim.deliver(OFFICER, "OK 4711")
    bench.modem.poll("status")
    assert not bench.posted.of(SmsReceived)
    bench.sim.find_network()
    bench.posted.wait(SmsReceived)
    wait_for(lambda: not bench.sim.card.slots)  # read and deleted: the child asks nothing now
    bench.sim.hang()
    bench.sim.deliver(OFFICER, "GO 4711")
    bench.sim.unhang()
    # should gammu look through the card just then, it waits out its own pauses; should it lose the notice,
    # the next poll finds the text, as on an idle kiosk within a minute
    with contextlib.suppress(AssertionError):
        bench.posted.wait(SmsReceived, 2, timeout_s=30)
    bench.modem.poll("status")
    with contextlib.suppress(AssertionError):
        bench.posted.wait(SmsReceived, 2, timeout_s=15)
    if bench.posted.of(LinkFell):  # the poll met one of those pauses: the kiosk opens the modem again
        bench.modem.open("none")
    bench.posted.wait(SmsReceived, 2)


def unnoticed(bench: ModemBench) -> None:
    opened(bench)
    bench.sim.deliver(OFFICER, "before")
    bench.posted.wait(SmsReceived)
    wait_for(lambda: not bench.sim.card.slots)  # read and deleted: the child asks nothing now
    bench.sim._port.call(bench.sim._commands.notify.clear)
    bench.sim._port.call(lambda: bench.sim._commands.notify.extend([0] * 5))
    bench.sim.deliver(OFFICER, "OK 4711")
    bench.modem.send(T1, OFFICER, "the next call for people")
    bench.posted.wait(SmsReceived, 2)
    wait_for(lambda: not bench.sim.card.slots)
    bench.sim.deliver(OFFICER, "GO 4711")
    bench.sim.refuse_sends(38)
    bench.modem.send(T2, OFFICER, "refused")
    bench.posted.wait(SmsReceived, 3)


def right_pin(bench: ModemBench) -> None:
    bench.sim.set_card(pin="4711")
    opened(bench)
    bench.modem.send(T1, OFFICER, "unlocked")


def wrong_pin(bench: ModemBench) -> None:
    bench.sim.set_card(pin="9999")
    for _ in range(2):
        bench.modem.open("none")
    FIGURES["tries left"] = bench.sim.card.tries_left


def wrong_pin_at_three_starts(bench: ModemBench) -> None:
    bench.sim.set_card(pin="9999")
    state = bench.device.parent
    for _ in range(3):
        modem = GammuModem(bench.modem._config, bench.posted, state=state)
        modem.open("none")
        modem.close()
    FIGURES["tries left after three starts"] = bench.sim.card.tries_left
    (state / "pin").write_text("9999")
    modem = GammuModem(bench.modem._config, bench.posted, state=state)
    modem.open("none")
    modem.close()


def killed_child(bench: ModemBench) -> None:
    opened(bench)
    assert bench.modem.child_pid is not None
    os.kill(bench.modem.child_pid, signal.SIGKILL)
    bench.posted.wait(LinkFell)


def balances(bench: ModemBench) -> None:
    opened(bench)
    tariff = bench.sim.network.tariff
    for reply in ("Баланс {balance:.2f} тг", "Ваш баланс 1 234,50 тг", "Қате", "Balans: , KZT"):
        tariff.ussd_reply = reply
        bench.modem.poll("balance")
        bench.posted.wait(BalanceRead, len(bench.posted.of(BalanceRead)) or 1)
        wait_for(lambda seen=reply: len(bench.posted.of(BalanceRead)) == ANSWERS.index(seen) + 1)
    bench.sim.set_balance(0)
    bench.modem.send(T1, OFFICER, "refused for want of money")
    bench.sim.set_balance(0, silent=True)
    bench.modem.send(T2, OFFICER, "swallowed")
    bench.modem.poll("status")


ANSWERS = ("Баланс {balance:.2f} тг", "Ваш баланс 1 234,50 тг", "Қате", "Balans: , KZT")


def quiet(bench: ModemBench) -> None:
    opened(bench)
    assert bench.modem.child_pid is not None
    child = psutil.Process(bench.modem.child_pid)
    wait_for(lambda: not child_moves(child))
    FIGURES["rss MB"] = child.memory_info().rss / 1e6
    began = child.num_ctx_switches().voluntary
    time.sleep(2.0)
    FIGURES["switches"] = child.num_ctx_switches().voluntary - began


def configured_centre(bench: ModemBench) -> None:
    opened(bench)
    bench.modem.send(T1, OFFICER, "by another centre")


ONE_SEGMENT = (
    "a" * 160,
    "SOS! KOMEK/POMOSHCH. Kiosk 17, Abay 10, 14:32. Otvet: OK 4711 43.23815,76.94551 A1:" + "Q7" * 22,
    "price 5 [x] {y} ~ | \\ ^ @ $ _",
    "Ә" * 70,
    "Қазақ әіңғүұқөһ ӘІҢҒҮҰҚӨҺ №«—» 4711",
    "ёж: подъезд 3, 14:32. Ответ: OK 4711",
    "latin with one № sign",
)
TWO_SEGMENTS = ("a" * 161, "Ә" * 71, "a" * 70 + "№")


def alphabets(bench: ModemBench) -> None:
    opened(bench)
    for text in (*ONE_SEGMENT, *TWO_SEGMENTS):
        bench.modem.send(T1, OFFICER, text)


SCENES: dict[str, tuple[Callable[[ModemBench], None], dict[str, object]]] = {
    scene.__name__: (scene, arguments)
    for scene, arguments in (
        (hung_modem, {}),
        (slow_network, {"send_deadline_s": 1.5}),
        (hung_while_idle, {}),
        (jammed_modem, {}),
        (hung_modem_cannot_be_reset, {}),
        (noisy_modem, {}),
        (hostile_texts, {}),
        (full_card, {}),
        (held_by_the_network, {}),
        (unnoticed, {}),
        (one_after_another, {}),
        (right_pin, {"pin": "4711"}),
        (wrong_pin, {"pin": "4711"}),
        (wrong_pin_at_three_starts, {"pin": "4711"}),
        (killed_child, {}),
        (balances, {}),
        (quiet, {}),
        (alphabets, {}),
        (configured_centre, {"smsc": "+77770000001"}),
    )
}


def wait_for(holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.02)


def child_moves(child: psutil.Process) -> bool:
    began = child.num_ctx_switches().voluntary
    time.sleep(0.3)
    return bool(child.num_ctx_switches().voluntary != began)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ModemBench]]:
    folder = tmp_path_factory.mktemp("modems")

    def play(name: str) -> ModemBench:
        scene, arguments = SCENES[name]
        return ModemBench(folder / name, **arguments).play(scene)  # type: ignore[arg-type]

    with ThreadPoolExecutor(len(SCENES)) as pool:
        playing: dict[str, Future[ModemBench]] = {name: pool.submit(play, name) for name in SCENES}
        yield lambda name: playing[name].result()


Played = Callable[[str], ModemBench]


def test_a_hung_modem_costs_its_deadline_and_works_after_reopening(played: Played) -> None:
    """Pitfalls 20 and 26."""
    kinds = [type(event) for event in played("hung_modem").posted.events]
    assert kinds == [ModemStatus, LinkRose, SmsFailed, LinkFell, ModemStatus, LinkRose, SmsSent, SmsReported]
    assert FIGURES["child outlives"] == 0


def test_a_text_that_is_not_confirmed_in_time_is_told_as_unknown(played: Played) -> None:
    """Pitfalls 20 and 25: it may have gone out."""
    [failed, fell] = played("slow_network").posted.events
    assert isinstance(failed, SmsFailed)
    assert failed.reason.startswith("hung: ")
    assert isinstance(fell, LinkFell)


def test_a_modem_that_hangs_while_idle_is_found_out_by_the_poll(played: Played) -> None:
    """Pitfall 24."""
    [balance, fell] = played("hung_while_idle").posted.events
    assert isinstance(balance, BalanceRead)
    assert balance.balance_kzt is None
    assert fell == LinkFell("sms", balance.reason)


def test_a_reset_by_cfun_frees_a_jammed_modem(played: Played) -> None:
    """Pitfall 26."""
    bench = played("jammed_modem")
    assert [failed.token for failed in bench.posted.of(SmsFailed)] == [T1]
    assert [sent.token for sent in bench.posted.of(SmsSent)] == [T2]


def test_a_modem_deaf_to_cfun_is_told_to_need_its_power_cut(played: Played) -> None:
    [fell] = played("hung_modem_cannot_be_reset").posted.events
    assert isinstance(fell, LinkFell)
    assert "take its power away" in fell.reason


def test_noise_in_the_middle_of_commands_loses_no_text(played: Played) -> None:
    bench = played("noisy_modem")
    assert [sent.token for sent in bench.posted.of(SmsSent)] == [T1, T2, T3]
    assert [received.text for received in bench.phone.inbox()] == [KAZAKH] * 3
    assert bench.posted.of(BalanceRead) == [BalanceRead(1000.0)]
    assert bench.posted.of(SmsReceived) == [SmsReceived(OFFICER, "OK 4711")]
    assert not bench.posted.of(LinkFell)


def test_hostile_texts_break_nothing_and_do_not_fill_the_card(played: Played) -> None:
    bench = played("hostile_texts")
    texts = [received.text for received in bench.posted.of(SmsReceived)]
    assert "OK 4711" in texts
    assert "GO 4711" in texts
    assert not bench.posted.of(LinkFell)
    assert not bench.sim.card.slots


def test_a_full_card_and_a_burst_are_read_to_the_last_text(played: Played) -> None:
    """gammu's queue of notices overflows from the seventh on; the card tells the truth."""
    texts = [received.text for received in played("full_card").posted.of(SmsReceived)]
    assert texts == [f"before {number}" for number in range(30)] + [f"burst {number}" for number in range(25)]


def test_a_text_that_comes_while_another_is_deleted_is_read(played: Played) -> None:
    """The card then holds one message, and not in its first place."""
    texts = [received.text for received in played("one_after_another").posted.of(SmsReceived)]
    assert texts == [f"OK {number}" for number in range(60)]


def test_a_text_written_while_the_modem_was_away_comes_later(played: Played) -> None:
    texts = [received.text for received in played("held_by_the_network").posted.of(SmsReceived)]
    assert texts == ["OK 4711", "GO 4711"]


def test_an_answer_whose_notice_was_lost_is_read_after_the_next_text_sent_or_refused(played: Played) -> None:
    """While people are sought nobody polls the modem: the texts of every minute lead to the card."""
    bench = played("unnoticed")
    assert [received.text for received in bench.posted.of(SmsReceived)] == ["before", "OK 4711", "GO 4711"]
    assert [sent.token for sent in bench.posted.of(SmsSent)] == [T1]
    assert [failed.token for failed in bench.posted.of(SmsFailed)] == [T2]
    assert not bench.posted.of(LinkFell)


def test_the_configured_pin_opens_the_card(played: Played) -> None:
    bench = played("right_pin")
    assert [status.sim for status in bench.posted.of(ModemStatus)] == ["ready"]
    assert bench.posted.of(SmsSent)


def test_a_refused_pin_is_never_offered_again(played: Played) -> None:
    bench = played("wrong_pin")
    assert FIGURES["tries left"] == 2
    assert [status.sim for status in bench.posted.of(ModemStatus)] == ["pin_needed"] * 2
    assert all("PIN" in fell.reason for fell in bench.posted.of(LinkFell))


def test_three_starts_with_a_wrong_pin_do_not_lock_the_card_and_the_right_one_opens_it(
    played: Played,
) -> None:
    bench = played("wrong_pin_at_three_starts")
    assert FIGURES["tries left after three starts"] == 2
    assert [status.sim for status in bench.posted.of(ModemStatus)] == ["pin_needed"] * 3 + ["ready"]
    assert len(bench.posted.of(LinkRose)) == 1


def test_a_killed_child_is_told_at_once(played: Played) -> None:
    assert len(played("killed_child").posted.of(LinkFell)) == 1


def test_balances_are_read_in_both_alphabets_and_nonsense_is_told(played: Played) -> None:
    """Pitfall 27."""
    balances = played("balances").posted.of(BalanceRead)
    assert [balance.balance_kzt for balance in balances] == [1000.0, 1.0, None, None]
    assert all(balance.reason for balance in balances[2:])


def test_without_money_a_text_is_refused_or_goes_unreported(played: Played) -> None:
    """Pitfall 27: a swallowed text has no delivery report, which is how it shows."""
    bench = played("balances")
    assert [failed.token for failed in bench.posted.of(SmsFailed)] == [T1]
    assert [sent.token for sent in bench.posted.of(SmsSent)] == [T2]
    assert not bench.posted.of(SmsReported)


def test_an_idle_session_sleeps_and_stays_small(played: Played) -> None:
    played("quiet")
    assert FIGURES["switches"] <= 2
    assert FIGURES["rss MB"] < 18 or "coverage" in sys.modules  # which more than doubles it


def test_every_alphabet_goes_as_one_segment_and_reads_well_elsewhere(played: Played) -> None:
    """Pitfalls 22 and 29, by a PDU library that shares no code with gammu; a report is always asked."""
    sent = [one for one in played("alphabets").seen if isinstance(one, SmsSeen)]
    assert [one.text for one in sent] == list(ONE_SEGMENT)
    for one in sent:
        [pdu] = one.pdus_hex
        read = SMSSubmit.decode(StringIO(pdu))
        assert read["user_data"]["data"] == one.text
        assert read["header"]["srr"] is True
        assert fits(one.text) or "[" in one.text


def test_two_segments_are_refused_in_every_alphabet(played: Played) -> None:
    """Pitfall 29."""
    failures = played("alphabets").posted.of(SmsFailed)
    assert len(failures) == len(TWO_SEGMENTS)
    assert all("one is allowed" in failed.reason for failed in failures)
    assert not any(fits(text) for text in TWO_SEGMENTS)


def test_a_text_stays_valid_as_long_as_an_incident(played: Played) -> None:
    """Without a validity of its own gammu writes five minutes; 0x47 is six hours (TS 23.040, 9.2.3.12.1)."""
    [sent] = [one for one in played("configured_centre").seen if isinstance(one, SmsSeen)]
    address, plain = "0B917710214365F7", "0000"
    assert address + plain + "47" in sent.pdus_hex[0]


def test_a_configured_message_centre_is_used(played: Played) -> None:
    [sent] = [one for one in played("configured_centre").seen if isinstance(one, SmsSeen)]
    assert sent.pdus_hex[0].startswith("0791" + "7777000000F1")
