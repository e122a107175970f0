"""Plain AT below gammu: the reset that works where gammu cannot open a session, and its refusals."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.sms_bench import PATIENCE_S

from kiosk.net import modem_port
from kiosk.net.modem_port import config_file, descriptor_of, exchange, restart_modem
from kiosk.sim.modem import SimModem

pytestmark = pytest.mark.real


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[SimModem]:
    with SimModem(link=tmp_path / "modem") as modem:
        yield modem


@pytest.fixture
def port(sim: SimModem) -> Iterator[int]:
    fd = os.open(sim.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    yield fd
    os.close(fd)


def after_each_try(monkeypatch: pytest.MonkeyPatch, *deeds: Callable[[], None]) -> list[bool]:
    """Do one thing after each command that is tried, the reset first; gives whether they were taken."""
    honest, taken, left = modem_port._try, [], list(deeds)

    def spied(device: str, command: str, *, timeout_s: float) -> bool:
        taken.append(honest(device, command, timeout_s=timeout_s))
        if left:
            left.pop(0)()
        return taken[-1]

    monkeypatch.setattr(modem_port, "_try", spied)
    return taken


def test_a_command_ends_with_ok_or_error_or_silence(sim: SimModem, port: int) -> None:
    assert exchange(port, "AT", timeout_s=5.0)
    assert not exchange(port, "AT+NONSENSE", timeout_s=5.0)
    sim.hang()
    assert not exchange(port, "AT", timeout_s=0.1)


def test_the_descriptor_of_an_open_device_is_found_through_its_link(port: int, tmp_path: Path) -> None:
    assert descriptor_of(str(tmp_path / "modem")) == port
    with pytest.raises(OSError, match="not open"):
        descriptor_of("/dev/nothing")


def test_a_descriptor_is_found_however_many_others_are_open(sim: SimModem, tmp_path: Path) -> None:
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]
    fd = os.open(sim.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        assert descriptor_of(str(tmp_path / "modem")) == fd
    finally:
        for each in (*others, fd):
            os.close(each)


def test_a_reset_waits_until_the_modem_answers_again(sim: SimModem, tmp_path: Path) -> None:
    sim.jam()
    restart_modem(str(tmp_path / "modem"), timeout_s=10.0)
    assert sim.network.refuse_all is None


def test_a_half_typed_line_of_a_dead_session_does_not_swallow_the_reset(sim: SimModem, port: int) -> None:
    sim.jam()
    os.write(port, b"AT+CMGS=20\r0011")
    restart_modem(sim.path, timeout_s=10.0)
    assert sim.network.refuse_all is None


def test_a_modem_that_leaves_the_bus_and_returns_under_another_name_is_found(
    sim: SimModem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = after_each_try(monkeypatch, sim.unplug, sim.replug)
    restart_modem(str(tmp_path / "modem"), timeout_s=PATIENCE_S)
    assert taken[:2] == [True, False]
    assert taken[-1]


def test_a_modem_that_does_not_come_back_is_told(
    sim: SimModem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_each_try(monkeypatch, sim.unplug)
    with pytest.raises(OSError, match="did not come back"):
        restart_modem(str(tmp_path / "modem"), timeout_s=1.0)


def test_what_is_no_modem_cannot_be_reset(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.touch()
    for device in (plain, tmp_path / "nothing"):
        with pytest.raises(OSError, match="take its power away"):
            restart_modem(str(device), timeout_s=1.0)


def test_a_device_path_cannot_smuggle_lines_into_the_configuration() -> None:
    with pytest.raises(ValueError, match="control characters"):
        config_file("/dev/x\nlogfile = /etc/passwd")
    assert "device = /dev/modem\n" in Path(config_file("/dev/modem")).read_text()
