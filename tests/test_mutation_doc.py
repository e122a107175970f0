"""The kept result of `make mutate` holds: its files are those mutated, and each survivor is explained."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEWEST = json.loads((ROOT / "docs" / "proof" / "mutation.json").read_text())[-1]
MUTATED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]


def test_every_file_that_is_mutated_has_its_figures() -> None:
    assert sorted(NEWEST["files"]) == sorted(MUTATED)


@pytest.mark.parametrize("name", MUTATED)
def test_nine_of_ten_planted_bugs_are_found_in_each_file(name: str) -> None:
    killed, _, mutants = NEWEST["files"][name].partition("/")
    assert int(killed) >= 0.9 * int(mutants)


def test_every_survivor_is_explained_and_its_function_exists() -> None:
    text = (ROOT / "docs" / "mutation.md").read_text()
    places = re.findall(r"^\| `(\S+\.py) (\S+)` \|", text, re.MULTILINE)
    assert NEWEST["unexplained"] == 0
    assert len(places) <= NEWEST["mutants"] - NEWEST["killed"]
    for file, function in places:
        assert f"def {function.rpartition('.')[2]}(" in (ROOT / file).read_text(), (file, function)
