import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fakes.centre_pages import TOML
from sqlalchemy import select

from kiosk.commands.exits import Exit
from kiosk.monitor.commands import monitor
from kiosk.monitor.config import read
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.schema import audit, people


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "centre.toml"
    file.write_text(TOML.format(folder=tmp_path))
    (tmp_path / "password").write_text("correct horse battery\n")
    return file


def run(file: Path, *words: str, typed: str = "") -> Result:
    before = ["--socket", str(file.parent / "none.sock"), "user", "--config", str(file)]
    return CliRunner().invoke(monitor, [*before, *words], input=typed)


def add(file: Path, person: str, role: str = "officer") -> Result:
    password = str(file.parent / "password")
    return run(file, "add", person, "--name", person.title(), "--role", role, "--password-file", password)


def rows(file: Path, table: object) -> list[object]:
    engine = make_engine(read(file.read_text(), "x").store_url)
    with engine.connect() as db:
        found = list(db.execute(select(table)))  # type: ignore[call-overload]
    engine.dispose()
    return found


def test_a_person_is_added_with_a_hash_and_no_password(file: Path) -> None:
    assert add(file, "aigul").exit_code == 0
    [kept] = rows(file, people)
    assert kept.password_hash.startswith("$argon2id$")  # type: ignore[attr-defined]
    assert "correct horse" not in str(kept)


def test_the_list_shows_everybody_and_no_hash(file: Path) -> None:
    add(file, "aigul")
    shown = run(file, "list", "--json")
    assert json.loads(shown.output)["person_id"] == "aigul"
    assert "argon2" not in shown.output
    assert "aigul" in run(file, "list").output


def test_a_password_may_be_typed_twice(file: Path) -> None:
    typed = "another long one\nanother long one\n"
    done = run(file, "add", "timur", "--name", "Timur", "--role", "technician", typed=typed)
    assert done.exit_code == 0
    assert "another" not in done.output


@pytest.mark.parametrize(
    "words",
    [
        ("add", "Бад", "--name", "x", "--role", "officer"),
        ("add", "ok", "--name", "\x1b[31m", "--role", "officer"),
        ("add", "ok", "--name", "x", "--role", "officer", "--phone", "8701"),
        ("add", "ok", "--name", "x", "--role", "king"),
    ],
)
def test_what_is_not_fit_is_refused_with_usage(file: Path, words: tuple[str, ...]) -> None:
    done = run(file, *words, typed="a long password\na long password\n")
    assert done.exit_code == Exit.USAGE


def test_a_short_password_is_refused(file: Path) -> None:
    done = run(file, "add", "ok", "--name", "x", "--role", "officer", typed="short\nshort\n")
    assert done.exit_code != 0
    assert run(file, "list", "--json").output == ""


def test_the_last_administrator_stays(file: Path) -> None:
    add(file, "root", "admin")
    assert run(file, "disable", "root").exit_code != 0
    assert run(file, "role", "root", "officer").exit_code != 0
    add(file, "second", "admin")
    assert run(file, "disable", "root").exit_code == 0
    assert run(file, "enable", "root").exit_code == 0


def test_nobody_is_added_twice_and_nobody_unknown_is_changed(file: Path) -> None:
    assert add(file, "aigul").exit_code == 0
    assert add(file, "aigul").exit_code != 0
    assert run(file, "role", "nobody", "admin").exit_code != 0


def test_a_phone_that_somebody_active_has_is_refused_with_its_holder(file: Path) -> None:
    password = str(file.parent / "password")

    def add_with_phone(person: str) -> Result:
        words = ("--name", person.title(), "--role", "officer", "--phone", "+77010000001")
        return run(file, "add", person, *words, "--password-file", password)

    assert add_with_phone("aigul").exit_code == 0
    refused = add_with_phone("botagoz")
    assert refused.exit_code == Exit.REFUSED
    assert "Aigul (aigul) has this phone" in refused.stderr
    assert run(file, "disable", "aigul").exit_code == 0
    assert add_with_phone("botagoz").exit_code == 0
    assert run(file, "enable", "botagoz").exit_code == 0
    again = run(file, "enable", "aigul")
    assert again.exit_code == Exit.REFUSED
    assert "Botagoz (botagoz) has this phone" in again.stderr
    assert "+7701" not in again.stderr


def test_every_change_is_in_the_log_of_actions(file: Path) -> None:
    add(file, "aigul")
    run(file, "role", "aigul", "technician")
    run(file, "password", "aigul", "--password-file", str(file.parent / "password"))
    assert [row.what for row in rows(file, audit)] == ["user_add", "user_role", "user_password"]  # type: ignore[attr-defined]
