"""Press -> the SMS is in the modem's hands, with MQTT known to be down and a warm modem session."""

import threading
import time

from kiosk_site import KioskSite, wait_for

from bench.rows import Row, at_most
from kiosk.demo import settings


def run() -> list[Row]:
    crossed = threading.Event()
    seen: list[float] = []

    def observe(_seen: object) -> None:
        seen.append(time.monotonic())
        crossed.set()

    with KioskSite(observe=observe) as site:
        site.start_kiosk()
        wait_for(lambda: site.state().get("sms") == "up")
        site.broker.stop()
        wait_for(lambda: site.state().get("mqtt") == "down")
        time.sleep(3)  # the first status and balance questions are over
        begun_s = time.monotonic()
        site.ask_kiosk(ask="pin", input=settings.BUTTON, high=False)
        crossed.wait(20)
        took_s = seen[0] - begun_s
    return [at_most("press → SMS with the modem, links known down", took_s, "s", 1.2)]
