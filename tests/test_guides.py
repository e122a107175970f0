"""The guides for people: the same in three languages, and held to the code that they tell of."""

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from kiosk import health
from kiosk.cli import COMMANDS
from kiosk.commands.check import check
from kiosk.commands.fleet.make import make
from kiosk.config import Balance, Button
from kiosk.contacts import UNREAD_MAX_S
from kiosk.prompts import Catalogue
from kiosk.words import load_catalogue

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = ("installer", "troubleshooting")
LANGUAGES = ("kk", "ru", "en")
CODES = {"kk": "Кодтар: ", "ru": "Коды: ", "en": "Codes: "}
WORDS: Catalogue = load_catalogue()
WHOLE_SECTION = {  # a fault that has a section of its own needs no line of its own
    "voice_unavailable", "nobody_on_duty", "clock_unsynced", "tamper_open", "mqtt_down", "https_down",
}  # fmt: skip
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DRAWINGS = sorted((DOCS / "installer").glob("*.svg"))


def guide(name: str, language: str) -> str:
    return (DOCS / name / f"{language}.md").read_text(encoding="utf-8")


def shape(text: str) -> list[str]:
    """Give what stands line by line whatever the language: headings, items, tables, pictures, code."""
    kinds = (r"#+ ", r"[0-9]+\. ", r"- ", r"\|", r"!\[", r"```")
    lines = (re.match("|".join(kinds), line) for line in text.splitlines())
    return [found[0] for found in lines if found]


def spans(text: str) -> Counter[str]:
    """Give every piece of code, without the language that it is asked to speak."""
    inline = re.findall(r"`([^`\n]+)`", FENCED.sub("", text))
    return Counter(re.sub(r"--lang \w\w", "--lang", code) for code in (*inline, *FENCED.findall(text)))


def numbers(text: str) -> Counter[str]:
    return Counter(found.replace(",", ".") for found in re.findall(r"[0-9]+(?:[.,][0-9]+)?", text))


@pytest.mark.parametrize("name", GUIDES)
@pytest.mark.parametrize("language", ["ru", "kk"])
def test_the_three_languages_have_one_structure_the_same_code_and_figures(name: str, language: str) -> None:
    one, other = guide(name, "en"), guide(name, language)
    assert shape(one) == shape(other)
    assert spans(one) == spans(other)
    assert numbers(one) == numbers(other)


@pytest.mark.parametrize("name", GUIDES)
def test_the_kazakh_guide_says_that_no_speaker_has_read_it(name: str) -> None:
    assert "ана тілінде сөйлейтін адам әлі тексерген жоқ" in guide(name, "kk")


def told_codes() -> set[str]:
    """Give the codes that the kiosk's code raises, with those that have words."""
    sources = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "kiosk").glob("*.py")))
    raised = set(re.findall(r'\.fault\(\s*f?"([a-z_]+)', sources))
    raised |= set(
        re.findall(
            r'^ {8}"([a-z_]+)": ', (ROOT / "kiosk" / "health.py").read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    raised |= health.MILD
    keys = {key for _, section, key in WORDS.words if section == "check" and key.startswith("fault_")}
    return raised | {key.removeprefix("fault_") for key in keys if not key.endswith("_do")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fault_has_one_entry_and_no_entry_is_stale(language: str) -> None:
    told = [
        code
        for line in guide("troubleshooting", language).splitlines()
        if line.startswith(CODES[language])
        for code in re.findall(r"`([a-z_]+)`", line)
    ]
    assert sorted(told) == sorted(told_codes())
    advised = re.findall(r"^[0-9]+\. `([a-z_]+)`: ", guide("troubleshooting", language), re.MULTILINE)
    assert set(advised) == set(told) - WHOLE_SECTION


def test_the_figures_are_the_codes() -> None:
    button, text = Button(name="x", pin=0), guide("troubleshooting", "en")
    assert f"more than {button.stuck_s:g} s" in text
    assert f"less than {button.stable_ms} ms" in text
    assert f"no level for {UNREAD_MAX_S:g} s" in text
    assert f"less than {health.DISK_LOW_MB} MB" in text
    assert f"less than {health.CERT_SOON_DAYS} days" in text
    low_kzt = Balance(code="*100#", pattern="").low_kzt
    assert f"usually {low_kzt:g} tenge" in text
    life_h = next(option.default for option in make.params if option.name == "life_h")
    assert f"for {life_h // 24} days" in guide("installer", "en")


@pytest.mark.parametrize("name", GUIDES)
def test_every_command_named_is_one(name: str) -> None:
    named = [
        found
        for code in spans(guide(name, "en"))
        for found in re.findall(r"(?:^|sudo |-u pana-kiosk )kiosk ([a-z]+)", code, re.MULTILINE)
    ]
    assert named
    assert set(named) <= set(COMMANDS)


def test_every_link_and_picture_is_there() -> None:
    broken = [
        f"{file.relative_to(ROOT)}: {target}"
        for file in (*DOCS.rglob("*.md"), ROOT / "README.md")
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", file.read_text(encoding="utf-8"))
        if not (file.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda file: file.stem)
def test_a_drawing_is_valid_and_stands_in_every_guide(drawing: Path) -> None:
    root = ElementTree.fromstring(drawing.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert "href" not in drawing.read_text(encoding="utf-8")
    assert all(f"({drawing.name})" in guide("installer", language) for language in LANGUAGES)


def options(code: str) -> set[str]:
    return set(re.findall(r"--[a-z-]+", code))


def test_every_option_of_the_check_at_the_site_is_one() -> None:
    known = {option for parameter in check.params for option in parameter.opts}
    told = [code for code in spans(guide("installer", "en")) if "kiosk check --install" in code]
    told += [
        code
        for code in spans(guide("installer", "en"))
        if code in ("--again", "--sheet /media/pana/sheet.html")
    ]
    assert len(told) == 3
    assert [code for code in told if not options(code) <= known] == []


def test_every_option_and_exit_code_of_the_set_up_is_one() -> None:
    script = (ROOT / "provisioning" / "provision.sh").read_text(encoding="utf-8")
    told = [code for name in GUIDES for code in spans(guide(name, "en")) if "provision.sh" in code]
    assert told
    used = set().union(*map(options, told)) | {"--dry-run"}
    assert [option for option in used if f"{option})" not in script and f"{option} |" not in script] == []
    codes = re.findall(r"^\| ([0-9]) \| ", guide("installer", "en"), re.MULTILINE)
    assert [f"{code} " for code in codes if f"{code} " not in script.split("Exit codes:")[1][:200]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_set_up_says_is_quoted_as_it_says_it(language: str) -> None:
    words = (ROOT / "provisioning" / "words" / language).read_text(encoding="utf-8")
    last = guide("troubleshooting", language).split("\n## 14")[1]
    quoted = re.findall(r"^[0-9]\. [«“](.+?)[»”]: ", last, re.MULTILINE)
    assert len(quoted) == 2
    assert [text for text in quoted if f"={text}" not in words] == []
