"""`make audit`: silence of an advisory service is never taken for a clean bill."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from kiosk.fleet.release.locks import Pin

DEV = Path(__file__).parents[1] / "dev"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", DEV / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def answer(*dependencies: dict[str, object]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


CLEAN = {"name": "rich", "version": "15.0.0", "vulns": []}
HOLED = {"name": "rich", "version": "15.0.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["15.0.1"]}]}
SKIPPED = {"name": "rich", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def a_bill(audit: ModuleType) -> object:
    return audit.Bill("kiosk", [Pin("rich", "15.0.0", ("sha256:" + "0" * 64,))])


def test_a_library_without_a_hole_is_clean_and_one_with_is_named(audit: ModuleType) -> None:
    assert audit.judged(a_bill(audit), answer(CLEAN), "") == []
    assert audit.judged(a_bill(audit), answer(HOLED), "") == ["rich 15.0.0: PYSEC-1, mended in 15.0.1"]


@pytest.mark.parametrize("said", [answer(SKIPPED), answer(), "", "<html>"])
def test_a_library_of_which_nothing_is_known_was_not_audited(audit: ModuleType, said: str) -> None:
    with pytest.raises(audit.NoAnswerError):
        audit.judged(a_bill(audit), said, "no route")


def test_every_board_has_a_bill_with_a_hash_for_each_library(audit: ModuleType) -> None:
    made = {bill.name: bill for bill in audit.bills()}
    assert {"kiosk-trixie-arm64", "kiosk-bookworm-armhf", "centre", "pip"} <= set(made)
    assert all(pin.hashes for bill in made.values() for pin in bill.pins)
    assert "pyobjc" not in "".join(pin.name for pin in made["kiosk-trixie-arm64"].pins)
