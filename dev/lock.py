"""Renew requirements/*.txt: names, versions and hashes, no address."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


def compile_lock(extras: list[str], out: Path) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--quiet"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-emit-package", "pana-kiosk"]
    for extra in extras:
        command += ["--extra", extra]
    command += ["--output-file", str(out), *sys.argv[1:]]
    subprocess.run(command, check=True, cwd=TOP)
    text = out.read_text()
    if "://" in text or str(TOP) in text:
        sys.exit(f"{out}: an address got into the lock file; it may hold names, versions and hashes only")


if __name__ == "__main__":
    for name, extras in {"pi": ["pi"], "demo": ["demo", "monitor", "build"], "dev": ["dev"]}.items():
        compile_lock(extras, TOP / "requirements" / f"{name}.txt")
