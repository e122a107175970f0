"""What the security documents promise names tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs" / "security").glob("*.md"))
NAMED = re.compile(r"`(test_\w+\.py)(?:::(test_\w+))?`")


@cache
def functions_of(file: str) -> frozenset[str]:
    """Name the test functions of a file, wherever below tests/ it lies."""
    (path,) = (ROOT / "tests").rglob(file)
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def named(doc: Path) -> list[tuple[str, str]]:
    return [(match[1], match[2] or "") for match in NAMED.finditer(doc.read_text())]


@pytest.mark.parametrize("doc", DOCS, ids=lambda path: path.stem)
def test_every_test_that_a_document_names_exists(doc: Path) -> None:
    missing = [f"{file}::{name}" for file, name in named(doc) if name and name not in functions_of(file)]
    assert missing == []
    assert all(functions_of(file) for file, _ in named(doc))


def test_every_threat_has_a_control_and_a_test() -> None:
    text = (ROOT / "docs" / "security" / "threats.md").read_text()
    rows = [line for line in text.splitlines() if re.match(r"\| [STRIDE] \|", line)]
    assert len(rows) > 50
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert all(cells), row
        assert NAMED.search(cells[3]), row


def test_every_letter_of_stride_is_looked_at() -> None:
    text = (ROOT / "docs" / "security" / "threats.md").read_text()
    assert {match[1] for match in re.finditer(r"^\| ([STRIDE]) \|", text, re.MULTILINE)} == set("STRIDE")
