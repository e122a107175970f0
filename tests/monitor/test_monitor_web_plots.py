"""What is pure beside the pages: timelines, facts in words, the week of the rota, the list of contacts."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from fakes import centre_world
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.bodies import Board, ButtonHealth, Heartbeat, KioskId, Links, MqttHealth, SmsHealth, VoiceHealth
from kiosk.monitor.records import Kiosk
from kiosk.monitor.rota import WEEK_MS, Shift
from kiosk.monitor.store.history import Beats
from kiosk.monitor.web import contactsheet, facts, health, plots, week, words

NOW_MS = 1_790_000_000_000
LAST_S = NOW_MS // 1000 // 300 * 300
HOUR_MS = 3_600_000
WORDS = words.load()
BEAT = Beats(
    begins_s=0, beats=10, lost=0, temp_c=40, signal_dbm=-80, balance_kzt=99.6, rtt_ms=5, faults=("a", "b")
)


def word(key: str, **values: object) -> str:
    return WORDS.word("en", key, **values)


def root_of(drawn: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)  # noqa: S314 - our own drawing


def test_a_timeline_ends_now_and_shows_where_nothing_was_heard() -> None:
    last_s = NOW_MS // 1000 // 300 * 300
    line = plots.slots(
        [replace(BEAT, begins_s=last_s), replace(BEAT, begins_s=last_s - 600, beats=5)], "24h", NOW_MS
    )
    assert len(line) == 288
    assert plots.values(line, "beats")[-3:] == [50.0, 0.0, 100.0]
    assert plots.values(line, "signal")[-3:] == [-80, None, -80]
    gist = plots.gist(line, "temperature")
    assert (gist.least, gist.most, gist.newest, gist.gap_s) == (40, 40, 40, 285 * 300)
    assert plots.codes(line) == ["a", "b"]


def test_an_empty_timeline_is_said_and_drawn() -> None:
    line = plots.slots((), "30d", NOW_MS)
    assert plots.gist(line, "balance").newest is None
    for what in plots.WHATS:
        drawn = plots.draw(line, what, "30d", title="t", text="d", name=str)
        assert root_of(drawn).get("role") == "img"
    assert plots.gist((), "beats").gap_s == 0


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=30), max_size=12))
def test_no_fault_code_breaks_a_plot(codes: list[str]) -> None:
    line = plots.slots([replace(BEAT, begins_s=LAST_S, faults=tuple(codes))], "24h", NOW_MS)
    clean = "".join(letter if letter.isprintable() else " " for letter in "".join(codes))
    drawn = plots.draw(line, "faults", "24h", title=clean, text=clean, name=str)
    assert b"<script" not in drawn
    assert root_of(drawn).tag.endswith("svg")


def test_the_table_sums_hours_of_a_day_and_days_of_a_month() -> None:
    rows = plots.table(plots.slots([replace(BEAT, begins_s=LAST_S)], "24h", NOW_MS), "24h")
    assert 24 <= len(rows) <= 25
    assert rows[0].signal_dbm == -80
    assert rows[-1].balance_kzt is None
    assert rows[0].begins_ms > rows[1].begins_ms
    assert len(plots.table(plots.slots((), "30d", NOW_MS), "30d")) in {30, 31}


def test_facts_name_what_is_wrong_in_words() -> None:
    beat = Heartbeat(
        seq=1,
        boot=1,
        at=1,
        uptime_s=90,
        state="faulty",
        button=ButtonHealth(level="stuck", last_press_at=2**50),
        links=Links(
            mqtt=MqttHealth(up=False),
            https=MqttHealth(),
            sms=SmsHealth(up=False, registered="odd", signal_dbm=-105),
        ),
        voice=VoiceHealth(mode="cover", ok=False),
        power="battery",
        board=Board(temp_c=80),
        clock="unsynced",
        cert_days_left=3,
    )
    found = facts.of_kiosk(Kiosk(kiosk_id=KioskId("x"), heartbeat=beat, refused=2), word)
    bad = {fact.label for fact in found if fact.tone in {"warn", "bad"}}
    assert {"State", "Button", "GSM modem", "Certificate", "Clock", "Power", "Unreadable messages"} <= bad
    told = {fact.label: fact.text for fact in found}
    assert told["Last press"] == "—"
    assert told["Voice"] == "cover: No sound"
    assert "odd" in told["GSM modem"]
    assert told["GSM signal, dBm"] == "-105 dBm (very weak)"
    assert [fact.label for fact in facts.of_kiosk(Kiosk(kiosk_id=KioskId("x")), word)] == ["Heartbeats lost"]


@pytest.mark.parametrize(
    ("life", "why", "state", "said"),
    [
        ("online", "", "alerting", "sending an alert"),
        ("silent", "will", "", "the connection broke"),
        ("silent", "odd", "", "Silent for"),
        ("stopped", "", "", "Stopped"),
        ("unknown", "", "", "Never"),
    ],
)
def test_a_life_is_told_in_words(life: str, why: str, state: str, said: str) -> None:
    line = health.Line(kiosk_id="x", life=life, why=why, state=state, since_ms=NOW_MS - 90_000)
    assert said in health.life(line, word, NOW_MS).text


def test_all_that_is_wrong_with_a_kiosk_is_told_and_a_revoked_one_is_left_in_peace() -> None:
    line = health.Line(
        kiosk_id="x",
        life="online",
        twin=True,
        missing=(0, 0),
        open_alerts=1,
        faults=("worker:voice", "new_code"),
    )
    said = " ".join(reason.text for reason in health.reasons(line, word, WORDS.has, NOW_MS))
    for part in (
        "Online",
        "Two devices",
        "numbers: 2",
        "Open alerts: 1",
        "voice",
        "new_code",
        "Not in the registry",
    ):
        assert part in said
    assert len(health.reasons(replace(line, revoked=True), word, WORDS.has, NOW_MS)) == 1


def test_a_week_shows_each_hour_as_bad_as_its_worst_minute() -> None:
    able = frozenset({"a", "b"})
    shifts = tuple(Shift(person_id="a", weekday=day, begins_minute=0, ends_minute=1440) for day in range(7))
    assert week.gaps(shifts, NOW_MS, able) == ()
    hole = Shift(person_id="a", begins_ms=NOW_MS + HOUR_MS, ends_ms=NOW_MS + HOUR_MS + 60_000, away=True)
    (gap,) = [one for one in week.gaps((*shifts, hole), NOW_MS, able) if one.tier == 0]
    assert gap.span.begins_ms == NOW_MS + HOUR_MS
    hours = [cover for day in week.days((*shifts, hole), NOW_MS, able) for cover in day.hours]
    assert hours.count("bare") == 1
    assert "past" in hours
    second = Shift(person_id="b", tier=2, begins_ms=NOW_MS, ends_ms=NOW_MS + WEEK_MS - HOUR_MS)
    assert {one.tier for one in week.gaps((*shifts, second), NOW_MS, able)} == {2}
    hours = [cover for day in week.days((*shifts, second), NOW_MS, able) for cover in day.hours]
    assert "part" in hours
    assert "bare" not in hours


def test_somebody_without_a_phone_covers_nothing() -> None:
    shifts = (Shift(person_id="a", begins_ms=0, ends_ms=NOW_MS * 2),)
    assert week.gaps(shifts, NOW_MS, frozenset())[0].tier == 0


@given(st.binary(max_size=300))
def test_no_file_raises_and_a_wrong_one_gives_no_contacts(content: bytes) -> None:
    sheet = contactsheet.read(content)
    assert not (sheet.contacts and sheet.wrong)
    assert sheet.contacts or sheet.wrong


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"contact_id": "a b"}, "why_contact_id"),
        ({"kind": "x"}, "why_kind"),
        ({"name_ru": ""}, "why_name"),
        ({"name_kk": "x" * 121}, "why_name"),
        ({"phone": "=1+1"}, "why_phone"),
        ({"address_kk": "x" * 201}, "why_address"),
        ({"kato": "12"}, "why_kato"),
        ({"lat": "43.2"}, "why_place"),
        ({"lat": "91", "lon": "10"}, "why_place"),
        ({"lat": "nan", "lon": "10"}, "why_place"),
        ({"hours": "x" * 61}, "why_hours"),
        ({"lat": "43,2", "lon": "-0.5"}, ""),
    ],
)
def test_a_line_that_is_wrong_says_why(changes: dict[str, str], why: str) -> None:
    good = dict.fromkeys(contactsheet.COLUMNS, "") | {
        "contact_id": "a",
        "kind": "other",
        "name_kk": "Қ",
        "name_ru": "К",
        "phone": "+7 700 000 00 00",
    }
    assert contactsheet.problem(good | changes) == why


def test_a_list_may_use_semicolons_any_order_of_columns_and_our_own_defused_cells() -> None:
    head = ";".join(reversed(contactsheet.COLUMNS))
    row = "24/7;;;;;;'+7700;К;Қ;other;x"
    (one,) = contactsheet.read(f"{head}\n{row}".encode()).contacts
    assert (one.contact_id, one.phone) == ("x", "+7700")
    twice = contactsheet.read(f"{head}\n{row}\n{row}".encode())
    assert [(wrong.line, wrong.word) for wrong in twice.wrong] == [(3, "why_repeated")]
    many = contactsheet.read(f"{head}\n{f'{row}{chr(10)}' * (contactsheet.LINES_MAX + 1)}".encode())
    assert many.wrong[0].word == "why_many"


def test_the_shipped_sample_is_a_list_that_can_be_taken_and_marks_what_is_invented() -> None:
    file = centre_world.Path(__file__).parents[2] / "provisioning" / "contacts.sample.csv"
    found = contactsheet.read(file.read_bytes()).contacts
    assert {"112", "102", "111", "150"} <= {one.phone for one in found if one.kind == "national"}
    invented = [one for one in found if one.kind != "national"]
    assert invented
    assert all("ҮЛГІ" in one.name_kk and "ОБРАЗЕЦ" in one.name_ru for one in invented)
