"""Words of paper: three languages that agree, refused with file and key otherwise."""

import pytest

from kiosk.messages import ConfigError, Language
from kiosk.paper import words

GOOD = 'approved = true\na = "one {n}"\n'


def texts(**changed: str) -> dict[Language, str]:
    return {"kk": GOOD, "ru": GOOD, "en": GOOD} | changed  # type: ignore[return-value]


@pytest.mark.parametrize("paper", ["card", "sheet"])
def test_the_kazakh_words_wait_for_a_native_speaker(paper: words.Paper) -> None:
    assert words.load(paper).approved == {"ru", "en"}


def test_a_word_is_filled() -> None:
    assert words.parse("card", texts()).word("kk", "a", n=3) == "one 3"


@pytest.mark.parametrize(
    ("language", "text", "told"),
    [
        ("ru", "approved = ", "card.ru.toml: Invalid value"),
        ("kk", 'a = "one {n}"', "card.kk.toml: approved: must be true or false"),
        ("en", "approved = true\na = 3", "card.en.toml: a: must be a text"),
        ("en", 'approved = true\na = ""', "card.en.toml: a: must be a text"),
        ("ru", "approved = true", "card.ru.toml: a: missing; another language has it"),
        ("kk", 'approved = true\na = "one {"', "card.kk.toml: a: "),
        ("kk", 'approved = true\na = "one"', "card: a: the languages differ in their placeholders"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_key(language: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match="locales/paper/") as caught:
        words.parse("card", texts(**{language: text}))
    assert told in str(caught.value)
