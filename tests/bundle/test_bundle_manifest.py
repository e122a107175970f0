"""MANIFEST to the letter: what the desk can write is read back, nothing else is read at all."""

import dataclasses
import string

import pytest
from bundle_files import KIOSK, RELEASE
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.bundle.manifest import BundleRefused, Header, Manifest, parse, path_fault, text

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
PATHS = st.text(string.ascii_letters + string.digits + "._+~/-", min_size=1, max_size=40).filter(
    lambda path: not path_fault(path)
)
GOOD = text(Manifest(KIOSK, {"a": "0" * 64, "b/c": "1" * 64}))


def flat(digests: dict[str, str]) -> bool:
    return not any(other.startswith(f"{path}/") for path in digests for other in digests)


@settings(deadline=None)
@given(st.dictionaries(PATHS, HEX, min_size=1).filter(flat), st.sampled_from([KIOSK, RELEASE]))
def test_what_is_written_is_read_back(digests: dict[str, str], header: Header) -> None:
    assert parse(text(Manifest(header, digests)).encode(), "x") == Manifest(header, digests)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_else_is_refused_and_never_raises(content: bytes) -> None:
    with pytest.raises(BundleRefused, match=r"^somewhere: "):
        parse(content, "somewhere")


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.sampled_from(" \n\0/.:x0Z"))
def test_a_changed_letter_is_refused_or_read_as_it_stands(at: int, letter: str) -> None:
    changed = GOOD[:at] + letter + GOOD[at + 1 :]
    try:
        manifest = parse(changed.encode(), "x")
    except BundleRefused:
        return
    assert text(manifest) == changed


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("pana-bundle 1", "pana-bundle 2", "no bundle of a format that this version knows"),
        ("kind: kiosk", "kind: card", 'line 2 must be "kind: kiosk"'),
        ("number: 17\n", "", "its header must hold"),
        ("number: 17\n", "number: 17\nnumber: 17\n", "its header must hold"),
        ("number: 17", "number: 17\ncolour: red", "its header must hold"),
        ("number: 17", "number: 017", "line 6: number is not written"),
        ("number: 17", "number: 99999999", "number is above"),
        ("kiosk: kz-ala-0001", "kiosk: ../etc", "line 5: kiosk is not written"),
        ("2026-11-27T01:00:00Z", "yesterday", "line 4: made-at is not written"),
        ("0.1.0", "0.1.0 x", "line 3: version is not written"),
        ("  b/c", "  a", "line 10: a stands twice or out of order"),
        ("  b/c", "  a/c", "a is a file and the folder of a/c"),
        ("  b/c", " b/c", "line 10 is not 64 hex digits"),
        ("  b/c\n", "  b/c", "its last line or the empty line"),
        ("\n\n", "\n", "its last line or the empty line"),
        ("kz", "кз", "is no ASCII"),
    ],
)
def test_each_fault_is_named(old: str, new: str, words: str) -> None:
    with pytest.raises(BundleRefused, match=words):
        parse(GOOD.replace(old, new).encode(), "x")


def test_a_bundle_without_files_is_refused() -> None:
    with pytest.raises(BundleRefused, match="it lists no file"):
        parse((GOOD.split("\n\n")[0] + "\n\n").encode(), "x")


def test_a_header_with_more_than_its_kind_has_is_not_written() -> None:
    with pytest.raises(BundleRefused, match="has no use for"):
        text(Manifest(dataclasses.replace(RELEASE, kiosk="kz-ala-0001"), {"a": "0" * 64}))
