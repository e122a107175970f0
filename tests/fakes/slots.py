"""Slots in a temporary root: made by hand, changed by the real script, killed at any of its steps."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "provisioning"
KILLED = -9


@dataclass(frozen=True)
class Slots:
    """A root with /opt/pana-kiosk in it."""

    root: Path

    @property
    def base(self) -> Path:
        return self.root / "opt/pana-kiosk"

    def make(self, slot: str, version: str = "1.0", *, complete: bool = True, kept: bool = False) -> Path:
        """Lay a version into a slot; `kept` says that it ran before and was switched from."""
        folder = self.base / "slots" / slot
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "VERSION").write_text(f"{version}\n")
        for name, there in (("complete", complete), ("kept", kept)):
            marker = folder / name
            marker.touch() if there else marker.unlink(missing_ok=True)
        return folder

    def run(
        self, *words: str, cut: int | None = None, script: str = "slot", **more: str
    ) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PANA_ROOT": str(self.root), **more}
        env.pop("PANA_CUT", None)
        if cut is not None:
            env["PANA_CUT"] = str(cut)
        command = [str(SCRIPTS / script), *words]
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=110, check=False)

    def do(self, *words: str) -> str:
        """Run the script, which must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def dies(
        self, result: str = "exit-code", status: str = "70", *, ready: bool = False, cut: int | None = None
    ) -> str:
        """Let a start end as systemd tells it, by default by a crash before READY; give what was said."""
        self.run_folder.mkdir(exist_ok=True)
        if not self.config.exists():
            self.config.parent.mkdir(parents=True)
            self.config.write_text("good")
        for slot in (self.base / "slots").glob("?"):
            (slot / "bin").mkdir(exist_ok=True)
            program = slot / "bin/kiosk"
            program.write_text(
                '#!/bin/sh\nexec grep -q good "$4" 2>/dev/null\n'
            )  # `config check --config FILE`
            program.chmod(0o755)
        if ready:
            self.do("ready")
        done = self.run("ended", cut=cut, SERVICE_RESULT=result, EXIT_STATUS=status)
        assert done.returncode in ((0,) if cut is None else (0, KILLED)), done.stderr
        return done.stderr

    @property
    def config(self) -> Path:
        """The site's file: a version can use one that says so."""
        return self.root / "etc/pana-kiosk/site.toml"

    @property
    def run_folder(self) -> Path:
        return self.root / "run"

    @property
    def current(self) -> str:
        link = self.base / "current"
        return link.readlink().name if link.is_symlink() else ""

    def is_complete(self, slot: str) -> bool:
        return (self.base / "slots" / slot / "complete").exists()

    @property
    def trial(self) -> dict[str, str] | None:
        lines = self._lines("trial")
        return None if lines is None else dict(line.split(None, 1) for line in lines)

    @property
    def refused(self) -> list[str]:
        return [line.split()[0] for line in self._lines("refused") or () if line]

    def _lines(self, name: str) -> list[str] | None:
        try:
            return (self.base / name).read_text().splitlines()
        except FileNotFoundError:  # the script may take it away at any moment
            return None
