"""A GSM modem on a pty, with faults to switch on and off while it runs.

Owns the wiring of card, network and serial line; every knob is carried out on the port's thread before
the call returns. Never used against a real network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from kiosk.sim.card import Card
from kiosk.sim.commands import Commands
from kiosk.sim.line import SerialLine
from kiosk.sim.network import DENIED, HOME, SEARCHING, Network, Seen
from kiosk.sim.phone import Phone
from kiosk.sim.port import Port


class SimModem:
    """Be a modem: `path` is its tty, `link` a symlink that follows it through unplugging.

    `observe` hears what crosses the network; it runs on the modem's thread and must not block.
    """

    def __init__(
        self,
        *,
        number: str = "+77010000017",
        link: Path | None = None,
        phones: Iterable[Phone] = (),
        observe: Callable[[Seen], None] = lambda _seen: None,
        boot_s: float = 0.3,
    ) -> None:
        self._port = Port(self._from_port, link=link)
        self._boot_s = boot_s
        self._hung = False
        self._booting = False
        self._held: list[tuple[bytes, bool]] = []
        self.card = Card()
        self.network = Network(
            own_number=number, after=self._port.after, observe=observe, to_modem=self._from_network
        )
        self._commands = Commands(
            card=self.card, network=self.network, announce=self._announce, reset=self._reset
        )
        self._line = SerialLine(network=self.network, commands=self._commands, write=self._write)
        for phone in phones:
            self.network.add(phone)

    @property
    def path(self) -> str:
        """Name the tty as it is now; it changes when the modem is plugged in again."""
        return self._port.path

    def start(self) -> None:
        """Begin to answer."""
        self._port.start()

    def close(self) -> None:
        """Stop and take the tty away; idempotent."""
        self._port.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def hang(self) -> None:
        """Stop answering anything; the port stays."""
        self._port.call(lambda: self._set_hung(True))

    def unhang(self) -> None:
        """Answer again; what was asked meanwhile is lost."""
        self._port.call(lambda: self._set_hung(False))

    def unplug(self) -> None:
        """Take the tty away, as pulling the plug does."""
        self._port.call(self._port.unplug)

    def replug(self) -> None:
        """Come back as a new tty, freshly started."""

        def come_back() -> None:
            self._restart()
            self._port.plug()

        self._port.call(come_back)

    def power_cycle(self) -> None:
        """Lose and regain power: a hang ends, the tty's name changes."""
        self.unplug()
        self.replug()

    def lose_network(self, *, denied: bool = False) -> None:
        """Leave the network: searching, or refused by it."""

        def lose() -> None:
            self.network.registration = DENIED if denied else SEARCHING

        self._port.call(lose)

    def find_network(self) -> None:
        """Be registered at home again."""

        def find() -> None:
            self.network.registration = HOME
            self._release()

        self._port.call(find)

    def set_signal(self, csq: int) -> None:
        """Set +CSQ: 0-31, or 99 for unknown."""

        def tune() -> None:
            self.network.signal_csq = csq

        self._port.call(tune)

    def set_card(self, *, present: bool = True, pin: str | None = None) -> None:
        """Take the SIM out, or put one in that asks for `pin` (None: for nothing)."""

        def change() -> None:
            self.card.present, self.card.pin, self.card.unlocked = present, pin, False

        self._port.call(change)

    def refuse_sends(self, *cms_codes: int) -> None:
        """Refuse the next sends with these CMS error codes, one each."""
        self._port.call(lambda: self.network.refusals.extend(cms_codes))

    def jam(self, cms_code: int = 500) -> None:
        """Refuse every send until the modem is reset."""

        def refuse() -> None:
            self.network.refuse_all = cms_code

        self._port.call(refuse)

    def set_balance(self, balance_kzt: float, *, price_kzt: float = 0.0, silent: bool = False) -> None:
        """Set the money on the SIM; without any, sends are refused, or `silent`ly swallowed."""

        def pay() -> None:
            tariff = self.network.tariff
            tariff.balance_kzt, tariff.price_kzt, tariff.silent = balance_kzt, price_kzt, silent

        self._port.call(pay)

    def set_delay(self, delay_s: float) -> None:
        """Let every send take so long."""

        def slow() -> None:
            self.network.delay_s = delay_s

        self._port.call(slow)

    def say(self, line: str) -> None:
        """Write an unasked line now, for example RING or +CREG: 0."""
        self._port.call(lambda: self._announce(line))

    def babble(self, garbage: bytes) -> None:
        """Write raw bytes now."""
        self._port.call(lambda: self._write(garbage))

    def interject(self, raw: bytes) -> None:
        """Write these bytes in the middle of every command from now on; empty ends it."""

        def set_raw() -> None:
            self._line.interjection = raw

        self._port.call(set_raw)

    def deliver(self, sender: str, text: str) -> None:
        """Bring a text in, from a number that need not have a phone."""
        self.network.carry(sender, text, 0.0)

    def deliver_tpdu(self, tpdu: bytes) -> None:
        """Bring in any bytes as a message (an SMS-DELIVER TPDU when it is honest)."""
        self._port.call(lambda: self._from_network(tpdu, report=False))

    def _set_hung(self, hung: bool) -> None:
        self._hung = hung
        self._release()

    def _deaf(self) -> bool:
        return self._hung or self._booting

    def _from_port(self, data: bytes) -> None:
        if not self._deaf():
            self._line.feed(data)
            self._release()

    def _from_network(self, tpdu: bytes, *, report: bool) -> None:
        self._held.append((tpdu, report))
        self._release()

    def _release(self) -> None:
        # the message centre keeps what it cannot deliver, and tries again when the modem is back
        if self._deaf() or not (self.network.registered() and self.card.ready()):
            return
        held, self._held = self._held, []
        for tpdu, report in held:
            self._line.deliver(tpdu, report=report)

    def _write(self, data: bytes) -> None:
        if not self._deaf():
            self._port.write(data)

    def _announce(self, line: str) -> None:
        if not self._deaf():
            self._line.announce(line)

    def _reset(self) -> None:
        # the answer to AT+CFUN=1,1 itself still goes out
        self._port.after(0.0, self._go_down)

    def _go_down(self) -> None:
        self._restart()
        self._booting = True
        self._port.after(self._boot_s, self._come_up)

    def _come_up(self) -> None:
        self._booting = False
        self._announce("RDY")
        self._release()

    def _restart(self) -> None:
        self._hung = self._booting = False
        self.network.refuse_all = None
        self._line.restart()
