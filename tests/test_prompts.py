import re

import pytest

from kiosk.messages import ConfigError
from kiosk.prompts import (
    KEYS,
    LANGUAGES,
    Catalogue,
    cover_prompts,
    parse_catalogue,
    placeholders,
    split_sentences,
)
from kiosk.words import load_catalogue

DISCREET = re.compile(
    r"button|police|violen|abus|victim|shelter|street"
    r"|кнопк|полици|насили|жертв|приют|улиц"
    r"|батырма|түйме|полиция|зорлық|құрбан|баспана|көше",
    re.IGNORECASE,
)
UNTRUE = re.compile(r"\d|safe now|are safe|безопасности|қауіпсізсіз|minute|минут", re.IGNORECASE)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def texts(**changes: str) -> dict[str, str]:
    prompts = "".join(f'[prompts.{key}]\ntext = "{key}."\napproved = true\n' for key in KEYS)
    return {language: changes.get(language, prompts) for language in LANGUAGES}


def good() -> str:
    return texts()["kk"]


def refused(**changes: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_catalogue(texts(**changes))
    return str(caught.value)


def test_every_language_says_every_prompt(catalogue: Catalogue) -> None:
    assert set(catalogue.prompts) == {(language, key) for language in LANGUAGES for key in KEYS}


def test_every_kazakh_line_waits_for_a_native_speaker_and_no_other_does(catalogue: Catalogue) -> None:
    kazakh = {(prompt.language, prompt.key) for prompt in catalogue.unapproved()}
    assert kazakh == {("kk", key) for key in KEYS}


def test_no_prompt_names_the_button_the_police_or_violence(catalogue: Catalogue) -> None:
    assert [p for p in catalogue.prompts.values() if DISCREET.search(p.text)] == []


def test_no_prompt_promises_safety_or_a_time(catalogue: Catalogue) -> None:
    assert [p for p in catalogue.prompts.values() if UNTRUE.search(p.text)] == []


def test_help_on_its_way_is_only_in_the_prompt_of_that_stage(catalogue: Catalogue) -> None:
    way = re.compile(r"on its way|выехала|жолға шықты")
    assert {p.key for p in catalogue.prompts.values() if way.search(p.text)} == {"en_route"}


def test_only_trying_suggests_a_call(catalogue: Catalogue) -> None:
    call = re.compile(r"\bcall one|позвоните|қоңырау")
    assert {p.key for p in catalogue.prompts.values() if call.search(p.text)} == {"trying"}


def test_kazakh_text_has_kazakh_letters(catalogue: Catalogue) -> None:
    kazakh = set("әіңғүұқөһӘІҢҒҮҰҚӨҺ")
    assert all(kazakh & set(catalogue.prompt("kk", key).text) for key in KEYS)
    assert not any(kazakh & set(catalogue.prompt("ru", key).text) for key in KEYS)


def test_languages_agree_on_where_one_state_may_give_way_to_another(catalogue: Catalogue) -> None:
    for key in KEYS:
        assert len({len(catalogue.prompt(language, key).sentences) for language in LANGUAGES}) == 1, key


def test_a_text_is_split_into_its_sentences() -> None:
    assert split_sentences(" Бұл — тексеру. Көмек жоқ!  Ия? Жоқ… Иә ") == (
        "Бұл — тексеру.",
        "Көмек жоқ!",
        "Ия?",
        "Жоқ…",
        "Иә",
    )


def test_a_language_too_few_is_refused() -> None:
    with pytest.raises(ConfigError, match="needed: kk, ru, en"):
        parse_catalogue({"kk": good()})
    with pytest.raises(ConfigError, match="are none"):
        parse_catalogue({})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[prompts", "locales/ru.toml: is not valid TOML"),
        ("[jokes]\n", "locales/ru.toml: jokes: unknown section; allowed: prompts, sms"),
        ("prompts = 3\n", "locales/ru.toml: prompts: must be a table"),
        ("", "locales/ru.toml: prompts.pressed: missing"),
        (good() + "[prompts.joke]\ntext='a'\napproved=true\n", "locales/ru.toml: prompts.joke: unknown key"),
        (good().replace("[prompts.closed]", "[prompts.drill2]"), "locales/ru.toml: prompts.drill2: unknown"),
        (good().replace("approved = true\n", "", 1), "prompts.pressed: must hold exactly text and approved"),
        (good().replace('"pressed."', '" "'), "prompts.pressed.text: must be a text that is not empty"),
        (good().replace('"pressed."', "7"), "prompts.pressed.text: must be a text"),
        (good().replace("approved = true", "approved = 1", 1), "prompts.pressed.approved: must be true or"),
        ("sms = 1\n" + good(), "locales/ru.toml: sms: must be a table"),
        (good() + "[sms]\nalarm = 1\n", "locales/ru.toml: sms.alarm: must be a text"),
        (good() + "[sms]\nalarm = '{a'\n", "locales/ru.toml: sms.alarm: braces do not match"),
        (good() + "[sms]\nalarm = 'a'\n", "locales/kk.toml: sms.alarm: missing; another language has it"),
    ],
)
def test_a_wrong_locale_file_is_refused_with_its_name_and_key(text: str, says: str) -> None:
    assert says in refused(ru=text)


def test_a_word_has_the_same_placeholders_in_every_language() -> None:
    changes = {"kk": good() + "[cli]\na='{who}'\n", "ru": good() + "[cli]\na='{who}'\n"}
    assert "locales/en.toml: cli.a: placeholders differ from kk.toml: who" in refused(
        en=good() + "[cli]\na='x {whom}'\n", **changes
    )
    plain = {language: good() + "[cli]\na='a'\n" for language in ("kk", "ru")}
    assert "placeholders differ from kk.toml: none" in refused(en=good() + "[cli]\na='{b}'\n", **plain)


def test_a_word_is_filled_with_its_values() -> None:
    words = "[cli]\nhello = 'Salem, {name}: {n:02d}!'\n"
    catalogue = parse_catalogue({language: good() + words for language in LANGUAGES})
    assert catalogue.word("kk", "cli", "hello", name="Aru", n=7) == "Salem, Aru: 07!"
    assert placeholders("a {b} c {d!r} {{e}}") == {"b", "d"}


def test_the_cover_phrase_is_the_sites_own() -> None:
    kazakh, russian = cover_prompts({"kk": " Дүкен ашық. ", "ru": "Магазин открыт."})
    assert (kazakh.key, kazakh.language, kazakh.text, kazakh.approved) == ("cover", "kk", "Дүкен ашық.", True)
    assert russian.sentences == ("Магазин открыт.",)


def test_a_fault_is_told_in_words_and_an_unknown_one_as_it_is() -> None:
    words = load_catalogue()
    assert words.fault("ru", "button_lost:counter") == "вход counter не читается"
    assert words.fault("en", "no_such_fault:x") == "no_such_fault:x"
