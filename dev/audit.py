"""Audit what we depend on: a bill of materials of each lock file, and the known holes of each library.

Usage: audit.py FOLDER. Ends with 1 when a library has a known hole. Where no service answers, nothing was
audited and the last line says so: the bills can be judged where one does (docs/security/dependencies.md).
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.fleet.release.locks import Pin, cut
from kiosk.fleet.release.targets import TARGETS, Target

TOP = Path(__file__).resolve().parent.parent
LOCKS = TOP / "requirements"
SERVICES = ("pypi", "osv")
PATIENCE_S = 300.0


class NoAnswerError(Exception):
    """The service could not say anything of at least one library."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The libraries of one kind of machine."""

    name: str
    pins: Sequence[Pin]

    @property
    def lines(self) -> str:
        """Write them as a lock file."""
        return "".join(pin.line() for pin in self.pins)


def this_machine() -> Target:
    major, minor, _ = platform.python_version_tuple()
    return Target(
        name="here", suite="", arch="", machine=platform.machine(), python=f"{major}.{minor}", glibc=0
    )


def bill(name: str, lock: str, target: Target) -> Bill:
    wanted = cut((LOCKS / lock).read_text(), target, lock)
    return Bill(name, [*wanted.wheels, *wanted.built])


def bills() -> Iterator[Bill]:
    for name, target in TARGETS.items():
        yield bill(f"kiosk-{name}", "pi.txt", target)
    for name, lock in {"centre": "demo.txt", "development": "dev.txt", "pip": "pip.txt"}.items():
        yield bill(name, lock, this_machine())


def run(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", *command)
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, cwd=TOP, timeout=PATIENCE_S
    )


def write_bill(of: Bill, folder: Path) -> None:
    """Write a CycloneDX file and look that every library stands in it with its hashes."""
    out = folder / f"{of.name}.cdx.json"
    done = run(
        "cyclonedx_py", "requirements", "--pyproject", "pyproject.toml", "--output-reproducible",
        "--output-file", str(out), "-", text=of.lines,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"audit: {of.name}: {done.stderr}")
    written = {part["name"]: part for part in json.loads(out.read_text())["components"]}
    for pin in of.pins:
        (source,) = written[pin.name]["externalReferences"]
        hashes = {f"sha256:{one['content']}" for one in source["hashes"]}
        if written[pin.name]["version"] != pin.version or hashes != set(pin.hashes):
            sys.exit(f"audit: {out} says something else of {pin.name} than the lock file")
    print(f"{out.name}: {len(of.pins)} libraries, each with its hashes")


def holes(of: Bill, service: str) -> list[str]:
    """List the known holes. Raises NoAnswerError unless the service judged every library."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lines:
        lines.write(of.lines)
        lines.flush()
        options = ("--strict", "--require-hashes", "--disable-pip", "--progress-spinner", "off", "-f", "json")
        done = run("pip_audit", *options, "-s", service, "-r", lines.name)
    return judged(of, done.stdout, done.stderr)


def judged(of: Bill, answer: str, complaint: str) -> list[str]:
    """Read pip-audit's answer. A library that it passed over was not audited."""
    try:
        found = {one["name"]: one for one in json.loads(answer)["dependencies"]}
    except ValueError as error:
        raise NoAnswerError((complaint.strip().splitlines() or ["no answer"])[-1]) from error
    passed_over = [pin.name for pin in of.pins if "vulns" not in found.get(pin.name, {})]
    if passed_over:
        raise NoAnswerError(f"nothing is known of {', '.join(passed_over)}")
    return [
        f"{name} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for name, one in found.items()
        for hole in one["vulns"]
    ]


def reached(probe: Bill) -> str | None:
    """Find a service that answers for one library, before hundreds are asked for."""
    for service in SERVICES:
        try:
            holes(probe, service)
        except (NoAnswerError, subprocess.TimeoutExpired) as error:
            print(f"advisories of {service}: not to be had: {error}")
        else:
            return service
    return None


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    every = list(bills())
    for one in every:
        write_bill(one, folder)
    service = reached(every[-1])
    if service is None:
        print(f"not audited: no advisory service answers here; judge the bills in {folder} where one does")
        return 0
    known = [f"{one.name}: {hole}" for one in every for hole in holes(one, service)]
    print("\n".join(known) or f"audited by {service}: no library of {len(every)} bills has a known hole")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
