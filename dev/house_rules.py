"""The rules that no linter knows: file length, no registry address in tracked files, no words left over."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

MAX_LINES = 250
# Longer on purpose, each with its reason.
LONG = {
    "kiosk/messages.py": "every event in one file: the one door can be read on one page",
}
BINARY = {".png", ".jpg", ".svg", ".wav", ".pdf", ".ttf", ".woff2"}
ADDRESS = re.compile(r"--(extra-)?index-url|https?://[^ \"]*(/simple/|/packages/[0-9a-f]{2}/)")
LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|in production you would")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name and Path(name).suffix not in BINARY]


def problems(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    found = []
    if path.suffix == ".py" and path.parts[0] in ("kiosk", "provisioning", "bench"):
        lines = text.count("\n")
        if lines > MAX_LINES and str(path) not in LONG:
            found.append(
                f"{path}: {lines} lines, more than {MAX_LINES}: split it by meaning, or give a reason here"
            )
    if path.name == "house_rules.py":
        return found
    if ADDRESS.search(text):
        found.append(f"{path}: names a package registry")
    if path.suffix in (".py", ".sh", ".service") and LEFT_OVER.search(text):
        found.append(f"{path}: has a word that marks unfinished work")
    return found


def namesakes(paths: list[Path]) -> list[str]:
    """Name test files of one name: pytest takes in only the first that it meets."""
    tests = [path for path in paths if path.parts[0] == "tests" and path.match("test_*.py")]
    count = Counter(path.name for path in tests)
    return [f"{path}: another test file has this name" for path in tests if count[path.name] > 1]


def main() -> int:
    paths = [path for path in tracked() if path.is_file()]
    found = [problem for path in paths for problem in problems(path)] + namesakes(paths)
    print("\n".join(found) or "house rules kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
