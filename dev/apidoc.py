"""Write the interface files of docs/ from the types, or with --check say which of them is out of date."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncapi
import openapi

DOCS = Path(__file__).parents[1] / "docs"
FILES: dict[str, Callable[[], dict[str, Any]]] = {
    "openapi.json": openapi.build,
    "asyncapi.json": asyncapi.build,
}


def text_of(build: Callable[[], dict[str, Any]]) -> str:
    return json.dumps(build(), ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    stale = []
    for name, build in FILES.items():
        path, text = DOCS / name, text_of(build)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
    said = "out of date, run `make apidoc`" if "--check" in arguments else "written"
    print("\n".join(f"docs/{name}: {said}" for name in stale) or "the interface files are up to date")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
