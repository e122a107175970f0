"""An ordered update: taken while nothing is open, handed over once, its outcome told until it is known."""

from typing import Any

import pytest
from fakes.virtual_kiosk import VirtualKiosk

from kiosk import wire
from kiosk.bodies import Command, Token
from kiosk.effects import ForgetUpdate, LookForUpdate, Publish, RequestUpdate
from kiosk.messages import CommandReceived, Published, UpdateRefused, UpdateSeen
from kiosk.update_desk import LOOK_EVERY_S
from kiosk.updates import UpdateOutcome, UpdateRequest

RELEASE = "ab" * 32
DONE = UpdateOutcome(update_id="u1", ending="succeeded", version="0.2.0", before="0.1.0", command_id="c1")
BACK = UpdateOutcome(
    update_id="u2", ending="rolled_back", version="0.2.0", before="0.1.0", code="update_link", detail="mqtt"
)


def online() -> VirtualKiosk:
    return VirtualKiosk().start().board().modem().online().run(20.0).quiet()


def order(virtual: VirtualKiosk, number: int = 1, **changes: Any) -> None:
    fields = {"release": RELEASE, "version": "0.2.0"} | changes
    command = Command(
        command_id=f"c{number}", name="update", at=wire.utc_text(virtual.utc_ms),
        expires_at=wire.utc_text(virtual.utc_ms + 60_000), by="op-1", **fields,
    )  # fmt: skip
    virtual.feed(CommandReceived(command))


def acknowledge(virtual: VirtualKiosk, *, all_but: str = "") -> None:
    for effect in virtual.of(Publish):
        if not (all_but and effect.token.startswith(all_but)):
            virtual.feed(Published(token=effect.token, code=0))


def test_an_order_is_handed_to_the_installer() -> None:
    virtual = online()
    order(virtual)
    request = UpdateRequest(command_id="c1", release=RELEASE, version="0.2.0")
    assert virtual.of(RequestUpdate) == [RequestUpdate(request)]
    assert virtual.results() == [("in_progress", "")]


def test_an_order_without_a_release_is_rejected() -> None:
    virtual = online()
    order(virtual, release=None)
    order(virtual, 2, version=None)
    assert virtual.results() == virtual.results(2) == [("rejected", "no release is named")]
    assert virtual.of(RequestUpdate) == []


def test_the_version_that_runs_need_not_be_installed() -> None:
    virtual = online()
    order(virtual, version="0.1.0")
    assert virtual.results() == [("succeeded", "it runs already")]
    assert virtual.of(RequestUpdate) == []


def test_no_order_is_taken_while_an_incident_is_open() -> None:
    virtual = online().press()
    order(virtual)
    assert virtual.results() == [("rejected", "an incident is open")]
    assert virtual.of(RequestUpdate) == []


def test_one_update_at_a_time() -> None:
    virtual = online()
    order(virtual)
    order(virtual, 2)
    assert virtual.results(2) == [("rejected", "an update is under way")]
    virtual.feed(UpdateSeen(ordered=False))
    order(virtual, 3)
    assert virtual.results(3) == [("in_progress", "")]


def test_an_order_that_cannot_be_laid_down_is_told_and_forgotten() -> None:
    virtual = online()
    order(virtual)
    virtual.feed(UpdateRefused("c1", "disk full"))
    assert virtual.results() == [("in_progress", ""), ("failed", "disk full")]
    order(virtual, 2)
    assert virtual.results(2) == [("in_progress", "")]


def test_the_folder_is_looked_into_at_the_start_and_then_now_and_then() -> None:
    virtual = VirtualKiosk().start()
    assert len(virtual.of(LookForUpdate)) == 1
    virtual.run(LOOK_EVERY_S * 3)
    assert len(virtual.of(LookForUpdate)) == 4


def test_an_outcome_is_told_once_and_forgotten_when_the_centre_has_it() -> None:
    virtual = online()
    for _ in range(2):
        virtual.feed(UpdateSeen(False, DONE))
    assert virtual.results() == [("succeeded", "0.1.0 -> 0.2.0")]
    assert virtual.events == [("update_done", "info")]
    assert len(virtual.tells("update")) == 1
    acknowledge(virtual, all_but="event")
    assert virtual.of(ForgetUpdate) == []
    acknowledge(virtual)
    assert virtual.of(ForgetUpdate) == [ForgetUpdate("u1")]
    virtual.feed(Published(token=Token("event.upd-u1"), code=0))
    assert len(virtual.of(ForgetUpdate)) == 1


@pytest.mark.parametrize(
    ("ending", "event"), [("rolled_back", "update_rolled_back"), ("failed", "update_failed")]
)
def test_an_update_from_the_site_is_told_as_an_event_alone(ending: str, event: str) -> None:
    virtual = online()
    outcome = UpdateOutcome(update_id="u2", ending=ending, version="0.2.0", code="update_link", detail="mqtt")  # type: ignore[arg-type]
    virtual.feed(UpdateSeen(False, outcome))
    assert virtual.events == [(event, "info")]
    assert virtual.results("") == []  # type: ignore[arg-type]
    acknowledge(virtual)
    assert virtual.of(ForgetUpdate) == [ForgetUpdate("u2")]


def test_a_failed_order_says_why() -> None:
    virtual = online()
    virtual.feed(UpdateSeen(False, BACK))
    body = next(e.body for e in virtual.of(Publish) if e.token == "event.upd-u2")
    assert getattr(body, "detail", "") == "0.1.0 -> 0.2.0: update_link: mqtt"


def test_an_outcome_is_told_again_after_a_restart_under_the_same_name() -> None:
    """The centre takes the repetition for what it is: the name is the update's own."""
    virtual = online()
    virtual.feed(UpdateSeen(False, DONE))
    again = virtual.restart().board().online().run(5.0)
    again.feed(UpdateSeen(False, DONE))
    names = [{e.token for e in each.of(Publish) if "u1" in e.token} for each in (virtual, again)]
    assert names[0] == names[1] == {"event.upd-u1"}


def test_until_an_outcome_is_told_no_further_update_begins() -> None:
    virtual = online()
    virtual.feed(UpdateSeen(False, BACK))
    order(virtual)
    assert virtual.results() == [("rejected", "an update is under way")]
