"""`kiosk fleet make`: every good row becomes a signed bundle, every bad one a line; nothing secret leaks."""

import getpass
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.registry_rows import a_draft, change
from fleet_desk import TOKEN, Desk, rows, told
from sqlalchemy import Connection, Engine, event

from kiosk import bundle
from kiosk.check.clips import lines_of
from kiosk.commands.exits import Exit
from kiosk.config import Config
from kiosk.config_text import decode
from kiosk.fleet.plan import plan
from kiosk.monitor.sms_keys import derive
from kiosk.monitor.store import audit, registry, tokens
from kiosk.monitor.store.engine import make_engine
from kiosk.words import load_catalogue

KEYS = re.compile(rb"PRIVATE KEY|BEGIN (EC|RSA|ED25519|OPENSSH)")
DER_KEYS = (
    bytes.fromhex("06072a8648ce3d0201"),  # id-ecPublicKey, in every EC key
    bytes.fromhex("06092a864886f70d010101"),  # rsaEncryption
    bytes.fromhex("302e020100300506032b6570"),  # PKCS #8 of an Ed25519 key
)
OWN = {"token": TOKEN, "sms_key": "cd" * 32}


def own(count: int) -> list[dict[str, str]]:
    """Give rows that need no centre; each secret differs."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return [
        row | {"token": TOKEN[:-1] + letters[at % 32] + letters[at // 32], "sms_key": f"{at:064x}"}
        for at, row in enumerate(rows(count))
    ]


# ---- without a centre


def test_a_sheet_alone_becomes_bundles_beside_their_release(desk: Desk) -> None:
    result = desk.make(own(2))
    assert result.exit_code == Exit.OK, result.output
    names = sorted(path.name for path in desk.out.iterdir())
    assert names == ["kz-ala-0001.pana.tar", "kz-ala-0002.pana.tar", "owner.pub", "pana-release-0.1.0.tar"]
    assert "2 bundles" in result.stdout
    seen = desk.verified("kz-ala-0002")
    assert (seen.header.number, seen.header.version) == (2, "0.1.0")
    assert bundle.release_beside(seen) == desk.out / "pana-release-0.1.0.tar"
    config = decode(Config, desk.file("kz-ala-0002", "site.toml"), "site.toml")
    assert config.kiosk.number == 2
    assert desk.file("kz-ala-0002", "door") == "centre-a.example.kz:8443\n"
    assert desk.file("kz-ala-0002", "ca.pem").startswith("-----BEGIN CERTIFICATE-----")
    assert "PANA_HOSTNAME=kz-ala-0002\n" in desk.file("kz-ala-0002", "options.env")


def test_every_bad_row_is_told_with_line_and_column_and_the_good_ones_are_made(desk: Desk) -> None:
    table = own(4)
    table[0]["voice"] = "loud"
    table[2] |= {"token": "x", "kato": "99"}
    table[3]["token"] = "short"
    result = desk.make(table)
    assert result.exit_code == Exit.FAILED
    assert [path.name for path in desk.out.glob("kz-*")] == ["kz-ala-0002.pana.tar"]
    told = [line.partition("kiosks.csv:")[2] for line in result.stderr.splitlines() if "kiosks.csv:" in line]
    assert [line.partition(" (")[0] for line in told] == ["2: column M", "4: column L", "5: column N"]
    assert "3 rows are bad: 3 faults" in result.stderr


def test_strict_makes_nothing_when_one_row_is_bad(desk: Desk) -> None:
    table = own(2)
    table[0]["voice"] = ""
    assert desk.make(table, "--strict").exit_code == Exit.FAILED
    assert not desk.out.exists()


def test_a_dry_run_judges_and_makes_nothing(desk: Desk) -> None:
    result = desk.make(own(2), "--dry-run")
    assert (result.exit_code, desk.out.exists()) == (Exit.OK, False)
    assert "2 rows are good" in result.stdout


def test_some_kiosks_of_the_sheet_can_be_made(desk: Desk) -> None:
    result = desk.make(own(3), "kz-ala-0003", "kz-x", "--json")
    assert result.exit_code == Exit.FAILED
    made, fault = told(result)
    assert made["kiosk"] == "kz-ala-0003"
    assert fault["fault"]["what"] == "kz-x is not in the sheet"


def test_the_sms_key_may_come_from_the_centres_master_key(desk: Desk) -> None:
    table = [{name: cell for name, cell in row.items() if name != "sms_key"} for row in own(1)]
    assert "--sms-master" in desk.make(table).stderr
    desk.centre()
    assert desk.make(table, "--sms-master", str(desk.folder / "master.key")).exit_code == Exit.OK
    wanted = derive(bytes.fromhex("ab" * 32), "kz-ala-0001").hex()
    assert desk.file("kz-ala-0001", "sms.key") == f"{wanted}\n"
    (desk.folder / "master.key").write_text("x")
    assert desk.make(table, "--sms-master", str(desk.folder / "master.key")).exit_code == Exit.CONFIG


def test_a_kiosk_without_a_modem_gets_no_key(desk: Desk) -> None:
    text = (desk.folder / "fleet.toml").read_text()
    cut = text[: text.index("[sms]")] + "[duty]\ntiers = []\n" + text[text.index("# A profile") :]
    (desk.folder / "fleet.toml").write_text(cut)
    assert desk.make(own(1)).exit_code == Exit.OK
    assert "sms.key" not in desk.verified("kz-ala-0001").names


def test_whole_bundles_hold_their_release(desk: Desk) -> None:
    assert desk.make(own(1), "--whole").exit_code == Exit.OK
    assert sorted(path.name for path in desk.out.iterdir()) == ["kz-ala-0001.pana.tar", "owner.pub"]
    folder = desk.folder / "inside"
    bundle.extract(desk.verified("kz-ala-0001"), folder)
    inner = desk.owner.verify(folder / "release.tar", kind="release")
    assert inner.id == desk.verified("kz-ala-0001").header.release


def test_what_is_needed_of_the_command_is_said(desk: Desk) -> None:
    assert "name kiosks, or give a sheet" in desk.make(None).stderr
    assert "give --centre" in desk.make(None, "kz-ala-0001").stderr
    (desk.folder / "owner.key").chmod(0o644)
    assert "chmod 600" in desk.make(own(1)).stderr
    (desk.folder / "owner.key").chmod(0o600)
    (desk.folder / "fleet.toml").write_bytes(b"\xff")
    assert "is not UTF-8" in desk.make(own(1)).stderr
    (desk.folder / "fleet.toml").unlink()
    assert "No such file" in desk.make(own(1)).stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "copy the centre's"),
        (b"x", "holds no certificate"),
        (b"leaf", "is no certificate of a CA"),
    ],
)
def test_what_is_no_ca_is_refused(desk: Desk, content: bytes | None, words: str) -> None:
    ca = desk.folder / "ca.crt"
    if content is None:
        ca.unlink()
    else:
        leaf = desk.authority.client("kz-ala-0001")
        ca.write_bytes(Path(leaf.cert).read_bytes() if content == b"leaf" else content)
    result = desk.make(own(1))
    assert (result.exit_code, words in result.stderr) == (Exit.CONFIG, True)


def test_a_key_beside_the_ca_never_goes_to_a_kiosk(desk: Desk) -> None:
    leaf = desk.authority.client("kz-ala-0001")
    ca = desk.folder / "ca.crt"
    ca.write_bytes(ca.read_bytes() + Path(leaf.key).read_bytes())
    result = desk.make(own(1))
    assert (result.exit_code, "holds a private key" in result.stderr) == (Exit.CONFIG, True)
    assert not desk.out.exists()


def test_a_full_disk_is_a_sentence(desk: Desk) -> None:
    desk.out.write_text("a file where the folder should be")
    result = desk.make(own(1))
    assert result.exit_code in (Exit.FAILED, Exit.USAGE)


def test_no_bundle_of_a_batch_holds_a_private_key(desk: Desk) -> None:
    assert desk.make(own(40)).exit_code == Exit.OK
    bundles = list(desk.out.glob("*.pana.tar"))
    assert len(bundles) == 40
    for path in bundles:
        content = path.read_bytes()
        assert not KEYS.search(content)
        assert not any(mark in content for mark in DER_KEYS)


# ---- with the centre's store


def test_three_kiosks_of_a_sheet_are_registered_and_their_tokens_open_the_door(desk: Desk) -> None:
    centre = desk.centre()
    result = desk.make(rows(3), "--centre", str(centre))
    assert result.exit_code == Exit.OK, result.output
    assert "tokens live 336 h" in result.stdout
    wanted = derive(bytes.fromhex("ab" * 32), "kz-ala-0002").hex()
    assert desk.file("kz-ala-0002", "sms.key") == f"{wanted}\n"
    token = desk.file("kz-ala-0002", "token").strip()
    assert token not in result.output
    with make_engine(f"sqlite:///{desk.folder}/centre.sqlite").execution_options(writes=True).connect() as db:
        assert [entry.number for entry in registry.find(db)] == [1, 2, 3]
        (held,) = tokens.of_kiosk(db, "kz-ala-0002")
        assert tokens.claim(db, token, "key", held.created_ms).kiosk_id == "kz-ala-0002"
        whats = [entry.what for entry in audit.read(db)]
        assert (whats.count("kiosk_added"), whats.count("token_made")) == (3, 3)
        assert {entry.who for entry in audit.read(db)} == {getpass.getuser()}


def test_kiosks_of_the_registry_need_no_sheet(desk: Desk) -> None:
    centre = str(desk.centre())
    assert desk.make(rows(2), "--centre", centre).exit_code == Exit.OK
    before = desk.file("kz-ala-0001", "token")
    result = desk.make(None, "kz-ala-0001", "--centre", centre, "--voice", "off")
    assert result.exit_code == Exit.OK, result.output
    assert desk.file("kz-ala-0001", "token") != before
    unknown = desk.make(None, "kz-x-1", "--centre", centre, "--voice", "off")
    assert "is not in the registry" in unknown.stderr
    assert "must be spoken, cover or off" in desk.make(None, "kz-ala-0001", "--centre", centre).stderr


def test_a_row_without_a_number_gets_the_next_one(desk: Desk) -> None:
    centre = str(desk.centre())
    table = rows(2)
    table[0]["number"] = "7"
    table[1]["number"] = ""
    assert desk.make(table, "--centre", centre).exit_code == Exit.OK
    assert desk.verified("kz-ala-0002").header.number == 8


def test_a_bad_row_leaves_no_trace_in_the_registry(desk: Desk) -> None:
    centre = str(desk.centre())
    table = rows(5)
    table[1]["voice"] = ""
    table[2]["kato"] = "9"
    table[3] |= {"number": "1", "kiosk_id": "kz-ala-0009"}
    table[4]["entrance_ru"] = ""
    result = desk.make(table, "--centre", centre)
    assert result.exit_code == Exit.FAILED
    for words in (
        ":3: column M (voice)",
        ":4: column L (kato)",
        ":5: column B (number)",
        ":6: column H (entrance_ru): is empty",
    ):
        assert words in result.stderr, result.stderr
    with make_engine(f"sqlite:///{desk.folder}/centre.sqlite").connect() as db:
        assert [entry.kiosk_id for entry in registry.find(db)] == ["kz-ala-0001"]
        assert len(tokens.of_kiosk(db, "kz-ala-0001")) == 1


def test_the_registrys_refusals_stand_in_the_row(desk: Desk) -> None:
    centre = str(desk.centre())
    assert desk.make(rows(2), "--centre", centre).exit_code == Exit.OK
    other = rows(1)
    other[0] |= {"number": "2", "kiosk_id": "kz-ala-0001"}
    assert "number 2 belongs to kz-ala-0002" in desk.make(other, "--centre", centre).stderr
    wrong = [{"kiosk_id": "kz-ala-0001", "number": "5", "voice": "off"}]
    assert "the registry has number 1" in desk.make(wrong, "--centre", centre).stderr
    with make_engine(f"sqlite:///{desk.folder}/centre.sqlite").execution_options(writes=True).connect() as db:
        registry.revoke(db, "kz-ala-0001", "lost", who="x", now_ms=1)
        db.commit()
    assert "is revoked" in desk.make(rows(1), "--centre", centre).stderr


def test_strict_and_dry_runs_leave_the_registry_alone(desk: Desk) -> None:
    centre = str(desk.centre())
    table = rows(2)
    assert desk.make(table, "--centre", centre, "--dry-run").exit_code == Exit.OK
    table[0]["voice"] = ""
    assert desk.make(table, "--centre", centre, "--strict").exit_code == Exit.FAILED
    with make_engine(f"sqlite:///{desk.folder}/centre.sqlite").connect() as db:
        assert not registry.find(db)


def while_judged(monkeypatch: pytest.MonkeyPatch, happens: Callable[[str], None]) -> None:
    """Let something happen before each row is planned."""

    def planned(sheet: Any, row: Any, *rest: Any) -> Any:
        happens(row.kiosk)
        return plan(sheet, row, *rest)

    monkeypatch.setattr("kiosk.fleet.making.plan", planned)


def meanwhile(desk: Desk, change: Callable[[Connection], object]) -> None:
    engine = make_engine(f"sqlite:///{desk.folder}/centre.sqlite")
    with engine.execution_options(writes=True).begin() as db:
        change(db)
    engine.dispose()


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_the_centre_commits_while_rows_are_judged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    """A sheet of 1200 rows held the core's commits up until it said that nobody is on duty."""
    file = str(desk.centre())
    assert desk.make(rows(1), "--centre", file, "--dry-run").exit_code == Exit.OK
    centre = sqlite3.connect(desk.folder / "centre.sqlite", isolation_level=None, timeout=0)
    judged: list[str] = []

    def commit(kiosk: str) -> None:
        centre.execute("INSERT INTO facts VALUES (?, 1)", (kiosk,))
        judged.append(kiosk)

    while_judged(monkeypatch, commit)
    result = desk.make(rows(3), "--centre", file, *options)
    centre.close()
    assert result.exit_code == Exit.OK, result.output
    assert judged == ["kz-ala-0001", "kz-ala-0002", "kz-ala-0003"]


def test_many_rows_are_written_in_one_short_transaction(desk: Desk) -> None:
    file = str(desk.centre())
    assert desk.make(rows(10), "--centre", file).exit_code == Exit.OK
    table = rows(20)
    for row in table[:10]:
        row["note"] = "new"
    ran: list[str] = []

    def note(*args: Any) -> None:
        ran.append(args[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        result = desk.make(table, "--centre", file)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert result.exit_code == Exit.OK, result.output
    begun = [at for at, statement in enumerate(ran) if statement == "BEGIN IMMEDIATE"]
    assert len(begun) == 1
    assert len(ran[begun[0] :]) < 12
    with make_engine(f"sqlite:///{desk.folder}/centre.sqlite").connect() as db:
        assert [entry.draft.note for entry in registry.find(db)] == ["new"] * 10 + [""] * 10
        assert [len(tokens.of_kiosk(db, entry.kiosk_id)) for entry in registry.find(db)] == [1] * 20


def spoil(db: Connection) -> None:
    """Make each of four rows wrong in its own way."""
    registry.create(db, a_draft(kiosk_id="kz-other", number=2), who="x", now_ms=1)
    registry.create(db, a_draft(kiosk_id="kz-ala-0003", number=77), who="x", now_ms=1)
    registry.revoke(db, "kz-ala-0004", "lost", who="x", now_ms=1)
    change(db, a_draft(kiosk_id="kz-ala-0005", number=5), who="x", now_ms=1)


@pytest.mark.parametrize("strict", [False, True])
def test_a_row_that_became_wrong_since_it_was_judged_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, strict: bool
) -> None:
    file = str(desk.centre())
    before = rows(5)[3:]
    assert desk.make(before, "--centre", file).exit_code == Exit.OK
    for made in desk.out.glob("kz-*"):
        made.unlink()
    while_judged(monkeypatch, lambda kiosk: meanwhile(desk, spoil) if kiosk == "kz-ala-0006" else None)
    result = desk.make(rows(6), "--centre", file, *["--strict"] * strict)
    assert result.exit_code == Exit.FAILED
    for words in (
        ":3: column B (number): number 2 belongs to kz-other",
        ":4: column A (kiosk_id): was changed at the centre meanwhile; make it again",
        ":5: column A (kiosk_id): is revoked",
        ":6: column A (kiosk_id): was changed at the centre meanwhile; make it again",
    ):
        assert words in result.stderr, result.stderr
    made_now = sorted(path.name for path in desk.out.glob("kz-*"))
    assert made_now == ([] if strict else ["kz-ala-0001.pana.tar", "kz-ala-0006.pana.tar"])
    known = {"kz-ala-0003": 77, "kz-ala-0004": 4, "kz-ala-0005": 5, "kz-other": 2}
    with make_engine(f"sqlite:///{desk.folder}/centre.sqlite").connect() as db:
        found = {entry.kiosk_id: entry.number for entry in registry.find(db)}
        assert found == known | ({} if strict else {"kz-ala-0001": 1, "kz-ala-0006": 6})
        assert not tokens.of_kiosk(db, "kz-ala-0003")


def test_other_changes_at_the_centre_meanwhile_hinder_no_row(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(desk.centre())
    assert desk.make(rows(1), "--centre", file).exit_code == Exit.OK

    def enrolled(db: Connection) -> None:
        registry.create(db, a_draft(kiosk_id="kz-other", number=9), who="x", now_ms=1)

    while_judged(monkeypatch, lambda kiosk: meanwhile(desk, enrolled) if kiosk == "kz-ala-0001" else None)
    result = desk.make(rows(2), "--centre", file)
    assert result.exit_code == Exit.OK, result.output
    assert "2 bundles" in result.stdout


def test_a_name_of_the_centre_is_no_kiosk_of_a_sheet(desk: Desk) -> None:
    table = rows(2)
    table[0]["kiosk_id"] = "monitor-1"
    result = desk.make(table, "--centre", str(desk.centre()))
    assert ":2: column A (kiosk_id): monitor-1 is a name of the centre itself" in result.stderr
    assert [path.name for path in desk.out.glob("*.pana.tar")] == ["kz-ala-0002.pana.tar"]


def test_a_centre_without_sms_makes_no_kiosk_with_a_modem(desk: Desk) -> None:
    result = desk.make(rows(1), "--centre", str(desk.centre(sms=False)))
    assert "the centre has no [sms] with a master key" in result.stderr


# ---- cover phrases


@pytest.mark.real
def test_a_cover_phrase_is_rendered_once_and_is_current_on_the_kiosk(desk: Desk) -> None:
    phrases = {"voice": "cover", "cover_kk": "Қош келдіңіз.", "cover_ru": "Добро пожаловать."}
    assert desk.make([row | phrases for row in own(2)]).exit_code == Exit.OK
    seen = desk.verified("kz-ala-0001")
    clips = [name for name in seen.names if name.endswith(".wav")]
    assert len(clips) == 2
    assert clips == [name for name in desk.verified("kz-ala-0002").names if name.endswith(".wav")]
    bundle.extract(seen, desk.folder / "laid")
    laid = f'[voice]\nclips = "{desk.folder}/laid/voice"'
    config = decode(Config, desk.file("kz-ala-0001", "site.toml").replace("[voice]", laid), "site.toml")
    states = {(line.language, line.key): line.state for line in lines_of(config, load_catalogue())}
    assert states["kk", "cover"] == states["ru", "cover"] == "ok"
    assert not KEYS.search((desk.out / "kz-ala-0001.pana.tar").read_bytes())
