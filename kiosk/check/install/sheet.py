"""The pass/fail sheet as text: in Kazakh and in Russian, for the terminal and for whoever signs it."""

from kiosk import commissioning
from kiosk.commissioning import LEVELS, Commissioning
from kiosk.messages import Language
from kiosk.prompts import Catalogue

SHEET_LANGUAGES: tuple[Language, ...] = ("kk", "ru")
MARKS = {"ok": "+", "warning": "!", "fault": "X", "untested": "?", "unused": "-"}


def lines(record: Commissioning, words: Catalogue, language: Language) -> list[str]:
    """Give the sheet in one language, what is wrong first."""

    def word(key: str, **values: object) -> str:
        return words.word(language, "install", key, **values)

    head = [
        word("sheet_title", kiosk=record.kiosk_id),
        word("sheet_by", by=record.by, at=record.at),
        word(f"sheet_{record.verdict}"),
    ]
    body = []
    for row in sorted(record.rows, key=lambda row: LEVELS.index(row.level)):
        level = words.word(language, "check", f"level_{row.level}")
        told = commissioning.found(row.code, row.values, words, language)
        body.append(f"[{MARKS[row.level]}] {commissioning.title(row.part, words, language)}: {level}. {told}")
        do = commissioning.advice(row, words, language)
        body += [f"      → {do}"] if do else []
    return [*head, "", *body]
