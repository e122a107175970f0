"""Enrolment, renewal and revocation for real: a key made here, a token, and a certificate that TLS takes."""

import asyncio
import base64
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from fakes.doors_site import PATIENCE_S, DoorsSite, json_of, key_pem, make_csr, patient
from fakes.mqtt_kiosk import wait_for
from fakes.virtual_centre import an_alert
from sqlalchemy.exc import OperationalError

from kiosk.monitor import sms_keys
from kiosk.monitor.ca import Authority, CaError
from kiosk.monitor.crowd import network_of
from kiosk.monitor.doors import issuing, revocation, standing
from kiosk.monitor.doors.rates import Rate
from kiosk.monitor.store import audit, certificates, registry

pytestmark = pytest.mark.real
TAKE = Rate.take
LOOK_S = standing.ALERT_LOOK_S  # as it is in earnest


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    with patient():
        yield


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    names = tuple(f"kz-{number}" for number in range(1, 9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revocation, "LOOK_S", 0.1)
        made = DoorsSite(tmp_path_factory.mktemp("enrol"), names=names).start()
        yield made
        made.close()


@pytest.fixture(autouse=True)
def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rate, "take", lambda *_: True)


def enrol(site: DoorsSite, token: str, csr: str, **more: str) -> requests.Response:
    with site.client() as session:
        body = {"token": token, "csr": csr} | more
        return session.post(f"{site.url}/v1/enrol", json=body, timeout=PATIENCE_S)


def renew(site: DoorsSite, files: tuple[Path, Path], csr: str) -> requests.Response:
    with site.client(files=files) as session:
        return session.post(f"{site.url}/v1/renew", json={"csr": csr}, timeout=PATIENCE_S)


def saved(site: DoorsSite, certificate: str, key: object) -> tuple[Path, Path]:
    stem = site.folder / os.urandom(4).hex()
    stem.with_suffix(".crt").write_text(certificate)
    stem.with_suffix(".key").write_bytes(key_pem(key))
    return stem.with_suffix(".crt"), stem.with_suffix(".key")


def alert(site: DoorsSite, files: tuple[Path, Path], name: str) -> requests.Response:
    body = json_of(an_alert(alert_id=os.urandom(6).hex(), kiosk_id=name))
    with site.client(files=files) as session:
        return session.post(f"{site.url}/v1/alerts", json=body, timeout=PATIENCE_S)


def test_a_kiosk_enrols_alerts_renews_with_a_new_key_and_is_revoked(site: DoorsSite) -> None:
    key, csr = make_csr(name="kz-2")
    given = enrol(site, site.token("kz-1"), csr, imei="490154203237518").json()
    cert = x509.load_pem_x509_certificate(given["certificate"].encode())
    assert [part.value for part in cert.subject] == ["kz-1"]  # whatever the request asked for
    assert cert.public_key() == key.public_key()
    usage = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    cert.verify_directly_issued_by(x509.load_pem_x509_certificate(given["chain"].encode()))
    assert time.time() - 7 * 3600 < cert.not_valid_before_utc.timestamp() < time.time() - 5 * 3600
    assert given["sms_key"] == sms_keys.derive(bytes.fromhex("5a" * 32), "kz-1").hex()
    assert len(given["sms_key"]) == 64
    assert (given["number"], given["brokers"], given["gateways"]) == (
        1, ["broker.example.kz:8883"], ["+77010000001"],
    )  # fmt: skip
    assert given["place"]["kato"] == "751000000"
    with site.engine.connect() as db:
        entry = registry.get(db, "kz-1")
        assert entry is not None
        assert entry.draft.imei == "490154203237518"
    first = saved(site, given["certificate"], key)
    assert alert(site, first, "kz-1").json()["stage"] == "received"

    new_key, new_csr = make_csr()
    renewed = renew(site, first, new_csr).json()
    assert renewed["kiosk_id"] == "kz-1"
    assert "sms_key" not in renewed
    second = saved(site, renewed["certificate"], new_key)
    assert alert(site, second, "kz-1").status_code == alert(site, first, "kz-1").status_code == 200

    with site.write() as db:
        assert registry.revoke(db, "kz-1", "stolen", who="test", now_ms=site.now_s * 1000) >= 2
    assert standing.FRESH_S + LOOK_S < 5
    for files in (second, first):  # each certificate is remembered from its own last look
        wait_for(lambda files=files: alert(site, files, "kz-1").status_code != 200, "the revocation")
        assert alert(site, files, "kz-1").status_code == 403
    assert renew(site, second, new_csr).status_code == 403
    with site.engine.connect() as db:
        done = [entry.what for entry in audit.read(db) if entry.subject == "kz-1"]
    assert {"kiosk_enrolled", "kiosk_renewed", "token_made", "kiosk_revoked"} <= set(done)


def test_no_log_line_holds_a_token_a_key_or_a_number(
    site: DoorsSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    key, csr = make_csr()
    token = site.token("kz-3")
    given = enrol(site, token, csr).json()
    enrol(site, token, make_csr()[1])
    enrol(site, token, "x" * 64)
    alert(site, saved(site, given["certificate"], key), "kz-3")
    secrets = (
        token,
        token.replace("-", ""),
        given["sms_key"],
        "5a5a5a",
        "+7727",
        "+7701",
        "Абая",
        csr[40:80],
    )
    assert "door=enrol" in caplog.text
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_a_lost_answer_is_given_again_and_the_token_opens_nothing_else(site: DoorsSite) -> None:
    token = site.token("kz-2")
    key, csr = make_csr()
    first = enrol(site, token, csr).json()
    _, same_key = make_csr(key)
    assert enrol(site, token.lower().replace("-", " "), same_key).json() == first
    _, other = make_csr()
    refused = enrol(site, token, other)
    assert refused.status_code == 403
    assert "used already" in refused.json()["error"]
    with site.engine.connect() as db:
        assert len(certificates.of_kiosk(db, "kz-2")) == 1


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
    ],
    ids=["rsa", "ed25519", "p256"],
)
def test_every_allowed_kind_of_key_enrols(site: DoorsSite, key: object) -> None:
    _, csr = make_csr(key)
    given = enrol(site, site.token("kz-3"), csr)
    assert given.status_code == 200, given.text
    assert alert(site, saved(site, given.json()["certificate"], key), "kz-3").status_code == 200


def _swapped_key() -> str:
    """Give a request whose key is not the one that signed it."""

    def der_of(pem: str) -> bytes:
        return base64.b64decode("".join(pem.splitlines()[1:-1]))

    mine, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    spki = [
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for key in (mine, theirs)
    ]
    swapped = der_of(make_csr(mine)[1]).replace(spki[0], spki[1])
    body = base64.encodebytes(swapped).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"


@pytest.mark.parametrize(
    ("csr", "words"),
    [
        (_swapped_key, "signature does not fit"),
        (lambda: make_csr(rsa.generate_private_key(public_exponent=65537, key_size=1024))[1], "neither EC"),  # noqa: S505 - that is the point
        (lambda: make_csr(ec.generate_private_key(ec.SECP384R1()))[1], "neither EC"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 200, "not PKCS#10"),
        (lambda: "x" * 100, "not PKCS#10"),
        (lambda: "Қ" * 100, "not PKCS#10"),
        (lambda: "", "csr"),
    ],
    ids=["swapped key", "short rsa", "p384", "torn", "no pem", "letters", "empty"],
)
def test_a_wrong_request_does_not_use_the_token_up(site: DoorsSite, csr: object, words: str) -> None:
    token = site.token("kz-4")
    refused = enrol(site, token, csr())  # type: ignore[operator]
    assert refused.status_code == 400
    assert words in refused.json()["error"]
    assert enrol(site, token, make_csr()[1]).status_code == 200


@pytest.mark.parametrize("token", ["", "short", "A" * 52, "A" * 200, "A" * 51 + "\n", "'; DROP TABLE--"])
def test_a_wrong_token_opens_nothing(site: DoorsSite, token: str) -> None:
    assert enrol(site, token, make_csr()[1]).status_code in {400, 403}


def test_a_failure_while_the_certificate_is_kept_leaves_the_token_whole(
    site: DoorsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = site.token("kz-5")
    _, csr = make_csr()

    def full(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(issuing.certificates, "keep", full)
        refused = enrol(site, token, csr)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "disk full" not in refused.text
    assert enrol(site, token, csr).status_code == 200


def test_an_expired_certificate_renews_within_its_grace_and_not_later(site: DoorsSite) -> None:
    _, csr = make_csr()
    lately = site.kiosk("kz-6", days=30, age_days=60)
    long_ago = site.kiosk("kz-6", days=30, age_days=300)
    assert renew(site, lately, csr).status_code == 200
    refused = renew(site, long_ago, csr)
    assert refused.status_code == 403
    assert "enrol again" in refused.json()["error"]
    assert alert(site, long_ago, "kz-6").status_code == 200


def test_only_a_kiosk_of_the_registry_renews(site: DoorsSite) -> None:
    refused = renew(site, site.kiosk("kz-nobody"), make_csr()[1])
    assert refused.status_code == 403
    assert "not in the registry" in refused.json()["error"]


def test_the_list_names_who_was_revoked_in_answer_and_file(site: DoorsSite) -> None:
    given = enrol(site, site.token("kz-7"), make_csr()[1]).json()
    serial = x509.load_pem_x509_certificate(given["certificate"].encode()).serial_number
    with site.write() as db:
        certificates.revoke(db, f"{serial:x}", "lost", who="test", now_ms=site.now_s * 1000)
    issuer = x509.load_pem_x509_certificate(site.pair.cert)
    with site.client("kz-8") as session:

        def told() -> bytes:
            return session.get(f"{site.url}/v1/crl.pem", timeout=PATIENCE_S).content

        def is_listed() -> bool:
            found = x509.load_pem_x509_crl(told()).get_revoked_certificate_by_serial_number(serial)
            return found is not None

        wait_for(is_listed, "the new list")
        answer = told()
    listed = x509.load_pem_x509_crl(answer)
    assert answer == (site.folder / "crl.pem").read_bytes()
    assert listed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    assert listed.next_update_utc is not None
    assert listed.next_update_utc.timestamp() > time.time() + 29 * 86_400


def test_a_list_made_while_the_clock_ran_ahead_is_made_again_at_once(
    site: DoorsSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [site.now_s + 2 * 86_400]
    monkeypatch.setattr(revocation, "time", SimpleNamespace(time=lambda: now_s[0]))
    file = tmp_path / "crl.pem"
    authority = Authority(site.pair.cert, site.pair.key)
    crl = revocation.RevocationList(site.engine, authority, days=30, file=file)

    def dated_s() -> float:
        asyncio.run(crl.refresh())
        assert file.read_bytes() == crl.pem
        return x509.load_pem_x509_crl(crl.pem).last_update_utc.timestamp()

    ahead_s = dated_s()
    now_s[0] = site.now_s
    assert dated_s() == ahead_s - 2 * 86_400
    now_s[0] += 86_399
    assert dated_s() == ahead_s - 2 * 86_400
    now_s[0] += 1
    assert dated_s() == ahead_s - 86_400


def test_enrolment_is_limited_by_address_and_renewal_by_kiosk(
    site: DoorsSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rate, "take", lambda *_: False)
    for refused in (
        enrol(site, "A" * 52, make_csr()[1]),
        renew(site, site.kiosk("kz-8"), make_csr()[1]),
    ):
        assert refused.status_code == 429
        assert refused.headers["retry-after"]


def test_a_bucket_is_full_on_a_machine_that_has_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rate, "take", TAKE)
    rate = Rate(burst=2, every_s=600)
    assert [rate.take("a", 3.0) for _ in range(3)] == [True, True, False]


def test_a_bucket_empties_and_fills_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rate, "take", TAKE)
    rate = Rate(burst=2, every_s=10)
    assert [rate.take("a", 100.0) for _ in range(3)] == [True, True, False]
    assert rate.take("b", 100.0)
    assert not rate.take("a", 109.0)
    assert rate.take("a", 110.0)
    assert [rate.take("a", 10_000.0) for _ in range(3)] == [True, True, False]
    for number in range(10_001):
        rate.take(f"x{number}", 10_000.0)
    assert rate.take("a", 10_000.0)  # the oldest are forgotten, memory is not for the asking
    assert network_of("10.1.2.3") == network_of("::ffff:10.1.2.3") == "10.1.2.3"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of("testclient") == "testclient"


@pytest.mark.parametrize("why", ["no section", "open key", "no sms key"])
def test_a_centre_without_a_ca_enrols_nobody_and_still_takes_alerts(tmp_path: Path, why: str) -> None:
    site = DoorsSite(tmp_path)
    if why == "no section":
        site.toml = lambda: DoorsSite.toml(site).partition("[ca]")[0]  # type: ignore[method-assign]
    elif why == "open key":
        (tmp_path / "ca.key").chmod(0o644)
    else:
        (tmp_path / "master.key").unlink()
    site.start()
    try:
        assert enrol(site, "A" * 52, make_csr()[1]).status_code == 404
        own = site.kiosk("kz-1")
        assert renew(site, own, make_csr()[1]).status_code == 404
        assert alert(site, own, "kz-1").status_code == 200
        with site.client(files=own) as session:
            assert session.get(f"{site.url}/v1/crl.pem", timeout=PATIENCE_S).status_code == 404
    finally:
        site.close()


def test_of_two_installers_with_one_token_on_postgresql_one_wins(tmp_path: Path, postgres_url: str) -> None:
    site = DoorsSite(tmp_path, store_url=postgres_url).start()
    try:
        token, start = site.token("kz-2"), threading.Barrier(4)
        answers: list[int] = []

        def race() -> None:
            _, csr = make_csr()
            start.wait(PATIENCE_S)
            answers.append(enrol(site, token, csr).status_code)

        racers = [threading.Thread(target=race) for _ in range(4)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(PATIENCE_S)
        assert sorted(answers) == [200, 403, 403, 403]
        with site.engine.connect() as db:
            assert len(certificates.of_kiosk(db, "kz-2")) == 1
    finally:
        site.close()


def test_a_ca_that_cannot_sign_is_no_certificate(site: DoorsSite, monkeypatch: pytest.MonkeyPatch) -> None:
    def expired(*_: object) -> None:
        raise CaError("the CA has expired")

    token = site.token("kz-8")
    with monkeypatch.context() as patch:
        patch.setattr(Authority, "client", expired)
        assert enrol(site, token, make_csr()[1]).status_code == 503
    assert enrol(site, token, make_csr()[1]).status_code == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_is_modern_only(site: DoorsSite) -> None:
    context = site.context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", site.port), PATIENCE_S) as link,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(link, server_hostname="localhost")
    with (
        socket.create_connection(("127.0.0.1", site.port), PATIENCE_S) as link,
        site.context(site.kiosk("kz-8")).wrap_socket(link, server_hostname="localhost") as channel,
    ):
        assert channel.version() == "TLSv1.3"
