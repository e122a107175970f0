"""While somebody needs help, a lost MQTT link is tried again without long rests."""

from fakes.virtual_kiosk import VirtualKiosk

from kiosk.effects import OpenMqtt


def openings(kiosk: VirtualKiosk) -> int:
    return len(kiosk.of(OpenMqtt))


def test_an_open_incident_hurries_the_lost_link_every_two_seconds() -> None:
    kiosk = VirtualKiosk().start().board().online().run(5).offline()
    before = openings(kiosk)
    kiosk.press().run(10)
    assert 4 <= openings(kiosk) - before <= 6


def test_nothing_hurries_while_nobody_needs_help() -> None:
    kiosk = VirtualKiosk().start().board().online().run(5).offline()
    before = openings(kiosk)
    kiosk.run(60)
    assert openings(kiosk) == before


def test_the_hurry_ends_with_the_link() -> None:
    kiosk = VirtualKiosk().start().board().online().run(5).offline()
    kiosk.press().run(3)
    kiosk.online()
    before = openings(kiosk)
    kiosk.run(20)
    assert openings(kiosk) == before
