"""The child's handle: deadlines, ends and lies, with children written for it and with the real one."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from fakes.sms_bench import PATIENCE_S, Posted

from kiosk.bodies import Token
from kiosk.config import Balance, Sms
from kiosk.messages import (
    BalanceRead,
    KioskEvent,
    LinkFell,
    LinkRose,
    ModemFailed,
    ModemStatus,
    SmsFailed,
    SmsReported,
    SmsSent,
)
from kiosk.net.modem_process import COMMAND, Ended, Hung, ModemProcess, Told
from kiosk.net.sms import GammuModem
from kiosk.ports import Post
from kiosk.sim.modem import SimModem

pytestmark = pytest.mark.real

STATUS = '{"imei": "1", "sim": "ready", "registration": "HomeNetwork", "operator": "T", "signal_dbm": -71}'
ANSWERING = f"""
import json, sys
def tell(**fields): print(json.dumps(fields), flush=True)
asked = open(sys.argv[1], "a")
for line in sys.stdin:
    ask = json.loads(line)
    asked.write(line)
    asked.flush()
    if ask["do"] in ("open", "status"):
        print('{{"id": %d, "result": {STATUS}}}' % ask["id"], flush=True)
"""
CRASHES = (
    ANSWERING
    + '        tell(event="reading", place=7)\n        import os, signal; os.kill(os.getpid(), 11)\n'
)
CRASHES_THEN_REFUSES = CRASHES.replace(
    '    if ask["do"]', '    if ask["poison"]: tell(id=ask["id"], error="busy")\n    elif ask["do"]'
)
LIES = ANSWERING + '        print("{ not json", flush=True)\n'
FLOODS = ANSWERING + '        sys.stdout.write("x" * 300000); sys.stdout.flush()\n'
DIES_ON_BALANCE = (
    ANSWERING + '    else:\n        tell(id=ask["id"]); import time; time.sleep(0.1); sys.exit(3)\n'
)
REFUSES = ANSWERING + '    else:\n        tell(id=ask["id"], error="not now")\n'
REPORTS = ANSWERING + '    for code in (0, 1, 0x30, 0x46): tell(event="reported", reference=9, status=code)\n'
REPORT, ANSWER = (
    'tell(event="reported", reference=9, status=0)',
    'tell(id=ask["id"], result={"reference": 9, "parts": 1})',
)
ANSWERS = ANSWERING + f"    else: {ANSWER}\n"
REPORTS_IN_THE_SEND = ANSWERING + f"    else: {REPORT}; {ANSWER}\n"
REPORTS_BEHIND_THE_SEND = ANSWERING + f"    else: {ANSWER}; {REPORT}; sys.exit(3)\n"
REFUSES_ITS_PIN = ANSWERING.replace(
    '    if ask["do"]',
    """    if ask["pin"] == "1111":
        tell(event="pin_refused")
    if ask["pin"] == "2222":
        tell(event="pin_failed")
    if ask["pin"] != "4711":
        print('{"id": %d, "result": {"imei": "1", "sim": "PIN", "registration": "", "operator": "",'
              ' "signal_dbm": null}}' % ask["id"], flush=True)
    elif ask["do"]""",
)
STUBBORN = "import time\nprint('{}', flush=False)\ntime.sleep(60)\n"


BALANCE = Balance(code="*111#", pattern=r"(\d+)")


class Bench:
    """A GammuModem over a child that is a few lines of Python."""

    def __init__(self, folder: Path) -> None:
        self.asked_file = folder / "asked"
        self.posted = Posted()
        self.script = ""

    def modem(
        self,
        script: str,
        *,
        balance: Balance | None = BALANCE,
        pin_file: Path | None = None,
        send_deadline_s: float = 0.3,
        post: Post | None = None,
        state: Path | None = None,
    ) -> GammuModem:
        config = Sms(
            device="/dev/null",
            gateways=(),
            key_file="/dev/null",
            balance=balance,
            pin_file=str(pin_file) if pin_file is not None else None,
            send_deadline_s=send_deadline_s,
        )
        command = (sys.executable, "-c", script, str(self.asked_file))
        self.made = GammuModem(config, post or self.posted, command=command, state=state)
        return self.made

    def asked(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.asked_file.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.made.close()


def heard_when_the_child_has_ended(ask: Callable[..., msgspec.Raw]) -> Callable[..., msgspec.Raw]:
    """Let whoever asks go on only when all that the child ever told was taken in."""

    def slow(process: ModemProcess, do: str, **fields: Any) -> msgspec.Raw:
        raw = ask(process, do, **fields)
        process._reader.join(PATIENCE_S)
        return raw

    return slow


def test_a_message_that_kills_gammu_is_deleted_unread_by_the_next_session(bench: Bench) -> None:
    modem = bench.modem(CRASHES)
    modem.open("none")
    bench.posted.wait(LinkFell)
    modem.open("none")
    bench.posted.wait(LinkFell, 2)
    assert [ask["poison"] for ask in bench.asked()] == [0, 7]


def test_a_session_that_dies_while_its_opening_is_still_being_heard_names_its_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModemProcess, "ask", heard_when_the_child_has_ended(ModemProcess.ask))
    modem = bench.modem(CRASHES)
    modem.open("none")
    modem.open("none")
    assert [ask["poison"] for ask in bench.asked()] == [0, 7]


def test_a_message_is_named_again_where_the_opening_that_should_delete_it_fails(bench: Bench) -> None:
    modem = bench.modem(CRASHES_THEN_REFUSES)
    for _ in range(3):
        modem.open("none")
        if modem._process is not None:
            modem._process._reader.join(PATIENCE_S)
    assert [ask["poison"] for ask in bench.asked()] == [0, 7, 7]


def test_a_child_that_writes_nonsense_is_killed_and_told(bench: Bench) -> None:
    modem = bench.modem(LIES)
    modem.open("none")
    [fell] = bench.posted.wait(LinkFell)
    assert "unreadable" in fell.reason


def test_a_line_without_end_is_not_kept(bench: Bench) -> None:
    modem = bench.modem(FLOODS)
    modem.open("none")
    assert bench.posted.wait(LinkFell)


def test_reports_are_read_by_their_class(bench: Bench) -> None:
    bench.modem(REPORTS).open("none")
    assert [report.status for report in bench.posted.wait(SmsReported, 4)] == [
        "delivered",
        "pending",
        "pending",
        "failed",
    ]


def test_a_report_that_comes_in_the_middle_of_its_send_is_told_after_it(bench: Bench) -> None:
    modem = bench.modem(REPORTS_IN_THE_SEND, send_deadline_s=PATIENCE_S)
    modem.open("none")
    modem.send(Token("t"), "+77011234567", "text")
    sent = SmsSent(token=Token("t"), reference=9, parts=1)
    assert bench.posted.events[2:] == [sent, SmsReported(9, "delivered")]


def test_a_report_on_the_heels_of_its_answer_is_told_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    modem = bench.modem(REPORTS_BEHIND_THE_SEND, send_deadline_s=PATIENCE_S)
    modem.open("none")
    monkeypatch.setattr(ModemProcess, "ask", heard_when_the_child_has_ended(ModemProcess.ask))
    modem.send(Token("t"), "+77011234567", "text")
    kinds = [type(event) for event in bench.posted.events[2:]]
    assert kinds == [SmsSent, SmsReported, LinkFell]


def test_a_report_that_comes_while_earlier_ones_are_told_is_told_after_them(bench: Bench) -> None:
    def reported(reference: int) -> None:
        bench.made._hear(Told(event="reported", reference=reference))

    def post(event: KioskEvent) -> None:
        bench.posted(event)
        if isinstance(event, SmsSent):
            reported(1)
            reported(2)
        elif event == SmsReported(1, "delivered"):
            reader = threading.Thread(target=reported, args=(3,))
            reader.start()
            reader.join(PATIENCE_S)

    modem = bench.modem(ANSWERS, send_deadline_s=PATIENCE_S, post=post)
    modem.open("none")
    modem.send(Token("t"), "+77011234567", "text")
    assert [report.reference for report in bench.posted.of(SmsReported)] == [1, 2, 3]


def test_a_text_unanswered_in_its_deadline_is_hung_and_the_child_is_gone(bench: Bench) -> None:
    """Pitfall 20."""
    modem = bench.modem(ANSWERING)
    modem.open("none")
    process = modem._process
    assert process is not None
    modem.send(Token("t"), "+77011234567", "text")
    kinds = [type(event) for event in bench.posted.events]
    assert kinds == [ModemStatus, LinkRose, SmsFailed, LinkFell]
    process._reader.join(PATIENCE_S)
    assert not psutil.pid_exists(process.pid)


def test_a_balance_on_its_way_is_answered_when_the_session_ends(bench: Bench) -> None:
    modem = bench.modem(DIES_ON_BALANCE)
    modem.open("none")
    modem.poll("balance")
    [balance] = bench.posted.wait(BalanceRead)
    assert balance.balance_kzt is None
    assert bench.posted.wait(LinkFell)


def test_a_refused_command_leaves_the_session_open(bench: Bench) -> None:
    modem = bench.modem(REFUSES, send_deadline_s=PATIENCE_S)
    modem.open("none")
    modem.poll("balance")
    modem.send(Token("t"), "+77011234567", "text")
    assert bench.posted.of(BalanceRead) == [BalanceRead(None, "not now")]
    assert bench.posted.of(SmsFailed) == [SmsFailed(Token("t"), "not now")]
    assert not bench.posted.of(LinkFell)


def test_without_a_configured_code_the_balance_says_so(bench: Bench) -> None:
    modem = bench.modem(ANSWERING, balance=None)
    modem.open("none")
    modem.poll("balance")
    assert bench.posted.of(BalanceRead) == [BalanceRead(None, "no USSD code is configured")]


@pytest.mark.parametrize(("written", "offered"), [(None, None), ("12", None), ("4711\n", "4711")])
def test_a_pin_is_offered_only_when_it_can_be_one(
    bench: Bench, tmp_path: Path, written: str | None, offered: str | None
) -> None:
    pin_file = tmp_path / "pin"
    if written is not None:
        pin_file.write_text(written)
    bench.modem(ANSWERING, pin_file=pin_file).open("none")
    assert bench.asked()[0]["pin"] == offered


def offered(bench: Bench, pin_file: Path, state: Path, *, starts: int = 1) -> list[object]:
    """Start so many times, each with a modem that remembers nothing; give the PINs that were offered."""
    before = len(bench.asked()) if bench.asked_file.exists() else 0
    for _ in range(starts):
        modem = bench.modem(REFUSES_ITS_PIN, pin_file=pin_file, state=state)
        modem.open("none")
        modem.close()
    return [ask["pin"] for ask in bench.asked()[before:]]


def test_a_refused_pin_is_not_offered_again_by_the_next_start_and_a_corrected_one_is_at_once(
    bench: Bench, tmp_path: Path
) -> None:
    """Three wrong ones lock the card, and a kiosk may start more than three times a day."""
    pin_file = tmp_path / "pin"
    pin_file.write_text("1111")
    assert offered(bench, pin_file, tmp_path, starts=3) == ["1111", None, None]
    assert "did not take the PIN" in bench.posted.of(LinkFell)[-1].reason
    pin_file.unlink()  # a credential of systemd is another file at each start
    pin_file.write_text("1111\n")
    assert offered(bench, pin_file, tmp_path) == [None]
    pin_file.write_text("4711")
    assert offered(bench, pin_file, tmp_path, starts=2) == ["4711", "4711"]
    assert len(bench.posted.of(LinkRose)) == 2


def test_a_card_that_was_only_busy_gets_its_pin_at_the_next_start(bench: Bench, tmp_path: Path) -> None:
    pin_file = tmp_path / "pin"
    pin_file.write_text("2222")
    assert offered(bench, pin_file, tmp_path, starts=2) == ["2222", "2222"]
    bench.modem(REFUSES_ITS_PIN, pin_file=pin_file, state=tmp_path)
    for _ in range(2):
        bench.made.open("none")
    assert [ask["pin"] for ask in bench.asked()[2:]] == ["2222", None], "but once in a life"


def test_a_state_folder_that_is_not_there_stops_no_sms(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pin_file, state = tmp_path / "pin", tmp_path / "nowhere"
    pin_file.write_text("1111")
    with caplog.at_level("WARNING", logger="kiosk.net.pin"):
        assert offered(bench, pin_file, state) == ["1111"]
    assert "event=pin_mark_failed" in caplog.text
    assert "1111" not in caplog.text
    pin_file.write_text("4711")
    assert offered(bench, pin_file, state) == ["4711"]
    assert bench.posted.of(LinkRose)


def unkillable(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Let no signal end a child, as one that hangs in the kernel; gives those that were to be killed."""
    killed: list[subprocess.Popen[bytes]] = []

    def kill(process: subprocess.Popen[bytes]) -> None:
        killed.append(process)

    monkeypatch.setattr(subprocess.Popen, "kill", kill)
    for wait in ("kiosk.net.modem_process._REAP_S", "kiosk.net.sms._CLOSE_S"):
        monkeypatch.setattr(wait, 0.02)
    return killed


def test_beside_two_children_that_hang_in_the_kernel_no_third_is_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        killed = unkillable(patch)
        modem = bench.modem("import time; time.sleep(3600)")
        pids: set[int] = set()
        patch.setattr("kiosk.net.sms._OPEN_S", 0.02)
        for _ in range(5):
            modem.open("none")
            pids |= {process.pid for process in killed}
    for process in killed:
        process.kill()
        process.wait(PATIENCE_S)
    reasons = [fell.reason for fell in bench.posted.of(LinkFell)]
    assert ["hangs in the kernel" in reason for reason in reasons] == [False, False, True, True, True]
    assert len(pids) == 2
    bench.made._command = (sys.executable, "-c", ANSWERING, str(bench.asked_file))
    modem.open("none")
    assert bench.posted.of(LinkRose), "once they are gone the modem is opened again"


def test_reopening_leaves_no_descriptor_and_no_process_behind(bench: Bench) -> None:
    modem = bench.modem(ANSWERING)
    me = psutil.Process()
    modem.open("none")
    before = (me.num_fds(), len(me.children()), threading.active_count())
    for _ in range(5):
        modem.open("none")
    after = (me.num_fds(), len(me.children()), threading.active_count())
    assert all(now <= then for now, then in zip(after, before, strict=True)), (before, after)


def test_closing_does_not_wait_for_a_child_that_does_not_listen() -> None:
    ended = threading.Event()
    process = ModemProcess(
        lambda _told: None, lambda *_end: ended.set(), command=(sys.executable, "-c", STUBBORN)
    )
    began_s = time.monotonic()
    process.close(grace_s=0.1)
    process.close(grace_s=0.1)
    assert time.monotonic() - began_s < 5
    assert ended.wait(10)
    assert not psutil.pid_exists(process.pid)


def test_a_missing_interpreter_is_a_failed_opening(bench: Bench) -> None:
    config = Sms(device="/dev/null", gateways=(), key_file="/dev/null")
    bench.made = GammuModem(config, bench.posted, command=("/nonexistent/python",))
    bench.made.open("none")
    assert len(bench.posted.of(LinkFell)) == 1


@pytest.fixture
def sim() -> Iterator[SimModem]:
    with SimModem() as modem:
        yield modem


def start(sim: SimModem) -> tuple[ModemProcess, list[Told], list[str]]:
    told: list[Told] = []
    ends: list[str] = []
    return ModemProcess(told.append, lambda reason, _crashed: ends.append(reason)), told, ends


def ask_open(process: ModemProcess, device: str, deadline_s: float) -> Callable[[], None]:
    fields = {"device": device, "reset": "none", "pin": None, "smsc": None, "poison": 0}
    return lambda: process.ask("open", deadline_s=deadline_s, **fields) and None


def test_a_child_stuck_in_gammu_is_killed_at_its_deadline(sim: SimModem) -> None:
    """Pitfall 20: gammu itself would take twelve seconds here, and minutes to leave."""
    sim.hang()
    process, _told, _ends = start(sim)
    with pytest.raises(Hung, match="did not answer `open` in 1 s"):
        ask_open(process, sim.path, 1.0)()
    process._reader.join(PATIENCE_S)
    assert not psutil.pid_exists(process.pid)
    with pytest.raises(Ended):
        ask_open(process, sim.path, 1.0)()


def test_a_child_stuck_in_gammu_ends_when_its_parent_does(sim: SimModem) -> None:
    sim.hang()
    child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin is not None
    ask = {"id": 1, "do": "open", "device": sim.path, "reset": "none", "pin": None, "smsc": None, "poison": 0}
    child.stdin.write(json.dumps(ask).encode() + b"\n")
    child.stdin.flush()
    time.sleep(0.5)  # into gammu's opening, which takes twelve seconds
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(10) == 0


def test_a_device_that_is_not_there_or_not_a_path_is_told(sim: SimModem, tmp_path: Path) -> None:
    for device in (str(tmp_path / "nothing"), "/dev/tty\nlogfile = /etc/x"):
        process, _told, ends = start(sim)
        with pytest.raises(ModemFailed):
            ask_open(process, device, 10.0)()
        process.close(grace_s=1.0)
        process._reader.join(PATIENCE_S)
        assert len(ends) == 1
