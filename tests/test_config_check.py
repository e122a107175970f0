"""The rules across keys, each broken once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kiosk.bodies import Words
from kiosk.config import Button, Config, Contact, Duty, LampPins, Officer, ShortPlace, Tier, Tls
from kiosk.config_check import Problem, check, longest_alert
from kiosk.config_text import decode
from kiosk.config_voice import Cover
from kiosk.prompts import Catalogue
from kiosk.wire import ALERT_MAX_BYTES, encode
from kiosk.words import load_catalogue

EXAMPLE = Path(__file__).parent.parent / "provisioning" / "site.example.toml"
COVER = Cover(
    kk="Құрметті сатып алушылар, бүгін дүкен сегізге дейін ашық.",
    ru="Уважаемые покупатели, сегодня магазин открыт до восьми.",
)


@pytest.fixture(scope="module")
def words() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def site() -> Config:
    return decode(Config, EXAMPLE.read_text(encoding="utf-8"), "site.example.toml")


Find = Callable[..., list[Problem]]


@pytest.fixture
def find(site: Config, words: Catalogue) -> Find:
    """Change parts of the example (`mqtt={"tls": None}`) and give the problems."""

    def change(**parts: Any) -> list[Problem]:
        changed = {
            name: replace(getattr(site, name), **value) if isinstance(value, dict) else value
            for name, value in parts.items()
        }
        return check(replace(site, **changed), words)

    return change


def keys(problems: list[Problem]) -> list[str]:
    return [problem.key for problem in problems]


def test_the_example_has_no_problem(find: Find) -> None:
    assert find() == []


def test_two_buttons_of_one_name_are_a_problem(find: Find) -> None:
    found = find(buttons=(Button(name="a", pin=5), Button(name="b", pin=6), Button(name="a", pin=7)))
    assert found == [Problem("buttons[2].name", '"a" is the name of buttons[0] too')]


def test_a_button_must_not_take_the_name_of_another_input(find: Find) -> None:
    assert keys(find(buttons=(Button(name="tamper", pin=5),))) == ["buttons[0].name"]


def test_a_language_that_stands_twice_is_a_problem(find: Find) -> None:
    assert keys(find(kiosk={"languages": ("kk", "kk")})) == ["kiosk.languages"]


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        ({"buttons": (Button(name="a", pin=5), Button(name="b", pin=5))}, "buttons[1].pin"),
        ({"tamper": Contact(pin=17)}, "tamper.pin"),
        ({"mains_lost": Contact(pin=27)}, "mains_lost.pin"),
        ({"lamp": LampPins(pin=17)}, "lamp.pin"),
        ({"sms": {"power_pin": 24}}, "sms.power_pin"),
    ],
)
def test_a_pin_that_is_used_twice_is_a_problem(find: Find, parts: dict[str, Any], key: str) -> None:
    found = find(**parts)
    assert keys(found) == [key]
    assert "is used by" in found[0].what


def test_pins_that_are_not_set_do_not_collide(find: Find) -> None:
    assert find(lamp=LampPins(), sms=None, duty=Duty(tiers=())) == []


def test_a_hold_must_be_shorter_than_what_counts_as_stuck(find: Find) -> None:
    held = Button(name="a", pin=5, guard="hold", hold_s=5, stuck_s=5)
    doubled = Button(name="b", pin=6, guard="double", double_s=5, stuck_s=5)
    assert keys(find(buttons=(held, doubled))) == ["buttons[0].hold_s", "buttons[1].double_s"]


def test_a_guards_time_without_its_guard_is_a_warning(find: Find) -> None:
    found = find(
        buttons=(Button(name="a", pin=5, hold_s=2), Button(name="b", pin=6, guard="hold", double_s=2))
    )
    assert keys(found) == ["buttons[0].hold_s", "buttons[1].double_s"]
    assert {problem.level for problem in found} == {"warning"}


def test_a_kato_code_of_no_region_is_a_problem(find: Find) -> None:
    assert keys(find(site={"kato": "991110000"})) == ["site.kato"]
    for region in ("10", "63", "71", "79"):
        assert find(site={"kato": region + "1110000"}) == []


def test_swapped_coordinates_are_a_problem(find: Find) -> None:
    assert keys(find(site={"lat": 76.9, "lon": 43.2})) == ["site.lat", "site.lon"]


def test_recordings_and_rendered_clips_need_two_folders(find: Find) -> None:
    assert keys(find(voice={"human": "/a", "clips": "/a"})) == ["voice.human"]


def test_a_voice_for_a_language_that_is_not_spoken_is_a_warning(find: Find) -> None:
    found = find(voice={"piper": {"kk": "/k", "en": "/e"}})
    assert found == [Problem("voice.piper.en", "is not one of kiosk.languages", "warning")]


def test_cover_mode_needs_a_phrase(find: Find) -> None:
    assert keys(find(voice={"mode": "cover"})) == ["voice.cover"]
    assert find(voice={"mode": "cover", "cover": COVER}) == []


def test_cover_mode_has_no_english_phrase(find: Find) -> None:
    assert keys(find(voice={"mode": "cover", "cover": COVER}, kiosk={"languages": ("kk", "en")})) == [
        "kiosk.languages"
    ]


def test_the_cover_phrases_hours_must_be_in_order(find: Find) -> None:
    assert keys(find(voice={"cover": replace(COVER, from_hour=20, to_hour=20)})) == ["voice.cover.to_hour"]


@pytest.mark.parametrize(
    ("language", "phrase"),
    [
        ("ru", "Нажмите кнопку у кассы"), ("ru", "ПОЛИЦИЯ уже едет"), ("ru", "Скажем нет насилию"),
        ("ru", "Тревожная линия"), ("ru", "Ждём вас: проспект Абая"), ("kk", "Түймені басыңыз"),
        ("kk", "Зорлық туралы айтыңыз"), ("kk", "Абай даңғылында күтеміз"), ("kk", "SOS"),
    ],
)  # fmt: skip
def test_a_cover_phrase_must_not_tell_what_the_kiosk_is_for(find: Find, language: str, phrase: str) -> None:
    found = find(voice={"cover": replace(COVER, **{language: phrase})})
    assert keys(found) == [f"voice.cover.{language}"]
    assert "discreet" in found[0].what


def test_the_doors_stand_once_each_on_a_port_that_exists_and_with_a_certificate(find: Find) -> None:
    assert find(https=None) == []
    assert find(https={"centres": ("a.kz:1", "A.kz:1")}) == [Problem("https.centres[1]", "stands twice")]
    assert keys(find(https={"centres": ("a.kz:70000",)})) == ["https.centres[0]"]
    assert keys(find(mqtt={"tls": None, "brokers": ("localhost:1",)})) == ["https.tls"]


def test_files_of_their_own_and_a_late_second_path_are_warned_of(find: Find) -> None:
    own = Tls(ca="/ca", cert="/cert", key="/key")
    assert [(one.key, one.level) for one in find(https={"tls": own})] == [("https.tls", "warning")]
    late = find(timing={"https_after_s": 30.0})
    assert [(one.key, one.level) for one in late] == [("timing.https_after_s", "warning")]


@pytest.mark.parametrize("broker", ["localhost:1883", "127.0.0.1:1883", "127.8.9.10:1", "LOCALHOST:65535"])
def test_plain_mqtt_to_this_machine_is_fine(find: Find, broker: str) -> None:
    assert find(https=None, mqtt={"tls": None, "brokers": (broker,)}) == []


@pytest.mark.parametrize("broker", ["mqtt.example.kz:8883", "192.168.1.5:1883", "localhost.evil.kz:1883"])
def test_plain_mqtt_to_another_machine_is_a_problem(find: Find, broker: str) -> None:
    """Pitfall 40: a private CA is pinned wherever the alert leaves the machine."""
    found = find(https=None, mqtt={"tls": None, "brokers": ("localhost:1883", broker)})
    assert keys(found) == ["mqtt.brokers[1]"]
    assert "[mqtt.tls] is needed" in found[0].what


def test_a_port_that_does_not_exist_is_a_problem(find: Find) -> None:
    assert keys(find(mqtt={"brokers": ("a.kz:0", "a.kz:65536", "a.kz:65535")})) == [
        "mqtt.brokers[0]",
        "mqtt.brokers[1]",
    ]


def test_a_broker_that_stands_twice_is_a_problem(find: Find) -> None:
    assert find(mqtt={"brokers": ("a.kz:1", "A.kz:1")}) == [Problem("mqtt.brokers[1]", "stands twice")]


def test_a_password_needs_a_user(find: Find) -> None:
    assert keys(find(mqtt={"password_file": "/p"})) == ["mqtt.user"]
    assert find(mqtt={"password_file": "/p", "user": "u"}) == []


def test_people_without_a_modem_are_a_problem(find: Find) -> None:
    assert keys(find(sms=None)) == ["duty.tiers"]


def test_a_modem_with_nobody_to_write_to_is_a_problem(find: Find) -> None:
    assert keys(find(sms={"gateways": ()}, duty=Duty(tiers=()))) == ["sms.gateways"]
    assert find(sms={"gateways": ()}) == []
    assert find(duty=Duty(tiers=())) == []


@pytest.mark.parametrize(("pattern", "what"), [("(", "not a regular expression"), ("[0-9]+", "no group")])
def test_a_balance_pattern_must_compile_and_have_a_group(
    find: Find, site: Config, pattern: str, what: str
) -> None:
    assert site.sms is not None
    assert site.sms.balance is not None
    found = find(sms={"balance": replace(site.sms.balance, pattern=pattern)})
    assert keys(found) == ["sms.balance.pattern"]
    assert what in found[0].what
    assert find(sms={"balance": None}) == []


def test_a_number_that_stands_twice_is_a_problem_and_never_shown(find: Find) -> None:
    twice = Officer(number="+77015554433", language="kk")
    found = find(duty=Duty(tiers=(Tier(people=(twice,)), Tier(people=(twice,)))))
    assert keys(found) == ["duty.tiers[1].people[0].number"]
    assert "555" not in found[0].what


def test_a_duty_officer_must_not_have_the_gateways_number(find: Find, site: Config) -> None:
    assert site.sms is not None
    officer = Officer(number=site.sms.gateways[0], language="ru")
    assert keys(find(duty=Duty(tiers=(Tier(people=(officer,)),)))) == ["duty.tiers[0].people[0].number"]


def test_a_runtime_folder_must_leave_room_for_a_sockets_name(find: Find) -> None:
    """A Unix socket's path has 107 bytes at most (unix(7))."""
    assert keys(find(paths={"run": "/" + "x" * 100})) == ["paths.run"]
    assert find(paths={"run": "/" + "x" * 92}) == []


def test_a_place_whose_alert_would_be_too_long_is_a_problem(find: Find, site: Config) -> None:
    long = Words(kk="ы" * 60, ru="ы" * 60)
    buttons = tuple(Button(name=f"{n}" * 24 if n else "a", pin=n) for n in range(8))
    parts = {"name": long, "address": long, "entrance": long}
    found = [problem for problem in find(site=parts, buttons=buttons) if problem.key == "site"]
    assert len(found) == 1
    assert "too many" in found[0].what
    assert len(encode(longest_alert(replace(site, site=replace(site.site, **parts))))) <= ALERT_MAX_BYTES


def test_an_sms_that_would_be_two_segments_is_a_problem(find: Find) -> None:
    """Pitfall 29: one segment always, checked at configuration time."""
    found = find(site={"short": ShortPlace(kk="ы" * 24, ru="Абая 10", latin="Abay 10")})
    assert set(keys(found)) == {"site.short.kk"}
    assert (
        find(
            site={"short": ShortPlace(kk="ы" * 24, ru="ы" * 24, latin="Abay")}, sms=None, duty=Duty(tiers=())
        )
        == []
    )


@pytest.mark.parametrize("key", ["sms_after_s", "tier_every_s"])
def test_a_press_that_would_end_before_anybody_gets_a_text_is_refused(find: Find, key: str) -> None:
    assert find(timing={"incident_max_s": 600.0, key: 599.0}) == []
    (found,) = find(timing={"incident_max_s": 600.0, key: 600.0})
    assert (found.key, found.level) == (f"timing.{key}", "error")
    assert "must be shorter than incident_max_s (600 s)" in found.what
    assert find(timing={"incident_max_s": 600.0, key: 3600.0}, sms=None, duty=Duty(tiers=())) == []


def test_an_eighth_button_is_warned_of(find: Find) -> None:
    buttons = tuple(Button(name=f"b{number}", pin=number + 4) for number in range(8))
    assert find(buttons=buttons[:7], lamp={"pin": None}) == []
    (found,) = find(buttons=buttons, lamp={"pin": None})
    assert (found.key, found.level) == ("buttons[7]", "warning")
    assert find(buttons=buttons, lamp={"pin": None}, sms=None, duty=Duty(tiers=())) == []
