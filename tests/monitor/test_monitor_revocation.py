"""A revocation list never forgets who was on the one before, whatever became of the database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from fakes.registry_rows import a_certificate
from sqlalchemy import Engine, delete

from kiosk.monitor.ca import Authority, Revoked, create
from kiosk.monitor.doors import revocation
from kiosk.monitor.doors.revocation import RevocationList
from kiosk.monitor.store import certificates, schema
from kiosk.monitor.store.engine import make_engine, sqlite_url
from kiosk.monitor.store.migrate import bring_up_to_date

NOW_S = 1_800_000_000
ENDED_MS = NOW_S * 1000 - certificates.LISTED_AFTER_END_MS


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "time", SimpleNamespace(time=lambda: NOW_S))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(sqlite_url(tmp_path / "c.sqlite"))
    bring_up_to_date(made)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def authority() -> Authority:
    pair = create("Pana CA", NOW_S - 86_400)
    return Authority(pair.cert, pair.key)


def keep(engine: Engine, serial: str, **changes: object) -> None:
    with engine.begin() as db:
        certificates.keep(db, a_certificate(serial, **changes))


def forget(engine: Engine) -> None:
    with engine.begin() as db:
        db.execute(delete(schema.certificates))


def made(crl: RevocationList) -> dict[str, x509.RevokedCertificate]:
    asyncio.run(crl.refresh())
    return {f"{entry.serial_number:x}": entry for entry in x509.load_pem_x509_crl(crl.pem)}


@pytest.mark.parametrize("restarted", [True, False])
def test_revocations_that_the_database_lost_stay_on_the_list(
    engine: Engine, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, restarted: bool
) -> None:
    """A store begun anew was empty, and the next list let stolen kiosks back in."""
    keep(engine, "ab", revoked_ms=5000, reason="stolen")
    keep(engine, "cd", revoked_ms=6000, reason="other")
    crl = RevocationList(engine, authority, days=30, file=tmp_path / "crl.pem")
    assert sorted(made(crl)) == ["ab", "cd"]
    assert "kept" not in caplog.text
    forget(engine)
    keep(engine, "ef", revoked_ms=7000, reason="lost")
    if restarted:
        crl = RevocationList(engine, authority, days=30, file=tmp_path / "crl.pem")
    listed = made(crl)
    assert sorted(listed) == ["ab", "cd", "ef"]
    assert listed["ab"].revocation_date_utc.timestamp() == 5
    (reason,) = listed["ab"].extensions
    assert isinstance(reason.value, x509.CRLReason)
    assert reason.value.reason is x509.ReasonFlags.key_compromise
    assert not list(listed["cd"].extensions)
    assert "crl kept=2" in caplog.text
    made(crl)
    assert caplog.text.count("crl kept") == 1, "once for each list that is signed"


def test_a_certificate_that_an_old_copy_of_the_database_holds_as_good_stays_on_the_list(
    engine: Engine, authority: Authority, tmp_path: Path
) -> None:
    keep(engine, "ab", revoked_ms=5000, reason="stolen")
    crl = RevocationList(engine, authority, days=30, file=tmp_path / "crl.pem")
    made(crl)
    forget(engine)
    keep(engine, "ab")
    assert sorted(made(crl)) == ["ab"]
    keep(engine, "cd", revoked_ms=6000, reason="lost")
    assert sorted(made(crl)) == ["ab", "cd"]


def test_what_has_ended_leaves_the_list(engine: Engine, authority: Authority, tmp_path: Path) -> None:
    keep(engine, "ab", revoked_ms=5000, reason="lost", not_after_ms=ENDED_MS)
    keep(engine, "cd", revoked_ms=5000, reason="lost", not_after_ms=ENDED_MS + 1)
    before = [Revoked(serial, 5, x509.ReasonFlags.unspecified) for serial in ("ab", "cd")]
    file = tmp_path / "crl.pem"
    file.write_bytes(authority.crl(before, NOW_S - 60, 30))
    assert sorted(made(RevocationList(engine, authority, days=30, file=file))) == ["cd"]


@pytest.mark.parametrize("what", ["missing", "rubbish", "folder", "foreign"])
def test_a_former_list_that_is_none_of_ours_counts_for_nothing(
    engine: Engine, authority: Authority, tmp_path: Path, what: str
) -> None:
    file = tmp_path / "former.pem"
    if what == "rubbish":
        file.write_bytes(b"no list")
    elif what == "folder":
        file.mkdir()
    elif what == "foreign":
        pair = create("Pana CA", NOW_S - 86_400)
        lines = [Revoked("ab", 5, x509.ReasonFlags.unspecified)]
        file.write_bytes(Authority(pair.cert, pair.key).crl(lines, NOW_S, 30))
    assert revocation.read(file, authority) == []
    assert made(RevocationList(engine, authority, days=30, file=None)) == {}
