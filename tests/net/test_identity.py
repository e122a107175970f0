"""Whose the files of the identity are, and a change of them that this user cannot carry out."""

import os
import stat
from pathlib import Path

import pytest

from kiosk.config import Tls
from kiosk.messages import DeviceError
from kiosk.net import identity

pytestmark = pytest.mark.real
NOBODY = 65534
KIOSK_USER = NOBODY if os.geteuid() == 0 else os.geteuid()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give the kiosk's own folder: its owner is the user of the daemon."""
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, KIOSK_USER, -1)
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Tls:
    """Name an identity in a sticky folder of this user, as root's is."""
    folder = tmp_path / "etc"
    folder.mkdir()
    folder.chmod(0o1770)
    return Tls(ca=str(folder / "ca.pem"), cert=str(folder / "kiosk.pem"), key=str(folder / "kiosk.key"))


def decided(files: Tls) -> None:
    """Leave an old identity with a new one that is to take its place."""
    for name, data in (
        (files.cert, b"old cert"), (files.key, b"old key"),
        (f"{files.cert}.new", b"new cert"), (f"{files.key}.pending", b"new key"),
    ):  # fmt: skip
        Path(name).write_bytes(data)


def contents(files: Tls) -> tuple[bytes, bytes]:
    return Path(files.cert).read_bytes(), Path(files.key).read_bytes()


def test_a_file_that_root_writes_belongs_to_the_owner_of_the_kiosks_own_folder(
    files: Tls, state: Path
) -> None:
    identity.write(Path(files.key), b"x", identity.SECRET_MODE, like=state)
    found = Path(files.key).stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (KIOSK_USER, 0o600)


def test_without_such_a_folder_it_belongs_to_its_own_folders_owner(files: Tls, tmp_path: Path) -> None:
    identity.write(Path(files.key), b"x", identity.SECRET_MODE, like=tmp_path / "nowhere")
    assert Path(files.key).stat().st_uid == os.geteuid()


def test_a_new_identity_that_root_puts_in_place_is_the_kiosks(files: Tls, state: Path) -> None:
    identity.write(identity.pending_key(files), b"new key", identity.SECRET_MODE, like=state)
    identity.replace(files, b"new cert", like=state)
    assert contents(files) == (b"new cert", b"new key")
    assert [Path(name).stat().st_uid for name in (files.cert, files.key)] == [KIOSK_USER] * 2


@pytest.mark.parametrize("missing", ["", "cert", "key"])
def test_a_change_that_this_user_may_not_make_leaves_the_old_pair(
    files: Tls, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    decided(files)
    if missing:
        Path(getattr(files, missing)).unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 4242)  # neither root nor the owner of file or folder
    with pytest.raises(DeviceError, match="is not the kiosk's user's"):
        identity.finish(files)
    assert identity.pending_key(files).read_bytes() == b"new key"
    assert Path(f"{files.cert}.new").read_bytes() == b"new cert"
    monkeypatch.undo()
    identity.finish(files)
    assert contents(files) == (b"new cert", b"new key")


def test_in_a_folder_that_is_not_sticky_whoever_may_write_replaces(
    files: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(files)
    Path(files.cert).parent.chmod(0o770)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    identity.finish(files)
    assert contents(files) == (b"new cert", b"new key")
