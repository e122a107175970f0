"""The simulated modem's side of the serial line: echo, command lines, the prompt for a PDU.

Owns the parser; never touches the pty, the clock or the network's faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.sim.commands import Commands, Prompt
from kiosk.sim.network import Network
from kiosk.sim.segments import unpack_submit
from kiosk.sim.store import AtError

_ESC, _CTRL_Z, _CR, _LF = 0x1B, 0x1A, 0x0D, 0x0A
_LINE_MAX = 2048
_COMMAND = re.compile(r"^AT(\+[A-Z]+|[&\\]?[A-Z]?\d*)(=\?|\?|=(.*))?$", re.IGNORECASE | re.DOTALL)
_BAD_PDU = 304


@dataclass(slots=True, kw_only=True)
class SerialLine:
    """Take bytes from the port, answer through `write`.

    `interjection` is written between a command and its answer, as a modem's unasked lines can be.
    """

    network: Network
    commands: Commands
    write: Callable[[bytes], None]
    interjection: bytes = b""
    _echo: bool = True
    _line: bytearray = field(default_factory=bytearray)
    _prompt: Prompt | None = None
    _busy: bool = False
    _pending: bytearray = field(default_factory=bytearray)
    _deferred: list[bytes] = field(default_factory=list)

    def feed(self, data: bytes) -> None:
        """Take bytes from the port; while a message is being sent they wait."""
        self._pending += data
        del self._pending[: -2 * _LINE_MAX]
        while self._pending and not self._busy:
            self._take(self._pending.pop(0))

    def announce(self, lines: str) -> None:
        """Write unasked lines; while the prompt is open they wait."""
        framed = f"\r\n{lines}\r\n".encode()
        if self._prompt is None:
            self.write(framed)
        else:
            self._deferred.append(framed)

    def deliver(self, tpdu: bytes, *, report: bool) -> None:
        """Bring a message or a report in from the network, as +CNMI asks for it."""
        to_message, to_report = self.commands.notify[1], self.commands.notify[3]
        shown = f"{len(tpdu)}\r\n00{tpdu.hex().upper()}"
        if report and to_report == 1:
            self.announce(f"+CDS: {shown}")
        elif not report and to_message == 2:
            self.announce(f"+CMT: ,{shown}")
        elif not report or to_report == 2:
            place = self.commands.card.store(tpdu)
            if place is not None and (report or to_message == 1):
                self.announce(f'+{"CDSI" if report else "CMTI"}: "SM",{place}')

    def restart(self) -> None:
        """Forget everything, as after a reset."""
        self._echo, self._prompt, self._busy = True, None, False
        self._line.clear()
        self._pending.clear()
        self._deferred.clear()
        self.commands.restart()

    def _take(self, byte: int) -> None:
        if self._echo:
            self.write(bytes([byte]))
        if byte == _ESC:
            self._line.clear()
            if self._prompt is not None:
                self._close_prompt("OK")
        elif self._prompt is not None and byte == _CTRL_Z:
            self._submit(self._prompt, self._line.decode("ascii", "replace"))
        elif self._prompt is None and byte == _CR:
            line = self._line.decode("ascii", "replace").strip()
            self._line.clear()
            if line:
                self._run(line)
        elif byte not in {_CR, _LF} and len(self._line) < _LINE_MAX:
            self._line.append(byte)

    def _run(self, line: str) -> None:
        if self.interjection:
            self.write(self.interjection)
        found = _COMMAND.match(line)
        if found is None:
            self._final("ERROR")
            return
        name, form, value = found.group(1).upper(), found.group(2) or "", found.group(3) or ""
        if name in {"E0", "E1", "E"}:
            self._echo = name == "E1"
            self._final("OK")
            return
        try:
            answer = self.commands.answer(name, form if "?" in form[-1:] else form[:1], value)
        except AtError as failed:
            self._final(str(failed))
            return
        if isinstance(answer, Prompt):
            self._prompt = answer
            self.write(b"\r\n> ")
            return
        for part in answer:
            self.write(f"\r\n{part}\r\n".encode() if part else b"")
        self._final("OK")

    def _submit(self, prompt: Prompt, pdu_hex: str) -> None:
        self._line.clear()
        segment = unpack_submit(pdu_hex)
        if segment is None or prompt.tpdu_length != len(pdu_hex) // 2 - 1 - int(pdu_hex[:2], 16):
            self._close_prompt(f"+CMS ERROR: {_BAD_PDU}")
            return
        self._busy = True

        def finish() -> None:
            if not self._busy:
                return
            self._busy = False
            outcome = self.network.submit(segment)
            self._close_prompt(f"+CMGS: {outcome}\r\n\r\nOK" if outcome > 0 else f"+CMS ERROR: {-outcome}")
            self.feed(b"")

        self.network.after(self.network.delay_s, finish)

    def _close_prompt(self, final: str) -> None:
        self._prompt = None
        if self.interjection:
            self.write(self.interjection)
        self._final(final)
        for lines in self._deferred:
            self.write(lines)
        self._deferred.clear()

    def _final(self, line: str) -> None:
        self.write(f"\r\n{line}\r\n".encode())
