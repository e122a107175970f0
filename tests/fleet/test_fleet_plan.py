"""A row becomes a configuration that the kiosk itself accepts, or a fault in the cell where it is mended."""

import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest
from fleet_desk import EXAMPLE, EXAMPLE_CSV, rows, sheet
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.fleet import template as templates
from kiosk.fleet.latin import latin
from kiosk.fleet.options import Options, env_text
from kiosk.fleet.plan import Plan, Unfit, plan
from kiosk.fleet.sheet import Sheet, read
from kiosk.fleet.template import Template
from kiosk.messages import ConfigError
from kiosk.words import load_catalogue

WORDS = load_catalogue()
TEMPLATE = templates.read(EXAMPLE, "fleet.toml")


def planned(table: list[dict[str, str]], template: Template = TEMPLATE) -> list[Plan]:
    whole = read(sheet(table))
    assert not whole.faults
    return [plan(whole, row, template, WORDS) for row in whole.rows]


def faults(template: Template = TEMPLATE, **cells: str) -> list[str]:
    whole = read(sheet(rows(1, **cells)))
    with pytest.raises(Unfit) as caught:
        plan(whole, whole.rows[0], template, WORDS)
    return [fault.text("k.csv") for fault in caught.value.faults]


def test_the_examples_fit_together() -> None:
    whole = read(EXAMPLE_CSV)
    first, second = (plan(whole, row, TEMPLATE, WORDS) for row in whole.rows)
    assert first.config.site.short.latin == "Abay 10"
    assert second.config.site.short.latin == "Auezova, 5"
    assert [button.name for button in second.config.buttons] == ["counter", "fitting"]
    assert not first.warnings


def test_the_files_of_a_kiosk_are_where_provisioning_puts_them() -> None:
    (made,) = planned(rows(1))
    assert made.config.mqtt.tls is not None
    assert made.config.mqtt.tls.ca == "/etc/pana-kiosk/ca.pem"
    assert made.config.sms is not None
    assert made.config.sms.key_file == "/etc/pana-kiosk/sms.key"
    assert tomllib.loads(made.toml)["kiosk"] == {"id": "kz-ala-0001", "number": 1, "languages": ["kk", "ru"]}


def test_each_kiosk_begins_with_another_broker_and_door() -> None:
    one, two = planned(rows(2))
    assert one.config.mqtt.brokers == tuple(reversed(two.config.mqtt.brokers))
    assert one.config.https is not None
    assert two.config.https is not None
    assert one.config.https.centres != two.config.https.centres
    still = replace(TEMPLATE, shared=templates.Shared(ca="x", rotate=False))
    one, two = planned(rows(2), still)
    assert one.config.mqtt.brokers == two.config.mqtt.brokers


def test_a_cover_phrase_of_the_row_wins_over_the_fleets() -> None:
    shared: dict[str, Any] = {"cover": {"kk": "Қош келдіңіз.", "ru": "Добро пожаловать."}}
    tables = {"": {**TEMPLATE.tables[""], "voice": shared}}
    one, two, three = planned(
        [
            *rows(1, voice="cover", cover_ru="Сегодня скидки."),
            *[row | {"kiosk_id": "kz-ala-0002", "number": "2", "voice": "cover"} for row in rows(1)],
            *[row | {"kiosk_id": "kz-ala-0003", "number": "3", "voice": "off"} for row in rows(1)],
        ],
        replace(TEMPLATE, tables=tables),
    )
    assert one.config.voice.cover is not None
    assert (one.config.voice.cover.kk, one.config.voice.cover.ru) == ("Қош келдіңіз.", "Сегодня скидки.")
    assert two.config.voice.cover is not None
    assert two.config.voice.cover.ru == "Добро пожаловать."
    assert three.config.voice.cover is None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"voice": ""}, "column M (voice): must be spoken, cover or off: chosen for each shop, no default"),
        ({"voice": "loud"}, "column M (voice): must be spoken"),
        ({"voice": "cover"}, "cover_kk: missing"),
        ({"voice": "cover", "cover_kk": "Полиция", "cover_ru": "Ура!"}, "column N (cover_kk): tells what"),
        ({"profile": "x"}, "column N (profile): fleet.toml has no such profile; known: fitting-room"),
        ({"number": "x"}, "column B (number): a whole number is expected"),
        ({"number": "0"}, "column B (number): is 0; allowed:"),
        ({"lat": "north"}, "column I (lat): a number of degrees"),
        ({"lat": "76.9", "lon": "43.2"}, "column I (lat): 76.9 degrees is not in Kazakhstan"),
        ({"kato": "991110000"}, "column L (kato): begins with 99"),
        ({"kato": "75"}, "column L (kato): is"),
        ({"kiosk_id": "Nr 1"}, "column A (kiosk_id): is"),
        ({"phone": "8 727"}, "column N (phone): is"),
        ({"languages": "kk de"}, "column N (languages): is"),
        ({"address_ru": "Алматы, проспект Абая, дом 10"}, "short_ru: needed for SMS, at most 24 letters"),
        ({"short_kk": "х" * 25}, "column N (short_kk): is"),
        ({"name_kk": "х" * 61}, "column C (name_kk): is"),
    ],
)  # fmt: skip
def test_a_fault_stands_in_the_cell_where_it_is_mended(cells: dict[str, str], words: str) -> None:
    found = faults(**cells)
    assert any(words in fault for fault in found), found
    assert all(fault.startswith("k.csv:2: ") for fault in found)


def test_a_fault_of_the_fleets_file_is_told_as_such() -> None:
    tables = {"": {**TEMPLATE.tables[""], "lamp": {"pin": 17}}}
    (fault,) = faults(replace(TEMPLATE, tables=tables))
    assert "fleet.toml lamp.pin: pin 17 is used by buttons[0].pin already" in fault


def test_a_telephone_number_never_stands_in_a_fault() -> None:
    assert all("0000001" not in fault for fault in faults(phone="87010000001"))


# ---- fleet.toml


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[fleet]", "[fleets]", "fleets: unknown key; did you mean fleet?"),
        ('ca = "ca.crt"', "", "fleet.ca: missing"),
        ("[lamp]\npin = 24", '[lamp]\npin = "24"', "lamp.pin: is"),
        ("[mqtt] ", "[mqt] ", "mqt: unknown key; did you mean mqtt?"),
        ("# [voice] ", '[voice]\nmode = "spoken"\n#', "voice.mode: is chosen for each kiosk"),
        ('"/etc/pana-kiosk/sms.key"', '"/tmp/key"', "sms.key_file: must be /etc/pana-kiosk/sms.key"),
        ("[https]", '[mqtt.tls]\nca="/a"\ncert="/b"\nkey="/c"\n[https]', "mqtt.tls: leave it out"),
        ('ssh = "off"', 'ssh = "key"', "options.ssh_key: missing"),
        ('ssh = "off"', "ssh_key = \"ssh-rsa 'x'\"", "options.ssh_key: is"),
        ("buttons = [", "button = [", "profiles.fitting-room.button: unknown key; did you mean buttons?"),
    ],
)
def test_a_fault_in_the_fleets_file_is_told(old: str, new: str, words: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(ConfigError) as caught:
        templates.read(EXAMPLE.replace(old, new), "fleet.toml")
    assert words in str(caught.value)


def test_the_door_is_said_or_the_first_of_the_centres() -> None:
    assert TEMPLATE.door == "centre-a.example.kz:8443"
    said = EXAMPLE.replace("# door = ", "door = ")
    assert templates.read(said.replace("centre-a", "centre-x"), "f").door == "centre-x.example.kz:8443"
    cut = EXAMPLE[: EXAMPLE.index("[https]")] + EXAMPLE[EXAMPLE.index("[sms]") :]
    with pytest.raises(ConfigError, match=r"fleet\.door: missing"):
        templates.read(cut, "f")


# ---- options and letters


def test_the_shells_options_are_safe_to_read() -> None:
    key = "ssh-ed25519 " + "A" * 68 + " technician@desk"
    text = env_text(Options(ssh="key", ssh_key=key, read_only_root=True), "kz-ala-0001")
    assert text.splitlines() == [
        "PANA_SSH=key",
        f"PANA_SSH_KEY='{key}'",
        "PANA_READ_ONLY_ROOT=yes",
        "PANA_DATA_DEVICE=",
        "PANA_UPDATES_HOUR=3",
        "PANA_HOSTNAME=kz-ala-0001",
        "PANA_TIMEZONE=Asia/Almaty",
        "PANA_WIFI_POWERSAVE=off",
    ]


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=20))
def test_no_option_can_bring_a_quote_or_a_line_into_the_shell(key: str, zone: str) -> None:
    text = EXAMPLE.replace('ssh = "off"', f"ssh_key = {json.dumps(key)}\ntimezone = {json.dumps(zone)}")
    try:
        template = templates.read(text, "f")
    except ConfigError:
        return
    assert len(env_text(template.options, "kz-1").splitlines()) == 8
    assert env_text(template.options, "kz-1").count("'") in (0, 2)


def test_kazakh_and_russian_are_written_in_latin_letters() -> None:
    assert latin("Әуезов, 5") == "Auezov, 5"
    assert latin("«Щучинск» Ъ") == "Schuchinsk"
    assert latin("10-үй") == "10-uy"


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["lat", "kato", "name_kk", "voice", "short_ru", "phone"]), st.text(max_size=30)
    )
)
def test_no_cell_ever_raises_anything_but_a_fault(cells: dict[str, str]) -> None:
    whole = Sheet(columns=list(rows(1)[0]), rows=read(sheet(rows(1))).rows, faults=())
    row = replace(whole.rows[0], cells={**whole.rows[0].cells, **cells})
    try:
        made = plan(whole, row, TEMPLATE, WORDS)
    except Unfit:
        return
    assert made.kiosk == "kz-ala-0001"
