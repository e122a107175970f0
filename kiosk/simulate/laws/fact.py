"""One incident as it truly is, whatever kiosks and monitors believe. Pure."""

from dataclasses import dataclass, field

from kiosk.incident import ANEW_AFTER_S, NEVER_S
from kiosk.messages import IncidentRecord

A_MOMENT_S = 1.0
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
    most: int = 1  # as they really were, whatever a journal lost
    base: int = 0  # of those the kiosk read from its journal, or took over from the centre
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
    learned_s: float = NEVER_S  # the kiosk heard a person's word last
    anew_s: float = -1.0  # pressed long after that, and surely nobody answered yet
    anew_presses: int = 0  # so many were there then
    calls_again: bool = False  # … perhaps nobody answered yet
    answered: bool = False  # the kiosk heard from the centre itself
    kept_taken_s: float = -1.0  # the centre has it on disk that a person took it
    called_s: float = -1.0  # people were last written to by the kiosk
    paged_s: float = -1.0  # … by the centre
    double_s: float = -1.0  # the centre holds it twice since
    expired: bool = False

    def pressed_again(self, now_s: float) -> None:
        """Count a further press; long after a person's word it must be heard of again (ADR 30)."""
        self.presses += 1
        self.again_s.append(now_s)
        self.most += 1
        if self.kiosk_knows not in PEOPLES:
            return
        since_s = now_s - self.learned_s - ANEW_AFTER_S
        self.calls_again |= since_s > -A_MOMENT_S
        if since_s > A_MOMENT_S and self.anew_s < 0:
            self.anew_s, self.anew_presses = now_s, self.presses

    def heard_word(self, now_s: float, *, answered: bool) -> None:
        """Note that the kiosk heard a person's word; one that came by way of the centre may have crossed."""
        self.learned_s, self.anew_s = now_s, -1.0
        self.calls_again &= not answered

    def recounted(self, counted: int, now_s: float) -> None:
        """Count on from the centre's count: of what the disk forgot nobody knows more than that it was."""
        self.again_s[self.base - 1 : self.base - 1] = [now_s] * (counted - self.base)
        self.presses, self.base = counted + self.presses - self.base, counted

    def is_kept_as(self, record: IncidentRecord) -> None:
        """Note that its kiosk lost its process, and knows of it what its disk has."""
        self.kiosk_knows = record.stage
        self.presses = self.base = max(1, record.presses)
        del self.again_s[self.presses - 1 :]
        self.answered = record.known > 0
        self.calls_again = record.anew
        if not record.anew:
            self.anew_s = -1.0

    @property
    def last_s(self) -> float:
        """Give when it was last pressed, as far as the kiosk knows."""
        return self.again_s[-1] if self.again_s else self.opened_s

    @property
    def taken_s(self) -> float | None:
        """Give when a person first took it."""
        return min((at_s for stage, at_s in self.said.items() if stage in PEOPLES), default=None)
