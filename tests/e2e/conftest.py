"""What the tests of the pages share: one real centre with a real kiosk, and chromium for each module."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def scene() -> Iterator[object]:
    from fakes.centre_browser import Scene  # noqa: PLC0415 - the other end-to-end tests need no browser

    with Scene().running() as scene:
        yield scene


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from fakes.centre_browser import chromium  # noqa: PLC0415 - as above

    with chromium() as browser:
        yield browser
