"""Plant one small bug at a time in the code that decides, and count those that the tests find.

Ends with 1 when less than 90 % of a file's bugs are found, or when docs/mutation.md, which explains
each other one, speaks of others than survive.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
MUTANTS = TOP / "mutants"  # mutmut's own folder: the changed copy and the verdicts
DOC = TOP / "docs" / "mutation.md"
LEAST = 90.0
FAILED = frozenset({1, 3})  # exit codes of pytest
TIMED_OUT = frozenset({24, -24, 36, 152, 255})  # of mutmut: an endless loop is found, too
ROW = re.compile(r"^\| `(?P<place>[^`]+)` \| `+ ?(?P<change>.+?) ?`+ \| (?P<why>.+) \|$")


@dataclass(frozen=True, order=True, slots=True)
class Survivor:
    """A planted bug that no test found: the function, and what was put for what."""

    place: str
    change: str

    def row(self) -> str:
        """Write it as a line of the table, for somebody to say why."""
        return f"| `{self.place}` | `{self.change.replace('|', chr(92) + '|')}` | … |"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What became of the bugs in one file."""

    name: str
    mutants: int
    survivors: tuple[Survivor, ...]

    @property
    def killed(self) -> int:
        """Count those that a test found."""
        return self.mutants - len(self.survivors)

    @property
    def percent(self) -> float:
        """Give their share."""
        return round(100 * self.killed / self.mutants, 1)


def mutmut(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mutmut", *arguments]


def what_changed(mutant: str) -> str:
    """Give the lines that differ, as `old → new`."""
    shown = subprocess.run(mutmut("show", mutant), capture_output=True, check=True, text=True, cwd=TOP).stdout
    diff = [line for line in shown.splitlines() if not line.startswith(("---", "+++"))]
    old, new = (" ".join(line[1:].strip() for line in diff if line.startswith(sign)) for sign in "-+")
    return f"{old or 'nothing'} → {new or 'nothing'}"


def place_of(file: str, mutant: str) -> str:
    """Give the file with the function or method, out of mutmut's `module.x_name__mutmut_3`."""
    function = mutant.rpartition("__mutmut_")[0].rpartition(".")[2]
    return f"{file} " + function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")


def judged() -> Iterator[File]:
    for meta in sorted(MUTANTS.rglob("*.py.meta")):
        name = str(meta.relative_to(MUTANTS)).removesuffix(".meta")
        codes = json.loads(meta.read_text())["exit_code_by_key"]
        alive = [mutant for mutant, code in codes.items() if code not in FAILED | TIMED_OUT]
        survivors = tuple(Survivor(place_of(name, mutant), what_changed(mutant)) for mutant in alive)
        yield File(name=name, mutants=len(codes), survivors=survivors)


def explained() -> set[Survivor]:
    rows = (ROW.match(line) for line in DOC.read_text(encoding="utf-8").splitlines())
    return {Survivor(row["place"], row["change"].replace("\\|", "|")) for row in rows if row}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers
    shutil.rmtree(MUTANTS, ignore_errors=True)
    subprocess.run(mutmut("run", "--max-children", str(workers)), check=True, cwd=TOP)
    files = list(judged())
    survivors = {survivor for file in files for survivor in file.survivors}
    unexplained, stale = sorted(survivors - explained()), sorted(explained() - survivors)
    for file in files:
        print(f"{file.name}: {file.killed} of {file.mutants} found, {file.percent} %")
    for survivor in unexplained:
        print(f"not explained in docs/{DOC.name}:\n{survivor.row()}")
    for survivor in stale:
        print(f"docs/{DOC.name} explains what does not survive: {survivor.place}: {survivor.change}")
    mutants, killed = sum(file.mutants for file in files), sum(file.killed for file in files)
    print(
        json.dumps(
            {
                "tool": f"mutmut {version('mutmut')}",
                "mutants": mutants,
                "killed": killed,
                "killed_percent": round(100 * killed / mutants, 1),
                "unexplained": len(unexplained),
                "files": {file.name: f"{file.killed}/{file.mutants}" for file in files},
            }
        )
    )
    return 1 if unexplained or stale or any(file.percent < LEAST for file in files) else 0


if __name__ == "__main__":
    sys.exit(main())
