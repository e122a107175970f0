"""The two slots, by their script: what runs, what was refused, whether a version is on trial."""

from pathlib import Path

from kiosk.update.places import Places, UpdateFailed, last_line


class Slots:
    """Asks and changes the slots; every change is the script's, and survives a power cut."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def current(self) -> str:
        """Name the slot that runs from the next start on; empty when none is installed."""
        try:
            name = (self._places.base / "current").readlink().name
        except OSError:
            return ""
        return name if name in ("a", "b") else ""

    def spare(self) -> str:
        """Name the slot that a new version may be put into."""
        return self._do("spare")

    def version(self, slot: str) -> str:
        """Give the version in a slot; empty when there is none."""
        return _line(self._places.base / "slots" / slot / "VERSION")

    def on_trial(self) -> str:
        """Name the slot that is on trial and runs; empty when there is no trial."""
        trial = self._places.base / "trial"
        if not trial.exists():
            return ""
        slot = _line(trial).removeprefix("slot ").strip()
        return slot if slot == self.current() else ""

    def refused(self) -> tuple[str, ...]:
        """Give the versions that were taken back."""
        return tuple(line.split()[0] for line in self._refusals())

    def why_refused(self, version: str) -> str:
        """Give the reason that was noted with a version."""
        found = [line for line in self._refusals() if line.split()[0] == version]
        return found[-1].partition(" ")[2] if found else ""

    def _refusals(self) -> list[str]:
        try:
            text = (self._places.base / "refused").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()]

    def install(self, slot: str, release: Path, target: str) -> None:
        """Put an unpacked release into a slot. Raises UpdateFailed."""
        done = self._places.run(self._places.script("install-slot"), slot, release, target)
        if done.returncode:
            raise UpdateFailed("update_install", last_line(done))

    def switch(self, slot: str) -> None:
        """Run from a slot from the next start on, on trial. Raises UpdateFailed."""
        self._do("switch", slot)

    def confirm(self) -> None:
        """Keep the version that is on trial. Raises UpdateFailed."""
        self._do("confirm")

    def back(self, reason: str) -> None:
        """Run the previous version again and refuse the present one. Raises UpdateFailed."""
        self._do("back", reason)

    def allow(self, version: str) -> None:
        """Forget that a version was refused. Raises UpdateFailed."""
        self._do("allow", version)

    def settle(self) -> None:
        """Drop a trial that was never switched to, as the next start would."""
        self._do("guard")

    def _do(self, *words: str) -> str:
        done = self._places.run(self._places.script("slot"), *words)
        if done.returncode:
            raise UpdateFailed("update_slots", last_line(done))
        return done.stdout.strip()


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].strip()
    except OSError:
        return ""
