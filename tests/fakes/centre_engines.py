"""Both databases that the centre runs on, for tests of queries: import `engine` to run a test on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.schema import metadata


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Give an empty database with every table."""
    if request.param == "sqlite":
        made = make_engine(f"sqlite:///{tmp_path}/centre.sqlite")
        metadata.create_all(made)
    else:
        made = make_engine(request.getfixturevalue("postgres_url"))
    yield made
    made.dispose()
