"""`kiosk monitor registry …`: from an empty machine to a fleet that enrols, by the command line alone."""

import getpass
import json
import socket
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.x509.oid import NameOID
from fakes.commissioning_rows import a_finding, a_record

from kiosk.commands.exits import Exit
from kiosk.monitor.commands import monitor
from kiosk.monitor.store import audit, commissionings
from kiosk.monitor.store.engine import make_engine

WORDS = [
    f"--{what}-{lang}={text}"
    for what, both in {
        "name": ("Дәріхана", "Аптека"),
        "address": ("Абай 10", "Абая 10"),
        "entrance": ("Ауладан", "Со двора"),
    }.items()
    for lang, text in zip(("kk", "ru"), both, strict=True)
]
PLACE = [*WORDS, "--lat=43.23815", "--lon=76.94551", "--kato=751000000"]
COLUMNS = ("kiosk_id", "number", *(word.partition("=")[0][2:].replace("-", "_") for word in WORDS))
HEADER = ",".join([*COLUMNS, "lat", "lon", "accuracy_m", "kato", "phone"])
LINE = "{id},{number},Дүкен,Магазин,Абай 1,Абая 1,Көше,Улица,43.2,76.9,15,751000000,+77271234567"


class Desk:
    """A configuration in a folder of its own, and commands on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "monitor.toml"
        self.file.write_text(f"""
            [monitor]
            id = "monitor-1"
            [mqtt]
            brokers = ["127.0.0.1:1883"]
            [paths]
            state = "{folder}"
            run = "{folder}/run"
            [ca]
            cert = "{folder}/ca.crt"
            key = "{folder}/ca.key"
        """)

    def run(self, *args: str) -> Result:
        command = ["--socket", str(self.folder / "none.sock"), "registry", "--config", str(self.file), *args]
        return CliRunner().invoke(monitor, command)

    def rows(self, *args: str) -> list[dict[str, Any]]:
        result = self.run(*args, "--json")
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def record(self) -> list[tuple[str, str]]:
        engine = make_engine(f"sqlite:///{self.folder}/centre.sqlite")
        with engine.connect() as db:
            found = [(entry.who, entry.what) for entry in reversed(audit.read(db))]
        engine.dispose()
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_kiosk_is_added_listed_shown_given_a_token_and_revoked(desk: Desk) -> None:
    added = desk.run("add", "kz-ala-0001", *PLACE, "--phone", "+77271234567")
    assert (added.exit_code, added.stdout) == (0, "kz-ala-0001 is registered as number 1\n")
    assert desk.run("add", "kz-ala-0002", *PLACE, "--number", "7").exit_code == 0
    assert [row["number"] for row in desk.rows("list")] == [1, 7]
    assert [row["kiosk_id"] for row in desk.rows("list", "--text", "0002")] == ["kz-ala-0002"]
    assert "kz-ala-0001" in desk.run("list").stdout
    token = desk.run("token", "kz-ala-0001")
    assert token.exit_code == 0
    assert len(token.stdout.strip().replace("-", "")) == 52
    (shown,) = desk.rows("show", "kz-ala-0001")
    assert shown["tokens"][0]["used_at"] == ""
    assert shown["commissionings"] == []
    assert token.stdout.strip() not in desk.run("show", "kz-ala-0001").stdout
    assert desk.run("revoke", "kz-ala-0001", "--reason", "stolen").exit_code == 0
    assert desk.run("acl").stdout == "user kz-ala-0001\ntopic deny #\n"
    assert desk.run("token", "kz-ala-0001").exit_code == Exit.FAILED
    assert desk.run("reinstate", "kz-ala-0001").exit_code == 0
    assert desk.run("acl").stdout == ""
    assert {who for who, _ in desk.record()} == {getpass.getuser()}
    assert [what for _, what in desk.record()] == [
        "kiosk_added", "kiosk_added", "token_made", "kiosk_revoked", "kiosk_reinstated",
    ]  # fmt: skip


def test_a_kiosk_is_shown_with_what_installers_found(desk: Desk) -> None:
    assert desk.run("add", "kz-ala-0001", *PLACE).exit_code == 0
    record = a_record(verdict="failed", rows=(a_finding(level="fault"), a_finding("duty")))
    engine = make_engine(f"sqlite:///{desk.folder}/centre.sqlite")
    with engine.execution_options(writes=True).begin() as db:
        commissionings.keep(db, record, now_ms=1000)
    engine.dispose()
    (shown,) = desk.rows("show", "kz-ala-0001")
    (found,) = shown["commissionings"]
    assert (found["by"], found["verdict"], found["wrong"]) == ("Әлия Қ.", "failed", ["modem: modem_ok"])
    assert "Әлия Қ." in desk.run("show", "kz-ala-0001").stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("show", "kz-none"), Exit.FAILED, "no kiosk kz-none"),
        (("token", "kz-none"), Exit.FAILED, "no kiosk kz-none"),
        (("revoke", "kz-none", "--reason", "lost"), Exit.FAILED, "no kiosk kz-none"),
        (("revoke", "kz-none", "--reason", "lost", "--serial", "ab"), Exit.FAILED, "no certificate ab"),
        (("revoke", "kz-none", "--reason", "bored"), Exit.USAGE, "bored"),
        (("add", "Kz 1", *PLACE), Exit.FAILED, "kiosk_id"),
        (("add", "kz-1", *WORDS, "--lat=99", "--lon=1", "--kato=751000000"), Exit.FAILED, "lat"),
        (("crl",), Exit.FAILED, "ca.key"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(
    desk: Desk, args: tuple[str, ...], code: Exit, words: str
) -> None:
    assert desk.rows("list") == []
    result = desk.run(*args)
    assert result.exit_code == code
    assert words in result.stderr
    assert desk.record() == []


def test_the_ca_is_made_once_and_signs_servers_responders_and_the_list(desk: Desk) -> None:
    folder = desk.folder
    made = desk.run("ca", "create", "--name", "Pana CA", "--permit", "centre.example.kz")
    assert made.exit_code == 0, made.stderr
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    again = desk.run("ca", "create")
    assert again.exit_code == Exit.FAILED
    assert "exists already" in again.stderr
    for kind, name in (("server-cert", "centre.example.kz"), ("client-cert", "monitor-1")):
        files = ["--cert", f"{folder}/{kind}.crt", "--key", f"{folder}/{kind}.key"]
        done = desk.run(kind, name, *files, "--days", "30")
        assert done.exit_code == 0, done.stderr
        cert = x509.load_pem_x509_certificate((folder / f"{kind}.crt").read_bytes())
        assert cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
        assert stat.S_IMODE((folder / f"{kind}.key").stat().st_mode) == 0o600
    serial = f"{cert.serial_number:X}"
    assert "BEGIN X509 CRL" in desk.run("crl").stdout
    assert desk.run("revoke", "monitor-1", "--reason", "lost", "--serial", serial).exit_code == 0
    assert desk.run("crl", "--output", f"{folder}/crl.pem").exit_code == 0
    listed = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
    assert listed.get_revoked_certificate_by_serial_number(cert.serial_number) is not None
    with sqlite3.connect(folder / "centre.sqlite") as db:
        db.execute("DELETE FROM certificates")
    db.close()
    assert desk.run("crl", "--output", f"{folder}/crl.pem").exit_code == 0
    listed = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
    assert listed.get_revoked_certificate_by_serial_number(cert.serial_number) is not None
    (folder / "ca.key").chmod(0o640)
    assert "chmod 600" in desk.run("crl").stderr
    assert [what for _, what in desk.record()] == [
        "ca_created", "server_certificate_made", "client_certificate_made", "certificate_revoked",
    ]  # fmt: skip


def test_a_kiosks_key_is_never_made_at_the_centre(desk: Desk) -> None:
    assert desk.run("ca", "create").exit_code == 0
    assert desk.run("add", "kz-1", *PLACE).exit_code == 0
    files = ["--cert", f"{desk.folder}/x.crt", "--key", f"{desk.folder}/x.key"]
    refused = desk.run("client-cert", "kz-1", *files)
    assert refused.exit_code == Exit.FAILED
    assert "give it a token" in refused.stderr
    assert not (desk.folder / "x.key").exists()


def test_a_sheet_is_imported_whole_and_again_without_harm(desk: Desk) -> None:
    sheet = desk.folder / "kiosks.csv"
    lines = [LINE.format(id=f"kz-{number}", number="") for number in (1, 2, 3)]
    sheet.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8-sig")
    assert desk.run("import", str(sheet), "--dry-run").stdout == "3 created, 0 changed (not written)\n"
    assert desk.rows("list") == []
    assert desk.run("import", str(sheet)).stdout == "3 created, 0 changed\n"
    assert desk.run("import", str(sheet)).stdout == "0 created, 0 changed\n"
    sheet.write_text(sheet.read_text(encoding="utf-8-sig").replace("Магазин", "Лавка"), encoding="utf-8")
    assert desk.run("import", str(sheet)).stdout == "0 created, 3 changed\n"
    assert [row["number"] for row in desk.rows("list")] == [1, 2, 3]
    assert {row["place"]["name"]["ru"] for row in desk.rows("list")} == {"Лавка"}
    semicolons = "\n".join([HEADER, LINE.format(id="kz-4", number=9)]).replace(",", ";")
    sheet.write_text(semicolons.replace("43.2", "43,2"), encoding="utf-8")
    assert desk.run("import", str(sheet)).stdout == "1 created, 0 changed\n"


def test_a_sheet_is_tried_while_the_centre_writes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run of a long sheet held the write lock for all of its time: no receipt went out."""
    monkeypatch.setattr("kiosk.monitor.store.engine.BUSY_S", 0.05)
    sheet = desk.folder / "kiosks.csv"
    sheet.write_text("\n".join([HEADER, LINE.format(id="kz-1", number="")]), encoding="utf-8")
    assert desk.rows("list") == []
    centre = sqlite3.connect(desk.folder / "centre.sqlite", isolation_level=None)
    centre.execute("BEGIN IMMEDIATE")
    assert desk.run("import", str(sheet), "--dry-run").stdout == "1 created, 0 changed (not written)\n"
    assert "locked" in desk.run("import", str(sheet)).stderr
    centre.close()
    assert desk.run("import", str(sheet)).stdout == "1 created, 0 changed\n"


def test_a_sheet_with_faults_writes_nothing_and_names_each_line(desk: Desk) -> None:
    sheet = desk.folder / "kiosks.csv"
    good = LINE.format(id="kz-1", number=1)
    bad = [
        LINE.format(id="Kz 2", number=2),
        LINE.format(id="kz-3", number="x"),
        LINE.format(id="kz-4", number=1),
        good.replace("kz-1,1", "kz-5,5").replace("43.2", "north"),
    ]
    sheet.write_text("\n".join([HEADER, good, *bad]), encoding="utf-8")
    result = desk.run("import", str(sheet))
    assert result.exit_code == Exit.FAILED
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [
        "line 3", "line 4", "line 5", "line 6",
    ]  # fmt: skip
    assert desk.rows("list") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kiosk_id,colour\nkz-1,red\n", "line 1: lacks name_kk"),
        (f"{HEADER}\nkz-1,1\n", "columns are expected"),
        (f'{HEADER}\n"kz-1', "line"),
        ("", "line 1: lacks"),
        ("kiosk_id\n\0\n", "line 1: lacks"),
    ],
)
def test_what_is_no_sheet_is_refused(desk: Desk, text: str, words: str) -> None:
    sheet = desk.folder / "kiosks.csv"
    sheet.write_text(text, encoding="utf-8")
    result = desk.run("import", str(sheet))
    assert result.exit_code == Exit.FAILED
    assert words in result.stderr


def test_a_sheet_in_another_encoding_is_refused(desk: Desk) -> None:
    sheet = desk.folder / "kiosks.csv"
    sheet.write_bytes("Аптека".encode("cp1251"))
    assert "CSV UTF-8" in desk.run("import", str(sheet)).stderr


def test_a_store_that_cannot_be_used_is_said(desk: Desk) -> None:
    (desk.folder / "centre.sqlite").mkdir()
    result = desk.run("list")
    assert result.exit_code == Exit.FAILED
    assert "the store cannot be used" in result.stderr


def test_doors_that_cannot_open_say_why(desk: Desk) -> None:
    def doors() -> Result:
        return CliRunner().invoke(monitor, ["doors", "--config", str(desk.file)])

    none = doors()
    assert none.exit_code == Exit.CONFIG
    assert "[doors]" in none.stderr
    assert desk.run("ca", "create").exit_code == 0
    names = ["--cert", f"{desk.folder}/d.crt", "--key", f"{desk.folder}/d.key"]
    assert desk.run("server-cert", "localhost", *names).exit_code == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        desk.file.write_text(
            desk.file.read_text().replace("[ca]", f"""
            [doors]
            listen = "127.0.0.1:{taken.getsockname()[1]}"
            cert = "{desk.folder}/d.crt"
            key = "{desk.folder}/d.key"
            ca = "{desk.folder}/ca.crt"
            [ca]""")
        )  # fmt: skip
        taken_port = doors()
    assert taken_port.exit_code == Exit.REFUSED
    assert "doors.listen" in taken_port.stderr
