"""The registry's rows: kiosks, tokens, certificates, with every change recorded."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.registry_rows import TOKEN, a_certificate, a_draft, change, made_token
from sqlalchemy import Engine

from kiosk.monitor.store import audit, certificates, drafts, duty, registry, tokens
from kiosk.monitor.store.drafts import RegistryError
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.migrate import bring_up_to_date
from kiosk.monitor.store.registry import Stale
from kiosk.monitor.store.tokens import TokenRefused

HOUR_MS = 3_600_000

pytestmark = pytest.mark.real


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/centre.sqlite"
    else:
        url = request.getfixturevalue("postgres_url")
    plain = make_engine(url)
    bring_up_to_date(plain)
    yield plain.execution_options(writes=True)
    plain.dispose()


def test_a_kiosk_is_created_found_and_changed_and_each_change_is_recorded(engine: Engine) -> None:
    with engine.begin() as db:
        made = registry.create(db, a_draft(), who="aida", now_ms=1000)
        assert registry.get(db, "kz-ala-0001") == made == registry.by_number(db, 17)
        changed = a_draft(note="second floor", number=18)
        assert change(db, changed, who="aida", now_ms=2000).draft == changed
        assert change(db, changed, who="aida", now_ms=3000).changed_ms == 2000
        assert registry.by_number(db, 17) is None
        done = [(entry.who, entry.what, entry.subject, entry.detail) for entry in audit.read(db)]
    assert done == [
        ("aida", "kiosk_changed", "kz-ala-0001", "number note"),
        ("aida", "kiosk_added", "kz-ala-0001", ""),
    ]


def test_a_change_made_from_an_older_state_is_refused(engine: Engine) -> None:
    with engine.begin() as db:
        made = registry.create(db, a_draft(), who="aida", now_ms=1000)
        registry.change(db, a_draft(note="a"), who="aida", now_ms=2000, seen_ms=made.changed_ms)
        with pytest.raises(Stale):
            registry.change(db, a_draft(note="b"), who="bek", now_ms=3000, seen_ms=made.changed_ms)
        assert registry.change(db, a_draft(note="a"), who="bek", now_ms=3000, seen_ms=1).changed_ms == 2000
        registry.change(db, a_draft(note="b"), who="bek", now_ms=900, seen_ms=2000)
        found = registry.get(db, "kz-ala-0001")
    assert found is not None
    assert (found.draft.note, found.changed_ms) == ("b", 2001)


def test_an_imei_that_a_kiosk_tells_alters_nothing_else(engine: Engine) -> None:
    with engine.begin() as db:
        made = registry.create(db, a_draft(note="a"), who="aida", now_ms=1000)
        for _ in range(2):
            registry.correct_imei(db, made.kiosk_id, "490154203237518", now_ms=2000)
        registry.correct_imei(db, "kz-none", "490154203237518", now_ms=2000)
        found = registry.get(db, made.kiosk_id)
        done = [(entry.who, entry.what, entry.detail) for entry in audit.read(db)]
    assert found is not None
    assert found.draft == a_draft(note="a", imei="490154203237518")
    assert found.changed_ms == 2000
    assert done == [("kz-ala-0001", "kiosk_changed", "imei"), ("aida", "kiosk_added", "")]


@pytest.mark.parametrize("now_ms", [4000, 1000, 900])
@pytest.mark.parametrize("what", ["change", "revoke", "reinstate"])
def test_the_plan_follows_each_change_whatever_the_clock_says(engine: Engine, what: str, now_ms: int) -> None:
    """Another machine's clock was ahead, or a long import began later and was there before."""
    reader = duty.PlanReader()

    def planned() -> dict[str, tuple[int, bool]]:
        with engine.begin() as db:
            return {kiosk.kiosk_id: (kiosk.number, kiosk.revoked) for kiosk in reader.read(db, 10_000).kiosks}

    with engine.begin() as db:
        for kiosk_id, number, at_ms in (("kz-1", 17, 1000), ("kz-2", 18, 5000)):
            registry.create(db, a_draft(kiosk_id=kiosk_id, number=number), who="x", now_ms=at_ms)
        if what == "reinstate":
            registry.revoke(db, "kz-1", "keyCompromise", who="x", now_ms=1000)
    assert planned()["kz-1"] == (17, what == "reinstate")
    for number in (27, 28):
        with engine.begin() as db:
            if what == "change":
                change(db, a_draft(kiosk_id="kz-1", number=number), who="x", now_ms=now_ms)
            elif what == "revoke":
                registry.revoke(db, "kz-1", "keyCompromise", who="x", now_ms=now_ms)
            else:
                registry.reinstate(db, "kz-1", who="x", now_ms=now_ms)
        assert planned()["kz-1"] == (number if what == "change" else 17, what == "revoke")


def test_an_id_or_number_that_is_taken_is_refused_and_nothing_is_lost(engine: Engine) -> None:
    with engine.begin() as db:
        registry.create(db, a_draft(), who="aida", now_ms=1)
        registry.create(db, a_draft(kiosk_id="kz-ala-0002", number=2), who="aida", now_ms=1)
        with pytest.raises(RegistryError, match="in the registry already"):
            registry.create(db, a_draft(number=3), who="aida", now_ms=1)
        with pytest.raises(RegistryError, match="number 17 belongs to kz-ala-0001"):
            registry.create(db, a_draft(kiosk_id="kz-ala-0003"), who="aida", now_ms=1)
        with pytest.raises(RegistryError, match="number 17 belongs"):
            change(db, a_draft(kiosk_id="kz-ala-0002"), who="aida", now_ms=1)
        with pytest.raises(RegistryError, match="no kiosk kz-none"):
            change(db, a_draft(kiosk_id="kz-none"), who="aida", now_ms=1)
        assert registry.count(db) == 2
        assert len(audit.read(db)) == 2


def test_the_next_number_follows_the_highest_and_then_fills_the_gaps(engine: Engine) -> None:
    with engine.begin() as db:
        assert registry.next_number(db) == 1
        registry.create(db, a_draft(number=1), who="x", now_ms=1)
        assert registry.next_number(db) == 2
        registry.create(db, a_draft(kiosk_id="kz-last", number=drafts.NUMBER_MAX), who="x", now_ms=1)
        assert registry.next_number(db) == 2


def test_kiosks_are_found_by_words_and_region_page_by_page(engine: Engine) -> None:
    with engine.begin() as db:
        for number in range(1, 6):
            kato = "711000000" if number % 2 else "751000000"
            registry.create(db, a_draft(kiosk_id=f"kz-{number}", number=number, kato=kato), who="x", now_ms=1)
        assert [entry.kiosk_id for entry in registry.find(db, region="71")] == ["kz-1", "kz-3", "kz-5"]
        assert [entry.number for entry in registry.find(db, after="kz-3")] == [4, 5]
        assert [entry.kiosk_id for entry in registry.find(db, text="KZ-4")] == ["kz-4"]
        assert not registry.find(db, text="100%_")
        assert registry.count(db, region="75") == 2
        assert [(known.kiosk_id, known.number) for known in registry.plan(db)][:2] == [
            ("kz-1", 1), ("kz-2", 2),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"kiosk_id": "Kz 1"}, "kiosk_id"),
        ({"kiosk_id": "kz-1\n"}, "kiosk_id"),
        ({"number": 0}, "number"),
        ({"number": 2**24}, "number"),
        ({"imei": "12"}, "imei"),
        ({"note": "a\0b"}, "control character"),
        ({"accuracy_m": 10_001}, "accuracy_m"),
        ({"kato": "71"}, "kato"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_people_write_is_checked(changes: dict[str, object], what: str) -> None:
    with pytest.raises(RegistryError, match=what):
        a_draft(**changes)


def test_a_revoked_kiosk_is_shut_out_with_all_that_it_holds(engine: Engine) -> None:
    with engine.begin() as db:
        registry.create(db, a_draft(), who="x", now_ms=1)
        for serial in ("aa", "bb"):
            certificates.keep(db, a_certificate(serial))
        token = made_token(db)
        assert not certificates.standing(db, "aa", "kz-ala-0001").revoked
        assert registry.revoke(db, "kz-ala-0001", "stolen", who="aida", now_ms=5000) == 2
        assert registry.revoke(db, "kz-ala-0001", "stolen", who="aida", now_ms=6000) == 0
        entry = registry.get(db, "kz-ala-0001")
        assert entry is not None
        assert entry.revoked_ms == 5000
        assert registry.revoked_names(db) == ["kz-ala-0001"]
        assert certificates.standing(db, "aa", "kz-ala-0001").revoked
        assert certificates.standing(db, "unknown", "kz-ala-0001").revoked
        with pytest.raises(TokenRefused, match="revoked"):
            tokens.claim(db, token, "key", 2000)
        with pytest.raises(RegistryError, match="reinstate"):
            tokens.make(db, "kz-ala-0001", TOKEN, who="x", now_ms=1)
        registry.reinstate(db, "kz-ala-0001", who="aida", now_ms=7000)
        assert certificates.standing(db, "aa", "kz-ala-0001").revoked
        assert not certificates.standing(db, "new", "kz-ala-0001").revoked
        for gone in (registry.revoke, registry.reinstate):
            with pytest.raises(RegistryError, match="no kiosk"):
                gone(db, "kz-none", *(["lost"] if gone is registry.revoke else []), who="x", now_ms=1)


def test_certificates_are_revoked_once_and_listed_until_a_month_after_their_end(engine: Engine) -> None:
    with engine.begin() as db:
        certificates.keep(db, a_certificate("aa", not_after_ms=10_000))
        certificates.keep(db, a_certificate("bb", not_after_ms=10_000))
        assert certificates.listed(db, 5000) == []
        assert certificates.revoke(db, "aa", "replaced", who="x", now_ms=5000)
        assert not certificates.revoke(db, "aa", "stolen", who="x", now_ms=6000)
        assert not certificates.revoke(db, "none", "lost", who="x", now_ms=6000)
        assert [held.serial for held in certificates.listed(db, 6000)] == ["aa"]
        assert [held.reason for held in certificates.listed(db, 6000)] == ["replaced"]
        assert certificates.listed(db, 10_001 + certificates.LISTED_AFTER_END_MS) == []
        assert [held.serial for held in certificates.of_kiosk(db, "kz-ala-0001")] == ["aa", "bb"]
        found = certificates.by_serial(db, "bb")
        assert found is not None
        assert found.revoked_ms is None
        assert certificates.by_serial(db, "none") is None


def test_another_kiosks_serial_counts_as_revoked(engine: Engine) -> None:
    with engine.begin() as db:
        certificates.keep(db, a_certificate("aa"))
        assert certificates.standing(db, "aa", "kz-ala-0002").revoked
        assert certificates.standing(db, "zz", "kz-ala-0002") == certificates.Standing()


def test_a_token_opens_once_and_repeats_its_answer_for_the_same_key_only(engine: Engine) -> None:
    with engine.begin() as db:
        registry.create(db, a_draft(), who="x", now_ms=1)
        token = made_token(db)
        assert "-" in token
        assert tokens.claim(db, f" {token.lower()}\n", "key", 2000) == tokens.Claim("kz-ala-0001")
        with pytest.raises(TokenRefused, match="used already"):
            tokens.claim(db, token, "key", 2000)  # claimed, but its certificate is not there yet
        tokens.settle(db, token, "aa")
        assert tokens.claim(db, token, "key", 2000 + 599_000) == tokens.Claim("kz-ala-0001", "aa")
        for other, when_ms in (("another", 3000), ("key", 2000 + 601_000)):
            with pytest.raises(TokenRefused, match="used already"):
                tokens.claim(db, token, other, when_ms)
        with pytest.raises(TokenRefused, match="no such token"):
            tokens.claim(db, "wrong", "key", 2000)
        assert [seen.used_ms for seen in tokens.of_kiosk(db, "kz-ala-0001")] == [2000]


def test_a_token_expires_and_dies_when_a_newer_one_is_made(engine: Engine) -> None:
    with engine.begin() as db:
        registry.create(db, a_draft(), who="x", now_ms=1)
        old = made_token(db, chance=b"1" * 32)
        new = made_token(db)
        with pytest.raises(TokenRefused, match="no such token"):
            tokens.claim(db, old, "key", 2000)
        with pytest.raises(TokenRefused, match="has expired"):
            tokens.claim(db, new, "key", 1000 + 72 * HOUR_MS)
        assert tokens.claim(db, new, "key", 999 + 72 * HOUR_MS).kiosk_id == "kz-ala-0001"
        with pytest.raises(RegistryError, match="no kiosk"):
            tokens.make(db, "kz-none", TOKEN, who="x", now_ms=1)
        for chance, life_h in ((b"short", 72), (TOKEN, 0), (TOKEN, 10_000)):
            with pytest.raises(RegistryError, match="random bytes"):
                tokens.make(db, "kz-ala-0001", chance, who="x", now_ms=1, life_h=life_h)


def test_of_two_that_race_with_one_token_one_wins(engine: Engine) -> None:
    with engine.begin() as db:
        registry.create(db, a_draft(), who="x", now_ms=1)
        token = made_token(db)
    start, won = threading.Barrier(4), []

    def race(key: str) -> None:
        start.wait(10)
        try:
            with engine.begin() as db:
                won.append(tokens.claim(db, token, key, 2000))
                tokens.settle(db, token, key)
        except TokenRefused:
            pass

    racers = [threading.Thread(target=race, args=(f"key{number}",)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(20)
    assert won == [tokens.Claim("kz-ala-0001")]


def test_a_token_whose_transaction_fails_is_not_used_up(engine: Engine) -> None:
    with engine.begin() as db:
        registry.create(db, a_draft(), who="x", now_ms=1)
        token = made_token(db)

    def fail() -> None:
        with engine.begin() as db:
            tokens.claim(db, token, "key", 2000)
            raise RuntimeError("the certificate could not be signed")

    with pytest.raises(RuntimeError):
        fail()
    with engine.begin() as db:
        assert tokens.claim(db, token, "key", 3000) == tokens.Claim("kz-ala-0001")
