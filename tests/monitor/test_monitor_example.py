"""The example file of a centre is one that works, and its commented lines are the real defaults."""

import re
from pathlib import Path

from kiosk.monitor import config

EXAMPLE = Path(__file__).parents[2] / "provisioning" / "monitor.example.toml"


def test_the_example_is_a_valid_configuration() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert config.read(text, EXAMPLE.name).monitor.id == "monitor-1"


def test_its_commented_lines_are_the_defaults() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    full = re.sub(r"^# (\[|[a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
    assert config.read(full, EXAMPLE.name) == config.read(text, EXAMPLE.name)
