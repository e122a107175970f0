"""What the core is told once, at start: the site, the words, the key. A value, nothing more."""

from dataclasses import dataclass

from kiosk.config import Config
from kiosk.prompts import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One kiosk's fixed knowledge; `key` signs its SMS; `safe_start` skips the journal's incidents."""

    config: Config
    words: Catalogue
    key: bytes = b""
    version: str = ""
    config_hash: str = ""
    safe_start: bool = False
