"""One incident as it truly is, whatever kiosks and monitors believe. Pure."""

from dataclasses import dataclass, field

PEOPLES = ("accepted", "en_route", "on_scene", "closed")


@dataclass(slots=True)
class Fact:
    """One incident as it truly is. Times are the story's, in s; -1 is never."""

    alert_id: str
    who: str
    number: int
    kind: str
    opened_s: float
    presses: int = 1  # as the kiosk counts them
    most: int = 1
    again_s: list[float] = field(default_factory=list)  # the further ones, as the kiosk knows
    duty: bool = False
    code: str = ""
    names: set[tuple[int, int]] = field(default_factory=set)  # (seq, second) under which it was sent
    on_kiosk: bool = True  # the kiosk still has it open
    sent_s: float = -1.0
    forgotten_s: float = -1.0  # a crash before the disk had it, a torn disk, a start without the journal
    on_disk: bool = False  # its kiosk's, when that lost its process
    reached_s: float = -1.0
    said: dict[str, float] = field(default_factory=dict)  # what persons said, and `received` by the centre
    kiosk_knows: str = "pressed"
    kept_taken_s: float = -1.0  # the centre has it on disk that a person took it
    called_s: float = -1.0  # people were last written to by the kiosk
    paged_s: float = -1.0  # … by the centre
    double_s: float = -1.0  # the centre holds it twice since
    expired: bool = False

    @property
    def last_s(self) -> float:
        """Give when it was last pressed, as far as the kiosk knows."""
        return self.again_s[-1] if self.again_s else self.opened_s

    @property
    def taken_s(self) -> float | None:
        """Give when a person first took it."""
        return min((at_s for stage, at_s in self.said.items() if stage in PEOPLES), default=None)
