"""How an errand ended, as a value that is safe to log."""

from dataclasses import dataclass
from typing import Literal

Ended = Literal["nothing", "done", "later", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`nothing` was due; it was `done`; it waits for a better moment; or it `failed`, and is tried again."""

    errand: str
    ended: Ended
    detail: str = ""
