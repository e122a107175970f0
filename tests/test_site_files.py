"""From a site's files to the core's knowledge: every wrong file is named, with what is wanted."""

import hashlib
import time
from pathlib import Path

import pytest
from fakes.wired import site_file

import kiosk
from kiosk import starts
from kiosk.arming import read_config
from kiosk.messages import ConfigError
from kiosk.net.papers import load_sms_key
from kiosk.site import Site
from kiosk.site_files import build_site, hash_of, load_config


def site_of(file: Path) -> Site:
    config, text = read_config(file)
    return build_site(config, text, file)


def test_a_good_site_is_gathered_whole(tmp_path: Path) -> None:
    file = site_file(tmp_path)
    site = site_of(file)
    assert site.config.kiosk.id == "demo-kiosk"
    assert site.key == bytes.fromhex("ab" * 32)
    assert site.version == kiosk.__version__
    assert site.config_hash == hash_of(file.read_text(encoding="utf-8"))
    assert site.words.prompt("ru", "received").text
    assert site.safe_start is False


def test_the_hash_is_short_and_changes_with_every_letter(tmp_path: Path) -> None:
    file = site_file(tmp_path)
    _, before = load_config(file)
    assert len(before) == 8
    assert before == hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    file.write_text(file.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
    assert load_config(file)[1] != before


def test_too_many_starts_are_known_to_the_core(tmp_path: Path) -> None:
    file = site_file(tmp_path)
    for number in range(starts.LIMIT):
        starts.too_many(tmp_path / "run", time.monotonic() - 10 + number)
    assert site_of(file).safe_start is True


def test_every_rule_that_is_broken_is_listed_with_file_and_key(tmp_path: Path) -> None:
    def broken(toml: str) -> str:
        return toml.replace('mode = "spoken"', 'mode = "cover"').replace("+77010000011", "+77010000001")

    file = site_file(tmp_path, edit=broken)
    with pytest.raises(ConfigError) as caught:
        site_of(file)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"{file}: ") for line in lines)
    assert any("voice" in line for line in lines)
    with pytest.raises(ConfigError):
        load_config(file)


def test_a_warning_stops_nothing(tmp_path: Path) -> None:
    site_of(site_file(tmp_path, edit=lambda toml: toml.replace("every_s = 10", "every_s = 300")))


@pytest.mark.parametrize(
    ("content", "wants"),
    [
        (b"xyz", "32 or more hex digits"),
        (b"\xff\xfe", "32 or more hex digits"),
        (b"abcd", "at least 16"),
        (b"", "at least"),
    ],
)
def test_a_wrong_key_is_named_and_never_shown(tmp_path: Path, content: bytes, wants: str) -> None:
    file = site_file(tmp_path)
    (tmp_path / "sms.key").write_bytes(content)
    with pytest.raises(ConfigError, match=wants) as caught:
        load_sms_key(read_config(file)[0])
    assert "sms.key_file" in str(caught.value)
    assert str(tmp_path / "sms.key") in str(caught.value)
    assert "xyz" not in str(caught.value)
    assert "abcd" not in str(caught.value)


def test_a_missing_key_is_named_and_stops_no_start(tmp_path: Path) -> None:
    file = site_file(tmp_path)
    (tmp_path / "sms.key").unlink()
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        load_sms_key(read_config(file)[0])
    assert site_of(file).key == b""


def test_a_site_without_sms_needs_no_key(tmp_path: Path) -> None:
    file = site_file(tmp_path)
    text = file.read_text(encoding="utf-8")
    start, end = text.index("[sms]"), text.index("[[duty.tiers]]")
    stop = text.index("[heartbeat]")
    file.write_text(text[:start] + "[duty]\ntiers = []\n" + text[stop:], encoding="utf-8")
    assert start < end < stop
    config, _ = read_config(file)
    assert load_sms_key(config) == b""
