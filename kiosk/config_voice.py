"""The part of the site's configuration that is about sound: types and limits only.

Owns every key of [voice]; never a word that is said.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from kiosk.bodies import END

FilePath = Annotated[
    str, Meta(pattern=r"^/[^\x00-\x1f]*" + END, description="an absolute path, beginning with /")
]


class Cover(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The neutral phrase of `cover` mode, which the site wrote; played at ordinary times too."""

    kk: Annotated[str, Meta(min_length=3, max_length=200)]
    ru: Annotated[str, Meta(min_length=3, max_length=200)]
    every_min: Annotated[int, Meta(ge=5, le=720)] = 60
    from_hour: Annotated[int, Meta(ge=0, le=23)] = 9
    to_hour: Annotated[int, Meta(ge=1, le=24)] = 20


class VoiceSite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said aloud; `mode` has no default on purpose."""

    mode: Literal["spoken", "cover", "off"]
    device: str = "default"
    clips: FilePath = "/var/lib/pana-kiosk/voice"
    human: FilePath = "/var/lib/pana-kiosk/human"
    gap_s: Annotated[float, Meta(ge=0, le=3)] = 0.7
    gain_db: Annotated[float, Meta(ge=-40, le=0)] = 0.0
    reassure_s: Annotated[float, Meta(ge=45, le=3600)] = 60.0
    piper: dict[str, FilePath] = {}
    cover: Cover | None = None
