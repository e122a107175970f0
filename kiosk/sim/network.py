"""The simulated mobile network: who is on it, what a message costs, what goes wrong.

Owns registration, balance, delivery and reports; never touches the port. All of it runs on the
simulator's one thread, later things through the `after` that it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kiosk.sim.phone import Phone
from kiosk.sim.segments import Segment, pack_deliver, pack_report

HOME, DENIED, SEARCHING, ROAMING = 1, 3, 2, 5
CMS_UNKNOWN, CMS_NO_NETWORK, CMS_REJECTED = 500, 331, 21
_DELIVERED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSeen:
    """Tell that the kiosk's whole message crossed the network."""

    number: str
    text: str
    parts: int
    pdus_hex: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySeen:
    """Tell that a text set out from a phone to the kiosk."""

    number: str
    text: str


Seen = SmsSeen | ReplySeen


class ToModem(Protocol):
    """Bring a TPDU, a message or a report, to the modem."""

    def __call__(self, tpdu: bytes, /, *, report: bool) -> None:
        """Bring it."""
        ...


After = Callable[[float, Callable[[], None]], None]


@dataclass(slots=True, kw_only=True)
class Tariff:
    """Keep the balance in tenge; an empty one refuses sends, or swallows them when `silent`."""

    balance_kzt: float = 1000.0
    price_kzt: float = 0.0
    silent: bool = False
    ussd_code: str = "*111#"
    ussd_reply: str = "Balans {balance:.2f} KZT"

    def charge(self) -> bool:
        """Pay for one segment; False when there is nothing left."""
        if self.balance_kzt <= 0 or self.balance_kzt < self.price_kzt:
            return False
        self.balance_kzt -= self.price_kzt
        return True


@dataclass(slots=True, kw_only=True)
class Network:
    """Carry segments between the modem and the phones.

    `delay_s` is how long a send takes; `refusals` are the CMS codes of the next sends, `refuse_all` of all.
    """

    own_number: str
    after: After
    observe: Callable[[Seen], None]
    to_modem: ToModem
    registration: int = HOME
    signal_csq: int = 21
    operator: str = "SimTel"
    operator_code: str = "40177"
    delay_s: float = 0.0
    report_delay_s: float = 0.02
    report_status: int = _DELIVERED
    refusals: list[int] = field(default_factory=list)
    refuse_all: int | None = None
    tariff: Tariff = field(default_factory=Tariff)
    phones: dict[str, Phone] = field(default_factory=dict)
    _last_reference: int = 0
    _waiting: dict[tuple[str, int], dict[int, Segment]] = field(default_factory=dict)

    def add(self, phone: Phone) -> None:
        """Put a phone on the network."""
        self.phones[phone.number] = phone
        phone.join(self.carry)

    def registered(self) -> bool:
        """Tell whether messages can pass."""
        return self.registration in {HOME, ROAMING}

    def submit(self, segment: Segment) -> int:
        """Take a segment; return its reference, or minus the CMS error code."""
        if not self.registered():
            return -CMS_NO_NETWORK
        if self.refuse_all is not None:
            return -self.refuse_all
        if self.refusals:
            return -self.refusals.pop(0)
        paid = self.tariff.charge()
        if not paid and not self.tariff.silent:
            return -CMS_REJECTED
        self._last_reference = self._last_reference % 255 + 1
        if paid:
            self._deliver(segment, self._last_reference)
        return self._last_reference

    def carry(self, number: str, text: str, after_s: float) -> None:
        """Bring a phone's text to the modem after a while; from any thread."""
        self.after(after_s, lambda: self._arrive(number, text))

    def _arrive(self, number: str, text: str) -> None:
        self.observe(ReplySeen(number=number, text=text))
        for tpdu in pack_deliver(number, text):
            self.to_modem(tpdu, report=False)

    def _deliver(self, segment: Segment, reference: int) -> None:
        key = (segment.number, segment.join_id)
        parts = self._waiting.setdefault(key, {})
        parts[segment.part] = segment
        if len(parts) == segment.parts:
            del self._waiting[key]
            self._hand_over([parts[part] for part in sorted(parts)])
        phone = self.phones.get(segment.number)
        if segment.wants_report and phone is not None and phone.reachable:
            report = pack_report(segment, reference, status=self.report_status)
            self.after(self.report_delay_s, lambda: self.to_modem(report, report=True))

    def _hand_over(self, parts: list[Segment]) -> None:
        text = "".join(part.text for part in parts)
        number = parts[0].number
        self.observe(
            SmsSeen(
                number=number, text=text, parts=len(parts), pdus_hex=tuple(part.pdu_hex for part in parts)
            )
        )
        phone = self.phones.get(number)
        if phone is not None and phone.reachable:
            phone.receive(text, sender=self.own_number, parts=len(parts))
