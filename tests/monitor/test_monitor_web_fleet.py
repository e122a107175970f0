"""Fleet, kiosk, statistics: what people see there, who may, and what hostile text becomes."""

import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import anyio
import pytest
from fakes import centre_world
from fakes.centre_pages import Pages
from msgspec.structs import replace
from sqlalchemy import insert, select
from starlette.requests import Request

from kiosk import health as kiosk_health
from kiosk.bodies import Event
from kiosk.monitor.store.schema import audit, events, kiosks, registry
from kiosk.monitor.web import changes, health, kiosk
from kiosk.monitor.web.changes import CHANGED

EVIL = "<script>alert(1)</script>"
KIOSK = Path(kiosk_health.__file__).parent


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill one database for all tests; each of them gets a copy."""
    folder = tmp_path_factory.mktemp("country")
    with Pages(folder) as running, running.engine.begin() as connection:
        centre_world.fill(connection, running.now_ms, count=60, alerts_count=120, spans_of=1)
    return folder / "centre.sqlite"


@pytest.fixture
def pages(country: Path, tmp_path: Path) -> Iterator[Pages]:
    shutil.copy(country, tmp_path / "centre.sqlite")
    with Pages(tmp_path) as running:
        yield running


def test_the_fleet_names_every_region_and_says_states_in_words(pages: Pages) -> None:
    shown = pages.sign_in("officer", "ru").get("/fleet?show=all").text
    assert shown.count('class="tile ') == 20
    assert "Мангистауская область" in shown
    assert "На связи" in shown
    assert len(shown.encode()) < 150_000


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_page_of_mine_is_there_in_every_language(pages: Pages, language: str) -> None:
    boss = pages.sign_in("admin", language)
    paths = "/fleet /kiosks/kiosk-0001 /kiosks/kiosk-0001?span=30d /statistics /registry /registry/new /duty"
    for path in [
        *paths.split(),
        "/registry/kiosk-0001",
        "/staff",
        "/contacts",
        "/fleet?show=nonsense&region=xx",
    ]:
        answer = boss.get(path)
        assert answer.status_code == 200, path
        assert f'lang="{language}"' in answer.text


def test_officers_see_neither_registry_nor_figures_and_order_nothing(pages: Pages) -> None:
    officer, technician = pages.sign_in("officer"), pages.sign_in("technician")
    for path in ("/registry", "/registry/new", "/statistics", "/statistics.csv", "/duty", "/staff"):
        assert officer.get(path).status_code == 403, path
    for path in ("/statistics", "/duty", "/staff", "/rollouts"):
        assert technician.get(path).status_code == 403, path
    assert officer.post("/kiosks/kiosk-0001/command", {"name": "restart"}).status_code == 403
    assert "350000000000001" not in officer.get("/kiosks/kiosk-0001").text
    assert "350000000000001" in technician.get("/kiosks/kiosk-0001").text
    assert not [asked for asked in pages.feed.asked if asked["ask"] == "command"]


def test_a_stranger_is_sent_to_the_sign_in_from_every_page(pages: Pages) -> None:
    stranger = pages.visitor()
    for path in (
        "/fleet",
        "/kiosks/kiosk-0001",
        "/statistics",
        "/registry",
        "/duty",
        "/staff",
        "/contacts",
        "/rollouts",
    ):
        assert str(stranger.get(path).url).startswith("http://centre.test/sign-in"), path


def test_a_command_goes_to_the_centre_once_and_into_the_audit_log(pages: Pages) -> None:
    technician = pages.sign_in("technician")
    technician.get("/kiosks/kiosk-0001")
    shown = technician.post("/kiosks/kiosk-0001/command", {"name": "drill", "duty": "yes"})
    assert "The command was sent: Drill" in shown.text
    asked = [question for question in pages.feed.asked if question["ask"] == "command"]
    assert asked == [
        {"ask": "command", "kiosk": "kiosk-0001", "name": "drill", "by": "technician-en", "duty": True}
    ]
    with pages.engine.connect() as connection:
        rows = connection.execute(select(audit.c.what, audit.c.subject, audit.c.detail)).all()
    assert ("command", "kiosk-0001", "drill sent duty") in [tuple(row) for row in rows]


def test_a_command_that_is_refused_or_forged_says_so(pages: Pages) -> None:
    technician = pages.sign_in("technician")
    technician.get("/kiosks/kiosk-0001")
    pages.feed.answers["command"] = {"ok": False, "text": "no such kiosk", "alert_id": ""}
    assert "no such kiosk" in technician.post("/kiosks/kiosk-0001/command", {"name": "report"}).text
    assert technician.post("/kiosks/kiosk-0001/command", {"name": "explode"}).status_code == 400
    forged = technician.post("/kiosks/kiosk-0001/command", {"name": "report", "csrf": "x"})
    assert forged.status_code == 403
    pages.feed.up = False
    assert technician.post("/kiosks/kiosk-0001/command", {"name": "report"}).status_code == 503


def test_a_command_without_an_answer_may_go_out_yet_and_is_in_the_audit_log(pages: Pages) -> None:
    technician = pages.sign_in("technician")
    technician.get("/kiosks/kiosk-0001")
    pages.feed.away = True
    shown = technician.post("/kiosks/kiosk-0001/command", {"name": "drill", "duty": "yes"})
    assert "may be sent all the same" in shown.text
    with pages.engine.connect() as connection:
        rows = connection.execute(select(audit.c.what, audit.c.subject, audit.c.detail)).all()
    assert ("command", "kiosk-0001", "drill unsure duty") in [tuple(row) for row in rows]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"])
def test_an_event_at_an_impossible_time_breaks_no_page(pages: Pages, at: str) -> None:
    event = Event(event_id="x", kiosk_id="kiosk-0001", at=at, code="booted", detail="of that hour")
    with pages.engine.begin() as connection:
        connection.execute(insert(events), [centre_world.event_row(event, pages.now_ms)])
    shown = pages.sign_in("officer").get("/kiosks/kiosk-0001")
    assert shown.status_code == 200
    assert "of that hour" in shown.text


def test_hostile_names_codes_and_details_stay_text(pages: Pages) -> None:
    known = centre_world.kiosk(centre_world.random.Random(1), "evil", pages.now_ms)
    beat = centre_world.heartbeat(centre_world.random.Random(1), pages.now_ms, (EVIL,))
    place = centre_world.place(centre_world.random.Random(1), "71")
    event = Event(event_id="x", kiosk_id="evil", at="2026-01-01T00:00:00Z", code=EVIL, detail=EVIL)
    with pages.engine.begin() as connection:
        connection.execute(insert(kiosks), [centre_world.kiosk_row(replace(known, heartbeat=beat), 1)])
        row = centre_world.registry_row("evil", 999, place, 1)
        connection.execute(insert(registry), [row | {"name_kk": EVIL, "name_ru": EVIL, "address_ru": EVIL}])
        connection.execute(insert(events), [centre_world.event_row(event, 1)])
    boss = pages.sign_in("admin")
    for path in ("/fleet?q=evil", "/kiosks/evil", "/registry?q=evil", "/registry/evil", f"/fleet?q={EVIL}"):
        shown = boss.get(path).text
        assert EVIL not in shown, path
        assert EVIL in unescape(shown), path
    assert boss.get("/kiosks/evil/faults-24h.svg").status_code == 200


def test_a_page_is_not_moved_by_odd_addresses(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    for query in ("after=%00", "after=%F0%9F", "region=%27%3B--", "q=" + "x" * 5000, "part=1", "show=%00"):
        assert boss.get(f"/fleet?{query}").status_code == 200, query
    assert boss.get("/kiosks/kiosk-0001?before=rubbish&span=9y").status_code == 200
    assert boss.get("/kiosks/nobody").status_code == 404
    assert boss.get("/kiosks/kiosk-0001/nonsense-24h.svg").status_code == 404
    assert boss.get("/kiosks/kiosk-0001/beats-9y.svg").status_code == 404
    for months in ("from=2026-13&to=x", "from=2026-12&to=2026-01", "from=&to="):
        assert boss.get(f"/statistics?{months}").status_code == 200, months
    assert boss.get("/statistics?from=2000-01&to=2199-12").status_code == 400


def test_the_list_is_read_page_by_page_to_its_end(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    shown = boss.get("/fleet?show=all").text
    found = re.findall(r'href="/kiosks/([a-z0-9-]+)"', shown)
    following = re.search(r'rel="next" href="([^"]+)"', shown)
    assert following
    rest = boss.get(unescape(following[1])).text
    found += re.findall(r'href="/kiosks/([a-z0-9-]+)"', rest)
    assert len(set(found)) == len(found) == 60


def test_plots_hold_no_script_and_say_what_they_show(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    for what in ("beats", "signal", "temperature", "balance", "faults"):
        for span in ("24h", "30d"):
            drawn = boss.get(f"/kiosks/kiosk-0001/{what}-{span}.svg")
            assert drawn.headers["content-type"].startswith("image/svg+xml")
            assert "<script" not in drawn.text
            assert "<desc" in drawn.text
            assert "default-src 'none'" in drawn.headers["content-security-policy"]
    assert "<desc" in boss.get("/kiosks/kiosk-0050/signal-24h.svg").text
    assert "Nothing was told" in boss.get("/kiosks/kiosk-0050").text


@pytest.mark.parametrize("path", ["/fleet/live", "/kiosks/kiosk-0001/live"])
@pytest.mark.parametrize(
    "told",
    [
        {"what": "kiosk", "kiosk": {"kiosk_id": "kiosk-0001"}},
        {"what": "feed_up"},
        {"what": "store_broke", "reason": "disk full"},
        {"what": "store_mended"},
    ],
    ids=lambda told: told["what"],
)
def test_a_change_that_the_centre_tells_reaches_the_open_page(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, path: str, told: dict[str, object]
) -> None:
    monkeypatch.setattr(changes, "REST_S", 0.01)
    technician = pages.sign_in("technician")
    sent: list[dict[str, object]] = []
    changed: list[int] = []
    cookie = "; ".join(f"{name}={value}" for name, value in technician.client.cookies.items())
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"cookie", cookie.encode()), (b"host", b"centre.test")], "scheme": "http",
        "server": ("centre.test", 80), "client": ("127.0.0.1", 1), "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def live() -> None:
        gone = anyio.Event()

        async def receive() -> dict[str, object]:
            if not sent:
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)
            if message.get("body") == CHANGED:
                changed.append(1)
                if len(changed) == 1:
                    pages.feed.tell(told)
                else:
                    gone.set()

        await pages.app(scope, receive, send)

    pages.run(live)
    assert len(changed) == 2  # its first word, and what was told
    assert pages.visitor().get(path).status_code == 401


def test_figures_leave_as_csv_without_formulas_and_are_recorded(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    plain, excel = boss.get("/statistics.csv"), boss.get("/statistics.csv?bom=yes")
    assert plain.headers["content-disposition"] == 'attachment; filename="statistics.csv"'
    assert plain.text.startswith("region,month,real_alerts")
    assert excel.content.startswith(b"\xef\xbb\xbf")
    assert len(plain.text.splitlines()) > 20
    with pages.engine.connect() as connection:
        assert "export" in connection.execute(select(audit.c.what)).scalars().all()


def test_bars_of_the_months_hold_no_script(pages: Pages) -> None:
    drawn = pages.sign_in("admin").get("/statistics.svg?from=2025-01&to=2026-06")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "<script" not in drawn.text
    assert "Most alerts in" in drawn.text


def test_figures_are_counted_once_in_ten_minutes(pages: Pages) -> None:
    boss = pages.sign_in("admin")
    first = boss.get("/statistics").text
    with pages.engine.begin() as connection:
        place = centre_world.place(centre_world.random.Random(1), "71")
        row = centre_world.alert_row(centre_world.random.Random(1), "kiosk-0001", place, pages.now_ms - 1000)
        connection.execute(insert(centre_world.alerts), [row])
    assert boss.get("/statistics").text == first
    pages.now_ms += 601_000
    assert boss.get("/statistics").text != first


@pytest.mark.parametrize(
    ("event", "mine"),
    [
        ({"what": "kiosk", "kiosk": {"kiosk_id": "a"}}, True),
        ({"what": "command_result", "kiosk": "a"}, True),
        ({"what": "case", "alert": {"kiosk_id": "a"}}, True),
        ({"what": "case", "alert": {"kiosk_id": "b"}}, False),
        ({"what": "kiosk", "kiosk": {"kiosk_id": "b"}}, False),
        ({"what": "duty", "on": True}, False),
    ],
)
def test_a_kiosks_page_hears_of_its_own_kiosk_only(event: dict[str, object], mine: bool) -> None:
    request = Request({"type": "http", "path_params": {"kiosk_id": "a"}})
    assert kiosk.concerns(event, request) is mine


def test_every_code_that_the_kiosk_sends_has_words(pages: Pages) -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in sorted(KIOSK.glob("*.py")))
    told = set(re.findall(r'(?:\.fault|tell_centre)\(\s*f?"([a-z_]+)', sources))
    told |= set(
        re.findall(r'^ {8}"([a-z_]+)": ', (KIOSK / "health.py").read_text(encoding="utf-8"), re.MULTILINE)
    )
    told |= {"drill_passed", "drill_failed"}
    assert len(told) > 20
    has = pages.app.state.site.words.has
    assert [code for code in sorted(told) if not has(f"faults.{code}")] == []


def test_what_is_mild_at_the_kiosk_is_mild_here() -> None:
    assert health.MILD == kiosk_health.MILD


def test_a_code_without_words_is_shown_as_it_is() -> None:
    reason = health.fault("warp_core:left", lambda key, **_values: key, lambda _key: False)
    assert (reason.text, reason.tone, reason.sign) == ("warp_core:left", "warn", "▲")


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (-5, "spoken.seconds"),
        (59_999, "spoken.seconds"),
        (60_000, "spoken.minutes"),
        (3_600_000, "spoken.hours"),
        (172_800_000, "spoken.days"),
    ],
)
def test_a_stretch_of_time_is_said_in_fitting_units(ms: int, said: str) -> None:
    assert health.lasting(ms, lambda key, **_values: key) == said
