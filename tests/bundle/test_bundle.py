"""The bundle: honest ones pass, every other is refused with a sentence, and nothing is taken out before."""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from bundle_files import FILES, KIOSK, RELEASE, Owner

from kiosk import bundle
from kiosk.bundle import checking, unpacking

MANIFEST_HEAD = 512


@pytest.fixture(scope="module")
def owner() -> Owner:
    return Owner()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kz-ala-0001.pana.tar"


def refusal(owner: Owner, path: Path, **more: str) -> str:
    with pytest.raises(bundle.BundleRefused) as caught:
        owner.verify(path, **more)
    assert str(path) in str(caught.value)
    return str(caught.value)


# ---- honest bundles


def test_what_was_written_is_verified_and_comes_out_the_same(owner: Owner, path: Path) -> None:
    verified = owner.verify(owner.write(path), kiosk="kz-ala-0001")
    assert (verified.header, verified.names) == (KIOSK, tuple(sorted(FILES)))
    folder = path.parent / "out"
    bundle.extract(verified, folder)
    laid = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    assert {name: file.read_bytes() for name, file in laid.items()} == dict(FILES)
    assert {file.stat().st_mode & 0o777 for file in laid.values()} == {0o600}


def test_its_id_is_the_hash_of_its_manifest(owner: Owner, path: Path) -> None:
    made = bundle.write(path, KIOSK, FILES, owner.key.sign)
    with tarfile.open(path) as tar:
        member = tar.extractfile("MANIFEST")
        assert member is not None
        assert (
            made == hashlib.sha256(member.read()).hexdigest() == owner.verify(path).id == bundle.file_id(path)
        )


def test_the_same_content_gives_the_same_bytes(owner: Owner, path: Path) -> None:
    first = owner.write(path).read_bytes()
    assert owner.write(path, dict(reversed(FILES.items()))).read_bytes() == first


def test_a_kiosks_bundle_is_readable_by_its_owner_only_and_no_part_is_left(owner: Owner, path: Path) -> None:
    owner.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_is_copied_from_disk(owner: Owner, path: Path) -> None:
    wheel = path.with_name("x.whl")
    wheel.write_bytes(os.urandom(3_000_000))
    release = path.with_name("pana-release-0.1.0.tar")
    owner.write(release, {"wheels/x.whl": wheel}, RELEASE)
    verified = owner.verify(release, kind="release")
    bundle.extract(verified, path.parent / "out")
    assert (path.parent / "out/wheels/x.whl").read_bytes() == wheel.read_bytes()
    assert (path.parent / "out/wheels/x.whl").stat().st_mode & 0o777 == 0o644


def test_a_part_of_a_bundle_can_be_taken_out(owner: Owner, path: Path) -> None:
    bundle.extract(owner.verify(owner.write(path)), path.parent / "out", under="voice")
    assert [p.name for p in (path.parent / "out").iterdir()] == ["voice"]


def test_one_small_file_can_be_read(owner: Owner, path: Path) -> None:
    assert bundle.content(owner.verify(owner.write(path)), "site.toml") == b"[kiosk]\n"


def test_the_release_beside_is_found_by_its_id_not_by_its_name(owner: Owner, path: Path) -> None:
    wanted = bundle.write(path.with_name("pana-release-9.tar"), RELEASE, {"a": b"1"}, owner.key.sign)
    bundle.write(path.with_name("pana-release-1.tar"), RELEASE, {"a": b"2"}, owner.key.sign)
    path.with_name("pana-release-0.tar").write_bytes(b"no tar")
    owner.write(path, header=dataclasses.replace(KIOSK, release=wanted))
    assert bundle.release_beside(owner.verify(path)) == path.with_name("pana-release-9.tar")
    owner.write(path)
    assert bundle.release_beside(owner.verify(path)) is None


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is what the device checks with")
def test_a_shell_with_tar_and_openssl_verifies_the_same_file(owner: Owner, path: Path) -> None:
    owner.write(path)
    (path.parent / "owner.pub").write_bytes(bundle.public_pem(owner.key.public_key()))
    script = """set -euo pipefail
    tar -xf "$1"
    openssl pkeyutl -verify -pubin -inkey owner.pub -rawin -in MANIFEST -sigfile MANIFEST.sig
    sed '1,/^$/d' MANIFEST | sha256sum --quiet --strict -c"""
    subprocess.run(["bash", "-c", script, "-", path.name], cwd=path.parent, check=True, capture_output=True)


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("tar"), reason="GNU tar may have packed it")
def test_a_bundle_that_gnu_tar_packed_is_the_same_to_us(owner: Owner, path: Path) -> None:
    owner.write(path)
    subprocess.run(["tar", "-xf", path.name], cwd=path.parent, check=True)
    names = ["MANIFEST", "MANIFEST.sig", *sorted(FILES)]
    for form in ("gnu", "ustar"):
        subprocess.run(["tar", f"--format={form}", "-cf", path.name, *names], cwd=path.parent, check=True)
        assert owner.verify(path).names == tuple(sorted(FILES))


# ---- dishonest ones


def test_another_key_is_refused(owner: Owner, path: Path) -> None:
    Owner().write(path)
    assert "the signature is not the owner's" in refusal(owner, path)


def test_another_kiosks_bundle_is_refused(owner: Owner, path: Path) -> None:
    owner.write(path)
    assert "is made for kz-ala-0001, this is kz-ala-0002" in refusal(owner, path, kiosk="kz-ala-0002")


def test_a_release_is_no_kiosk_and_a_kiosk_no_release(owner: Owner, path: Path) -> None:
    owner.write(path)
    assert "is the bundle of one kiosk, a release is asked for" in refusal(owner, path, kind="release")
    owner.write(path, header=RELEASE)
    assert "is a release, the bundle of one kiosk is asked for" in refusal(owner, path)


def test_another_release_than_the_kiosks_is_refused(owner: Owner, path: Path) -> None:
    owner.write(path, header=RELEASE)
    assert "is another release (0.1.0)" in refusal(owner, path, kind="release", release="1" * 64)


ODD = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.DIRTYPE: "a folder",
    tarfile.CONTTYPE: "a contiguous file",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
    b"Z": "something unknown",
}


@pytest.mark.parametrize("kind", sorted(ODD))
def test_anything_but_a_regular_file_is_refused(owner: Owner, path: Path, kind: bytes) -> None:
    spoilt = owner.signed()
    info = spoilt.parts[2][0]
    info.type, info.linkname = kind, "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    assert f"there is {ODD[kind]}, not a regular file" in refusal(owner, spoilt.write(path))


def test_a_link_hidden_in_a_regular_header_is_refused(owner: Owner, path: Path) -> None:
    spoilt = owner.signed()
    spoilt.parts[2][0].linkname = "/etc/passwd"
    assert "holds more than a name and a size" in refusal(owner, spoilt.write(path))


def test_pax_and_gnu_extensions_are_refused(owner: Owner, path: Path) -> None:
    spoilt = owner.signed()
    spoilt.parts[2][0].pax_headers = {"path": "../x", "GNU.sparse.size": "9"}
    assert "a pax header" in refusal(owner, spoilt.write(path, tarfile.PAX_FORMAT))
    long = owner.signed()
    long.parts[2][0].name = "a/" * 60 + "x"
    assert "a GNU long name" in refusal(owner, long.write(path, tarfile.GNU_FORMAT))


@pytest.mark.parametrize("name", ["../x", "/etc/shadow", "a//b", "./site.toml", "новый", "site.toml "])
def test_a_name_that_the_manifest_does_not_list_is_refused(owner: Owner, path: Path, name: str) -> None:
    spoilt = owner.signed()
    spoilt.parts[2][0].name = name
    words = refusal(owner, spoilt.write(path))
    assert "is not listed in MANIFEST" in words or "no ASCII" in words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../x", "has an empty part, . or .."),
        ("a/../x", "has an empty part, . or .."),
        ("a//x", "has an empty part, . or .."),
        ("/x", "begins with /"),
        ("x y", "may hold"),
        ("x" * 201, "may hold"),
        ("MANIFEST", "is a name of the format's own"),
    ],
)
def test_a_bad_path_is_neither_written_nor_read(owner: Owner, path: Path, name: str, words: str) -> None:
    with pytest.raises(bundle.BundleRefused, match=words):
        owner.write(path, {name: b""})
    spoilt = owner.signed()
    manifest = spoilt.parts[0][1].replace(b"ca.pem", name.encode())
    spoilt.parts[0] = (spoilt.parts[0][0], manifest)
    spoilt.parts[1] = (spoilt.parts[1][0], owner.key.sign(manifest))
    assert words in refusal(owner, spoilt.write(path))


def test_a_file_twice_is_refused(owner: Owner, path: Path) -> None:
    spoilt = owner.signed()
    spoilt.parts.append(spoilt.parts[2])
    assert "is there twice" in refusal(owner, spoilt.write(path))


def test_a_second_manifest_is_refused(owner: Owner, path: Path) -> None:
    spoilt = owner.signed()
    spoilt.parts.append(spoilt.parts[0])
    assert "is not listed" in refusal(owner, spoilt.write(path))


def test_a_missing_file_is_named(owner: Owner, path: Path) -> None:
    spoilt = owner.signed()
    del spoilt.parts[2]
    assert "site.toml is missing (1 in all)" in refusal(owner, spoilt.write(path))


def test_changed_content_is_named(owner: Owner, path: Path) -> None:
    spoilt = owner.signed()
    spoilt.parts[2] = (spoilt.parts[2][0], b"[kiosk]x")
    assert "site.toml is damaged" in refusal(owner, spoilt.write(path))


def test_the_manifest_must_come_first_with_its_signature_behind(owner: Owner, path: Path) -> None:
    for order in ((1, 0, 2, 3, 4), (0, 2, 1, 3, 4), (2, 3, 4), ()):
        spoilt = owner.signed()
        spoilt.parts = [spoilt.parts[i] for i in order]
        assert "does not begin with MANIFEST" in refusal(owner, spoilt.write(path))


def test_a_signature_of_another_length_or_a_huge_manifest_is_refused(owner: Owner, path: Path) -> None:
    spoilt = owner.signed()
    spoilt.parts[1] = (spoilt.parts[1][0], b"x" * 63)
    assert "wrong size" in refusal(owner, spoilt.write(path))
    spoilt.parts[0] = (spoilt.parts[0][0], bytes(2 << 20))
    assert "wrong size" in refusal(owner, spoilt.write(path))


def test_a_bundle_cut_off_anywhere_is_refused(owner: Owner, path: Path) -> None:
    whole = owner.write(path).read_bytes()
    end = len(whole.rstrip(b"\0"))
    for length in {0, 1, 511, 512, 700, 1024, end - 1, end + 1, 5000}:
        path.write_bytes(whole[:length])
        assert "cut off" in refusal(owner, path)


def test_what_follows_the_end_is_refused(owner: Owner, path: Path) -> None:
    whole = owner.write(path).read_bytes()
    path.write_bytes(whole + b"x")
    assert "something follows its end" in refusal(owner, path)
    path.write_bytes(whole + bytes(2 << 20))
    assert "something follows its end" in refusal(owner, path)


def test_bytes_between_files_are_refused(owner: Owner, path: Path) -> None:
    whole = bytearray(owner.write(path, {"a": b"1"}).read_bytes())
    at = whole.index(b"a\0\0\0", 1500) + 512 + 1
    whole[at] = 7
    path.write_bytes(whole)
    assert "bytes that belong to no file" in refusal(owner, path)


def test_a_wrong_check_sum_and_an_unknown_tar_are_refused(owner: Owner, path: Path) -> None:
    whole = bytearray(owner.write(path).read_bytes())
    whole[100] ^= 1
    path.write_bytes(whole)
    assert "check sum is wrong" in refusal(owner, path)
    header = bytearray(tarfile.TarInfo("MANIFEST").tobuf(tarfile.USTAR_FORMAT))
    header[257:265] = bytes(8)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(header + bytes(1024))
    assert "neither ustar's nor GNU tar's" in refusal(owner, path)


def test_a_size_that_is_no_octal_number_is_refused(owner: Owner, path: Path) -> None:
    header = bytearray(tarfile.TarInfo("MANIFEST").tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = b"\x80" + bytes(10) + b"\x01"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(header + bytes(1024))
    assert "holds more than a name and a size" in refusal(owner, path)


def test_a_bundle_that_is_too_large_is_refused(
    owner: Owner, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.write(path, {"release.tar": bytes(5000), "site.toml": b"x"})
    monkeypatch.setattr(checking, "KIOSK_MAX", 100)
    assert owner.verify(path).header == KIOSK
    owner.write(path, {"release.tar": bytes(5000), "site.toml": bytes(101)})
    assert "more than a bundle may" in refusal(owner, path)


def test_what_is_no_file_is_refused_without_waiting(owner: Owner, path: Path) -> None:
    assert "cannot be read" in refusal(owner, path)
    os.mkfifo(path)
    assert "is no file" in refusal(owner, path)
    assert "is no file" in refusal(owner, path.parent)
    assert bundle.file_id(path) == ""


# ---- taking out


def test_a_folder_in_use_is_refused_and_left_alone(owner: Owner, path: Path) -> None:
    owner.write(path)
    with pytest.raises(bundle.UnpackingFailed, match="is not empty"):
        bundle.extract(owner.verify(path), path.parent)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_that_changed_after_the_check_leaves_nothing(owner: Owner, path: Path) -> None:
    verified = owner.verify(owner.write(path))
    changed = path.read_bytes().replace(b"RIFF", b"RIFG")
    path.write_bytes(changed)
    with pytest.raises(bundle.BundleRefused, match="changed since it was checked"):
        bundle.extract(verified, path.parent / "out")
    assert list((path.parent / "out").iterdir()) == []
    with pytest.raises(bundle.BundleRefused, match="changed since it was checked"):
        bundle.content(verified, "voice/kk/cover.wav")


def test_a_file_cut_off_after_the_check_is_noticed(owner: Owner, path: Path) -> None:
    verified = owner.verify(owner.write(path))
    os.truncate(path, 3000)
    with pytest.raises(bundle.BundleRefused, match="changed since it was checked"):
        bundle.extract(verified, path.parent / "out")
    path.unlink()
    with pytest.raises(bundle.BundleRefused, match="cannot be read"):
        bundle.content(verified, "site.toml")
    with pytest.raises(bundle.UnpackingFailed, match="No such file"):
        bundle.extract(verified, path.parent / "out2")


def test_a_full_disk_leaves_nothing(owner: Owner, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = owner.verify(owner.write(path))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacking.os, "fsync", full)
    with pytest.raises(bundle.UnpackingFailed, match="No space left on device; make room"):
        bundle.extract(verified, path.parent / "out")
    assert list((path.parent / "out").iterdir()) == []


def test_an_unlisted_or_large_file_is_not_read_into_memory(
    owner: Owner, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = owner.verify(owner.write(path))
    with pytest.raises(bundle.BundleRefused, match="holds no token"):
        bundle.content(verified, "token")
    monkeypatch.setattr(unpacking, "CONTENT_MAX", 3)
    with pytest.raises(bundle.BundleRefused, match="too large"):
        bundle.content(verified, "site.toml")


# ---- writing


def test_a_name_too_long_for_a_tar_is_refused(owner: Owner, path: Path) -> None:
    with pytest.raises(bundle.BundleRefused, match="too long for a tar"):
        owner.write(path, {"x" * 150: b""})
    assert list(path.parent.iterdir()) == []


def test_a_source_that_grows_while_it_is_copied_is_refused(
    owner: Owner, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = path.with_name("wheel")
    source.write_bytes(b"123")
    monkeypatch.setattr("kiosk.bundle.writing.shutil.copyfileobj", lambda _, out, __: out.write(b"12"))
    with pytest.raises(bundle.BundleRefused, match="changed while it was copied"):
        owner.write(path, {"wheel": source})
