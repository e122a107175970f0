"""The hashed lock file, cut to one board: lines without markers, and what comes not as a wheel. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from kiosk.fleet.release.targets import Target
from kiosk.messages import ConfigError

HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One library at one version, with the hashes of all its files."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def line(self) -> str:
        """Write it as pip reads it."""
        return f"{self.name}=={self.version} " + " ".join(f"--hash={one}" for one in self.hashes) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one board needs of a lock file."""

    wheels: Sequence[Pin]
    built: Sequence[Pin]
    debian: Sequence[Pin]


def cut(text: str, target: Target, file: str) -> Wanted:
    """Keep what holds for a board. Raises ConfigError for a line that is not `name==version --hash=…`."""
    pins = list(_pins(text, target, file))
    return Wanted(
        wheels=[pin for pin in pins if pin.name not in (*target.from_debian, *target.built_here)],
        built=[pin for pin in pins if pin.name in target.built_here],
        debian=[pin for pin in pins if pin.name in target.from_debian],
    )


def _pins(text: str, target: Target, file: str) -> Iterator[Pin]:
    for number, line in _lines(text):
        words, *rest = line.split(" --hash=", 1)
        hashes = tuple(HASH.findall(" --hash=".join(["", *rest])))
        try:
            requirement = Requirement(words.strip())
        except InvalidRequirement as error:
            raise ConfigError(f"{file}:{number}: is no line of a lock file: {error}") from error
        specifiers = list(requirement.specifier)
        if not hashes or len(specifiers) != 1 or specifiers[0].operator != "==":
            raise ConfigError(
                f"{file}:{number}: {requirement.name} has no hash or no single version; run make lock"
            )
        if requirement.marker is None or requirement.marker.evaluate(dict(target.environment)):
            yield Pin(requirement.name, specifiers[0].version, hashes)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Join continued lines; comments and empty lines are passed over."""
    begun, joined = 0, ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not joined and (not line or line.startswith("#")):
            continue
        begun = begun or number
        joined += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield begun, joined
            begun, joined = 0, ""
