"""`kiosk monitor sms-key`: the key that texts are checked with, or a sentence that says what is wrong."""

from pathlib import Path

from click.testing import CliRunner

from kiosk.monitor.commands import monitor
from kiosk.monitor.sms_keys import derive

HEAD = '[monitor]\nid = "centre-1"\n[mqtt]\nbrokers = ["localhost:1883"]\n'


def ask(folder: Path, sms: str) -> tuple[int, str]:
    (folder / "centre.toml").write_text(HEAD + sms)
    done = CliRunner().invoke(monitor, ["sms-key", "kz-1", "--config", str(folder / "centre.toml")])
    return done.exit_code, done.output


def test_it_prints_the_key_that_texts_are_checked_with(tmp_path: Path) -> None:
    (tmp_path / "master").write_text("ab" * 32)
    code, out = ask(tmp_path, f'[sms]\nmaster_key_file = "{tmp_path}/master"\n')
    assert (code, out.strip()) == (0, derive(b"\xab" * 32, "kz-1").hex())


def test_without_a_master_key_it_says_what_to_add(tmp_path: Path) -> None:
    code, out = ask(tmp_path, "")
    assert code != 0
    assert "master_key_file" in out
