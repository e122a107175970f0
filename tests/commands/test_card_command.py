"""`kiosk card` at a desk: a file, and a sentence for whatever is wrong."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes.paper_record import EXAMPLE
from fakes.pdf import read
from fleet_desk import TOKEN, Desk, rows

import kiosk
from kiosk import bundle
from kiosk.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["card", "--config", str(EXAMPLE), *arguments])


@pytest.mark.real
def test_a_pdf_is_written_and_says_what_it_is(tmp_path: Path) -> None:
    out = tmp_path / "card.pdf"
    done = run("--lang", "kk", "--output", str(out))
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}: № 17, kk, A5\n"
    assert "no native speaker has approved the words in kk yet" in done.stderr
    assert read(out).pages == 1


def test_html_needs_no_library_for_pdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    out = tmp_path / "card.html"
    done = run("--output", str(out), "--lang", "ru", "--service-phone", "+77270000001")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "+7 727 000 00 01" in out.read_text(encoding="utf-8")


def test_a_missing_library_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    done = run("--output", str(tmp_path / "card.pdf"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "pip install 'pana-kiosk[paper]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_site_without_a_service_phone_is_warned_of(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    site.write_text("".join(line for line in lines if not line.startswith("service_phone")), encoding="utf-8")
    done = run("--config", str(site), "--lang", "en", "--output", str(tmp_path / "card.html"))
    assert done.exit_code == 0, done.output
    assert "warning: no service phone" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--output", "card.doc"), "must end with .pdf or .html"),
        (("--output", "card.pdf", "--lang", "kk,de"), "one or two of kk, ru, en"),
        (("--output", "card.pdf", "--lang", "kk,kk"), "one or two of kk, ru, en"),
        (("--output", "card.pdf", "--lang", "kk,ru,en"), "one or two of kk, ru, en"),
        (("--output", "card.pdf", "--service-phone", "8 701"), "an international number"),
        ((), "--output"),
    ],
)
def test_what_is_written_wrongly_is_told(arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    done = run("--lang", "ru", "--output", str(tmp_path / "missing" / "card.html"))
    assert done.exit_code == 1
    assert "No such file or directory" in done.stderr


# ---- from a bundle, at the desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Desk(tmp_path)


def from_bundle(desk: Desk, *arguments: str) -> Result:
    key, file = desk.folder / "owner.pub", desk.out / "kz-ala-0001.pana.tar"
    return run("--bundle", str(file), "--pub", str(key), "--lang", "ru", *arguments)


def test_a_bundle_gives_the_card_of_its_kiosk_with_the_fleets_phone(desk: Desk) -> None:
    made = desk.make(rows(1, token=TOKEN, sms_key="00" * 32))
    assert made.exit_code == 0, made.output
    out = desk.folder / "card.html"
    done = from_bundle(desk, "--output", str(out))
    assert (done.exit_code, done.output) == (0, f"{out}: № 1, ru, A5\n")
    shown = out.read_text(encoding="utf-8")
    assert "+7 701 000 00 99" in shown
    assert "Здесь киоск молчит" in shown


def test_a_bundle_of_another_owner_gives_no_card(desk: Desk) -> None:
    assert desk.make(rows(1, token=TOKEN, sms_key="00" * 32)).exit_code == 0
    other = bundle.public_pem(Ed25519PrivateKey.generate().public_key())
    (desk.folder / "owner.pub").write_bytes(other)
    done = from_bundle(desk, "--output", str(desk.folder / "card.html"))
    assert done.exit_code == 1
    assert "kz-ala-0001.pana.tar" in done.stderr
    assert not (desk.folder / "card.html").exists()


def test_a_desk_without_its_libraries_is_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(kiosk, "bundle")
    monkeypatch.setitem(sys.modules, "kiosk.bundle", None)
    done = from_bundle(desk, "--output", str(desk.folder / "card.html"))
    assert done.exit_code == 1
    assert "pip install 'pana-kiosk[desk]'" in done.stderr
