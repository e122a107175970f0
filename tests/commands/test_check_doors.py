"""The check of the centre's HTTPS doors, over real TLS."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.doors import Centre, Server
from fakes.mqtt_bench import KIOSK, tls_files
from fakes.virtual_kiosk import example_config
from pki import Authority

from kiosk.check.alone import _doors
from kiosk.check.doors import check_door
from kiosk.check.row import Row
from kiosk.config import Config, Https, Tls
from kiosk.messages import LinkDown

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("check"))


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    with Server(Centre(), authority) as one:
        yield one


def config(server: Server, files: Tls | None) -> Config:
    return example_config(mqtt__tls=files, https=Https(centres=(server.door, "localhost:1"), deadline_s=20.0))


def codes(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.part, row.code) for row in rows]


def test_every_door_has_a_row_that_says_how_it_is(authority: Authority, server: Server) -> None:
    site = config(server, tls_files(authority, authority.client(KIOSK)))
    rows: list[Row] = []

    def test(part: str, seconds: float, how: object) -> list[Row]:
        found: list[Row] = how()  # type: ignore[operator]
        rows.extend(found)
        return found

    _doors(site, time.time, test)
    assert codes(rows) == [(f"door:{server.door}", "door_ok"), ("door:localhost:1", "door_down")]
    rows.clear()
    _doors(example_config(), time.time, test)
    assert codes(rows) == [("door", "unused")]


def test_a_door_without_its_centre_is_no_second_path(authority: Authority, server: Server) -> None:
    server.centre.mode = "coreless"
    (row,) = check_door(server.door, config(server, tls_files(authority, authority.client(KIOSK))), time.time)
    assert row.code == "door_down"
    assert "the centre behind it is not" in str(row.values["reason"])


def test_a_door_cannot_be_asked_without_a_certificate(server: Server, tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match="no TLS files"):
        check_door(server.door, config(server, None), time.time)
