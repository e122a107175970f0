"""What `kiosk status` says of a fault that stands: its newest reason, told to the centre only once."""

from fakes.virtual_kiosk import VirtualKiosk

from kiosk.effects import Tell
from kiosk.messages import LinkFell, LinkRose


def reason(virtual: VirtualKiosk) -> object:
    status = virtual.core.status(virtual.now())
    assert isinstance(status["reasons"], dict)
    return status["reasons"].get("mqtt_down")


def test_the_newest_reason_stands() -> None:
    """A cable comes back, and the certificate has expired meanwhile: that is what somebody must act on."""
    virtual = VirtualKiosk().start()
    virtual.feed(LinkFell("mqtt", "connection reset"))
    virtual.feed(LinkFell("mqtt", "the server's certificate expired"))
    assert reason(virtual) == "the server's certificate expired"
    told = [
        one for one in virtual.of(Tell) if one.what == "fault_raised" and ("code", "mqtt_down") in one.detail
    ]
    assert len(told) == 1
    virtual.feed(LinkRose("mqtt", "broker:8883"))
    assert reason(virtual) is None
