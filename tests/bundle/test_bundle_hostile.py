"""Whatever the bytes are: it is the signed bundle or it is refused; nothing is laid outside its folder."""

import tempfile
from pathlib import Path

import pytest
from bundle_files import FILES, Owner
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk import bundle

OWNER = Owner()
with tempfile.TemporaryDirectory() as _folder:
    WHOLE = OWNER.write(Path(_folder) / "whole").read_bytes()
END = len(WHOLE.rstrip(b"\0")) + 1024


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "spoilt.tar"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, END), st.binary(min_size=1, max_size=9)), min_size=1, max_size=4))
def test_overwritten_bytes_never_change_what_comes_out(place: Path, changes: list[tuple[int, bytes]]) -> None:
    spoilt = bytearray(WHOLE)
    for at, piece in changes:
        spoilt[at : at + len(piece)] = piece
    place.write_bytes(spoilt)
    try:
        verified = OWNER.verify(place)
    except bundle.BundleRefused as refused:
        assert str(refused).startswith(f"{place}: ")  # noqa: PT017 - either outcome is right
        return
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "in/side"
        bundle.extract(verified, out)
        assert {name: (out / name).read_bytes() for name in verified.names} == dict(FILES)
        assert [p.name for p in Path(folder).iterdir()] == ["in"]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(WHOLE) // 512 - 1), min_size=1, max_size=30))
def test_blocks_left_out_repeated_or_in_another_order_are_refused(place: Path, order: list[int]) -> None:
    place.write_bytes(b"".join(WHOLE[at * 512 : at * 512 + 512] for at in order))
    with pytest.raises(bundle.BundleRefused):
        OWNER.verify(place)


@settings(deadline=None)
@given(st.binary(max_size=4096))
def test_any_bytes_are_refused_with_a_sentence(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    with pytest.raises(bundle.BundleRefused):
        OWNER.verify(place)
    assert bundle.file_id(place) == ""
