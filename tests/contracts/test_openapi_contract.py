"""The OpenAPI file is what the types say, and the real doors answer as it says, whatever is asked."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import schemathesis
from fakes.doors_site import DoorsSite, patient
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

ROOT = Path(__file__).parents[2]
REFUSALS = [400, 401, 403, 404, 405, 408, 413, 415, 429]
CONFIG = schemathesis.Config.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
)
SCHEMA = schemathesis.openapi.from_path(str(ROOT / "docs" / "openapi.json"), config=CONFIG)
CHECKS = [
    checks.not_a_server_error,
    *checks.CHECKS.get_by_names(
        [
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
            "negative_data_rejection",
            "unsupported_method",
            "allow_header_conformance",
        ]
    ),
]

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", autouse=True)
def _patient() -> Iterator[None]:
    with patient():
        yield


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, requests.Session]]:
    site = DoorsSite(tmp_path_factory.mktemp("openapi")).start()
    with site.client("kz-1") as made:
        yield site.url, made
    site.close()


@SCHEMA.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_the_doors_answer_as_their_file_says(
    case: schemathesis.Case, session: tuple[str, requests.Session]
) -> None:
    url, kiosk = session
    case.call_and_validate(base_url=url, session=kiosk, checks=CHECKS, timeout=40, verify=kiosk.verify)


def test_the_interface_files_are_what_the_types_say() -> None:
    done = subprocess.run(
        [sys.executable, "dev/apidoc.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "the interface files are up to date\n")
