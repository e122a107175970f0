"""The words of the pages: kiosk/locales/web/<page>.<language>.toml, flat `key = "text"`.

Owns their reading; refuses a catalogue in which a language lacks a key or a {placeholder}.
"""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal, get_args

from kiosk.messages import ConfigError

Language = Literal["kk", "ru", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, slots=True)
class Words:
    """Every word of every page: (language, "page.key") -> text."""

    texts: Mapping[tuple[Language, str], str]

    def word(self, language: Language, key: str, **values: object) -> str:
        """Give `page.key` with its {placeholders} filled; KeyError for one that no file has."""
        return self.texts[language, key].format(**values)

    def has(self, key: str) -> bool:
        """Tell whether there is such a word."""
        return ("en", key) in self.texts


def language_of(text: str | None) -> Language | None:
    """Read a language's name, or None for any other text."""
    return next((language for language in LANGUAGES if language == text), None)


def parse(found: Mapping[str, str]) -> Words:
    """Turn file names and texts into words; raises ConfigError naming file and key."""
    texts: dict[tuple[Language, str], str] = {}
    for name, text in found.items():
        page, _, rest = name.partition(".")
        language = language_of(rest.removesuffix(".toml"))
        if language is None:
            raise ConfigError(f"{name}: must be <page>.kk.toml, <page>.ru.toml or <page>.en.toml")
        for key, value in _flat(name, text).items():
            texts[language, f"{page}.{key}"] = value
    _demand_equal(texts)
    return Words(texts)


def load() -> Words:
    """Read the package's own files."""
    folder = files("kiosk") / "locales" / "web"
    return parse(
        {
            file.name: file.read_text(encoding="utf-8")
            for file in folder.iterdir()
            if file.name[-5:] == ".toml"
        }
    )


def _flat(name: str, text: str) -> dict[str, str]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {error}") from error
    for key, value in values.items():
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{name}: {key}: must be a text that is not empty")
    return values


def _demand_equal(texts: Mapping[tuple[Language, str], str]) -> None:
    keys = {key for _, key in texts}
    for key in sorted(keys):
        holes = {}
        for language in LANGUAGES:
            if (language, key) not in texts:
                raise ConfigError(f"locales/web: {key}: has no text in {language}")
            holes[language] = _holes(key, texts[language, key])
        if len(set(map(frozenset, holes.values()))) != 1:
            raise ConfigError(f"locales/web: {key}: the languages differ in their placeholders: {holes}")


def _holes(key: str, text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ConfigError(f"locales/web: {key}: {error}") from error
