"""Enrolment, renewal and revocation against the real doors, the real CA and its database."""

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes.doors_site import DoorsSite, patient
from fakes.mqtt_bench import PATIENCE_S, Ear, alert
from fakes.wired import site_file
from pki import Authority

from kiosk.bodies import Token
from kiosk.cli import main
from kiosk.commands.exits import Exit
from kiosk.config import Https, Tls
from kiosk.messages import DeviceError, HttpsAnswered, HttpsFailed, LinkDown
from kiosk.monitor.store import registry
from kiosk.net import identity
from kiosk.net.enrol import Enrolment
from kiosk.net.https import RequestsDoor
from kiosk.net.tls import OwnCertificate

pytestmark = pytest.mark.real
KIOSK = "kz-1"


@pytest.fixture(scope="module", autouse=True)
def _patient() -> Iterator[None]:
    with patient():
        yield


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorsSite]:
    site = DoorsSite(tmp_path_factory.mktemp("doors"), names=("kz-1", "kz-2", "kz-3", "demo-kiosk"))
    try:
        yield site.start()
    finally:
        site.close()


@pytest.fixture
def files(tmp_path: Path) -> Tls:
    folder = tmp_path / "kiosk"
    folder.mkdir()
    return Tls(ca=str(folder / "ca.pem"), cert=str(folder / "kiosk.pem"), key=str(folder / "kiosk.key"))


def door_of(site: DoorsSite) -> str:
    return f"localhost:{site.port}"


def enrolment(files: Tls, kiosk: str = KIOSK) -> Enrolment:
    return Enrolment(kiosk, files, time.time)


def enrolled(site: DoorsSite, files: Tls, kiosk: str = KIOSK, **more: object) -> Enrolment:
    one = enrolment(files, kiosk)
    one.enrol(door_of(site), site.token(kiosk), ca=site.ca_file, **more)  # type: ignore[arg-type]
    return one


def contents(files: Tls) -> tuple[bytes, bytes]:
    return Path(files.cert).read_bytes(), Path(files.key).read_bytes()


def posted(site: DoorsSite, files: Tls, kiosk: str = KIOSK) -> HttpsAnswered | HttpsFailed:
    ear = Ear()
    door = RequestsDoor(Https(centres=(door_of(site),), deadline_s=30.0), files, ear)
    body = alert("01ENROLLED" + os.urandom(4).hex())
    door.post(
        Token("t"), type(body)(**{n: getattr(body, n) for n in body.__struct_fields__} | {"kiosk_id": kiosk})
    )
    event = ear.events[-1]
    assert isinstance(event, HttpsAnswered | HttpsFailed)
    return event


def test_a_token_gives_an_identity_that_the_doors_take_alerts_from(
    site: DoorsSite, files: Tls, tmp_path: Path
) -> None:
    sms_key = tmp_path / "sms.key"
    enrolled(site, files, imei="356938035643809", sms_key=sms_key)
    own = OwnCertificate(files, time.time).read()
    assert (own.name, own.life_days > 300) == (KIOSK, True)
    assert len(bytes.fromhex(sms_key.read_text())) >= 16
    modes = [stat.S_IMODE(Path(path).stat().st_mode) for path in (files.key, sms_key, files.cert)]
    assert modes == [0o600, 0o600, 0o644]
    assert isinstance(posted(site, files), HttpsAnswered)
    with site.engine.connect() as db:
        entry = registry.get(db, KIOSK)
    assert entry is not None
    assert entry.draft.imei == "356938035643809"
    assert sorted(path.name for path in Path(files.cert).parent.iterdir()) == [
        "ca.pem", "kiosk.key", "kiosk.pem",
    ]  # fmt: skip


def test_a_token_serves_once_and_a_refusal_leaves_the_identity_alone(site: DoorsSite, files: Tls) -> None:
    token = site.token(KIOSK)
    one = enrolment(files)
    one.enrol(door_of(site), token, ca=site.ca_file)
    before = contents(files)
    with pytest.raises(LinkDown, match="was used already"):
        one.enrol(door_of(site), token, ca=site.ca_file)
    assert contents(files) == before
    assert OwnCertificate(files, time.time).read().name == KIOSK


def test_another_kiosks_token_is_found_out_before_anything_is_written(site: DoorsSite, files: Tls) -> None:
    with pytest.raises(LinkDown, match="another kiosk's"):
        enrolment(files, KIOSK).enrol(door_of(site), site.token("kz-2"), ca=site.ca_file)
    assert not Path(files.cert).exists()
    assert not Path(files.ca).exists()


def test_a_centre_of_another_authority_gets_no_token(site: DoorsSite, files: Tls, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    token = site.token(KIOSK)
    with pytest.raises(LinkDown, match="CERTIFICATE_VERIFY_FAILED"):
        enrolment(files).enrol(door_of(site), token, ca=stranger.ca)
    enrolment(files).enrol(door_of(site), token, ca=site.ca_file)


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    site: DoorsSite, files: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = site.token(KIOSK)

    def lost(*_: object) -> None:
        raise LinkDown("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(Enrolment, "_prove", lost)
        with pytest.raises(LinkDown):
            enrolment(files).enrol(door_of(site), token, ca=site.ca_file)
    assert identity.pending_key(files).exists()
    enrolment(files).enrol(door_of(site), token, ca=site.ca_file)
    assert isinstance(posted(site, files), HttpsAnswered)


def test_a_renewal_brings_a_new_key_and_the_next_call_uses_it(site: DoorsSite, files: Tls) -> None:
    one = enrolled(site, files, "kz-2")
    before = contents(files)
    one.renew(("localhost:1", door_of(site)))
    after = contents(files)
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert isinstance(posted(site, files, "kz-2"), HttpsAnswered)


def test_a_renewal_that_no_door_grants_leaves_the_identity_alone(site: DoorsSite, files: Tls) -> None:
    one = enrolled(site, files, "kz-2")
    before = contents(files)
    with pytest.raises(LinkDown, match=r"localhost:1: .*refused"):
        one.renew(("localhost:1",))
    assert contents(files) == before
    assert isinstance(posted(site, files, "kz-2"), HttpsAnswered)


def test_a_revoked_kiosk_is_out_and_comes_back_only_by_a_new_token(site: DoorsSite, files: Tls) -> None:
    one = enrolled(site, files, "kz-3")
    assert isinstance(posted(site, files, "kz-3"), HttpsAnswered)
    with site.write() as db:
        registry.revoke(db, "kz-3", registry.REASONS[0], who="test", now_ms=int(time.time() * 1000))
    deadline_s = time.monotonic() + PATIENCE_S
    while isinstance(refused := posted(site, files, "kz-3"), HttpsAnswered):
        assert time.monotonic() < deadline_s, "a revoked kiosk is still heard"
    assert "revoked" in refused.reason
    with pytest.raises(LinkDown, match="revoked"):
        one.renew((door_of(site),))
    with site.write() as db:
        registry.reinstate(db, "kz-3", who="test", now_ms=int(time.time() * 1000))
    enrolled(site, files, "kz-3")
    assert isinstance(posted(site, files, "kz-3"), HttpsAnswered)


# ---- power cuts and full disks


def write(path: str | Path, data: bytes) -> None:
    Path(path).write_bytes(data)


@pytest.mark.parametrize("key_renamed", [False, True])
def test_a_power_cut_between_key_and_certificate_is_made_good(files: Tls, key_renamed: bool) -> None:
    write(files.cert, b"old cert")
    write(files.key, b"new key" if key_renamed else b"old key")
    write(f"{files.cert}.new", b"new cert")
    if not key_renamed:
        write(identity.pending_key(files), b"new key")
    identity.finish(files)
    identity.finish(files)
    assert contents(files) == (b"new cert", b"new key")


def test_a_power_cut_before_the_certificate_came_changes_nothing(files: Tls) -> None:
    write(files.cert, b"old cert")
    write(files.key, b"old key")
    write(identity.pending_key(files), b"half a k")
    identity.finish(files)
    assert contents(files) == (b"old cert", b"old key")
    assert enrolment(files)._key() is not None


def test_a_folder_that_is_not_there_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be written"):
        identity.write(tmp_path / "nowhere" / "key", b"x", 0o600)


# ---- the command


def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(main, ["enrol", *arguments], input=stdin)
    return done.exit_code, done.output


@pytest.fixture
def toml(tmp_path: Path, files: Tls, site: DoorsSite) -> Path:
    tls = f'[mqtt.tls]\nca = "{files.ca}"\ncert = "{files.cert}"\nkey = "{files.key}"\n'
    https = f'[https]\ncentres = ["{door_of(site)}"]\n'

    def edit(text: str) -> str:
        return text.replace("[sms]", f"{tls}{https}[sms]", 1).replace("number = 17", "number = 4")

    return site_file(tmp_path, edit=edit)


def test_the_command_enrols_and_renews(site: DoorsSite, toml: Path, files: Tls) -> None:
    config = ("--config", str(toml))
    token = site.token("demo-kiosk")
    code, said = run(*config, "--token", "-", "--ca", str(site.ca_file), stdin=token + "\n")
    assert (code, "enrolled: demo-kiosk" in said) == (Exit.OK, True), said
    assert token not in said
    before = contents(files)
    code, said = run(*config, "--renew")
    assert code == Exit.OK, said
    assert contents(files) != before


def test_what_the_command_enrols_and_renews_as_root_belongs_to_the_kiosks_user(
    site: DoorsSite, toml: Path, files: Tls, tmp_path: Path
) -> None:
    user = 65534 if os.geteuid() == 0 else os.geteuid()
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, user, -1)
    toml.write_text(toml.read_text().replace(f'state = "{tmp_path}/kiosk"', f'state = "{state}"'))
    Path(files.key).parent.chmod(0o1770)
    config = ("--config", str(toml))
    token = ("--token", site.token("demo-kiosk"), "--ca", str(site.ca_file))
    for more in (token, ("--renew",)):
        assert run(*config, *more)[0] == Exit.OK
        owners = [Path(name).stat().st_uid for name in (files.cert, files.key, tmp_path / "sms.key")]
        assert owners == [user] * 3


def test_the_command_says_what_is_missing_and_what_differs(site: DoorsSite, toml: Path) -> None:
    config = ("--config", str(toml))
    assert run(*config)[0] == Exit.USAGE
    assert run(*config, "--renew")[0] == Exit.FAILED
    toml.write_text(toml.read_text().replace("number = 4", "number = 5"))
    code, said = run(*config, "--token", site.token("demo-kiosk"), "--ca", str(site.ca_file))
    assert code == Exit.CONFIG
    assert "the centre says 4" in said
    toml.write_text(toml.read_text().replace("[https]\n", "[unused]\n").replace("centres", "x"))
    assert run(*config)[0] == Exit.CONFIG
