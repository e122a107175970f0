"""Renew requirements/*.txt: names, versions and hashes, no address."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LOCKS = TOP / "requirements"
FOR_ALL = ("--universal", "--python-version", "3.11")
WITHOUT_ADDRESS = ("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")


def compile_lock(out: Path, *options: str, text: str | None = None) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--generate-hashes", *WITHOUT_ADDRESS]
    command += [*options, "--output-file", str(out), *sys.argv[1:]]
    subprocess.run(command, input=text, text=True, check=True, cwd=TOP)
    written = out.read_text()
    if "://" in written or str(TOP) in written:
        sys.exit(f"{out}: an address got into the lock file; it may hold names, versions and hashes only")


def lock_extras(name: str, extras: list[str]) -> None:
    wanted = [option for extra in extras for option in ("--extra", extra)]
    compile_lock(
        LOCKS / f"{name}.txt", "pyproject.toml", *FOR_ALL, "--no-emit-package", "pana-kiosk", *wanted
    )


def lock_tool(group: str) -> None:
    """Lock the tools of one command, at the versions that `dev` has of what it has too."""
    same = ("--constraint", "requirements/dev.txt")
    compile_lock(LOCKS / f"{group}.txt", "--group", f"pyproject.toml:{group}", *FOR_ALL, *same)


def lock_pip() -> None:
    """Lock pip itself, which a release carries for boards that have none."""
    compile_lock(LOCKS / "pip.txt", "-", "--python-version", "3.11", text="pip\n")


if __name__ == "__main__":
    for name, extras in {"pi": ["pi"], "demo": ["demo", "monitor", "build"], "dev": ["dev"]}.items():
        lock_extras(name, extras)
    for tool in ("mutate", "audit"):
        lock_tool(tool)
    lock_pip()
