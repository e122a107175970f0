"""Which chip is opened, and what is said when none can be."""

from pathlib import Path

import pytest
from fakes.gpio_bench import GpioBench
from fakes.gpiod_fake import SimChip

from kiosk.hw.chips import ChipDenied, ChipMissing, LineLost, open_chip


@pytest.fixture
def bench(tmp_path: Path) -> GpioBench:
    return GpioBench(tmp_path)


def label_of(bench: GpioBench, wanted: int | str | None) -> str:
    chip = open_chip(bench.gpiod, wanted, devices=bench.devices)
    return str(chip.get_info().label)


@pytest.mark.parametrize("label", ["pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"])
@pytest.mark.parametrize("name", ["gpiochip0", "gpiochip4"])
def test_the_header_is_found_by_label_whatever_its_number_is(tmp_path: Path, label: str, name: str) -> None:
    """Pitfall 18c: Pi 5 was gpiochip4 and is gpiochip0 since kernel 6.6.45."""
    bench = GpioBench(tmp_path, label="raspberrypi-exp-gpio")
    bench.add("gpiochip2", SimChip("pca9535"))
    bench.add(name, SimChip(label))
    assert label_of(bench, None) == label


def test_a_symlink_to_the_chip_is_not_a_second_chip(bench: GpioBench) -> None:
    """The Pi 5's newer kernels leave /dev/gpiochip4 as a link to gpiochip0."""
    link = bench.devices / "gpiochip4"
    link.symlink_to(bench.devices / "gpiochip0")
    bench.gpiod.chips[str(link)] = bench.chip
    assert label_of(bench, None) == "pinctrl-bcm2711"


@pytest.mark.parametrize("wanted", [3, "3", "gpiochip3", "9030000.pl061"])
def test_any_other_chip_is_named_by_number_name_or_label(bench: GpioBench, wanted: int | str) -> None:
    bench.add("gpiochip3", SimChip("9030000.pl061", 8))
    assert label_of(bench, wanted) == "9030000.pl061"


def test_a_chip_is_named_by_its_path(bench: GpioBench) -> None:
    path = bench.add("gpiochip3", SimChip("9030000.pl061", 8))
    assert label_of(bench, str(path)) == "9030000.pl061"


def test_two_chips_of_one_label_are_never_guessed_between(bench: GpioBench) -> None:
    bench.add("gpiochip1", SimChip("pinctrl-bcm2711"))
    with pytest.raises(
        ChipMissing, match=r"2 GPIO chips are labelled pinctrl-bcm2711 .*name one by its path"
    ):
        label_of(bench, None)


def test_a_board_that_is_no_pi_says_which_chips_there_are(tmp_path: Path) -> None:
    bench = GpioBench(tmp_path, label="9030000.pl061")
    with pytest.raises(ChipMissing, match=r"gpiochip0 is 9030000.pl061.*name one by path or label"):
        label_of(bench, None)


def test_a_board_without_chips_says_so_and_is_an_import_error_as_gpiozero_wants(tmp_path: Path) -> None:
    bench = GpioBench(tmp_path)
    (bench.devices / "gpiochip0").unlink()
    with pytest.raises(ImportError, match=r"no GPIO chip is labelled pinctrl-rp1 or .*there is none"):
        label_of(bench, None)


def test_a_forbidden_chip_says_what_to_do(bench: GpioBench) -> None:
    """Pitfall 43: the unit must allow char-gpiochip rw."""
    bench.chip.denied = True
    for wanted in (None, "gpiochip0"):
        with pytest.raises(
            PermissionError, match=r"gpiochip0 may not be opened: join the group gpio"
        ) as caught:
            label_of(bench, wanted)
        assert isinstance(caught.value, ChipDenied)


def test_a_forbidden_chip_does_not_hide_the_one_that_is_wanted(bench: GpioBench) -> None:
    other = SimChip("pca9535")
    other.denied = True
    bench.add("gpiochip1", other)
    assert label_of(bench, None) == "pinctrl-bcm2711"


def test_a_path_that_is_no_chip_or_not_there_says_so(bench: GpioBench) -> None:
    (bench.devices / "gpiochip7").write_text("")
    with pytest.raises(ChipMissing, match="gpiochip7 is not a GPIO chip"):
        label_of(bench, 7)
    with pytest.raises(ChipMissing, match=r"there is no GPIO chip .*gpiochip8"):
        label_of(bench, 8)
    assert label_of(bench, None) == "pinctrl-bcm2711"


def test_an_error_s_text_is_only_its_sentence() -> None:
    assert str(LineLost(19, "GPIO4 of gpiochip0 is gone")) == "GPIO4 of gpiochip0 is gone"
