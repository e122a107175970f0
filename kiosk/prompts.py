"""Own the catalogue of all words that are spoken, shown or sent, in every language.

It turns the text of the locale files into values and refuses a catalogue in which any language lacks a word.
It never opens a file: `kiosk.words` reads the package's own, tests pass text.
"""

import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.messages import ConfigError, Language

LANGUAGES: tuple[Language, ...] = ("kk", "ru", "en")
KEYS = (
    "pressed",
    "sending",
    "received",
    "accepted",
    "en_route",
    "on_scene",
    "trying",
    "pressed_again",
    "closed",
    "drill",
    "check_ok",
    "check_failed",
)
COVER = "cover"  # the site's own phrase: it comes from the site's configuration, never from this public list
SECTIONS = ("sms", "lamp", "demo", "check", "install", "cli", "monitor", "cap")

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One thing the kiosk may say in one language; `approved` means a native speaker signed it off."""

    key: str
    language: Language
    text: str
    approved: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        """Split the text where one state may give way to a newer one."""
        return split_sentences(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All words of all languages; every language holds the same keys."""

    prompts: Mapping[tuple[Language, str], Prompt]
    words: Mapping[tuple[Language, str, str], str]

    def prompt(self, language: Language, key: str) -> Prompt:
        """Return the prompt of one language; KeyError for a key outside KEYS."""
        return self.prompts[language, key]

    def word(self, language: Language, section: str, key: str, /, **values: object) -> str:
        """Return one word of a section with its {placeholders} filled from `values`."""
        return self.words[language, section, key].format(**values)

    def fault(self, language: Language, code: str) -> str:
        """Tell a fault code (`button_lost:counter`) in words; an unknown one as it is."""
        name, _, what = code.partition(":")
        key = f"fault_{name}"
        known = (language, "check", key) in self.words
        return self.word(language, "check", key, name=what) if known else code

    def unapproved(self) -> tuple[Prompt, ...]:
        """List the prompts that no native speaker has signed off yet."""
        return tuple(prompt for prompt in self.prompts.values() if not prompt.approved)


def split_sentences(text: str) -> tuple[str, ...]:
    """Split `text` at full stops, question and exclamation marks; a text without any is one sentence."""
    return tuple(part for part in _SENTENCE_END.split(text.strip()) if part)


def cover_prompts(phrases: Mapping[Language, str]) -> tuple[Prompt, ...]:
    """Make prompts of the site's cover phrases, one per language; a site approves its own words."""
    return tuple(
        Prompt(key=COVER, language=language, text=text.strip(), approved=True)
        for language, text in phrases.items()
    )


def parse_catalogue(texts: Mapping[str, str]) -> Catalogue:
    """Decode the TOML text of every language into one catalogue.

    Raises ConfigError naming file and key for a missing, unknown or ill-typed entry in any language,
    and for a word whose {placeholders} differ between languages.
    """
    if set(texts) != set(LANGUAGES):
        raise ConfigError(
            f"locales: languages are {', '.join(sorted(texts)) or 'none'}; needed: {', '.join(LANGUAGES)}"
        )
    tables = {language: _table(language, texts[language]) for language in LANGUAGES}
    prompts: dict[tuple[Language, str], Prompt] = {}
    for language in LANGUAGES:
        for prompt in _prompts(language, tables[language]):
            prompts[language, prompt.key] = prompt
    words: dict[tuple[Language, str, str], str] = {}
    for section in SECTIONS:
        for language in LANGUAGES:
            for key, text in _section(language, section, tables[language]).items():
                words[language, section, key] = text
        _demand_equal_words(section, words)
    return Catalogue(prompts=prompts, words=words)


def _table(language: Language, text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _fault(language, "", f"is not valid TOML: {error}") from error
    for section in table:
        if section != "prompts" and section not in SECTIONS:
            raise _fault(language, section, f"unknown section; allowed: prompts, {', '.join(SECTIONS)}")
    return table


def _prompts(language: Language, table: Mapping[str, Any]) -> list[Prompt]:
    entries = table.get("prompts", {})
    if not isinstance(entries, dict):
        raise _fault(language, "prompts", "must be a table")
    for key in entries:
        if key not in KEYS:
            raise _fault(language, f"prompts.{key}", f"unknown key; allowed: {', '.join(KEYS)}")
    for key in KEYS:
        if key not in entries:
            raise _fault(language, f"prompts.{key}", "missing; every language needs every prompt")
    return [_prompt(language, key, entries[key]) for key in KEYS]


def _prompt(language: Language, key: str, entry: object) -> Prompt:
    if not isinstance(entry, dict) or set(entry) != {"text", "approved"}:
        raise _fault(language, f"prompts.{key}", "must hold exactly text and approved")
    text, approved = entry["text"], entry["approved"]
    if not isinstance(text, str) or not text.strip():
        raise _fault(language, f"prompts.{key}.text", "must be a text that is not empty")
    if not isinstance(approved, bool):
        raise _fault(language, f"prompts.{key}.approved", "must be true or false")
    return Prompt(key=key, language=language, text=text.strip(), approved=approved)


def _section(language: Language, section: str, table: Mapping[str, Any]) -> dict[str, str]:
    entries = table.get(section, {})
    if not isinstance(entries, dict):
        raise _fault(language, section, "must be a table")
    for key, text in entries.items():
        if not isinstance(text, str):
            raise _fault(language, f"{section}.{key}", "must be a text")
        try:
            placeholders(text)
        except ValueError as error:
            raise _fault(language, f"{section}.{key}", f"braces do not match: {error}") from error
    return entries


def placeholders(text: str) -> frozenset[str]:
    """Return the names between braces in `text`; ValueError when the braces do not match."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _demand_equal_words(section: str, words: Mapping[tuple[Language, str, str], str]) -> None:
    keys = {key for _, where, key in words if where == section}
    for key in sorted(keys):
        for language in LANGUAGES:
            if (language, section, key) not in words:
                raise _fault(language, f"{section}.{key}", "missing; another language has it")
        names = {language: placeholders(words[language, section, key]) for language in LANGUAGES}
        for language, found in names.items():
            if found != names[LANGUAGES[0]]:
                wanted = ", ".join(sorted(names[LANGUAGES[0]])) or "none"
                raise _fault(
                    language, f"{section}.{key}", f"placeholders differ from {LANGUAGES[0]}.toml: {wanted}"
                )


def _fault(language: Language, key: str, problem: str) -> ConfigError:
    return ConfigError(
        f"locales/{language}.toml: {key}: {problem}" if key else f"locales/{language}.toml: {problem}"
    )
