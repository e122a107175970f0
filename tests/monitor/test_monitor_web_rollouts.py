"""The page of versions: for admins, in three languages, and nothing begins that cannot be carried out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.centre_pages import Pages, Visitor
from fakes.registry_rows import a_draft

from kiosk.monitor.rollout import Mark, Rollout
from kiosk.monitor.store import audit, registry, releases, rollouts
from kiosk.monitor.store.releases import Release

RELEASE = Release(
    release_id="ab" * 32, version="0.2.0", size=5, made_at="2026-11-27T01:00:00Z", targets="bookworm-arm64",
    added_ms=1000, added_by="aida",
)  # fmt: skip
FORM = {"release": "ab" * 32, "steps": "5,100", "at_once": "4", "stop_after": "2", "soak_min": "30"}


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with Pages(tmp_path) as running:
        with running.engine.execution_options(writes=True).begin() as db:
            registry.create(db, a_draft(), who="aida", now_ms=1)
        yield running


def offered(pages: Pages) -> None:
    with pages.engine.execution_options(writes=True).begin() as db:
        releases.add(db, RELEASE)


def admin(pages: Pages) -> Visitor:
    visitor = pages.sign_in("admin")
    visitor.get("/rollouts")
    return visitor


def newest(pages: Pages) -> Rollout:
    with pages.engine.connect() as db:
        return rollouts.listed(db)[0].rollout


def test_it_is_for_admins(pages: Pages) -> None:
    for role in ("officer", "technician"):
        assert pages.sign_in(role).get("/rollouts").status_code == 403


def test_without_a_release_it_says_how_to_offer_one(pages: Pages) -> None:
    text = admin(pages).get("/rollouts").text
    assert "kiosk monitor release add FILE" in text
    assert "not heard yet" in text


def test_a_roll_out_is_begun_paused_resumed_and_stopped(pages: Pages) -> None:
    offered(pages)
    visitor = admin(pages)
    assert "The roll-out of 0.2.0 has begun" in visitor.post("/rollouts/start", FORM).text
    begun = newest(pages)
    assert (begun.steps, begun.at_once, begun.stop_after, begun.soak_s) == ((5, 100), 4, 2, 1800)
    path = f"/rollouts/{begun.rollout_id}"
    assert "5 % of the fleet is meant now (steps: 5, 100)" in visitor.get("/rollouts").text
    assert "Paused" in visitor.post(path, {"move": "pause"}).text
    assert "It goes on" in visitor.post(path, {"move": "resume"}).text
    assert "Stopped" in visitor.post(path, {"move": "stop"}).text
    assert "It does not stand so" in visitor.post(path, {"move": "pause"}).text
    assert visitor.post(path, {"move": "fly"}).status_code == 400
    assert newest(pages).state == "stopped"
    with pages.engine.connect() as db:
        told = [(entry.what, entry.subject) for entry in audit.read(db) if entry.what.startswith("rollout")]
    assert [what for what, _ in told] == [
        "rollout_stopped", "rollout_running", "rollout_paused", "rollout_start",
    ]  # fmt: skip
    assert {subject for _, subject in told} == {begun.rollout_id}


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("steps", "50,5", "percentages that grow"),
        ("at_once", "0", "1 to 1000"),
        ("stop_after", "many", "Failures: 1 to 1000"),
        ("soak_min", "99999999", "Minutes: 0 to 100000"),
    ],
)
def test_what_was_typed_wrongly_is_said_and_kept(pages: Pages, field: str, typed: str, said: str) -> None:
    offered(pages)
    answer = admin(pages).post("/rollouts/start", FORM | {field: typed})
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{typed}"' in answer.text


def test_a_release_that_is_gone_and_a_second_roll_out_are_refused(pages: Pages) -> None:
    visitor = admin(pages)
    assert visitor.post("/rollouts/start", FORM).status_code == 404
    offered(pages)
    visitor.post("/rollouts/start", FORM)
    answer = visitor.post("/rollouts/start", FORM)
    assert answer.status_code == 409
    assert "Another roll-out is under way" in answer.text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("update_link: mqtt", "a link was lost (mqtt)"),
        ("an incident is open", "an alarm was open"),
        ("no_answer", "no answer"),
        ("something new", "something new"),
    ],
)
def test_failures_are_told_in_words(pages: Pages, reason: str, said: str) -> None:
    offered(pages)
    plan = Rollout(rollout_id="r1", release="ab" * 32, version="0.2.0")
    with pages.engine.execution_options(writes=True).begin() as db:
        rollouts.start(db, plan, who="aida", now_ms=1000)
        rollouts.put(db, "r1", Mark(kiosk_id="kz-ala-0001", phase="failed", at_ms=5, reason=reason))
    text = admin(pages).get("/rollouts").text
    assert said in text
    assert "/kiosks/kz-ala-0001" in text
    assert "0 of 1 kiosks report this version" in text
