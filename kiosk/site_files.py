"""From files to the core's fixed knowledge: configuration, words, the key that signs SMS."""

import hashlib
import time
from pathlib import Path

import kiosk
from kiosk import starts
from kiosk.arming import read_config
from kiosk.config import Config
from kiosk.net import papers
from kiosk.site import Site
from kiosk.site_check import demand_sound
from kiosk.words import load_catalogue


def load_config(file: Path) -> tuple[Config, str]:
    """Read and check a site's configuration; give it with its short hash. Raises ConfigError."""
    config, text = read_config(file)
    demand_sound(config, file, load_catalogue())
    return config, hash_of(text)


def hash_of(text: str) -> str:
    """Give the short hash by which the centre sees that a configuration changed."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def build_site(config: Config, text: str, file: Path) -> Site:
    """Check the configuration and gather everything that the core must know. Raises ConfigError.

    Without its SMS key a kiosk still writes to people, so that stops no start: it is a fault (`papers.look`).
    """
    words = load_catalogue()
    demand_sound(config, file, words)
    return Site(
        config=config,
        words=words,
        key=papers.look(config).sms_key,
        version=kiosk.__version__,
        config_hash=hash_of(text),
        safe_start=starts.too_many(Path(config.paths.run), time.monotonic()),
    )
