"""Fuzz one target, guided by coverage: python -m fuzz.drive TARGET RUNS [SEED] [CORPUS]

The corpus goes on growing in its folder from run to run. A crash, a hang over 5 s or more than 1 GB end it
with the input in `…crash-*`, `…timeout-*` or `…oom-*`; the last lines of a good run count the inputs.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["kiosk"]):
    from fuzz.targets import TARGETS

HANG_S, MEMORY_MB, LENGTH_MAX = 5, 1024, 16_384


def main(name: str, runs: str, seed: str = "0", corpus: str = "") -> None:
    """Fuzz until `runs` inputs were tried; leaves the process."""
    target = TARGETS[name]
    folder = Path(corpus or tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(data[:LENGTH_MAX])
    options = [f"-runs={runs}", f"-seed={seed}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}"]
    options += [f"-max_len={LENGTH_MAX}", f"-artifact_prefix={folder}-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(folder)], target.take)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
