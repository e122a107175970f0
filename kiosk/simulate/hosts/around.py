"""What all kiosks and monitors of a story share, and who watches them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from kiosk.effects import Effect
from kiosk.messages import KioskEvent
from kiosk.monitor.effects import FleetEffect
from kiosk.monitor.records import Change
from kiosk.prompts import Catalogue
from kiosk.simulate.agenda import Agenda
from kiosk.simulate.dice import Dice, Roll
from kiosk.simulate.net.broker import Broker
from kiosk.simulate.net.door import Door
from kiosk.simulate.net.gsm import Gsm
from kiosk.simulate.net.pipe import Net
from kiosk.simulate.weather import Weather

B_contra = TypeVar("B_contra", contravariant=True)  # a kiosk's box
C_contra = TypeVar("C_contra", contravariant=True)  # a centre
UTC_MS = 1_790_000_000_000  # wall time when a story begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all kiosks share."""

    agenda: Agenda
    weather: Weather
    net: Net
    broker: Broker
    gsm: Gsm
    doors: Sequence[Door]
    words: Catalogue
    roll: Roll
    calm: bool = False

    def dice(self, name: str) -> Dice:
        """Give the dice of a part."""
        return Dice(self.roll(name), calm=self.calm)


class Witness(Protocol[B_contra]):
    """Who sees all that a kiosk does."""

    def kiosk_turned(self, box: B_contra, event: KioskEvent | None, effects: list[Effect]) -> None:
        """One turn of a core came to these effects."""

    def kiosk_did(self, box: B_contra, effect: Effect) -> None:
        """One of them was carried out."""

    def kiosk_sounded(self, box: B_contra, key: str) -> None:
        """A sentence began to sound."""

    def kiosk_died(self, box: B_contra, *, power: bool) -> None:
        """The process or the power is gone."""

    def kiosk_began(self, box: B_contra) -> None:
        """The process runs."""

    def kiosk_raised(self, box: B_contra, event: KioskEvent | None, error: Exception) -> None:
        """The core let an exception out, which it never may."""


class Audience(Protocol[C_contra]):
    """Who sees all that a monitor does."""

    def centre_did(self, centre: C_contra, effect: FleetEffect) -> None:
        """An effect was carried out."""

    def centre_kept(self, changes: list[Change]) -> None:
        """A commit ended well."""

    def centre_died(self, centre: C_contra) -> None:
        """The process is gone."""

    def centre_began(self, centre: C_contra) -> None:
        """The process runs."""

    def centre_raised(self, centre: C_contra, error: Exception) -> None:
        """The fleet let an exception out, which it never may."""
