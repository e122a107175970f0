"""The OpenAPI 3.1 file of the HTTPS doors: routes by hand, every body from the types that they decode."""

from typing import Any

import msgspec

from kiosk import __version__
from kiosk.bodies import STAGES, Alert, Reply
from kiosk.commissioning import Commissioning, Kept, ProvisionLog
from kiosk.monitor.doors.alerts import WAIT_MAX_S
from kiosk.monitor.doors.bodies import Credentials, Enrol, Enrolled, Health, Refusal, Renew
from kiosk.wire import MAX_BODY_BYTES

Doc = dict[str, Any]
TYPES = (
    Alert, Reply, Enrol, Enrolled, Renew, Credentials, Commissioning, ProvisionLog, Kept, Health, Refusal,
)  # fmt: skip
REF = "#/components/schemas/{name}"
WHY = {
    400: "The request is wrong; the reason names what and where.",
    401: "No client certificate of the centre's CA; enrol first.",
    403: "Not this kiosk, or no longer: another's name, revoked, expired, a token that opens nothing.",
    404: "No such thing for this kiosk, or the CA is elsewhere.",
    405: "This door does not take this method.",
    408: "The body was not complete in time.",
    413: f"More than {MAX_BODY_BYTES} bytes, or than the body's own limit where it says one.",
    415: "Only application/json is taken.",
    416: "The release ends before that part.",
    429: "Too often; wait as `retry-after` says.",
    503: "The centre cannot now; nothing was taken. Try again, and use the other paths meanwhile.",
}
BODY_FAULTS = (400, 408, 413, 415)
ALERT_ID = {
    "name": "alert_id", "in": "path", "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
}  # fmt: skip
REPLIES = [
    ALERT_ID,
    {
        "name": "after", "in": "query", "description": "The stage that the kiosk knows; all without one.",
        "schema": {"type": "string", "enum": list(STAGES)},
    },
    {
        "name": "wait", "in": "query", "description": "How many seconds to wait for a stage beyond it.",
        "schema": {"type": "integer", "minimum": 0, "maximum": int(WAIT_MAX_S), "default": int(WAIT_MAX_S)},
    },
]  # fmt: skip

RELEASE = [
    {
        "name": "release_id", "in": "path", "required": True, "description": "SHA-256 of its MANIFEST.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    },
    {
        "name": "range", "in": "header", "required": True, "description": "Which part: bytes=FIRST-LAST.",
        "schema": {"type": "string", "pattern": "^bytes=[0-9]{1,12}-[0-9]{0,12}$"},
    },
]  # fmt: skip


def build() -> Doc:
    """Make the whole document."""
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Safe-point centre: HTTPS doors for kiosks",
            "version": __version__,
            "description": "The second path of an alert, and how a kiosk gets and renews its certificate. "
            "Mutual TLS with the centre's private CA on a port of its own. Unknown fields are ignored.",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": "https://centre.example.kz:8443"}],
        "security": [{"kiosk": []}],
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "kiosk": {
                    "type": "mutualTLS",
                    "description": "The kiosk's certificate; its CN is the kiosk's id.",
                }
            },
        },
    }


def _paths() -> Doc:
    replies = {"type": "array", "items": _ref(Reply), "description": "In the order of the stages."}
    pem = {"description": "The list.", "content": {"application/x-pem-file": {"schema": {"type": "string"}}}}
    return {
        "/v1/alerts": {
            "post": _operation(
                "deliverAlert",
                "Deliver an alert. Idempotent by alert_id; 200 only once it is durable at the centre.",
                body=Alert,
                good=_json("The stage that the alert has reached.", _ref(Reply)),
                faults=(*BODY_FAULTS, 401, 403, 503),
            )
        },
        "/v1/alerts/{alert_id}/replies": {
            "get": _operation(
                "awaitReplies",
                "Wait for the next stages of this kiosk's own alert; an empty list when none came.",
                parameters=REPLIES,
                good=_json("Every stage beyond `after`.", replies),
                faults=(400, 401, 403, 404, 429, 503),
            )
        },
        "/v1/enrol": {
            "post": _operation(
                "enrol",
                "Get the first certificate for a one-time token. The same question with the same key gets "
                "the same answer for 10 minutes.",
                body=Enrol,
                good=_json("All that a kiosk gets once.", _ref(Enrolled)),
                faults=(*BODY_FAULTS, 403, 404, 429, 503),
            )
            | {"security": []}
        },
        "/v1/renew": {
            "post": _operation(
                "renew",
                "Get the next certificate, best at two thirds of the life; the old one stays valid.",
                body=Renew,
                good=_json("The next certificate.", _ref(Credentials)),
                faults=(*BODY_FAULTS, 401, 403, 404, 429, 503),
            )
        },
        "/v1/commissioning": {
            "post": _operation(
                "keepCommissioning",
                "Keep what an installer found at the site (<= 32 kB). Idempotent by record_id.",
                body=Commissioning,
                good=_json("It is kept, and since when.", _ref(Kept)),
                faults=(*BODY_FAULTS, 401, 403, 429, 503),
            )
        },
        "/v1/provision-log": {
            "post": _operation(
                "keepProvisionLog",
                "Keep the newest part of a set-up's log (<= 64 kB). The same text again changes nothing.",
                body=ProvisionLog,
                good=_json("It is kept: the SHA-256 of its text, and since when.", _ref(Kept)),
                faults=(*BODY_FAULTS, 401, 403, 429, 503),
            )
        },
        "/v1/releases/{release_id}": {
            "get": _operation(
                "fetchRelease",
                "Get a part of a release, at most 1 MiB; a shorter one may come. Few at once.",
                parameters=RELEASE,
                good={
                    "description": "The part; `content-range` says which, and how long the whole is.",
                    "content": {"application/octet-stream": {}},
                },
                status=206,
                faults=(400, 401, 403, 404, 416, 503),
            )
        },
        "/v1/crl.pem": {
            "get": _operation(
                "revocationList", "Get the newest revocation list.", good=pem, faults=(401, 403, 404, 503)
            )
        },
        "/v1/health": {
            "get": _operation(
                "health",
                "Whether core and store are there.",
                good=_json("As it is now.", _ref(Health)),
                faults=(401, 403),
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    *,
    good: Doc,
    faults: tuple[int, ...],
    body: type[msgspec.Struct] | None = None,
    parameters: list[Doc] | None = None,
    status: int = 200,
) -> Doc:
    operation: Doc = {"operationId": name, "summary": summary}
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    refusals = {str(fault): _json(WHY[fault], _ref(Refusal)) for fault in sorted((*faults, 405))}
    return operation | {"responses": {str(status): good} | refusals}


def _json(description: str, schema: Doc) -> Doc:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(kind: type[msgspec.Struct]) -> Doc:
    return {"$ref": REF.format(name=kind.__name__)}
