"""What the check makes of figures, of the daemon's own words and of its drill."""

import re
import threading
from pathlib import Path
from typing import Any, get_args

import pytest
from fakes.virtual_kiosk import DOORS, example_config

from kiosk.check.board import judge_board, judge_days
from kiosk.check.deadline import within
from kiosk.check.heard import Heard
from kiosk.check.modem import judge_balance, judge_modem
from kiosk.check.row import Level, Row, Why, count, fault, ok, tell, untested, unused, warning
from kiosk.check.running import judge_daemon, judge_drill, judge_silence, judge_state
from kiosk.config import Tls
from kiosk.messages import (
    BalanceRead,
    BoardRead,
    DeviceError,
    InputLost,
    InputName,
    ModemStatus,
    VoiceRecovered,
)
from kiosk.prompts import LANGUAGES
from kiosk.words import load_catalogue

KIOSK = Path(__file__).parents[2] / "kiosk"
WORDS = load_catalogue()
TLS = Tls(ca="/ca", cert="/cert", key="/key")
CONFIG = example_config(https=DOORS)
WELL: dict[str, Any] = {
    "faults": [],
    "reasons": {},
    "mqtt": "up",
    "https": "up",
    "sms": "up",
    "listened": True,
    "levels": {"counter": "released", "fitting": "released"},
    "modem": {"imei": "1", "sim": "ready", "registration": "home", "operator": "Op", "signal_dbm": -71},
    "heartbeat": {
        "config_hash": "abcd",
        "version": "1",
        "voice": {"mode": "spoken"},
        "cert_days_left": 300,
        "links": {"mqtt": {"rtt_ms": 3}, "https": {"rtt_ms": 30}, "sms": {"balance_kzt": 1000.0}},
    },
}


def state(**changes: Any) -> dict[str, Any]:
    return {**WELL, **changes}


def levels(rows: list[Row]) -> dict[str, str]:
    return {row.part: row.level for row in rows}


def codes(rows: list[Row]) -> dict[str, str]:
    return {row.part: row.code for row in rows}


def judged(**changes: Any) -> dict[str, str]:
    return codes(judge_state(CONFIG, state(**changes)))


def modem(**changes: Any) -> ModemStatus:
    return ModemStatus(**{**WELL["modem"], **changes})


# ---- words


def spoken_codes() -> set[str]:
    """Every code that a row can have, by the sources and by the types they are built from."""
    sources = "".join(file.read_text(encoding="utf-8") for file in (KIOSK / "check").glob("*.py"))
    found = set(re.findall(r'\b(?:ok|warning|fault)\(\s*[\w":{}f.]+,\s*"(\w+)"', sources))
    found |= {f"untested_{why}" for why in get_args(Why)} | {"unused"}
    found |= {f"sim_{sim}" for sim in get_args(ModemStatus.__annotations__["sim"])}
    return found | {f"gsm_{word}" for word in ("searching", "denied", "unknown", "home", "roaming", "weak")}


def fault_codes() -> set[str]:
    sources = "".join(file.read_text(encoding="utf-8") for file in KIOSK.glob("*.py"))
    named = set(re.findall(r'\bfault\(f?"([a-z_]+)', sources))
    board = re.search(r"def board_faults.*?\n\n\n", sources, re.DOTALL)
    sim = re.search(r"def modem_faults.*?\n\n\n", sources, re.DOTALL)
    assert board
    assert sim
    return named | set(re.findall(r'^        "([a-z_]+)":', board[0] + sim[0], re.MULTILINE))


def test_every_finding_has_words_in_every_language() -> None:
    known = spoken_codes()
    assert len(known) > 50
    for language in LANGUAGES:
        assert [code for code in sorted(known) if (language, "check", code) not in WORDS.words] == []


def test_every_fault_of_the_kiosk_has_words_in_every_language() -> None:
    faults = fault_codes()
    assert {"mqtt_down", "sim_locked", "under_voltage", "button_lost", "worker"} <= faults
    for language in LANGUAGES:
        assert [code for code in faults if (language, "check", f"fault_{code}") not in WORDS.words] == []


def test_whatever_is_not_well_says_what_to_do() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (KIOSK / "check").glob("*.py"))
    bad = set(re.findall(r'\b(?:warning|fault)\(\s*[\w":{}f.]+,\s*"(\w+)"', sources))
    assert [code for code in sorted(bad) if ("en", "check", f"{code}_do") not in WORDS.words] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_row_is_told_with_its_values(language: Any) -> None:
    told = tell(fault("input:counter", "input_lost", pin=17, reason="gone"), WORDS, language)
    assert "GPIO17" in told.found
    assert "gone" in told.found
    assert told.title.endswith(" counter")
    assert "gpio.chip" in told.do
    assert tell(ok("sim", "sim_ready"), WORDS, language).do == ""
    assert tell(unused("sms"), WORDS, language).found
    waiting = tell(untested("balance", "pending"), WORDS, language)
    assert waiting.do
    assert waiting.code == "untested_pending"


def test_rows_are_counted_by_level() -> None:
    rows = [ok("a", "b"), warning("a", "b"), fault("a", "b"), fault("a", "b"), untested("a", "hung")]
    assert [count(rows, level) for level in get_args(Level)] == [1, 1, 2, 1, 0]


# ---- deadlines


@pytest.mark.real
def test_a_test_that_hangs_is_a_fault_in_time() -> None:
    never = threading.Event()
    rows = within("speaker", 0.05, lambda: [ok("speaker", "speaker_ok")] if never.wait(30) else [])
    never.set()
    assert rows == [fault("speaker", "no_answer", seconds="0.05")]


@pytest.mark.parametrize("error", [DeviceError("no card"), ImportError("no gpiozero")])
def test_a_test_that_fails_is_a_fault_with_its_reason(error: Exception) -> None:
    def test() -> list[Row]:
        raise error

    assert within("speaker", 5, test) == [fault("speaker", "failed_test", reason=str(error))]


def test_a_bug_in_a_test_spoils_its_own_row_only(caplog: pytest.LogCaptureFixture) -> None:
    def test() -> list[Row]:
        raise ZeroDivisionError

    assert within("speaker", 5, test)[0].values["reason"] == "ZeroDivisionError: "
    assert "Traceback" in caplog.text


def test_events_are_waited_for_with_a_deadline() -> None:
    heard = Heard()
    assert heard.wait((VoiceRecovered,), 0.01) is None
    heard(InputLost(InputName("a"), "x"))
    heard(VoiceRecovered())
    assert heard.wait((VoiceRecovered,), 5) == VoiceRecovered()
    assert heard.of(InputLost) == [InputLost(InputName("a"), "x")]


# ---- figures


def test_the_board_is_judged_by_its_figures() -> None:
    read = BoardRead(
        temp_c=None, under_voltage=False, throttled=False, disk_free_mb=500, mem_free_mb=1, clock_synced=True
    )
    assert set(levels(judge_board(read, "/s")).values()) == {"ok"}
    bad = BoardRead(
        temp_c=None, under_voltage=True, throttled=True, disk_free_mb=99, mem_free_mb=1, clock_synced=False
    )
    assert codes(judge_board(bad, "/s")) == {
        "clock": "clock_unsynced", "disk": "disk_low", "supply": "supply_weak",
    }  # fmt: skip
    hot = BoardRead(
        temp_c=90, under_voltage=False, throttled=True, disk_free_mb=None, mem_free_mb=1, clock_synced=True
    )
    assert codes(judge_board(hot, "/s"))["supply"] == "supply_throttled"
    assert codes(judge_board(hot, "/s"))["disk"] == "disk_unknown"


@pytest.mark.parametrize("code", ["ca_missing", "cert_missing"])
def test_what_the_daemon_has_not_got_yet_is_told_of_its_certificate_once(code: str) -> None:
    rows = judge_state(example_config(mqtt__tls=TLS), state(faults=[code]))
    assert [row.code for row in rows if code in row.code] == [f"fault_{code}"]
    assert {row.part: row.level for row in rows}["certificate"] == "fault"


def test_a_drill_without_the_key_names_the_key() -> None:
    verdict = {"what": "drill_failed", "missing": "mqtt, sms_key"}
    assert judge_drill(CONFIG, [verdict])[1].code == "fault_sms_key_missing"


def test_a_certificate_is_judged_by_its_days() -> None:
    assert [judge_days(days).code for days in (-1, 0, 13, 14, None)] == [
        "cert_expired", "cert_soon", "cert_soon", "cert_ok", "untested_pending",
    ]  # fmt: skip


def test_a_modem_is_judged_part_by_part() -> None:
    assert levels(judge_modem(modem())) == {"modem": "ok", "sim": "ok", "gsm": "ok"}
    assert judge_modem(modem(imei=""))[0].values == {"imei": "?"}
    assert codes(judge_modem(modem(sim="missing", registration="unknown", signal_dbm=None))) == {
        "modem": "modem_ok", "sim": "sim_missing", "gsm": "gsm_unknown",
    }  # fmt: skip
    assert codes(judge_modem(modem(registration="denied")))["gsm"] == "gsm_denied"
    assert codes(judge_modem(modem(registration="roaming")))["gsm"] == "gsm_roaming"
    assert codes(judge_modem(modem(signal_dbm=-105)))["gsm"] == "gsm_weak"
    assert codes(judge_modem(modem(signal_dbm=None)))["gsm"] == "gsm_weak"


def test_a_balance_that_cannot_be_read_is_a_fault_and_a_low_one_a_warning() -> None:
    """Pitfall 27: an empty balance fails silently."""
    sms = CONFIG.sms
    assert sms is not None
    assert judge_balance(sms, None).code == "balance_unknown"
    assert judge_balance(sms, BalanceRead(None, "no match")).values["reason"] == "no match"
    assert judge_balance(sms, BalanceRead(499.9)).level == "warning"
    assert judge_balance(sms, BalanceRead(500.0)).level == "ok"


# ---- a running daemon


def test_a_well_kiosk_has_no_fault_and_nothing_untested() -> None:
    rows = judge_state(CONFIG, state())
    assert set(levels(rows).values()) == {"ok"}
    assert {"input:counter", "speaker", "modem", "sim", "gsm", "balance", "duty", "certificate"} <= set(
        levels(rows)
    )


def test_another_configuration_than_the_files_is_told() -> None:
    assert judge_daemon(state(), "abcd")[0].code == "daemon_up"
    assert judge_daemon(state(), "ffff")[0].code == "daemon_stale"


def test_inputs_are_judged_by_the_daemons_levels() -> None:
    assert judged(levels={"counter": "pressed", "fitting": "stuck"})["input:counter"] == "input_pressed"
    assert judged(levels={"counter": "pressed", "fitting": "stuck"})["input:fitting"] == "input_stuck"
    assert judged(levels={})["input:counter"] == "untested_pending"
    lost = judge_state(CONFIG, state(faults=["button_lost:counter"], reasons={"button_lost:counter": "busy"}))
    assert lost[0] == fault("input:counter", "input_lost", pin=17, reason="busy")
    assert judged(faults=["button_unread:counter"])["input:counter"] == "input_lost"


def test_a_broken_speaker_and_link_are_told_with_the_daemons_reason() -> None:
    beat = {**WELL["heartbeat"], "voice": {"mode": "spoken", "ok": False}}
    rows = judge_state(
        CONFIG,
        state(
            heartbeat=beat,
            mqtt="down",
            listened=False,
            reasons={"mqtt_down": "no CONNACK"},
            faults=["mqtt_down"],
        ),
    )
    found = {row.part: row for row in rows}
    assert found["speaker"].values["reason"] == "journalctl -u kiosk"
    assert found["broker"].values["reason"] == "no CONNACK"
    assert found["duty"].level == "warning"
    assert not any(part.startswith("fault:") for part in found)


def test_a_dead_modem_leaves_nothing_that_looks_tested() -> None:
    nothing = {**WELL["heartbeat"], "links": {}}
    silent = judged(faults=["modem_down"], modem=None, heartbeat=nothing)
    assert silent["modem"] == "modem_silent"
    assert {silent[part] for part in ("sim", "gsm", "balance")} == {"untested_modem"}
    starting = judged(sms="unknown", modem=None, heartbeat=nothing)
    assert {starting[part] for part in ("modem", "sim", "gsm", "balance")} == {"untested_pending"}
    without_card = judged(faults=["modem_down"], modem={**WELL["modem"], "sim": "missing"})
    assert without_card["modem"] == "modem_silent"
    assert without_card["sim"] == "sim_missing"
    assert judged(faults=["balance_unknown"])["balance"] == "balance_unknown"


def test_parts_that_a_site_lacks_are_unused() -> None:
    config = example_config(sms=None, mqtt__tls=None, voice__mode="off", mqtt__brokers=("localhost:1",))
    rows = levels(judge_state(config, state()))
    assert {rows[part] for part in ("modem", "sim", "gsm", "balance", "speaker", "certificate")} == {"unused"}
    assert rows["broker:localhost:1"] == "ok"
    no_code = example_config(sms__balance=None)
    assert levels(judge_state(no_code, state()))["balance"] == "unused"
    assert levels(judge_drill(config, []))["sms"] == "unused"


def test_any_other_fault_has_a_row_of_its_own() -> None:
    rows = {row.part: row for row in judge_state(CONFIG, state(faults=["worker:voice", "mains_lost"]))}
    assert rows["fault:worker:voice"].level == "fault"
    assert rows["fault:worker:voice"].values == {"name": "voice"}
    assert rows["fault:mains_lost"].level == "warning"


def test_a_daemon_that_does_not_answer_leaves_its_parts_untested() -> None:
    rows = judge_silence(CONFIG, "does not answer")
    assert rows[0].code == "daemon_hung"
    assert {row.level for row in rows[1:]} == {"untested"}
    assert "input:counter" in levels(rows)


def test_a_drill_is_judged_by_the_centres_receipt_and_the_networks() -> None:
    """Pitfall 5: a PUBACK is not a receipt."""
    sent = {"what": "sent", "path": "mqtt", "t_s": 1.0}
    began = {"what": "drill", "t_s": 1.0}
    received = {"what": "received", "path": "mqtt", "t_s": 1.25}
    texted = {"what": "sms_sent", "t_s": 1.5}
    passed = {"what": "drill_passed", "t_s": 1.5, "missing": ""}
    good = judge_drill(CONFIG, [began, sent, received, texted, passed])
    assert good == [ok("receipt", "receipt_ok", ms=250), ok("sms", "sms_ok", count=1)]
    failed = {"what": "drill_failed", "t_s": 91.0, "missing": "mqtt, gateway1"}
    broken = {"what": "sms_failed", "t_s": 2.0, "reason": "no network"}
    bad = judge_drill(CONFIG, [began, sent, broken, failed])
    assert codes(bad) == {"receipt": "receipt_missing", "sms": "sms_failed"}
    assert bad[1].values == {"count": 1, "reason": "no network"}
    never = judge_drill(CONFIG, [began, {**failed, "missing": "mqtt, sms"}])
    assert never[1].values["reason"] == "sms"
