"""The doors' health: asked in quiet times, judged by every call."""

from fakes.virtual_kiosk import DOORS, VirtualKiosk, example_config

from kiosk.bodies import Token
from kiosk.effects import ProbeHttps
from kiosk.https_watch import FIRST_S, PROBE_AGAIN_S, PROBE_EVERY_S
from kiosk.messages import HttpsAnswered, HttpsFailed, Woken


def kiosk() -> VirtualKiosk:
    return VirtualKiosk(config=example_config(https=DOORS)).start().board()


def later(virtual: VirtualKiosk, seconds: float) -> None:
    """Let time pass in one turn."""
    virtual.sleep(seconds)
    virtual.feed(Woken())


def probed(virtual: VirtualKiosk) -> Token:
    probe: ProbeHttps = virtual.of(ProbeHttps)[-1]
    return probe.token


def test_a_door_is_asked_soon_after_the_start_and_then_four_times_an_hour() -> None:
    virtual = kiosk().run(2 * FIRST_S)
    assert len(virtual.of(ProbeHttps)) == 1
    virtual.feed(HttpsAnswered(token=probed(virtual), rtt_ms=30, peer="a:1"))
    for _ in range(4):
        later(virtual, PROBE_EVERY_S)
    assert len(virtual.of(ProbeHttps)) == 5


def test_what_was_never_tried_is_not_told_of() -> None:
    virtual = kiosk().online()
    assert virtual.beats[-1].links.https is None
    assert virtual.core.status(virtual.now())["https"] == "unknown"


def test_a_path_that_answers_stands_in_the_heartbeat_with_its_time() -> None:
    virtual = kiosk().run(2 * FIRST_S)
    virtual.feed(HttpsAnswered(token=probed(virtual), rtt_ms=30, peer="a:1"))
    virtual.online().run(1.0)
    https = virtual.beats[-1].links.https
    assert https is not None
    assert (https.up, https.rtt_ms, https.drops) == (True, 30, 0)
    virtual.feed(HttpsAnswered(token=Token("poll.x.1")))
    assert virtual.parts.reports.health.https_rtt_ms == 30


def test_the_path_is_down_once_every_door_has_failed_and_well_with_the_first_answer() -> None:
    virtual = kiosk().run(2 * FIRST_S)
    virtual.feed(HttpsAnswered(token=probed(virtual), rtt_ms=30, peer="a:1"))
    virtual.feed(HttpsFailed(Token("probe.2"), "refused"))
    assert "https_down" not in virtual.faults
    virtual.run(2.0)
    virtual.feed(HttpsFailed(probed(virtual), "refused"))
    assert "https_down" in virtual.faults
    assert virtual.core.status(virtual.now())["https"] == "down"
    before = len(virtual.of(ProbeHttps))
    virtual.run(PROBE_AGAIN_S + 1)
    assert len(virtual.of(ProbeHttps)) == before + 1
    virtual.feed(HttpsAnswered(token=probed(virtual), rtt_ms=31, peer="b:1"))
    assert "https_down" not in virtual.faults
    assert virtual.parts.reports.health.https_drops == 1


def test_nobody_is_asked_while_an_incident_is_open() -> None:
    virtual = kiosk().online()
    virtual.press()
    virtual.reply("received")
    later(virtual, PROBE_EVERY_S)
    assert virtual.of(ProbeHttps) == []
    virtual.reply("closed")
    later(virtual, 2 * PROBE_AGAIN_S)
    assert len(virtual.of(ProbeHttps)) == 1


def test_a_site_without_doors_has_no_such_path() -> None:
    virtual = VirtualKiosk().start().board()
    virtual.feed(HttpsAnswered(token=Token("probe.1"), rtt_ms=1))
    virtual.feed(HttpsFailed(Token("probe.1"), "refused"))
    later(virtual, 2 * PROBE_EVERY_S)
    assert virtual.of(ProbeHttps) == []
    assert "https_down" not in virtual.faults
