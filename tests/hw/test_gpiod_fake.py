"""The simulated gpiod module may not drift from the real one's signatures."""

import inspect

import gpiod
import pytest
from fakes import gpiod_fake

MODULE_HANDLE = {"module"}  # how the fake finds its simulated chips; the code under test never passes it


def shape(function: object) -> list[tuple[str, object]]:
    """Give what a caller can rely on: the names and defaults of the parameters, in order."""
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return [(it.name, it.default) for it in parameters if it.name not in MODULE_HANDLE]


def public(owner: type) -> list[str]:
    return [name for name, it in vars(owner).items() if inspect.isfunction(it) and not name.startswith("_")]


@pytest.mark.parametrize(
    ("fake", "real", "beyond"),
    [
        (gpiod_fake.Chip, gpiod.Chip, set()),
        (gpiod_fake.LineRequest, gpiod.LineRequest, {"edge", "hang_up"}),
    ],
)
def test_every_simulated_method_takes_what_the_real_one_takes(
    fake: type, real: type, beyond: set[str]
) -> None:
    for name in ["__init__", *set(public(fake)) - beyond]:
        assert shape(getattr(fake, name)) == shape(getattr(real, name)), name


def test_the_module_offers_the_same_functions_and_the_very_same_value_types() -> None:
    fake = gpiod_fake.FakeGpiod({})
    assert shape(fake.is_gpiochip_device) == shape(gpiod.is_gpiochip_device)
    assert fake.LineSettings is gpiod.LineSettings
    assert fake.EdgeEvent is gpiod.EdgeEvent
    assert fake.line is gpiod.line


def test_the_descriptor_is_a_property_on_both() -> None:
    assert isinstance(vars(gpiod_fake.LineRequest)["fd"], property)
    assert isinstance(vars(gpiod.LineRequest)["fd"], property)


def test_a_real_missing_chip_fails_as_the_simulated_one_does(tmp_path) -> None:
    missing, not_a_chip = tmp_path / "gpiochip0", tmp_path / "gpiochip1"
    not_a_chip.write_text("")
    for path in (missing, not_a_chip):
        errors = []
        for open_chip in (gpiod.Chip, gpiod_fake.FakeGpiod({}).Chip):
            with pytest.raises(OSError) as caught:  # noqa: PT011  # its errno is compared below
                open_chip(str(path))
            errors.append(caught.value.errno)
        assert errors[0] == errors[1]
