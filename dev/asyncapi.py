"""The AsyncAPI 3.0 file of the MQTT half of the contract: topics by hand, every body from the types."""

from typing import Any

import msgspec

from kiosk import __version__
from kiosk.bodies import Alert, Command, CommandResult, Event, Heartbeat, MonitorStatus, Reply, Status
from kiosk.wire import MAX_BODY_BYTES, ROOT

Doc = dict[str, Any]
TYPES = (Alert, Reply, Status, MonitorStatus, Heartbeat, Event, Command, CommandResult)
REF = "#/components/schemas/{name}"
ID = {"description": "1 to 64 letters, digits, _ or -"}
KIOSK = {"description": "The kiosk's id: its certificate's CN, its MQTT user and its client id."}
# channel: topic below the root, body, QoS, retained, who sends, what it is
CHANNELS: dict[str, tuple[str, type, int, bool, str, str]] = {
    "alert": ("k/{kiosk}/alert/{alert}", Alert, 1, False, "kiosk", "An alarm; repeated until answered."),
    "reply": ("k/{kiosk}/ack/{alert}", Reply, 1, False, "centre", "The centre's answer: the only receipt."),
    "status": ("k/{kiosk}/status", Status, 1, True, "kiosk", "Presence; also the will."),
    "heartbeat": ("k/{kiosk}/hb", Heartbeat, 0, False, "kiosk", "The newest health."),
    "event": ("k/{kiosk}/event/{event}", Event, 1, False, "kiosk", "What a technician should know."),
    "command": ("k/{kiosk}/cmd/{command}", Command, 1, False, "centre", "An order."),
    "result": ("k/{kiosk}/cmdres/{command}", CommandResult, 1, False, "kiosk", "How an order stands."),
    "presence": ("mon/{monitor}/status", MonitorStatus, 1, True, "centre", "Duty; also the will."),
}  # fmt: skip


def build() -> Doc:
    """Make the whole document; the operations are those of the centre."""
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Safe-point centre: MQTT",
            "version": __version__,
            "description": "What kiosks and the centre say to each other. A PUBACK is no receipt. "
            f"Unknown fields are ignored, a body over {MAX_BODY_BYTES} bytes is refused.",
            "license": {"name": "GPL-3.0-or-later"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _server()},
        "channels": {name: _channel(name) for name in CHANNELS},
        "operations": dict(_operation(name) for name in CHANNELS),
        "components": {
            "messages": {kind.__name__: _message(kind) for _, kind, *_ in CHANNELS.values()},
            "schemas": schemas,
            "securitySchemes": {
                "certificate": {"type": "X509", "description": "Mutual TLS with the project's private CA."}
            },
        },
    }


def _server() -> Doc:
    return {
        "host": "broker.example.kz:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "3.1.1",
        "security": [{"$ref": "#/components/securitySchemes/certificate"}],
        "bindings": {"mqtt": {"cleanSession": False, "keepAlive": 10, "bindingVersion": "0.2.0"}},
    }


def _channel(name: str) -> Doc:
    topic, kind, _, _, _, what = CHANNELS[name]
    fields = [part[1:-1] for part in topic.split("/") if part.startswith("{")]
    return {
        "address": f"{ROOT}/{topic}",
        "description": what,
        "parameters": {field: KIOSK if field in ("kiosk", "monitor") else ID for field in fields},
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"}},
    }


def _operation(name: str) -> tuple[str, Doc]:
    _, kind, qos, retained, sender, what = CHANNELS[name]
    action = "receive" if sender == "kiosk" else "send"
    operation = {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": what,
        "messages": [{"$ref": f"#/channels/{name}/messages/{kind.__name__}"}],
        "bindings": {"mqtt": {"qos": qos, "retain": retained, "bindingVersion": "0.2.0"}},
    }
    return f"{action}{name.capitalize()}", operation


def _message(kind: type) -> Doc:
    return {
        "name": kind.__name__,
        "contentType": "application/json",
        "payload": {"$ref": REF.format(name=kind.__name__)},
    }
