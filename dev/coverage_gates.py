"""Judge the coverage data: 100 % branches on the pure layers 0-3, at least 85 % on every shell file."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PURE = 100.0
SHELL = 85.0
# A file directly in kiosk/ is pure unless it stands here; one in a package is a shell unless it stands there.
TOP_SHELLS = frozenset(
    f"kiosk/{name}.py"
    for name in (
        "app", "arming", "cli", "devices", "dispatch", "runtime", "site_files", "starts", "systemd",
        "update_folder", "words",
    )
)  # fmt: skip
CENTRE_PURE = (
    "answers", "books", "bulletins", "cap", "calls", "caseload", "cases", "effects", "escalation", "fleet",
    "intake", "kiosks", "ledger", "messages", "months", "outbox", "records", "regions", "rollout", "roster",
    "rota",
    "sheets", "sms_desk", "sms_keys", "sms_post", "sms_words", "spans", "staff", "untold", "unwritten",
    "views",
)  # fmt: skip
PACKAGED_PURE = frozenset({f"kiosk/monitor/{name}.py" for name in CENTRE_PURE}) | {
    "kiosk/bundle/manifest.py",
    "kiosk/hw/playlist.py",
    "kiosk/net/turns.py",
    "kiosk/update/judging.py",
    "kiosk/update/machine.py",
    "kiosk/update/states.py",
    "kiosk/update/versions.py",
}
OUTSIDE = frozenset({"kiosk/__main__.py"})  # one line, run by every process test


def measured() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", str(out)], check=True)
        files = json.loads(out.read_text())["files"]
    return {name: data["summary"]["percent_covered"] for name, data in files.items()}


def gate(name: str) -> float:
    on_top = len(Path(name).parts) == 2
    pure = name in PACKAGED_PURE or (on_top and name not in TOP_SHELLS)
    return PURE if pure else SHELL


def main() -> int:
    missed = [
        f"{name}: {percent:.1f} % covered, at least {gate(name):.0f} % asked"
        for name, percent in sorted(measured().items())
        if name not in OUTSIDE and percent < gate(name)
    ]
    print("\n".join(missed) or "coverage gates met: 100 % of the pure layers, 85 % of every shell file")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
