"""Promises are kept only after what they rest on is durable."""

from fakes.virtual_centre import an_event

from kiosk.bodies import Token
from kiosk.monitor.effects import Acknowledge, Answer, Save
from kiosk.monitor.ledger import EVENTS_MAX, Ledger
from kiosk.monitor.messages import Receipt
from kiosk.monitor.records import StoreEvent

ACK = Acknowledge(Receipt(1, 1))
ANSWER = Answer(token=Token("t"), ok=True, text="accepted", alert_id="A")


def write(ledger: Ledger, number: int) -> None:
    ledger.write(StoreEvent(an_event(number)))


def test_a_promise_that_rests_on_nothing_is_kept_at_once() -> None:
    assert Ledger().when_durable(ACK) == [ACK]


def test_a_promise_waits_for_the_save_of_its_own_turn() -> None:
    ledger = Ledger()
    write(ledger, 1)
    assert ledger.when_durable(ACK) == []
    (save,) = ledger.close_turn()
    assert isinstance(save, Save)
    assert not ledger.is_durable("event", "kz-1", "ev-1")
    assert ledger.saved(save.serial) == [ACK]
    assert ledger.is_durable("event", "kz-1", "ev-1")


def test_a_promise_made_while_a_save_is_under_way_waits_for_that_one() -> None:
    ledger = Ledger()
    write(ledger, 1)
    ledger.close_turn()
    assert ledger.when_durable(ACK) == []
    write(ledger, 2)
    ledger.close_turn()
    assert ledger.saved(1) == [ACK]
    assert not ledger.is_durable("event", "kz-1", "ev-2")


def test_a_turn_without_changes_saves_nothing() -> None:
    assert Ledger().close_turn() == []
    assert Ledger().retry() == []


def test_after_a_failure_everything_is_tried_again_together() -> None:
    ledger = Ledger()
    write(ledger, 1)
    ledger.when_durable(ACK)
    ledger.when_durable(ANSWER)
    ledger.close_turn()
    (excuse,) = ledger.failed("disk full")
    text = "not on disk yet (disk full); it is kept and tried again"
    assert excuse == Answer(token=Token("t"), ok=False, text=text, alert_id="A")
    write(ledger, 2)
    assert ledger.close_turn() == []
    assert ledger.when_durable(Acknowledge(Receipt(1, 2))) == []
    (refused,) = ledger.when_durable(ANSWER)
    assert isinstance(refused, Answer)
    assert not refused.ok
    (save,) = ledger.retry()
    assert isinstance(save, Save)
    assert len(save.changes) == 2
    assert ledger.saved(save.serial) == [ACK, Acknowledge(Receipt(1, 2))]
    assert ledger.fault == ""


def test_a_newer_change_of_the_same_thing_replaces_the_older() -> None:
    ledger = Ledger()
    write(ledger, 1)
    write(ledger, 1)
    (save,) = ledger.close_turn()
    assert isinstance(save, Save)
    assert len(save.changes) == 1


def test_events_give_way_while_the_store_is_broken() -> None:
    """Pitfall 35: telemetry never evicts an alert, and memory stays bounded."""
    ledger = Ledger()
    write(ledger, 0)
    ledger.close_turn()
    ledger.failed("disk full")
    for number in range(EVENTS_MAX + 500):
        write(ledger, number)
    (save,) = ledger.retry()
    assert isinstance(save, Save)
    assert len(save.changes) == EVENTS_MAX


def test_an_acknowledgement_of_a_failed_save_waits_for_the_one_that_brings_it_again() -> None:
    ledger = Ledger()
    write(ledger, 1)
    ledger.when_durable(ACK)
    (failed,) = ledger.close_turn()
    assert isinstance(failed, Save)
    ledger.failed("disk full")
    assert ledger.saved(failed.serial) == []
    ledger.failed("disk full")
    (again,) = ledger.retry()
    assert isinstance(again, Save)
    assert ledger.saved(again.serial) == [ACK]


def test_events_that_gave_way_while_the_store_was_broken_are_written_nowhere() -> None:
    ledger = Ledger()
    ledger.failed("disk full")
    for number in range(EVENTS_MAX + 5):
        write(ledger, number)
    ledger.saved(0)
    (save,) = ledger.close_turn()
    assert isinstance(save, Save)
    assert len(save.changes) == EVENTS_MAX


def test_while_the_store_is_broken_the_broker_keeps_only_alerts() -> None:
    """It hands over twenty messages and no more until one is acknowledged: a press waited behind statuses."""
    ledger, receipts = Ledger(), [Receipt(1, number) for number in range(3)]
    write(ledger, 1)
    assert ledger.acknowledge(receipts[0], lesser=True) == []
    assert ledger.acknowledge(receipts[1]) == []
    (save,) = ledger.close_turn()
    assert isinstance(save, Save)
    assert ledger.failed("disk full") == [Acknowledge(receipts[0])]
    assert ledger.acknowledge(receipts[2], lesser=True) == [Acknowledge(receipts[2])]
    (again,) = ledger.retry()
    assert isinstance(again, Save)
    assert ledger.saved(again.serial) == [Acknowledge(receipts[1])]


def test_a_receipt_that_went_with_its_connection_is_not_given_when_the_store_breaks() -> None:
    ledger = Ledger()
    write(ledger, 1)
    ledger.acknowledge(Receipt(1, 1), lesser=True)
    ledger.forget_receipts()
    assert ledger.failed("disk full") == []
