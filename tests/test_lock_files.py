"""Lock files hold names, versions and hashes, and nothing else."""

import re
from pathlib import Path

import pytest

LOCKS = sorted((Path(__file__).parents[1] / "requirements").glob("*.txt"))
PINNED = re.compile(r"^[a-z0-9][a-z0-9._-]*==[^ ]+( ; [^\\]+?)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_pinned_with_a_hash(lock: Path) -> None:
    lines = [line for line in lock.read_text().splitlines() if line and not line.startswith("#")]
    packages = 0
    for before, line in zip(["", *lines], lines, strict=False):
        if PINNED.match(line):
            packages += 1
            assert not before.endswith("\\"), before  # each had a last hash
        else:
            assert HASH.match(line), line
            assert before.endswith("\\"), line
    assert packages
