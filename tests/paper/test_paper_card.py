"""The card for the staff: every word, each Kazakh letter, nothing cut off, a QR of the number only."""

import ast
import dataclasses
from pathlib import Path

import pytest
import zxingcpp
from fakes.centre_browser import ARGUMENTS, CHROMIUM
from fakes.paper_record import EXAMPLE
from fakes.pdf import A5, letters, picture, read
from PIL import Image
from playwright.sync_api import sync_playwright

from kiosk.config import Config
from kiosk.messages import Language
from kiosk.paper import card, drawings, words
from kiosk.paper.point import Mode, Point, Press, point_of
from kiosk.paper.record import PaperError
from kiosk.prompts import Catalogue
from kiosk.site_files import load_config
from kiosk.words import load_catalogue

BOTH: tuple[Language, ...] = ("kk", "ru")
MODES: tuple[Mode, ...] = ("spoken", "cover", "off")
PROMPTS: Catalogue = load_catalogue()
HEARD = {"begin": "drill", "end": "check_ok"}
KAZAKH = set("ӘҒҚҢӨҰҮҺІәғқңөұүһі")
COVER = ("Құрметті сатып алушылар, дүкен сағат сегізге дейін жұмыс істейді.", "Магазин работает до восьми.")
# The longest that a configuration lets in: it must still fit.
LONGEST = Point(
    number=0xFFFFFF,
    names={"kk": "Ұзақ атаулы «Қазақстан» дәріханасы мен дүкені " + "Ң" * 14, "ru": "Щ" * 60},
    mode="cover",
    cover=("Құрметті " + "қ" * 191, "Уважаемые " + "щ" * 190),
    presses=tuple(
        Press(name=f"button-{n}-of-this-shop", guard=guard, hold_s=1.25)
        for n, guard in enumerate(("single", "hold", "double", "hold", "single", "hold", "double", "single"))
    ),
    service_phone="+77010000099",
)


def site() -> Config:
    return load_config(EXAMPLE)[0]


def point(**changed: object) -> Point:
    return dataclasses.replace(point_of(site()), **changed)  # type: ignore[arg-type]


def text(made: Point, language: Language = "ru") -> str:
    return card.to_html(made, (language,), PROMPTS)


def printed(made: Point, folder: Path) -> Path:
    file = folder / "card.pdf"
    file.write_bytes(card.to_pdf(made, BOTH, PROMPTS))
    return file


def codes(file: Path) -> list[str]:
    """Read the QR codes off both pages, as a telephone would."""
    found = []
    for page in (1, 2):
        with Image.open(picture(file, page)) as drawn:
            found += [code.text for code in zxingcpp.read_barcodes(drawn)]
    return found


# ---- on paper


def wanted(mode: Mode) -> list[str]:
    """Give every text that must stand on a card of both languages."""
    known = words.load("card")
    always = [
        "title",
        "point",
        "means",
        "never",
        "again",
        "keep",
        "no_sms",
        "drill_weekly",
        "drill_never",
        f"drill_{mode}",
    ]
    always += [f"phone_{number}" for number in card.PHONES] + [f"says_{mode}", "lamp_fault", "lamp_call"]
    always += ["step_calm", "step_danger", "step_silent", "step_stay"]
    texts = [card.PIN_SAYS]
    for language in BOTH:
        heard = {name: PROMPTS.prompt(language, key).text for name, key in HEARD.items()}
        texts += [known.word(language, key, phone="+7 701 000 00 99", **heard) for key in always]
        texts += [PROMPTS.prompt(language, key).text for key in card.SAID if mode == "spoken"]
    return texts


@pytest.mark.real
def test_the_pdf_is_two_pages_of_a5_with_its_fonts_every_word_and_letter(tmp_path: Path) -> None:
    file = printed(point(names={"kk": "ӘҒҚҢӨҰҮҺІ әғқңөұүһі", "ru": "Ё"}), tmp_path)
    pdf = read(file)
    found = letters(pdf.text)
    assert [text for text in wanted("spoken") if letters(text) not in found] == []
    assert set(pdf.text) >= KAZAKH
    assert (pdf.size, pdf.pages, pdf.not_embedded) == (A5, 2, ())
    assert pdf.fonts
    assert codes(file) == ["17", "17"]


@pytest.mark.real
def test_the_longest_texts_of_a_site_still_fit(tmp_path: Path) -> None:
    file = printed(LONGEST, tmp_path)
    pdf = read(file)
    found = letters(pdf.text)
    assert pdf.pages == 2
    assert [text for text in wanted("cover") if letters(text) not in found] == []
    assert all(letters(phrase) in found for phrase in (*LONGEST.cover, *LONGEST.names.values()))
    assert all(press.name in found for press in LONGEST.presses)
    assert found.count("№16777215") == 2
    assert codes(file) == ["16777215", "16777215"]


# ---- what stands on it


def test_a_mode_tells_only_what_is_heard_in_it() -> None:
    accepted = PROMPTS.prompt("ru", "accepted").text
    spoken, cover, off = (text(point(mode=mode, cover=COVER)) for mode in MODES)
    assert accepted in spoken
    assert COVER[1] not in spoken
    assert accepted not in cover
    assert COVER[1] in cover
    assert "молчит" in off
    assert accepted not in off
    assert COVER[1] not in off


def test_no_card_promises_safety_help_or_a_time() -> None:
    """The forbidden sentences stand on it once: where the staff are told never to say them."""
    for mode in MODES:
        made = text(point(mode=mode, cover=COVER))
        assert made.count("вы в безопасности") == made.count("сейчас приедут") == 1
        assert "минут" not in made


def test_buttons_that_are_pressed_alike_need_no_names() -> None:
    one = (Press(name="counter", guard="double"), Press(name="fitting", guard="double"))
    assert "нажмите скрытую кнопку два раза подряд. Сделайте" in text(point(presses=one))


def test_buttons_that_differ_are_told_by_name() -> None:
    made = text(point())
    assert (
        "«counter»: нажмите скрытую кнопку один раз; «fitting»: нажмите скрытую кнопку и держите 1 с." in made
    )


def test_without_a_service_phone_a_line_is_left_to_write_on() -> None:
    assert text(point(service_phone=None)).count(words.load("card").word("ru", "blank")) == 2


def test_a_point_without_a_lamp_is_told_when_to_phone_all_the_same() -> None:
    made = text(point(lamp="none"))
    assert "Лампы здесь нет" in made
    assert "rhythm" not in made.rpartition("</style>")[2]
    assert "+7 701 000 00 99" in made


def test_a_lamp_that_is_dark_when_all_is_well_is_never_called_dead() -> None:
    made = text(point(lamp="dark"))
    assert "не горит: киоск готов" in made
    assert "нет питания:" not in made
    assert "не горит совсем" not in made


def test_the_rhythms_drawn_are_those_of_the_lamp() -> None:
    """Read from the source: the driver's file needs gpiozero, which a desk does not have."""
    tree = ast.parse((Path(card.__file__).parents[1] / "hw" / "lamp.py").read_text(encoding="utf-8"))
    named = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    )
    assert named["armed"] == drawings.WINK
    assert named["alerting"] == drawings.ALERTING
    assert named["fault"] == drawings.FAULT


def test_the_weekly_drill_is_told_when_the_timer_runs_it() -> None:
    timer = (EXAMPLE.parents[1] / "systemd" / "kiosk-drill.timer").read_text(encoding="utf-8")
    assert {"OnCalendar=Tue *-*-* 10:00:00", "RandomizedDelaySec=1h"} <= set(timer.splitlines())
    assert "во вторник с 10 до 11 часов" in text(point())


def test_a_name_that_is_missing_in_a_language_is_taken_from_russian() -> None:
    assert point(names={"ru": "Аптека"}).name("kk") == "Аптека"


def test_a_foreign_number_is_left_as_it_is() -> None:
    assert card.spaced("+77010000001") == "+7 701 000 00 01"
    assert card.spaced("+4930123456") == "+4930123456"


def test_a_given_phone_wins_over_the_configured_one() -> None:
    assert point_of(site(), "+77270000001").service_phone == "+77270000001"
    assert point_of(site()).service_phone == "+77010000099"


def test_the_cover_phrases_stand_in_the_order_in_which_they_sound() -> None:
    config = load_config(EXAMPLE)[0]
    assert point_of(config).cover == ()


@pytest.mark.parametrize("languages", [(), ("kk", "ru", "en"), ("kk", "kk")])
def test_a_card_has_one_or_two_languages(languages: tuple[Language, ...]) -> None:
    with pytest.raises(PaperError, match="one or two different languages"):
        card.to_html(point(), languages, PROMPTS)


def test_a_missing_library_for_the_code_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "segno", None)
    with pytest.raises(PaperError, match=r"the QR code needs segno: pip install"):
        text(point())


@pytest.mark.real
@pytest.mark.parametrize("made", [point(), LONGEST], ids=["example", "longest"])
def test_a_browser_prints_the_html_on_two_pages_of_a5(made: Point, tmp_path: Path) -> None:
    file, out = tmp_path / "card.html", tmp_path / "printed.pdf"
    file.write_text(card.to_html(made, BOTH, PROMPTS), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        page.goto(file.as_uri())
        page.pdf(path=out, prefer_css_page_size=True)
        browser.close()
    pdf = read(out)
    assert (pdf.size, pdf.pages) == (A5, 2)
    assert letters(card.PIN_SAYS) in letters(pdf.text)


def test_what_a_site_wrote_is_escaped_and_nothing_is_fetched() -> None:
    made = text(point(mode="cover", cover=("<img src=x onerror=alert(1)>",)))
    assert "<img" not in made
    assert not any(word in made for word in ("https:", ' src="', "url(", "@import"))
