"""Which files of a kiosk's identity can be used, whatever lies in their place."""

from pathlib import Path

import pytest
from fakes.virtual_kiosk import example_config

from kiosk.config import Config, Tls
from kiosk.net.papers import look

KEY = "ab" * 32
WHOLE = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for name in ("ca.pem", "kiosk.pem", "kiosk.key"):
        (tmp_path / name).write_text(WHOLE)
    (tmp_path / "sms.key").write_text(KEY)
    tls = Tls(ca=f"{tmp_path}/ca.pem", cert=f"{tmp_path}/kiosk.pem", key=f"{tmp_path}/kiosk.key")
    return example_config(mqtt__tls=tls, sms__key_file=f"{tmp_path}/sms.key")


def test_whole_files_are_no_fault_and_give_the_key(config: Config) -> None:
    seen = look(config)
    assert seen.missing == {}
    assert seen.sms_key == bytes.fromhex(KEY)
    assert "abab" not in repr(seen)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ca.pem", "ca_missing"),
        ("kiosk.pem", "cert_missing"),
        ("kiosk.key", "cert_missing"),
        ("sms.key", "sms_key_missing"),
    ],
)
@pytest.mark.parametrize("content", [None, "", " \n", "half a fi", "folder"])
def test_a_file_that_is_missing_empty_or_something_else_is_told_by_name(
    config: Config, tmp_path: Path, name: str, code: str, content: str | None
) -> None:
    path = tmp_path / name
    path.unlink()
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    seen = look(config)
    assert list(seen.missing) == [code]
    assert str(path) in seen.missing[code]
    assert "half" not in seen.missing[code]


def test_a_site_without_tls_and_without_a_modem_needs_no_papers() -> None:
    config = example_config(mqtt__tls=None, sms=None, duty__tiers=())
    assert look(config).missing == {}
