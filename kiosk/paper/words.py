"""The words of paper: kiosk/locales/paper/<paper>.<language>.toml, flat `key = "text"` and `approved`.

Owns their reading; refuses a catalogue in which a language lacks a key or a {placeholder}.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from kiosk.messages import ConfigError, Language
from kiosk.prompts import LANGUAGES, placeholders

Paper = Literal["card", "sheet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Every word of one paper in every language; `approved` names those that a native speaker signed off."""

    texts: Mapping[tuple[Language, str], str]
    approved: frozenset[Language]

    def word(self, language: Language, key: str, **values: object) -> str:
        """Give one word with its {placeholders} filled; KeyError for one that no file has."""
        return self.texts[language, key].format(**values)


def load(paper: Paper) -> Words:
    """Read the package's own files of one paper; ConfigError names file and key."""
    folder = files("kiosk") / "locales" / "paper"
    return parse(
        paper,
        {
            language: (folder / f"{paper}.{language}.toml").read_text(encoding="utf-8")
            for language in LANGUAGES
        },
    )


def parse(paper: str, found: Mapping[Language, str]) -> Words:
    """Turn the text of every language into words; ConfigError names file and key."""
    texts: dict[tuple[Language, str], str] = {}
    approved = set()
    for language, text in found.items():
        values = _table(paper, language, text)
        if values.pop("approved"):
            approved.add(language)
        texts |= {(language, key): value for key, value in values.items()}
    for key in sorted({key for _, key in texts}):
        _demand_equal(paper, key, texts)
    return Words(texts=texts, approved=frozenset(approved))


def _table(paper: str, language: Language, text: str) -> dict[str, Any]:
    name = f"locales/paper/{paper}.{language}.toml"
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {error}") from error
    if not isinstance(values.get("approved"), bool):
        raise ConfigError(f"{name}: approved: must be true or false")
    for key, value in values.items():
        if key != "approved" and (not isinstance(value, str) or not value):
            raise ConfigError(f"{name}: {key}: must be a text that is not empty")
    return values


def _demand_equal(paper: str, key: str, texts: Mapping[tuple[Language, str], str]) -> None:
    holes = set()
    for language in LANGUAGES:
        where = f"locales/paper/{paper}.{language}.toml: {key}"
        if (language, key) not in texts:
            raise ConfigError(f"{where}: missing; another language has it")
        try:
            holes.add(placeholders(texts[language, key]))
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from error
    if len(holes) != 1:
        raise ConfigError(f"locales/paper/{paper}: {key}: the languages differ in their placeholders")
