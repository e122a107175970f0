"""The certificates that the centre itself uses: told of in the log and to administrators before they end."""

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fakes.centre_pages import START_MS, TOML, Pages, served, until

from kiosk.monitor import ca, config, expiry
from kiosk.monitor.background import expiry_round
from kiosk.monitor.expiry import Ending
from kiosk.monitor.web import certificate

NOW_S = START_MS // 1000
DAY_S = 86_400
SECTIONS = """
[mqtt.tls]
ca = "{folder}/ca.crt"
cert = "{folder}/mqtt.crt"
key = "{folder}/mqtt.key"
[mqtt.heartbeats]
id = "centre-1-ears"
cert = "{folder}/ears.crt"
key = "{folder}/ears.key"
[doors]
listen = "127.0.0.1:8443"
cert = "{folder}/doors.crt"
key = "{folder}/doors.key"
ca = "{folder}/ca.crt"
[ca]
cert = "{folder}/ca.crt"
key = "{folder}/ca.key"
"""


def put(folder: Path, **days: int) -> None:
    """Write the CA and certificates that end in so many days from START_MS."""
    root = ca.create("Pana test", NOW_S, days=days.pop("ca", 3650))
    (folder / "ca.crt").write_bytes(root.cert)
    past_s = NOW_S - 365 * DAY_S
    old = ca.create("Pana test", past_s - DAY_S, days=3650)
    authority = ca.Authority(old.cert, old.key)
    for name, left in days.items():
        _, pair = authority.server_pair([name], past_s, 365 + left)
        (folder / f"{name}.crt").write_bytes(pair.cert)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    put(tmp_path, mqtt=31, ears=300, doors=300)
    with Pages(tmp_path, SECTIONS.format(folder=tmp_path)) as pages:
        yield pages


def read(folder: Path) -> config.MonitorConfig:
    return config.read((TOML + SECTIONS).format(folder=folder), "centre.toml")


def test_what_ends_within_thirty_days_or_has_ended_is_found(tmp_path: Path) -> None:
    put(tmp_path, mqtt=29, ears=31, doors=-3, ca=10)
    assert expiry.ending(read(tmp_path), START_MS) == [
        Ending(file=f"{tmp_path}/doors.crt", left_days=-3),
        Ending(file=f"{tmp_path}/ca.crt", left_days=10),
        Ending(file=f"{tmp_path}/mqtt.crt", left_days=29),
    ]


def test_the_pages_own_certificate_is_among_them(tmp_path: Path) -> None:
    """Its end shuts out the officers themselves."""
    put(tmp_path, pages=3)
    web = f'[web]\ncert = "{tmp_path}/pages.crt"\nkey = "{tmp_path}/pages.key"'
    toml = (TOML + SECTIONS).format(folder=tmp_path).replace("[web]", web)
    found = expiry.ending(config.read(toml, "centre.toml"), START_MS)
    assert found == [Ending(file=f"{tmp_path}/pages.crt", left_days=3)]


def test_what_cannot_be_read_is_left_to_whoever_uses_it(tmp_path: Path) -> None:
    put(tmp_path, mqtt=300)
    (tmp_path / "doors.crt").write_bytes(b"torn")
    assert expiry.ending(read(tmp_path), START_MS) == []


def test_a_ca_that_is_being_replaced_counts_by_its_newest(tmp_path: Path) -> None:
    put(tmp_path, mqtt=300, ears=300, doors=300, ca=10)
    newer = ca.create("Pana test", NOW_S, days=3650)
    (tmp_path / "ca.crt").write_bytes((tmp_path / "ca.crt").read_bytes() + newer.cert)
    assert expiry.ending(read(tmp_path), START_MS) == []


def test_the_log_tells_of_them_and_of_those_that_have_ended_louder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, mqtt=29, ears=31, doors=-3)
    expiry.tell(read(tmp_path), START_MS)
    assert [(one.levelno, one.getMessage()) for one in caplog.records] == [
        (logging.ERROR, f"certificate=ended file={tmp_path}/doors.crt left_days=-3"),
        (logging.WARNING, f"certificate=ends file={tmp_path}/mqtt.crt left_days=29"),
    ]
    assert expiry_round(read(tmp_path))._every_s == DAY_S


def test_administrators_see_it_on_every_page_and_officers_do_not(pages: Pages) -> None:
    boss, officer = pages.sign_in("admin"), pages.sign_in("officer")
    word = "certificate of the centre itself ends in"
    assert word not in boss.get("/account").text
    pages.now_ms += 2 * DAY_S * 1000
    boss, officer = pages.sign_in("admin"), pages.sign_in("officer")
    shown = boss.get("/account").text
    assert "mqtt.crt: this certificate of the centre itself ends in 29 days" in shown
    assert word not in officer.get("/account").text
    pages.now_ms += 40 * DAY_S * 1000
    assert "mqtt.crt: this certificate of the centre itself has ended" in pages.sign_in("admin").get("/").text


@pytest.mark.real
def test_the_pages_serve_a_new_pair_without_a_restart_and_keep_the_old_while_it_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(certificate, "LOOK_S", 0.05)
    root = ca.create("Pana test", NOW_S, days=3650)
    authority = ca.Authority(root.cert, root.key)
    first, second = (authority.server_pair(["localhost"], NOW_S, days)[1] for days in (3, 300))
    cert, key = tmp_path / "pages.crt", tmp_path / "pages.key"
    (tmp_path / "ca.crt").write_bytes(root.cert)
    cert.write_bytes(first.cert)
    key.write_bytes(first.key)
    sections = SECTIONS.format(folder=tmp_path)
    with Pages(tmp_path, f'cert = "{cert}"\nkey = "{key}"\n{sections}') as pages:
        lookout = pages.app.state.site.lookout
        with served(pages, ssl_certfile=str(cert), ssl_keyfile=str(key)) as url:
            port = int(url.rpartition(":")[2])

            def shown() -> bytes:
                found = ssl.get_server_certificate(("127.0.0.1", port), timeout=30)
                return x509.load_pem_x509_certificate(found.encode()).public_bytes(Encoding.PEM)

            def told(text: str) -> list[str]:
                return [line.getMessage() for line in caplog.records if text in line.getMessage()]

            assert first.cert.startswith(shown())
            cert.write_bytes(second.cert)  # its key comes later
            until(lambda: told("web certificate=unusable served=old"), 60)
            assert first.cert.startswith(shown())
            assert lookout.look(pages.now_ms + DAY_S * 1000 // 2) == [Ending(file=str(cert), left_days=2)]
            key.write_bytes(second.key)
            until(lambda: told("web certificate=renewed"), 60)
            until(lambda: second.cert.startswith(shown()), 60)
            until(lambda: lookout.look(pages.now_ms) == [], 60)
            cert.unlink()
            until(lambda: len(told("web certificate=unusable")) > 1, 60)
            assert second.cert.startswith(shown())
