"""Software PWM switches as told, and rests when there is nothing to switch."""

import pytest
from fakes.gpio_bench import PATIENCE_S, Heard

from kiosk.hw.pwm import SoftPwm


def test_a_partial_duty_switches_on_and_off_again_and_again() -> None:
    heard = Heard()
    pwm = SoftPwm(heard, 1000)
    pwm.set(duty=0.5)
    levels = heard.wait(7)
    pwm.stop()
    pwm.stop()
    switched = levels[levels.index(True) :]
    assert switched == [index % 2 == 0 for index in range(len(switched))]
    assert (pwm.duty, pwm.frequency_hz) == (0.5, 1000)


@pytest.mark.parametrize(("duty", "level"), [(0.0, False), (1.0, True)])
def test_full_and_none_are_written_once(duty: float, level: bool) -> None:
    heard = Heard()
    pwm = SoftPwm(heard, 0.001)
    pwm.set(duty=0.5)
    count = 1
    while not heard.wait(count)[-1]:
        count += 1
    before = len(heard.calls)
    pwm.set(duty=duty, frequency_hz=50)
    written = heard.wait(before + 1)
    assert written[-1] is level
    pwm.stop()
    assert heard.calls == written


def test_a_vanished_chip_ends_it_with_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail(level: bool) -> None:
        raise OSError(19, "No such device")

    pwm = SoftPwm(fail, 100)
    pwm._thread.join(PATIENCE_S)
    pwm.set(duty=1)
    pwm.stop()
    assert len(caplog.records) == 1
