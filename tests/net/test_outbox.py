"""The hand-over between the worker's thread and the network thread."""

import select

from fakes.mqtt_bench import KIOSK

from kiosk.bodies import Token
from kiosk.net.outbox import ROOM, Outbox, Parcel, Weight


def parcel(number: int, weight: Weight = "alert") -> Parcel:
    return Parcel(token=Token(str(number)), topic=f"pana/v1/k/{KIOSK}/hb", payload=b"{}", weight=weight)


def test_a_shut_outbox_refuses_and_keeps_nothing() -> None:
    """Pitfall 2: paho would queue it without limit and send it at some later time."""
    box = Outbox()
    assert box.put(parcel(1)) == "not connected"
    box.open()
    assert box.take() == ()
    box.close()


def test_parcels_are_taken_in_order_once() -> None:
    box = Outbox()
    box.open()
    assert [box.put(parcel(n)) for n in range(3)] == ["", "", ""]
    assert [one.token for one in box.take()] == ["0", "1", "2"]
    assert box.take() == ()
    box.close()


def test_shutting_gives_back_what_was_not_taken() -> None:
    box = Outbox()
    box.open()
    box.put(parcel(1))
    assert [one.token for one in box.shut()] == ["1"]
    box.open()
    assert box.take() == ()
    box.close()


def test_events_leave_room_for_an_alert() -> None:
    box = Outbox()
    box.open()
    while not box.put(parcel(0, "event")):
        pass
    assert box.put(parcel(1, "alert")) == ""
    while not (refusal := box.put(parcel(2, "alert"))):
        pass
    assert refusal == "too many publishes at once"
    assert len(box.take()) == ROOM["alert"]
    box.close()


def test_a_parcel_wakes_the_network_thread_until_drained() -> None:
    box = Outbox()
    box.open()
    assert select.select([box], [], [], 0)[0] == []
    box.put(parcel(1))
    for _ in range(3000):  # more than the socket holds: it must neither block nor raise
        box.wake()
    assert select.select([box], [], [], 0)[0] == [box]
    box.drain()
    assert select.select([box], [], [], 0)[0] == []
    box.close()
    box.wake()
    box.drain()
