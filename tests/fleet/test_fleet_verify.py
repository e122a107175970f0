"""`kiosk fleet key` and `verify`: what the desk tells of keys and of what it made."""

from pathlib import Path

from bundle_files import KIOSK, RELEASE
from fleet_desk import Desk, told
from test_fleet_make import own

from kiosk.commands.exits import Exit


def verify(desk: Desk, path: Path, *more: str) -> tuple[int, str]:
    result = desk.run("verify", str(path), "--pub", str(desk.folder / "owner.pub"), *more)
    return result.exit_code, result.output


def test_a_key_is_made_once_and_known_by_its_fingerprint(desk: Desk) -> None:
    key, pub = desk.folder / "k", desk.folder / "p"
    made = desk.run("key", "create", "--key", str(key), "--pub", str(pub))
    shown = desk.run("key", "show", str(pub))
    assert (made.exit_code, shown.exit_code) == (Exit.OK, Exit.OK)
    assert shown.stdout.strip() in made.stdout
    again = desk.run("key", "create", "--key", str(key), "--pub", str(desk.folder / "p2"))
    assert (again.exit_code, "never overwritten" in again.stderr) == (Exit.CONFIG, True)
    other = desk.run("key", "create", "--key", str(desk.folder / "k2"), "--pub", str(pub))
    assert (other.exit_code, (desk.folder / "k2").exists()) == (Exit.CONFIG, False)


def test_a_kiosks_bundle_is_told_with_its_release(desk: Desk) -> None:
    desk.make(own(1))
    path = desk.out / "kz-ala-0001.pana.tar"
    code, words = verify(desk, path)
    assert code == Exit.OK
    assert "ok: kiosk 0.1.0" in words
    assert "kz-ala-0001 number 1, release pana-release-0.1.0.tar" in words
    (desk.out / "pana-release-0.1.0.tar").unlink()
    assert "release is not beside it" in verify(desk, path)[1]


def test_a_release_is_told_with_its_targets(desk: Desk) -> None:
    code, words = verify(desk, desk.release)
    assert (code, "for trixie-arm64" in words) == (Exit.OK, True)
    result = desk.run("verify", str(desk.release), "--pub", str(desk.folder / "owner.pub"), "--json")
    assert told(result)[0]["targets"] == ["trixie-arm64"]


def test_a_bundle_that_carries_its_release_is_told_so(desk: Desk) -> None:
    desk.make(own(1), "--whole")
    assert "release inside" in verify(desk, desk.out / "kz-ala-0001.pana.tar")[1]


def test_a_spoilt_bundle_is_refused(desk: Desk) -> None:
    path = desk.release
    path.write_bytes(path.read_bytes().replace(b"# none", b"# some"))
    code, words = verify(desk, path)
    assert (code, "requirements/trixie-arm64.txt is damaged" in words) == (Exit.FAILED, True)


def test_a_spoilt_kiosks_bundle_is_told_as_what_it_is(desk: Desk) -> None:
    desk.make(own(1))
    path = desk.out / "kz-ala-0001.pana.tar"
    path.write_bytes(path.read_bytes().replace(b'mode = "off"', b'mode = "0ff"'))
    assert "site.toml is damaged" in verify(desk, path)[1]


def test_a_kiosks_bundle_must_be_whole_and_of_one_kiosk(desk: Desk) -> None:
    desk.make(own(1))
    seen = desk.verified("kz-ala-0001")
    files = {name: desk.file("kz-ala-0001", name).encode() for name in seen.names}
    path = desk.folder / "x.pana.tar"
    desk.owner.write(path, {name: files[name] for name in files if name != "door"}, seen.header)
    assert "holds no door" in verify(desk, path)[1]
    desk.owner.write(path, files, KIOSK)
    assert "site.toml is of kz-ala-0001, the bundle of kz-ala-0001" in verify(desk, path)[1]
    desk.owner.write(path, {name: files[name] for name in files if name != "sms.key"}, seen.header)
    assert "sms.key is missing" in verify(desk, path)[1]
    desk.owner.write(path, files | {"site.toml": b"[kiosk]\n"}, seen.header)
    assert verify(desk, path)[0] == Exit.CONFIG
    desk.owner.write(path, files, RELEASE)
    assert verify(desk, path)[0] == Exit.OK
