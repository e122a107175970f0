"""What the modem's answers and gammu's words become, with nothing else around them."""

import pytest

from kiosk.messages import BalanceRead
from kiosk.net.child_words import clean, explain, message_told, ussd_told
from kiosk.net.modem_answers import read_balance, report_status, told_status
from kiosk.net.modem_process import Status


@pytest.mark.parametrize(
    ("text", "balance"),
    [
        ("Balans 1234.50 KZT", BalanceRead(1234.5)),
        ("Баланс 1 234,50 тг", BalanceRead(1.0)),
        ("Баланс -12 тг", BalanceRead(-12.0)),
    ],
)
def test_a_balance_is_the_first_group(text: str, balance: BalanceRead) -> None:
    assert read(text, r"(-?[\d.,]+)") == balance


def read(text: str, pattern: str) -> BalanceRead:
    """Let the child find the sum and the parent read it."""
    told = ussd_told({"Text": text}, pattern)
    return read_balance(told["text"], told["reason"])


def test_spaces_inside_a_sum_are_left_out() -> None:
    assert read("1 234,50 тг", r"([\d\s]+,\d\d)") == BalanceRead(1234.5)


@pytest.mark.parametrize("text", ["", "nothing", "..,,"])
def test_an_answer_without_a_sum_says_why(text: str) -> None:
    answer = read(text, r"([\d.,]+)")
    assert answer.balance_kzt is None
    assert answer.reason


def test_a_pattern_that_tries_for_ever_is_given_up_and_told() -> None:
    """In the daemon's process it held the interpreter, and the watchdog killed the kiosk over and over."""
    answer = read("1" * 60, r"((\d+[ ,.]*)+) ?(tg|KZT)")
    assert answer == BalanceRead(None, "sms.balance.pattern finds no end within 1 s")
    assert read("12 KZT", r"(\d+) KZT") == BalanceRead(12.0)


def test_no_answer_keeps_its_reason() -> None:
    assert read_balance(None, "the operator did not answer").reason == "the operator did not answer"


@pytest.mark.parametrize(
    ("code", "status"), [(0, "delivered"), (2, "pending"), (0x3F, "pending"), (0x40, "failed")]
)
def test_a_report_is_read_by_its_class(code: int, status: str) -> None:
    assert report_status(code) == status


def test_a_state_that_gammu_did_not_know_is_unknown() -> None:
    told = told_status(Status(imei="1", sim="Phone", registration="Odd", operator="", signal_dbm=None))
    assert (told.sim, told.registration) == ("unknown", "unknown")


def test_eight_bit_data_is_no_text() -> None:
    assert clean(b"\0\1", 10) == ""
    assert clean(None, 10) == ""


def test_what_no_encoding_carries_is_replaced_and_what_follows_a_nul_is_dropped() -> None:
    assert clean("a\ud800b\0secret", 10) == "a?b"
    assert clean("x" * 50, 10) == "x" * 10


def test_an_error_is_explained_by_place_and_number() -> None:
    told = {"Where": "Init", "Text": "No response. See the manual.", "Code": 14}
    assert explain(Exception(told)) == "Init: No response (gammu 14)"
    assert explain(OSError("gone")) == "gone"
    assert explain(ValueError()) == "ValueError"


def test_messages_reports_and_ussd_are_told_apart() -> None:
    report = {"Type": "Status_Report", "MessageReference": 7, "DeliveryStatus": 0}
    assert message_told(report) == {"event": "reported", "reference": 7, "status": 0}
    text = {"Type": "Deliver", "Number": "+7", "Text": "OK"}
    assert message_told(text) == {"event": "received", "number": "+7", "text": "OK"}
    assert ussd_told({"Text": "5"}, "(.)") == {"event": "ussd", "text": "5", "reason": ""}
