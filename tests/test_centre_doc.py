"""docs/centre.md is held to the code: the centre's layers, and every page that it points to."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOC = (ROOT / "docs" / "centre.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]


def test_the_centres_layers_are_those_that_the_linter_enforces() -> None:
    (layers,) = [c["layers"] for c in CONTRACTS["contracts"] if c["name"] == "The centre's own layers"]
    block = re.search(r"<!-- layers -->\n```text\n(.*?)```", DOC, re.DOTALL)
    assert block
    assert block[1].splitlines() == layers


def test_every_page_that_the_centres_document_names_is_there() -> None:
    named = re.findall(r"\]\(([a-z-]+\.md)\)", DOC)
    assert named
    assert [name for name in named if not (ROOT / "docs" / name).is_file()] == []
