"""The simulated modem's parts, spoken to without a port."""

from typing import Any

import pytest

from kiosk.sim.card import SLOTS, Card
from kiosk.sim.commands import Commands
from kiosk.sim.line import SerialLine
from kiosk.sim.network import ROAMING, Network, Seen
from kiosk.sim.phone import Answer, Phone
from kiosk.sim.segments import pack_deliver, unpack_submit

OFFICER = "+77011234567"


class Desk:
    """A modem on the desk: what is typed is answered at once, time is a list of things to do."""

    def __init__(self) -> None:
        self.written = b""
        self.later: list[Any] = []
        self.seen: list[Seen] = []
        self.resets = 0
        self.card = Card()
        self.network = Network(
            own_number="+77010000017",
            after=lambda _delay_s, action: self.later.append(action),
            observe=self.seen.append,
            to_modem=lambda tpdu, *, report: self.line.deliver(tpdu, report=report),
        )
        self.commands = Commands(
            card=self.card,
            network=self.network,
            announce=self._announce,
            reset=self._reset,
        )
        self.line = SerialLine(network=self.network, commands=self.commands, write=self._write)

    def _write(self, data: bytes) -> None:
        self.written += data

    def _announce(self, lines: str) -> None:
        self.line.announce(lines)

    def _reset(self) -> None:
        self.resets += 1

    def type(self, text: str) -> str:
        """Type, and read all that comes."""
        self.written = b""
        self.line.feed(text.encode())
        return self.written.decode("utf-8", "replace")

    def run(self) -> str:
        """Do what was put off."""
        self.written = b""
        while self.later:
            self.later.pop(0)()
        return self.written.decode()


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.type("ATE0\r")
    return desk


def test_a_line_is_echoed_until_the_echo_is_switched_off() -> None:
    desk = Desk()
    assert desk.type("AT\r") == "AT\r\r\nOK\r\n"
    desk.type("ATE0\r")
    assert desk.type("AT\r") == "\r\nOK\r\n"
    desk.type("ATE1\r")
    assert desk.type("AT\r") == "AT\r\r\nOK\r\n"


@pytest.mark.parametrize(
    "line", ["hello", "AT+WHAT", "AT+CSQ=", "AT+CMGF=1", "AT+CMGS=x", "AT+CMGR=9", "AT+CMGD=99"]
)
def test_what_a_modem_does_not_know_is_an_error(desk: Desk, line: str) -> None:
    assert "ERROR" in desk.type(line + "\r")


def test_endless_lines_are_cut(desk: Desk) -> None:
    desk.type("A" * 100_000)
    assert "ERROR" in desk.type("\r")
    assert "OK" in desk.type("AT\r")


def test_an_escape_closes_a_line_or_a_prompt(desk: Desk) -> None:
    assert "OK" in desk.type("garbage\x1bAT\r")
    assert desk.type("AT+CMGS=20\r") == "\r\n> "
    assert "OK" in desk.type("0011\x1b")
    assert "OK" in desk.type("AT\r")


@pytest.mark.parametrize("pdu", ["", "zz", "00", "00FF", "0004", "0791" * 40])
def test_a_bad_pdu_is_refused(desk: Desk, pdu: str) -> None:
    desk.type("AT+CMGS=20\r")
    assert "+CMS ERROR: 304" in desk.type(pdu + "\x1a")
    assert unpack_submit(pdu) is None


def test_unasked_lines_wait_for_the_prompt_to_close(desk: Desk) -> None:
    desk.type("AT+CMGS=20\r")
    desk.written = b""
    desk.line.announce("RING")
    assert desk.written == b""
    assert desk.type("\x1b").endswith("\r\nRING\r\n")


def test_messages_are_kept_listed_read_and_deleted(desk: Desk) -> None:
    desk.type("AT+CNMI=2,1,0,2,0\r")
    [tpdu] = pack_deliver(OFFICER, "OK 4711")
    desk.written = b""
    desk.line.deliver(tpdu, report=False)
    assert desk.written == b'\r\n+CMTI: "SM",1\r\n'
    assert desk.type("AT+CMGL=0\r").count("+CMGL") == 1
    assert desk.type("AT+CMGL=0\r").count("+CMGL") == 0
    assert desk.type("AT+CMGL=4\r").count("+CMGL") == 1
    assert tpdu.hex().upper() in desk.type("AT+CMGR=1\r")
    assert '"SM",1,30' in desk.type("AT+CPMS?\r")
    assert "1,30" in desk.type('AT+CPMS="SM","SM"\r')
    assert "+CMS ERROR: 302" in desk.type('AT+CPMS="ME"\r')
    desk.type("AT+CMGD=1,0\r")
    assert not desk.card.slots


def test_notices_follow_what_was_asked_for(desk: Desk) -> None:
    tpdu = bytes.fromhex("0607" + "0B917710214365F7" + "62112112400000" * 2 + "00")
    desk.line.deliver(tpdu, report=True)
    assert not desk.card.slots
    for asked, notice in (("2,0,0,1", "+CDS: "), ("2,0,0,2", '+CDSI: "SM",1')):
        desk.type(f"AT+CNMI={asked}\r")
        desk.written = b""
        desk.line.deliver(tpdu, report=True)
        assert notice in desk.written.decode()
    assert "2,0,0,2,0" in desk.type("AT+CNMI?\r")
    desk.type("AT+CNMI=2,2\r")
    desk.written = b""
    desk.line.deliver(tpdu, report=False)
    assert desk.written.startswith(b"\r\n+CMT: ,")


def test_a_full_card_takes_nothing_more(desk: Desk) -> None:
    for _ in range(SLOTS + 5):
        desk.line.deliver(b"\x04", report=False)
    assert len(desk.card.slots) == SLOTS
    assert desk.card.store(b"\x04") is None


def test_three_wrong_pins_ask_for_the_puk(desk: Desk) -> None:
    desk.card.pin = "4711"
    assert "SIM PIN" in desk.type("AT+CPIN?\r")
    for command in ("AT+CIMI", 'AT+CUSD=1,"*111#",15'):
        assert "+CME ERROR: 11" in desk.type(command + "\r")
    assert "+CMS ERROR: 311" in desk.type("AT+CSCA?\r")
    for _ in range(3):
        assert "+CME ERROR: 16" in desk.type('AT+CPIN="0000"\r')
    assert "SIM PUK" in desk.type("AT+CPIN?\r")
    desk.card.present = False
    assert "+CME ERROR: 10" in desk.type("AT+CPIN?\r")
    assert "+CMS ERROR: 310" in desk.type("AT+CMGR=1\r")


def test_ussd_codes_are_read_in_both_alphabets(desk: Desk) -> None:
    code = "*111#".encode("utf-16-be").hex()
    desk.type(f'AT+CUSD=1,"{code}",15\r')
    assert "Balans 1000.00 KZT" in desk.run()
    desk.type('AT+CUSD=1,"*999#",15\r')
    assert "+CUSD: 4" in desk.run()
    desk.type('AT+CUSD=1,"zz",15\r')
    assert "+CUSD: 4" in desk.run()
    assert "OK" in desk.type("AT+CUSD=2\r")


def test_the_operator_is_named_in_the_form_asked_for(desk: Desk) -> None:
    assert '"SimTel"' in desk.type("AT+COPS?\r")
    desk.type("AT+COPS=3,2\r")
    assert '"40177"' in desk.type("AT+COPS?\r")
    desk.type("AT+CREG=2\r")
    desk.network.registration = ROAMING
    assert '+CREG: 2,5,"01F4","2A3B"' in desk.type("AT+CREG?\r")
    assert "OK" in desk.type("AT+COPS=0\r")


def test_a_reset_is_asked_once_and_other_levels_change_nothing(desk: Desk) -> None:
    desk.type("AT+CFUN=1\r")
    desk.type("AT+CFUN=1,1\r")
    assert desk.resets == 1
    desk.line.restart()
    assert desk.commands.notify == [0, 0, 0, 0, 0]


def test_a_phone_answers_by_its_policy(desk: Desk) -> None:
    heard: list[str] = []
    phone = Phone(OFFICER, answer=Answer(fixed="ЕДУ"), on_text=lambda received: heard.append(received.text))
    phone.send("to nobody yet")
    desk.network.add(phone)
    phone.receive("no code here", sender="+77010000017", parts=1)
    assert heard == ["no code here"]
    desk.run()
    assert len(desk.card.slots) == 1
    phone.answer = Answer()
    phone.receive("no code here", sender="+77010000017", parts=1)
    assert not desk.later
    phone.receive("Otvet: OK 4711", sender="+77010000017", parts=1)
    assert len(desk.later) == 1
    assert len(phone.wait(3, timeout_s=0)) == 3
