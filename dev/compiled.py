"""Compile a copy of what a simulated story runs, for the longest runs: the same stories, faster.

Ends with 1 when a story's trace differs from the one that the source gives.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LEFT = (  # what mypyc 2 cannot compile: msgspec's structures, defaults of exceptions, some matches
    "messages.py",
    "words.py",
    "rehearsal.py",
    "monitor/cases.py",
    "simulate/laws/truth.py",
    "simulate/hosts/box.py",
)
IMPORTED = """
import sys
import kiosk.simulate.teller, kiosk.words
print(*(one.__file__ for name, one in sys.modules.items() if name.startswith("kiosk.")))
"""


def play(seed: str, stories: int) -> None:
    """Print each story's trace, then the processor's time; whatever `kiosk` is on the path."""
    from kiosk.simulate.teller import Teller  # noqa: PLC0415 - of the copy, if that comes first
    from kiosk.words import load_catalogue  # noqa: PLC0415

    teller = Teller(load_catalogue(), random.Random)
    began_s = time.process_time()
    for number in range(stories):
        outcome = teller.play(teller.write(f"{seed}.{number}"))
        print(outcome.digest, outcome.law if not outcome.held else "", flush=True)
    print(f"{time.process_time() - began_s:.1f}", file=sys.stderr)


def played(folder: Path, seed: str, stories: int) -> tuple[list[str], float]:
    """Give the traces and the seconds of the processor, with the package of a folder."""
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    me = str(Path(__file__).resolve())
    done = subprocess.run(
        [sys.executable, me, str(folder), "--play", seed, "--stories", str(stories)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines(), float(done.stderr.split()[-1])


def modules(folder: Path) -> list[str]:
    """List the files that a story imports and mypyc can compile."""
    listed = [sys.executable, "-c", IMPORTED]
    done = subprocess.run(listed, cwd=folder, capture_output=True, text=True, check=True)
    package = folder / "kiosk"
    files = sorted(Path(name) for name in done.stdout.split())
    fit = [path for path in files if path.name != "__init__.py" and "Struct" not in path.read_text()]
    return [str(path.relative_to(folder)) for path in fit if path.relative_to(package).as_posix() not in LEFT]


def build(folder: Path) -> int:
    """Put a compiled copy of the package there; give how many modules were compiled."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(TOP / "kiosk", folder / "kiosk", ignore=shutil.ignore_patterns("__pycache__"))
    files = modules(folder)
    compiler = [sys.executable, "-m", "mypyc", *files]
    done = subprocess.run(compiler, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"mypyc ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return len(files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put the copy; what lies there goes")
    parser.add_argument("--seed", default="compiled", help="of the stories that are compared")
    parser.add_argument("--stories", type=int, default=40)
    parser.add_argument("--play", metavar="SEED", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.play:
        play(args.play, args.stories)
        return 0
    folder = args.folder.resolve()
    print(f"compiled {build(folder)} modules", flush=True)
    source, source_s = played(TOP, args.seed, args.stories)
    copy, copy_s = played(folder, args.seed, args.stories)
    wrong = [number for number, pair in enumerate(zip(source, copy, strict=True)) if pair[0] != pair[1]]
    if wrong:
        print(f"other traces than the source's: {', '.join(f'{args.seed}.{number}' for number in wrong)}")
        return 1
    print(f"{args.stories} stories, the same traces; {source_s / copy_s:.2f} times as fast")
    print(f"with {folder} first in PYTHONPATH: {Path(sys.executable).name} -m kiosk simulate …")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
