"""What daemon and installer leave for each other on the disk: an order, and how it ended. Values only."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kiosk.bodies import Digest, Id, Utc, Version

Ending = Literal["succeeded", "failed", "rolled_back"]


class UpdateRequest(Struct, frozen=True, kw_only=True):
    """What the centre ordered: the release by its digest, and the version that it must be.

    `boot_id` and `boot_s` say in which boot it was laid down, and how long after that boot's beginning
    (CLOCK_BOOTTIME in s). The id is empty where that is not known.
    """

    command_id: Id
    release: Digest
    version: Version
    boot_id: Annotated[str, Meta(max_length=40)] = ""
    boot_s: Annotated[float, Meta(ge=0)] = 0.0


class UpdateOutcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an update ended; `command_id` is empty for one that somebody at the site began.

    `code` is one of the words `update_*` of the catalogue, `detail` for technicians.
    """

    update_id: Id
    ending: Ending
    version: Version
    before: Version | None = None
    command_id: Id | None = None
    code: Annotated[str, Meta(max_length=40)] = ""
    detail: Annotated[str, Meta(max_length=200)] = ""
    at: Utc | None = None
