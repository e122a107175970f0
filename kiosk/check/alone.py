"""The check while no daemon runs: every device opened by us, one after the other.

Owns the order and each part's deadline. The modem comes last: it is the slowest.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.check.row import Row, untested, unused, warning
from kiosk.config import Config
from kiosk.runtime import read_now
from kiosk.site import Site

if TYPE_CHECKING:
    from kiosk.check.trial import Trial

INPUTS_S = 10.0
SPEAKER_S = 10.0
BROKER_S = 40.0
DOOR_S = 40.0
CERTIFICATE_S = 5.0
MODEM_S = 180.0  # open 25 s, registration 30 s, balance 33 s, a text to each of up to four gateways

Test = Callable[[str, float, Callable[[], list[Row]]], list[Row]]


def test_parts(site: Site, test: Test, *, allow_mock: bool, synced: bool) -> None:
    """Test every device part; `test(part, seconds, how)` runs one and keeps its rows."""
    from kiosk.check.trial import Trial, trusted_utc_s

    config = site.config
    trial = Trial(site, read_now(), "synced" if synced else "unsynced")
    good_s = trusted_utc_s(Path(config.paths.state))

    def trusted_s() -> float:
        return max(good_s, time.time())

    test("daemon", 1.0, lambda: [warning("daemon", "daemon_stopped")])
    test("inputs", INPUTS_S, lambda: _inputs(config, allow_mock=allow_mock))
    test("speaker", SPEAKER_S, lambda: _speaker(site))
    _brokers(config, trial, trusted_s, test)
    _doors(config, trusted_s, test)
    test("certificate", CERTIFICATE_S, lambda: _certificate(config, trusted_s))
    test("modem", MODEM_S, lambda: _modem(site, trial))


# Drivers are loaded where they are used: one that is missing spoils its own part only.


def _inputs(config: Config, *, allow_mock: bool) -> list[Row]:
    from kiosk.check.inputs import check_inputs

    return check_inputs(config, allow_mock=allow_mock)


def _speaker(site: Site) -> list[Row]:
    from kiosk.check.speaker import check_speaker

    return check_speaker(site.config, site.words)


def _certificate(config: Config, trusted_s: Callable[[], float]) -> list[Row]:
    from kiosk.check.board import check_certificate

    return check_certificate(config, trusted_s)


def _brokers(config: Config, trial: "Trial", trusted_s: Callable[[], float], test: Test) -> None:
    """Visit every broker; the drill goes through the first one that lets us in."""
    answered = False
    for broker in config.mqtt.brokers:
        wanted = not answered

        def visit(broker: str = broker, *, receipt: bool = wanted) -> list[Row]:
            from kiosk.check.broker import check_broker

            return check_broker(broker, config.mqtt, trial.alert(), trusted_s, receipt=receipt)

        rows = test(f"broker:{broker}", BROKER_S, visit)
        answered = answered or rows[0].level == "ok"
    if not answered:
        test("receipt", 1.0, lambda: [untested(part, "broker") for part in ("receipt", "duty")])


def _doors(config: Config, trusted_s: Callable[[], float], test: Test) -> None:
    """Ask every door of the centre how it is."""
    if config.https is None:
        test("door", 1.0, lambda: [unused("door")])
        return
    for door in config.https.centres:

        def ask(door: str = door) -> list[Row]:
            from kiosk.check.doors import check_door

            return check_door(door, config, trusted_s)

        test(f"door:{door}", DOOR_S, ask)


def _modem(site: Site, trial: "Trial") -> list[Row]:
    from kiosk.check.modem import PARTS, check_modem

    if site.config.sms is None:
        return [unused(part) for part in PARTS]
    return check_modem(site.config.sms, trial.text if site.key else None)
