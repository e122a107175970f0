"""Keep what the long runs came to, and write docs/proof.md from it.

    dev/proof.py record NAME   run NAME's command of docs/proof/runs.toml, keep its last line in docs/proof
    dev/proof.py write         write docs/proof.md from what is kept and the simulation's planted bugs
    dev/proof.py check         tell whether docs/proof.md is what they give

A last line is a JSON object or words like `kills=1000`. A result whose cause was mended since then says so in
`mended`, written by hand: it stays in the table, and for a goal only what came after it counts.
"""

import json
import re
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "proof"
REPORT = ROOT / "docs" / "proof.md"
GOAL = re.compile(r"(\w+) (>=|<=) (\d+)")
HEAD = """\
# Proof: what tried to break it

Written by `dev/proof.py write` from the runs that are kept in `docs/proof/`; do not edit it. A run is
repeated by its command (`make prove RUN=name` keeps what it comes to); a seed makes the same run again.
A goal that was not reached says so.
"""
Runs = list[dict[str, Any]]


def known() -> Runs:
    """List the runs that there are, as runs.toml has them."""
    found: Runs = tomllib.loads((KEPT / "runs.toml").read_text("utf-8"))["run"]
    return found


def kept(name: str) -> Runs:
    """Give what was recorded of one, oldest first."""
    file = KEPT / f"{name}.json"
    found: Runs = json.loads(file.read_text("utf-8")) if file.exists() else []
    return found


def parsed(line: str) -> dict[str, Any]:
    """Read a last line: a JSON object, or words with numbers."""
    if line.startswith("{"):
        found: dict[str, Any] = json.loads(line)
        return found
    words = re.findall(r"(\w+)=(\S+)", line)
    return {key: int(value) if re.fullmatch(r"-?\d{1,15}", value) else value for key, value in words}


def record(name: str) -> int:
    """Run a command to its end and keep its last line; gives its exit code."""
    (run,) = [run for run in known() if run["name"] == name]
    began_s, last = time.monotonic(), ""
    with subprocess.Popen(run["command"].split(), cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            sys.stdout.write(line)
            last = line.strip() or last
    head = {"date": datetime.now(UTC).date().isoformat(), "took_s": round(time.monotonic() - began_s)}
    keep(name, {**head, "exit": child.returncode, **parsed(last)})
    return child.returncode


def keep(name: str, result: dict[str, Any]) -> None:
    """Add one result."""
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in [*kept(name), result])
    (KEPT / f"{name}.json").write_text(f"[\n{lines}\n]\n", "utf-8")


def report() -> str:
    """Write the whole report."""
    parts = [HEAD, _summary()]
    for run in known():
        parts.append(_section(run))
        if run["name"] == "simulation":
            parts.append(_plants())
    return "\n".join(parts)


def _summary() -> str:
    rows = ["| run | goal | reached | |", "|---|---|---|---|"]
    for run in known():
        total = _total(run, kept(run["name"]))
        for goal in run["goals"]:
            figure, is_met = _judge(goal, total)
            figure += _in_all(goal, run, kept(run["name"]))
            rows.append(f"| {run['name']} | `{goal}` | {figure} | {'met' if is_met else '**not met**'} |")
    return "\n".join(rows) + "\n"


def _in_all(goal: str, run: dict[str, Any], results: Runs) -> str:
    """Tell what the runs before the last mend came to, which count for no goal."""
    name = goal.partition(" ")[0]
    if name not in run["sums"] or _since_the_last_mend(results) == results:
        return ""
    return f" since the last mend, {_number(sum(one.get(name, 0) for one in results))} in all"


def _since_the_last_mend(results: Runs) -> Runs:
    """Give the newest results: what came before something was mended was played by other code."""
    mended = [place for place, one in enumerate(results) if one.get("mended")]
    return results[mended[-1] + 1 :] if mended else results


def _total(run: dict[str, Any], results: Runs) -> dict[str, Any]:
    """Give the newest result, with what adds up added up since the last mend."""
    total = dict(results[-1]) if results else {}
    counted = _since_the_last_mend(results)
    for name in run["sums"]:
        if any(name in one for one in results):
            total[name] = sum(one.get(name, 0) for one in counted)
    return total


def _judge(goal: str, total: dict[str, Any]) -> tuple[str, bool]:
    match = GOAL.fullmatch(goal)
    if match is None:
        raise ValueError(f"docs/proof/runs.toml: {goal!r} is no goal; write for example 'kills >= 1000'")
    figure = total.get(match[1])
    if figure is None:
        return "not run", False
    return _number(figure), figure >= int(match[3]) if match[2] == ">=" else figure <= int(match[3])


def _section(run: dict[str, Any]) -> str:
    lines = [f"## {run['title']}", "", f"    {run['command']}", "", run["tries"], ""]
    lines += [f"- Can it find anything? {run['finds']}", f"- Not covered: {run['misses']}", ""]
    results = kept(run["name"])
    if not results:
        return "\n".join([*lines, "No run is recorded.", ""])
    columns = [name for name in dict.fromkeys(key for one in results for key in one) if name != "found"]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_number(one.get(name, "")) for name in columns) + " |" for one in results]
    took_s = sum(one.get("took_s", 0) for one in results)
    if run["name"] == "simulation" and took_s:
        cores = sum(one.get("took_s", 0) * one.get("jobs", 1) for one in results)
        rate = sum(one["incidents"] for one in results) / cores
        lines += ["", f"Cost: {rate:.0f} incidents a second on each core that was given."]
    return "\n".join([*lines, ""])


def _number(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_number(one)}" for key, one in value.items())
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}".replace(",", " ")
    return str(value)


def _plants() -> str:
    """List the planted bugs: law, bug, a random story that finds it, and its shortest story."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from sim.test_simulate_plants import CASES  # noqa: PLC0415 - the tests need the project in the path

    hunted: dict[str, str] = (kept("hunt") or [{}])[-1].get("found", {})
    lines = ["### Planted bugs, each caught by the law that it breaks", ""]
    lines += ["| law | bug | what it does | found by the random story | shortest story | from |"]
    lines += ["|---|---|---|---|---|---|"]
    for case in sorted(CASES, key=lambda case: case.law):
        story = "; ".join(f"{deed.at_s:g} s {deed.what} {deed.how}".strip() for deed in case.deeds[:4])
        more = f"; … {len(case.deeds)} deeds" if len(case.deeds) > 4 else ""
        what = (case.bug.__doc__ or "").partition("\n")[0]
        origin = f"seed {case.seed}" if case.seed else "hand"
        name, seed = case.bug.__name__.replace("_", " "), hunted.get(case.bug.__name__, "none")
        lines.append(f"| {case.law} | {name} | {what} | {seed} | {story}{more} | {origin} |")
    return "\n".join([*lines, ""])


def main() -> int:
    match sys.argv[1:]:
        case ["record", name]:
            return record(name)
        case ["write"]:
            REPORT.write_text(report(), "utf-8")
            return 0
        case ["check"]:
            if REPORT.read_text("utf-8") == report():
                return 0
            sys.stderr.write("docs/proof.md is not what docs/proof/ gives; run dev/proof.py write\n")
            return 1
    sys.stderr.write(__doc__ or "")
    return 2


if __name__ == "__main__":
    sys.exit(main())
