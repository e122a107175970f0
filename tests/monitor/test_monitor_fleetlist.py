from fakes import centre_world
from fakes.centre_engines import engine
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, insert, update

from kiosk.bodies import Event, KioskId
from kiosk.monitor.records import Kiosk
from kiosk.monitor.store import fleetcounts, fleetlist
from kiosk.monitor.store.fleetlist import Search
from kiosk.monitor.store.schema import alerts, events, kiosks, registry

__all__ = ["engine"]
NOW_MS = 1_790_000_000_000
CHANCE = centre_world.random.Random(1)
PLACE = centre_world.place(CHANCE, "75")


def put(connection: Connection, *known: Kiosk) -> None:
    connection.execute(insert(kiosks), [centre_world.kiosk_row(one, NOW_MS) for one in known])


def register(connection: Connection, kiosk_id: str, number: int, **changes: object) -> None:
    row = centre_world.registry_row(kiosk_id, number, PLACE, NOW_MS) | changes
    connection.execute(insert(registry), [row])


def ids(connection: Connection, **search: object) -> list[str]:
    lines, _ = fleetlist.listed(connection, Search(**search))  # type: ignore[arg-type]
    return [line.kiosk_id for line in lines]


def online(name: str, **changes: object) -> Kiosk:
    return Kiosk(kiosk_id=KioskId(name), life="online", heard_ms=NOW_MS, **changes)  # type: ignore[arg-type]


def test_every_page_of_a_whole_country_follows_the_last_without_a_gap(engine: Engine) -> None:
    with engine.begin() as connection:
        world = centre_world.fill(connection, NOW_MS, count=47, alerts_count=20)
        seen: list[str] = []
        more, after = True, ""
        while more:
            lines, more = fleetlist.listed(connection, Search(after=after, limit=10))
            seen += [line.kiosk_id for line in lines]
            after = seen[-1]
        assert seen == sorted(world.kiosk_ids)


def test_heard_but_unregistered_and_registered_but_unheard_kiosks_are_both_listed(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, online("stranger"))
        register(connection, "waiting", 1)
        lines, _ = fleetlist.listed(connection, Search())
        assert [(line.kiosk_id, line.registered, line.life) for line in lines] == [
            ("stranger", False, "online"),
            ("waiting", True, "unknown"),
        ]
        assert ids(connection, region=fleetlist.UNREGISTERED) == ["stranger"]
        assert ids(connection, region="75") == ["waiting"]
        assert ids(connection, show="new") == ["waiting"]


def test_attention_lists_what_is_ill_and_nothing_else(engine: Engine) -> None:
    beat = centre_world.heartbeat(CHANCE, NOW_MS, ("modem_down",))
    with engine.begin() as connection:
        put(
            connection,
            online("a-well", heartbeat=centre_world.heartbeat(CHANCE, NOW_MS, ())),
            online("b-faulty", heartbeat=beat),
            online("c-twin", twin=True),
            online("d-gap", missing=(4, 5)),
            replace(online("e-silent"), life="silent", why="will"),
            replace(online("f-stopped"), life="stopped"),
            replace(online("g-revoked"), life="silent", why="heartbeats"),
        )
        register(connection, "g-revoked", 7, revoked_ms=NOW_MS)
        assert ids(connection, show="attention") == ["b-faulty", "c-twin", "d-gap", "e-silent", "f-stopped"]
        assert ids(connection, show="silent") == ["e-silent"]
        assert ids(connection, show="faulty") == ["b-faulty"]
        assert ids(connection, show="missing") == ["d-gap"]
        lines, _ = fleetlist.listed(connection, Search(show="missing"))
        assert lines[0].missing == (4, 5)
        assert "g-revoked" in ids(connection)


def test_the_search_finds_parts_of_names_in_any_case_and_takes_wildcards_literally(engine: Engine) -> None:
    with engine.begin() as connection:
        register(connection, "one", 1, name_kk="Дәріхана «Қызғалдақ»")
        register(connection, "two", 2, name_ru="100% аптека")
        assert ids(connection, text="қызғалдақ") == ["one"]
        assert "one" in ids(connection, text="дәріхана")
        assert ids(connection, text="Қызғал") == ["one"]
        assert ids(connection, text="100%") == ["two"]
        assert ids(connection, text="0_") == []
        assert ids(connection, text="\0' OR 1=1 --") == []
        assert ids(connection, text="TWO") == ["two"]


def test_a_line_tells_the_newest_drill_and_the_alerts_that_wait(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, online("one"))
        register(connection, "one", 1)
        for number, (code, at_ms) in enumerate((("drill_passed", 1000), ("drill_failed", 2000))):
            event = Event(event_id=f"e{number}", kiosk_id="one", at="2026-01-01T00:00:00Z", code=code)
            connection.execute(insert(events), [centre_world.event_row(event, at_ms)])
        for kind, open_ in (("press", True), ("press", False), ("drill", True)):
            row = centre_world.alert_row(CHANCE, "one", PLACE, NOW_MS, kind=kind, open_=open_)
            connection.execute(insert(alerts), [row])
        (line,), more = fleetlist.listed(connection, Search())
        assert (line.drill_ms, line.drill_passed, line.open_alerts, more) == (2000, False, 1, False)


def test_an_unreadable_body_keeps_the_count_of_missing_alerts(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, online("one", missing=(3,)))
        connection.execute(update(kiosks).values(body=b"{"))
        (line,), _ = fleetlist.listed(connection, Search())
        assert len(line.missing) == 1


def test_regions_count_what_the_list_lists(engine: Engine) -> None:
    with engine.begin() as connection:
        world = centre_world.fill(connection, NOW_MS, count=80, alerts_count=60)
        register(connection, "nowhere", 900, kato="990000000")
        put(connection, online("stranger"))
        counts = fleetcounts.regions(connection)
        assert sum(region.kiosks for region in counts.values()) == len(world.kiosk_ids) + 2
        assert counts[fleetlist.UNREGISTERED].kiosks == 2
        assert counts[fleetlist.UNREGISTERED].new == 1
        for code, region in counts.items():
            assert region.kiosks == region.online + region.silent + region.stopped + region.new
            assert region.silent == len(ids(connection, region=code, show="silent"))
            assert region.stopped == len(ids(connection, region=code, show="stopped"))
        assert sum(region.open_alerts for region in counts.values()) == 5
        assert sum(region.missing for region in counts.values()) == len(ids(connection, show="missing"))
