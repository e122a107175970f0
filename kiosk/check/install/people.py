"""Who answers the installer's check: a person at a terminal, or a file of answers where none is there.

Owns how a question is put and read, never what it is about.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from kiosk.messages import ConfigError, Language
from kiosk.prompts import Catalogue

Answer = Literal["yes", "no", "again"]
ANSWERS: tuple[Answer, ...] = ("yes", "no", "again")
DEFAULT = "*"


class Person(Protocol):
    """Somebody who reads what is told, and answers."""

    def tell(self, text: str) -> None:
        """Show a line."""

    def ask(self, name: str, text: str) -> Answer:
        """Put a question; `name` is stable, as heard:received."""


class AtTerminal:
    """A person who reads the terminal; letters of three languages are understood."""

    def __init__(self, words: Catalogue, language: Language, read: Callable[[], str]) -> None:
        self._hint = words.word(language, "install", "answers")
        self._letters: dict[str, Answer] = {
            letter.strip(): answer
            for known in ("kk", "ru", "en")
            for answer in ANSWERS
            for letter in words.words[known, "install", f"answer_{answer}"].split(",")
        }
        self._read = read

    def tell(self, text: str) -> None:
        """Show a line at once."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def ask(self, name: str, text: str) -> Answer:  # noqa: ARG002 - a person needs no name
        """Ask until the answer is one; the end of the input is a no."""
        while True:
            sys.stdout.write(f"{text} {self._hint} ")
            sys.stdout.flush()
            line = self._read()
            if not line:
                return "no"
            answer = self._letters.get(line.strip().casefold())
            if answer:
                return answer


class FromFile:
    """Answers given before: for tests, and where nobody stands. Never says `again` twice to one question."""

    def __init__(self, answers: Mapping[str, Answer], tell: Callable[[str], None]) -> None:
        self._answers = answers
        self._tell = tell
        self._again: set[str] = set()

    def tell(self, text: str) -> None:
        """Show a line."""
        self._tell(text)

    def ask(self, name: str, text: str) -> Answer:
        """Give the answer that stands for this name, else the one that stands for all."""
        answer = self._answers.get(name, self._answers.get(DEFAULT, "no"))
        if answer == "again" and name in self._again:
            answer = "no"
        self._again.add(name)
        self._tell(f"{text} {answer}")
        return answer


def read_answers(path: Path) -> dict[str, Answer]:
    """Read a file of answers, `heard:received no` or `* yes` a line. Raises ConfigError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    answers: dict[str, Answer] = {}
    for number, line in enumerate(lines, 1):
        name, _, word = line.partition(" ")
        answer = next((known for known in ANSWERS if known == word.strip()), None)
        if line.strip() and answer is None:
            raise ConfigError(f"{path}:{number}: a name and one of {', '.join(ANSWERS)} are expected")
        if answer is not None:
            answers[name] = answer
    return answers
