"""What the tests of deployment share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """Give a folder in memory where there is one: what is written durably there costs nothing."""
    shared = Path("/dev/shm")  # on every Linux; elsewhere the usual place serves
    folder = Path(tempfile.mkdtemp(prefix="pana-", dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder)
