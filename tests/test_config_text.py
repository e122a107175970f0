"""What an installer reads when the site's file is wrong, and what anybody reads of a right one."""

import json
import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, inspect

from kiosk.config import Config
from kiosk.config_text import PUBLISHED, decode, json_schemas, mask, path_text
from kiosk.limits import allowed, mask_phone, mask_text, shown, unit
from kiosk.messages import ConfigError
from kiosk.toml_lines import key_lines, line_of

EXAMPLE = (Path(__file__).parent.parent / "provisioning" / "site.example.toml").read_text(encoding="utf-8")


COPIED = {"tamper", "mains_lost", "voice.cover", "voice.piper"}  # whole tables that stand there to be copied


def faults(text: str, kind: type[Any] = Config) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        decode(kind, text, "site.toml")
    return str(caught.value).splitlines()


def fault(*changes: tuple[str, str]) -> str:
    """Spoil the example and give the one fault that is found."""
    text = EXAMPLE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    found = faults(text)
    assert len(found) == 1, found
    return found[0]


def line(text: str) -> int:
    """Give the line of the example on which `text` begins."""
    return EXAMPLE[: EXAMPLE.index(text)].count("\n") + 1


def test_the_example_is_a_whole_configuration() -> None:
    config = decode(Config, EXAMPLE, "site.example.toml")
    assert config.kiosk.languages == ("kk", "ru")
    assert [button.name for button in config.buttons] == ["counter", "fitting"]
    assert config.duty.tiers[1].people[0].language == "latin"


def test_every_default_that_the_example_comments_out_is_the_default() -> None:
    """A reader takes `# hold_s = 1.0` for the default: it must be."""
    keys: list[str] = []
    table = ""
    for text in EXAMPLE.splitlines():
        if header := re.match(r"#? ?\[+([a-z._]+)\]", text):
            table = header[1]
        elif table not in COPIED and (found := re.match(r"# ([a-z_]+) = (.+?)(?:\s+#.*)?$", text)):
            keys.append(f"{table}.{found[1]}")
            value = tomllib.loads(f"x = {found[2]}")["x"]
            assert _default(table, found[1]) in (value, msgspec.UNSET, None), keys[-1]
    assert len(keys) > 25


def _default(table: str, key: str) -> object:
    kind: Any = Config
    for part in table.split("."):
        found = next(field for field in inspect.type_info(kind).fields if field.encode_name == part).type
        while not isinstance(found, inspect.StructType):
            if isinstance(found, inspect.DictType):
                return msgspec.UNSET
            found = found.types[0] if isinstance(found, inspect.UnionType) else found.item_type
        kind = found.cls
    field = next(field for field in inspect.type_info(kind).fields if field.encode_name == key)
    return msgspec.UNSET if field.required else field.default


def test_every_table_and_key_of_the_configuration_is_in_the_example() -> None:
    missing = [
        name
        for kind in _tables(inspect.type_info(Config))
        for name in (field.encode_name for field in kind.fields)
        if not re.search(rf"(^|[\[.# ]){name}( = |\]|\.)", EXAMPLE, re.MULTILINE)
    ]
    assert missing == []


def _tables(kind: Any) -> list[Any]:
    if isinstance(kind, inspect.StructType):
        return [kind, *(table for field in kind.fields for table in _tables(field.type))]
    if isinstance(kind, inspect.UnionType):
        return [table for one in kind.types for table in _tables(one)]
    if isinstance(kind, inspect.VarTupleType):
        return _tables(kind.item_type)
    return []


# ---- one fault


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('mode = "spoken"', 'mode = "spokn"', 'voice.mode: is "spokn"; allowed: "cover", "off" or "spoken"'),
        (
            "keepalive_s = 8",
            "keepalive_s = 80",
            "mqtt.keepalive_s: is 80 s; allowed: a whole number from 4 to 60 s",
        ),
        (
            "accuracy_m = 10",
            'accuracy_m = "10"',
            'site.accuracy_m: is "10"; allowed: a whole number from 0 to 10000 m',
        ),
        (
            "lat = 43.23815 ",
            "lat = nan ",
            "site.lat: is nan degrees; allowed: a number from -90 to 90 degrees",
        ),
        (
            "low_kzt = 500.0",
            "low_kzt = inf",
            "sms.balance.low_kzt: is inf tenge; allowed: a number, at least 0 tenge",
        ),
        ("active_high = true", "active_high = 1", "lamp.active_high: is 1; allowed: true or false"),
        ("armed = true", "armed = 2026-01-01", "lamp.armed: is a date; allowed: true or false"),
        (
            "number = 17 ",
            "number = true ",
            "kiosk.number: is true; allowed: a whole number from 1 to 16777215",
        ),
        (
            'kato = "751110000"',
            'kato = "75"',
            'site.kato: is "75"; allowed: a text: the 9 digits of a KATO code',
        ),
        (
            'code = "*100#"',
            'code = "100"',
            'sms.balance.code: is "100"; allowed: a text: a USSD code like *100#, ending with #',
        ),
        (
            'latin = "Abay 10"',
            'latin = ["Abay"]',
            "site.short.latin: is a list of 1; allowed: a text: 1 to 24 Latin letters",
        ),
        (
            'languages = ["kk", "ru"]',
            "languages = []",
            'kiosk.languages: is a list of 0; allowed: a list of 1 to 3 items, each "en", "kk" or "ru"',
        ),
        (
            'languages = ["kk", "ru"]',
            'languages = ["kk", "rus"]',
            'kiosk.languages[1]: is "rus"; allowed: "en", "kk" or "ru"',
        ),
        (
            'languages = ["kk", "ru"]',
            'languages = "kk"',
            'kiosk.languages: is "kk"; allowed: a list of 1 to 3 items',
        ),
        (
            'key = "/etc/pana-kiosk/kiosk.key"',
            'key = "kiosk.key"',
            'mqtt.tls.key: is "kiosk.key"; allowed: a text: an absolute path, beginning with /',
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_what_is_allowed(old: str, new: str, message: str) -> None:
    assert fault((old, new)).startswith(f"site.toml:{line(old)}: {message}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("keepalive_s = 8", "keepalvie_s = 10", "mqtt.keepalvie_s: unknown key; did you mean keepalive_s?"),
        ("active_high = true", "zzz = 1", "lamp.zzz: unknown key; allowed: pin, active_high, armed"),
        ('wiring = "no"', 'wirng = "no"', "buttons[0].wirng: unknown key; did you mean wiring?"),
    ],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(old: str, new: str, message: str) -> None:
    assert fault((old, new)) == f"site.toml:{line(old)}: {message}"


def test_an_unknown_table_is_an_error_too() -> None:
    assert fault(("[lamp]", "[lammp]")).endswith("lammp: unknown key; did you mean lamp?")


@pytest.mark.parametrize(
    ("old", "key", "where"),
    [
        ('mode = "spoken"', "voice.mode: missing; needed: \"cover\", \"off\" or \"spoken\"", "[voice]"),
        ("lat = 43.23815", "site.lat: missing; needed: a number from -90 to 90 degrees", "[site]"),
        ('languages = ["kk", "ru"]', "kiosk.languages: missing; needed: a list of 1 to 3 items", "[kiosk]"),
    ],
)  # fmt: skip
def test_voice_mode_place_and_languages_have_no_silent_default(old: str, key: str, where: str) -> None:
    text = re.sub(rf"^{re.escape(old)}.*$", "", EXAMPLE, flags=re.MULTILINE)
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(f"site.toml:{line(where)}: {key}")


def test_duty_numbers_have_no_silent_default() -> None:
    text = EXAMPLE[: EXAMPLE.index("[[duty.tiers]]")]
    assert faults(text) == ["site.toml: duty: missing; needed: a table with tiers"]
    assert decode(Config, text + "[duty]\ntiers = []\n", "x").duty.tiers == ()


def test_a_table_in_place_of_a_value_and_the_reverse_are_told() -> None:
    found = faults(EXAMPLE.replace('name = "counter"', "name = { a = 1 }").replace("[lamp]", "[x]\n[y]"))
    assert any("buttons[0].name: is a table; allowed: a text: 1 to 24 of a-z" in one for one in found)
    assert "site.toml:1: kiosk: is 5; allowed: a table with id, number, languages" in faults("kiosk = 5")
    assert "site.toml: duty: missing; needed: a table with tiers" in faults("kiosk = 5")


def test_a_wrong_path_in_a_free_table_is_found() -> None:
    found = fault(("[mqtt]\n", '[voice.piper]\nkk = "voice.onnx"\n[mqtt]\n'))
    assert found.endswith(
        'voice.piper.kk: is "voice.onnx"; allowed: a text: an absolute path, beginning with /'
    )


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    text = EXAMPLE.replace("number = 17 ", "numbr = 17 ").replace("keepalive_s = 8", "keepalive_s = 0")
    text = text.replace('mode = "spoken"', 'mode = "loud"')
    assert [re.sub(r"^site.toml:\d+: ", "", one).split(":")[0] for one in faults(text)] == [
        "kiosk.number",
        "kiosk.numbr",
        "voice.mode",
        "mqtt.keepalive_s",
    ]


def test_a_wrong_phone_number_is_never_shown() -> None:
    text = EXAMPLE.replace("+77010000012", "8 701 555 44 33").replace("+77270000000", "+7 727 555 44 33")
    found = "\n".join(faults(text))
    assert "555" not in found
    assert "duty.tiers[0].people[1].number" in found
    assert "+ and 8 to 15 digits, no spaces" in found


# ---- TOML itself


def test_a_slip_in_the_syntax_is_told_with_line_and_column() -> None:
    assert faults("a = 1\nb = \n") == ["site.toml:2:5: not valid TOML: Invalid value"]


def test_a_text_that_ends_too_early_is_told_with_its_last_line() -> None:
    assert faults("a = 1\nb = [1") == ["site.toml:2:1: not valid TOML: Unclosed array"]


def test_hostile_toml_is_an_error_not_a_crash() -> None:
    assert faults("a = " + "[" * 100_000)[0].startswith("site.toml: not usable TOML: ")
    assert faults("a = " + "9" * 10_000)[0].startswith("site.toml: not usable TOML: ")


@given(st.text(max_size=200))
def test_any_text_is_decoded_or_explained(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^site\.toml"):
        decode(Config, text, "site.toml")


@given(data=st.data())
def test_any_damage_to_the_example_is_decoded_or_explained(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(EXAMPLE) - 1))
    text = EXAMPLE[:at] + data.draw(st.text(max_size=4)) + EXAMPLE[at + data.draw(st.integers(0, 12)) :]
    with suppress(ConfigError):
        assert isinstance(decode(Config, text, "site.toml"), Config)


class Even(Struct, forbid_unknown_fields=True):
    number: int = 0
    names: Annotated[dict[str, int], Meta(max_length=1)] = {}

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("must be even")


def test_a_rule_of_the_type_itself_is_told() -> None:
    assert faults("number = 3", Even) == ["site.toml: must be even"]
    assert faults("names = {a = 1, b = 2}", Even)[0].startswith("site.toml: Expected")


# ---- lines


LINES = '''\
top = 1
"quoted key" = 2
a.b.c = 3          # dotted
[table]  # with a comment
text = """
[not.a.table]
key = 1
"""
after = \'\'\'
x = 1\'\'\'
array = [
  1, # one
  { inner = 2 },
]
[[many]]
x = 1
[[many]]
x = 2
[many.sub]
y = 3
[[many.sub.deep]]
z = 4
["odd \\"name\\"".'lit.eral']
w = 5
'''


def test_lines_of_every_shape_of_key_are_found() -> None:
    lines = key_lines(LINES)
    assert tomllib.loads(LINES)
    assert [lines[path] for path in (("top",), ("quoted key",), ("a", "b", "c"), ("a",))] == [1, 2, 3, 3]
    assert lines["table",] == 4
    assert lines["table", "text"] == 5
    assert lines["table", "after"] == 9
    assert lines["table", "array"] == 11
    assert ("not", "a", "table") not in lines
    assert (lines["many", 0, "x"], lines["many", 1], lines["many", 1, "x"]) == (16, 17, 18)
    assert (lines["many", 1, "sub"], lines["many", 1, "sub", "y"]) == (19, 20)
    assert lines["many", 1, "sub", "deep", 0, "z"] == 22
    assert 'w = 5' in LINES.splitlines()[line_of(('odd \\"name\\"', "lit.eral", "w"), lines) - 1]  # fmt: skip


def test_a_key_without_a_line_takes_that_of_what_is_around_it() -> None:
    lines = key_lines("[a]\nb = { c = 1 }\n")
    assert line_of(("a", "b", "c"), lines) == 2
    assert line_of(("a", "x"), lines) == 1
    assert line_of(("x",), lines) == 0


def test_lines_are_counted_the_same_with_windows_line_ends() -> None:
    assert key_lines("a = 1\r\n\r\nb = 2\r\n") == {("a",): 1, ("b",): 3}


def test_every_key_of_the_example_has_the_line_it_stands_on() -> None:
    text = EXAMPLE.splitlines()
    for path, number in key_lines(EXAMPLE).items():
        if isinstance(path[-1], str):
            assert path[-1] in text[number - 1]


@given(st.text(max_size=300))
def test_finding_lines_never_raises(text: str) -> None:
    key_lines(text)


# ---- what may be shown


def test_the_effective_configuration_shows_no_phone_number() -> None:
    config = decode(Config, EXAMPLE, "x")
    shown_text = json.dumps(mask(config), ensure_ascii=False)
    assert not re.search(r"\+7[0-9]{6,}", shown_text)
    assert mask(config)["sms"]["gateways"] == ["+7701•••••01"]
    assert mask(config)["duty"]["tiers"][0]["people"][0] == {"number": "+7701•••••11", "language": "kk"}
    assert mask(config)["site"]["phone"] == "+7727•••••00"


def test_the_effective_configuration_shows_defaults_and_paths_of_keys() -> None:
    plain = mask(decode(Config, EXAMPLE, "x"))
    assert plain["heartbeat"] == {"every_s": 30.0}
    assert plain["sms"]["key_file"] == "/etc/pana-kiosk/sms.key"
    assert plain["kiosk"]["number"] == 17
    assert "tamper" not in plain
    assert mask(decode(Config, EXAMPLE, "x")) == plain


def test_a_phone_number_keeps_its_ends_only() -> None:
    assert mask_phone("+77271234512") == "+7727•••••12"
    assert mask_phone("+12345678") == "+12••••••"
    assert mask_phone("") == "•••"


def test_secrets_are_hidden_by_their_key_and_numbers_anywhere() -> None:
    assert mask_text("password", "hunter2") == "•••••"
    assert mask_text("note", "call +7 701 123-45-67 now") == "call +7 70•••••••••67 now"
    assert mask_text("name", "Abay 10") == "Abay 10"


def test_the_unit_is_read_off_the_key() -> None:
    assert [unit(key) for key in ("hold_s", "stable_ms", "every_min", "from_hour", "lat", "name", "s")] == [
        " s", " ms", " min", " o'clock", " degrees", "", "",
    ]  # fmt: skip


def test_a_long_wrong_value_is_cut() -> None:
    assert shown("name", "x" * 100) == '"' + "x" * 60 + '…"'


Odd = Literal[1, "two"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[int, Meta(gt=0, lt=5)], "a whole number from more than 0 to less than 5 s"),
        (Annotated[int, Meta(le=5)], "a whole number, at most 5 s"),
        (float, "a number in s"),
        (Annotated[str, Meta(min_length=2)], "a text of at least 2 letters"),
        (Annotated[str, Meta(max_length=2)], "a text of at most 2 letters"),
        (Annotated[str, Meta(pattern="^x$")], "a text matching ^x$"),
        (Annotated[str, Meta(title="t")], "a text"),
        (list[bool], "a list, each true or false"),
        (dict[str, bool], "a table of names, each true or false"),
        (Odd, '1 or "two"'),
        (int | str | None, "a whole number in s or a text"),
        (bytes, "bytes"),
    ],
)
def test_every_kind_of_limit_has_words(kind: Any, words: str) -> None:
    assert allowed(inspect.type_info(kind), "x_s") == words


def test_every_pattern_of_the_configuration_is_explained_in_words() -> None:
    """Nobody at a shop reads a regular expression."""
    for table in _tables(inspect.type_info(Config)):
        for field in table.fields:
            assert " matching " not in allowed(field.type, field.encode_name), field


def test_paths_are_written_as_people_write_them() -> None:
    assert path_text(("duty", "tiers", 0, "people", 1)) == "duty.tiers[0].people[1]"
    assert path_text(()) == ""


# ---- schemas


def test_there_is_a_schema_of_the_configuration_and_of_every_body() -> None:
    schemas = json_schemas()
    assert set(schemas) == {
        "Config", "Alert", "Reply", "Status", "MonitorStatus", "Heartbeat", "Event", "Command",
        "CommandResult",
    }  # fmt: skip
    assert len(schemas) == len(PUBLISHED)
    for name, schema in schemas.items():
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$ref"] == f"#/$defs/{name}"
        json.dumps(schema)


def test_a_schema_carries_the_limits_and_the_version_of_its_body() -> None:
    alert = json_schemas()["Alert"]["$defs"]["Alert"]
    assert alert["properties"]["v"] == {"enum": [1]}
    assert "alert_id" in alert["required"]
    assert json_schemas()["Config"]["$defs"]["Mqtt"]["properties"]["keepalive_s"]["maximum"] == 60
