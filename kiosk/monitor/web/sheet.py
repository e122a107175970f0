"""What an installer found at a kiosk, in the words of whoever looks. Owns the words' choice only."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from kiosk import commissioning
from kiosk.commissioning import LEVELS, Commissioning, Level, Verdict
from kiosk.monitor.store.commissionings import Held
from kiosk.monitor.web import times
from kiosk.monitor.web.health import Tone
from kiosk.monitor.web.words import Language
from kiosk.prompts import Catalogue
from kiosk.words import load_catalogue

TONES: dict[Level, Tone] = {
    "ok": "good", "warning": "warn", "fault": "bad", "untested": "warn", "unused": "note",
}  # fmt: skip
END_MS = 4_102_444_800_000  # 2100-01-01
VERDICTS: dict[Verdict, Tone] = {"passed": "good", "waiting": "warn", "failed": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the sheet in words."""

    title: str
    level: str
    found: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The newest record, with the registry's IMEI where it was another, and how many came before it."""

    record: Commissioning
    at_ms: int | None
    imei_before: str
    tone: Tone
    lines: tuple[Line, ...]
    earlier: int


@cache
def _words() -> Catalogue:
    return load_catalogue()


def of_kiosk(held: Sequence[Held], language: Language) -> Sheet | None:
    """Give the newest record in words, what is wrong first; None where there is none."""
    if not held:
        return None
    newest = held[0]
    rows = sorted(newest.record.rows, key=lambda row: LEVELS.index(row.level))
    words = _words()
    return Sheet(
        record=newest.record,
        at_ms=_moment(newest.record.at),
        imei_before=newest.imei_before,
        tone=VERDICTS[newest.record.verdict],
        lines=tuple(
            Line(
                title=commissioning.title(row.part, words, language),
                level=words.word(language, "check", f"level_{row.level}"),
                found=commissioning.found(row.code, row.values, words, language),
                tone=TONES[row.level],
            )
            for row in rows
        ),
        earlier=len(held) - 1,
    )


def _moment(at: str) -> int | None:
    """Read a time that the kiosk told, which may be nonsense."""
    at_ms = times.of_wire(at)
    return at_ms if at_ms is not None and 0 < at_ms < END_MS else None
