"""What systemd does for a kiosk, in a thread: starts the daemon behind its guard, and the updater.

Fast where systemd is patient, otherwise the same: kiosk.service, kiosk-update.path and -resume.service.
"""

import os
import subprocess
import threading
from pathlib import Path

from fakes.releases import PACKAGES, TREE
from fakes.slots import SCRIPTS

TICK_S = 0.05
AGAIN_S = 0.3


class PretendSystemd:
    """One machine below `root`; `systemctl` in `bin` asks for a restart by a file."""

    def __init__(self, root: Path, config: Path, state: Path, bin_: Path, log: Path, **env: str) -> None:
        self._root = root
        self._config = config
        self._order = state / "update" / "request.json"
        self._trial = root / "opt/pana-kiosk/trial"
        self._restart = root / "restart"
        self._log = log
        self._env = {**os.environ, **env, "PANA_ROOT": str(root), "PATH": f"{bin_}:{os.environ['PATH']}"}
        self._env["PYTHONPATH"] = os.pathsep.join([str(TREE), *PACKAGES])
        (bin_ / "systemctl").write_text(f"#!/bin/sh\ntouch {self._restart}\n")
        (bin_ / "systemctl").chmod(0o755)
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=part, daemon=True) for part in (self._serve, self._update)]
        self.starts = 0
        self.updates = 0
        self.updater: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def run(self, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """Let somebody at the site type a command."""
        command = [str(self._kiosk), *words, "--config", str(self._config)]
        return subprocess.run(
            command, env=self._env | env, capture_output=True, text=True, timeout=110, check=False
        )

    @property
    def _kiosk(self) -> Path:
        return self._root / "opt/pana-kiosk/current/bin/kiosk"

    def _spawn(self, *words: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            command = [str(self._kiosk), *words, "--config", str(self._config)]
            return subprocess.Popen(command, env=self._env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _serve(self) -> None:
        while not self._ending.is_set():
            self._restart.unlink(missing_ok=True)
            subprocess.run([SCRIPTS / "slot", "guard"], env=self._env, check=True)
            self.starts += 1
            child = self._spawn("run", "--allow-mock-pins")
            while child.poll() is None and not self._restart.exists() and not self._ending.is_set():
                self._ending.wait(TICK_S)
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            self._ending.wait(AGAIN_S)

    def _update(self) -> None:
        """Begin the updater wherever an order lies, after a failure after a pause; judge a cut trial."""
        cut = False
        while not self._ending.wait(TICK_S):
            if self._order.exists():
                self.updates += 1
                self.updater = self._spawn("update", "--from-centre")
            elif cut and self._trial.exists():
                self.updater = self._spawn("update", "--resume")
            else:
                cut = False
                continue
            while self.updater.poll() is None and not self._ending.is_set():
                self._ending.wait(TICK_S)
            if self.updater.poll() is None:
                self.updater.kill()
            cut = self.updater.wait() != 0
            self._ending.wait(AGAIN_S)
