"""Which pins gpiozero is told of."""

from pathlib import Path

import pytest
from fakes.gpio_bench import GpioBench

from kiosk.hw.headers import board_of, pi_revision


def test_a_pi_has_all_names_of_its_header(tmp_path: Path) -> None:
    board = board_of("pinctrl-bcm2711", 58, GpioBench(tmp_path).tree)
    assert board.model == "4B"
    assert board.to_gpio("J8:11") == board.to_gpio("BOARD11") == board.to_gpio(17) == "GPIO17"


def test_the_bits_of_an_overvolted_old_board_are_ignored(tmp_path: Path) -> None:
    tree = GpioBench(tmp_path, revision=0x1000002).tree
    assert pi_revision(tree) == 0x0002
    assert board_of("pinctrl-bcm2835", 54, tree).model == "B"


@pytest.mark.parametrize("revision", [None, 0x00FE])
def test_a_pi_that_does_not_tell_its_revision_or_an_unknown_one_still_has_its_numbers(
    tmp_path: Path, revision: int | None
) -> None:
    board = board_of("pinctrl-bcm2711", 58, GpioBench(tmp_path, revision=revision).tree)
    assert board.to_gpio(17) == board.to_gpio("17") == board.to_gpio("GPIO17") == "GPIO17"


def test_a_chip_beside_the_header_has_plain_numbers_even_on_a_pi(tmp_path: Path) -> None:
    board = board_of("pca9535", 16, GpioBench(tmp_path).tree)
    assert board.model == "pca9535"
    assert [pin.name for pin in board.headers["pca9535"].pins.values()] == [f"GPIO{n}" for n in range(16)]
    assert "Description" in f"{board:mono full}"


def test_a_torn_revision_is_no_revision(tmp_path: Path) -> None:
    tree = GpioBench(tmp_path).tree
    (tree / "system/linux,revision").write_bytes(b"\0")
    assert pi_revision(tree) is None
