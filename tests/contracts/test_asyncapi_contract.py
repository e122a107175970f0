"""The AsyncAPI file is what the types, the topics and the centre's own filters say."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from fakes.virtual_centre import an_alert

from kiosk import wire
from kiosk.bodies import Command, CommandResult, Event, Heartbeat, MonitorStatus, Reply, Status
from kiosk.monitor.link import FILTERS, HEARTBEATS

ROOT = Path(__file__).parents[2]
FILE = json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
AT = "2026-01-02T03:04:05.678Z"
BODIES: dict[str, Any] = {
    "alert": an_alert(),
    "reply": Reply(alert_id="A", stage="received", at=AT),
    "status": Status(state="online", boot=1, conn=1, at=AT),
    "heartbeat": Heartbeat(seq=1, boot=1, at=1, uptime_s=1, faults=("mqtt_down",)),
    "event": Event(event_id="E", kiosk_id="kz-1", at=AT, code="drill_passed"),
    "command": Command(command_id="C", name="drill", at=AT, expires_at=AT),
    "result": CommandResult(command_id="C", state="queued", at=AT),
    "presence": MonitorStatus(state="online", boot=1, conn=1, at=AT),
}


def resolved(ref: str) -> Any:
    assert ref.startswith("#/"), ref
    found: Any = FILE
    for part in ref[2:].split("/"):
        found = found[part]
    return found


def refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for item in value.values() for ref in refs(item)]
    return [ref for item in value for ref in refs(item)] if isinstance(value, list) else []


def test_the_committed_file_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "dev/apidoc.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reference_leads_somewhere_and_every_message_is_carried() -> None:
    assert all(resolved(ref) for ref in refs(FILE))
    carried = {ref.rpartition("/")[2] for channel in FILE["channels"].values() for ref in refs(channel)}
    assert carried == set(FILE["components"]["messages"])
    assert len(FILE["operations"]) == len(FILE["channels"]) == len(BODIES)


@pytest.mark.parametrize("name", BODIES)
def test_a_real_body_fits_its_channel_and_a_broken_one_does_not(name: str) -> None:
    (message,) = refs(FILE["channels"][name]["messages"])
    schema = {**resolved(message)["payload"], "components": FILE["components"]}
    body = msgspec.to_builtins(BODIES[name])
    assert jsonschema_rs.is_valid(schema, body)
    assert not jsonschema_rs.is_valid(schema, {**body, "v": 2})
    assert not jsonschema_rs.is_valid(schema, [body])


def test_parameters_are_those_of_the_address() -> None:
    for channel in FILE["channels"].values():
        fields = {part[1:-1] for part in channel["address"].split("/") if part.startswith("{")}
        assert fields == set(channel["parameters"])


def test_the_centre_receives_by_these_filters_and_the_topics_are_those_of_the_wire() -> None:
    heard = {}
    for operation in FILE["operations"].values():
        address = resolved(operation["channel"]["$ref"])["address"]
        if operation["action"] == "receive":
            parts = ["+" if part.startswith("{") else part for part in address.split("/")]
            heard["/".join(parts)] = operation["bindings"]["mqtt"]["qos"]
    assert heard == dict([*FILTERS, HEARTBEATS])
    assert FILE["channels"]["reply"]["address"].format(kiosk="kz-1", alert="A") == wire.topic(
        "kz-1", "ack", "A"
    )
    assert FILE["channels"]["presence"]["address"].format(monitor="m") == wire.monitor_topic("m")
