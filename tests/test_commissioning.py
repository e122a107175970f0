"""What an installer leaves behind: the verdict, the words, and what a record may hold."""

import msgspec
import pytest
from fakes.commissioning_rows import a_finding, a_record
from fakes.virtual_kiosk import WORDS

from kiosk import wire
from kiosk.commissioning import (
    LOG_MAX_CHARS,
    Commissioning,
    Finding,
    ProvisionLog,
    advice,
    clean,
    found,
    judge,
    title,
)

UNENROLLED = a_finding("certificate", level="fault", code="fault_cert_missing")


def bad(part: str, level: str = "fault") -> Finding:
    return a_finding(part, level=level, code="no_answer")


def test_a_sheet_without_fault_or_doubt_is_passed() -> None:
    assert (
        judge([a_finding(), a_finding("duty", level="warning"), a_finding("sms", level="unused")]) == "passed"
    )


@pytest.mark.parametrize("level", ["fault", "untested"])
def test_a_fault_and_a_part_that_nobody_tested_fail_it(level: str) -> None:
    assert judge([a_finding(), bad("speaker", level)]) == "failed"


def test_before_enrolment_it_waits_for_the_internet_and_for_nothing_else() -> None:
    waits = [UNENROLLED, bad("broker:b:1"), bad("door", "untested"), bad("path:mqtt"), bad("path:https")]
    assert judge(waits) == "waiting"
    for part in ("speaker", "path:sms", "button:counter", "fault:worker"):
        assert judge([*waits, bad(part)]) == "failed"


def test_once_it_has_its_certificate_a_missing_broker_is_a_fault() -> None:
    assert judge([bad("broker:b:1")]) == "failed"


def test_a_log_keeps_its_newest_whole_lines_and_no_control_character() -> None:
    assert clean("a\r\nb\x1b[31mc\x00\td\n") == "a\nb[31mcd\n"
    assert clean("first line\nsecond\nthird\n", 14) == "second\nthird\n"
    assert clean("one line without an end", 8) == "ut an end"[-8:]
    assert len(clean("x" * 100_000)) == LOG_MAX_CHARS


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_row_is_told_in_every_language(language: str) -> None:
    row = a_finding("broker:b.kz:8883", level="fault", code="broker_down", values={"reason": "no route"})
    assert title(row.part, WORDS, language).endswith("b.kz:8883")  # type: ignore[arg-type]
    assert found(row.code, row.values, WORDS, language) == "no route"  # type: ignore[arg-type]
    assert advice(row, WORDS, language)  # type: ignore[arg-type]
    untested = a_finding(level="untested", code="untested_modem", values={})
    assert advice(untested, WORDS, language) == WORDS.word(language, "check", "untested_do")  # type: ignore[arg-type]
    assert advice(a_finding(), WORDS, language) == ""  # type: ignore[arg-type]


def test_what_a_newer_kiosk_found_is_told_by_its_name() -> None:
    assert title("laser:left", WORDS, "en") == "laser left"
    assert found("laser_bent", {}, WORDS, "en") == "laser_bent"
    assert found("modem_ok", {"colour": "red"}, WORDS, "en") == "modem_ok"
    assert advice(a_finding("laser", level="fault", code="laser_bent"), WORDS, "en") == ""


def test_values_whose_names_are_ours_are_values_all_the_same() -> None:
    values = {"key": "sms.gateways", "what": "empty", "language": "x", "self": 1}
    assert found("config_warning", values, WORDS, "en") == "sms.gateways: empty"


def test_a_record_travels_whole() -> None:
    record = a_record(rows=(UNENROLLED, a_finding(values={"ms": 12, "kzt": 1.5})), signal_dbm=-71)
    assert wire.parse(Commissioning, msgspec.json.encode(record)) == record


@pytest.mark.parametrize(
    "changes",
    [
        {"by": ""},
        {"by": " Ann"},
        {"by": "Ann\n"},
        {"by": "a" * 61},
        {"kiosk_id": "../x"},
        {"verdict": "fine"},
        {"imei": "12"},
        {"rows": [{"part": "x\n", "level": "ok", "code": "x"}]},
        {"rows": [{"part": "x", "level": "ok", "code": "X;"}]},
        {"rows": [{"part": "x", "level": "ok", "code": "x", "values": {"a": "b" * 201}}]},
        {"rows": [{"part": "x", "level": "ok", "code": "x"}] * 121},
        {"v": 2},
    ],
)
def test_a_record_with_anything_else_in_it_is_refused(changes: dict[str, object]) -> None:
    plain = msgspec.to_builtins(a_record()) | changes
    assert isinstance(wire.parse(Commissioning, msgspec.json.encode(plain), 10**6), wire.Rejected)


def test_a_log_that_is_too_long_is_refused() -> None:
    plain = {"v": 1, "kiosk_id": "k", "at": "2026-11-27T10:00:00Z", "text": "x" * (LOG_MAX_CHARS + 1)}
    assert isinstance(wire.parse(ProvisionLog, msgspec.json.encode(plain), 10**6), wire.Rejected)
