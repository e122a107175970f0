"""Where an update finds and leaves things, below one root; and the children that it runs there."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kiosk.messages import KioskError

CHILD_MAX_S = 3600.0  # thousands of small files on an old SD card


class UpdateFailed(KioskError):
    """A step that could not be done; `code` is a word of the catalogue, the text is for technicians."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Places:
    """One machine's paths; `root` is / but for tests."""

    root: Path = Path("/")

    @property
    def base(self) -> Path:
        """Name the folder of the slots."""
        return self.root / "opt/pana-kiosk"

    @property
    def incoming(self) -> Path:
        """Name the folder into which releases are fetched and unpacked: root's own."""
        return self.base / "incoming"

    @property
    def owner_key(self) -> Path:
        """Name the file of the owner's public key."""
        return self.root / "etc/pana-kiosk/owner.pub"

    def script(self, name: str) -> Path:
        """Name one of the slots' scripts."""
        return self.root / "usr/lib/pana-kiosk" / name

    def target(self) -> str:
        """Name the system that runs here, as releases do: bookworm-arm64, trixie-armhf …"""
        release = self.root / "etc/os-release"
        codename = ""
        for line in release.read_text(encoding="utf-8").splitlines() if release.exists() else ():
            key, _, value = line.partition("=")
            codename = value.strip("\"' ") if key == "VERSION_CODENAME" else codename
        done = self.run("dpkg", "--print-architecture")
        return f"{codename}-{done.stdout.strip()}"

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a child to its end; its failure is the caller's to judge."""
        env = {**os.environ, "PANA_ROOT": "" if self.root == Path("/") else str(self.root)}
        try:
            return subprocess.run(
                [str(word) for word in command],
                capture_output=True, text=True, errors="replace", timeout=CHILD_MAX_S, check=False, env=env,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(command, 127, "", str(error))


def last_line(done: "subprocess.CompletedProcess[str]") -> str:
    """Give the sentence with which a child ended."""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1][:180] if lines else f"ended with code {done.returncode}"
