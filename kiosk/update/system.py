"""The system part and the service: dpkg and systemctl, run as children."""

from pathlib import Path

from kiosk.update.places import Places, UpdateFailed, last_line

SERVICE = "kiosk.service"
PACKAGE = "pana-kiosk"
INSTALLED = "ii"


class System:
    """The machine below the application."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def restart(self) -> None:
        """Start the daemon anew; whether it runs is asked of itself."""
        self._places.run("systemctl", "restart", "--no-block", SERVICE)

    def prepare(self, release: Path) -> None:
        """Bring the Debian packages up to date that are older than the release's. Raises UpdateFailed.

        A machine without the package (an installation by hand) is left as it is, and so is a read-only root:
        there a newer system part waits for its owner, and a release that needs a further package is refused.
        The system part works with the application before it, too, so it is never taken back.
        """
        state, _ = self._installed(PACKAGE)
        if not state.startswith("i"):
            return
        due = [file for file in sorted(release.glob("debs/*/*.deb")) if self._is_missing(file)]
        if self._forgets():
            if due:
                missing = ", ".join(self._field(file, "Package") for file in due)
                raise UpdateFailed("update_system", f"read-only root: {missing} must be installed by hand")
            return
        if state != INSTALLED:
            self._dpkg("--configure", "--pending")
        due += [file for file in sorted(release.glob("deb/*.deb")) if self._is_newer(file)]
        if due:
            self._dpkg("--install", "--force-confold", *map(str, due))

    def _forgets(self) -> bool:
        """Tell whether / is an overlay in memory (overlayroot): the next start forgets what dpkg laid."""
        try:
            mounts = (self._places.root / "proc/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        kinds = [words[2] for words in map(str.split, mounts.splitlines()) if words[1:2] == ["/"]]
        return kinds[-1:] == ["overlay"]

    def _installed(self, package: str) -> tuple[str, str]:
        """Give a package's state (`ii` when all is well) and version; empty when it is not installed."""
        asked = self._places.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", package)
        words = asked.stdout.split()
        return (words[0], words[1]) if asked.returncode == 0 and len(words) == 2 else ("", "")

    def _is_newer(self, file: Path) -> bool:
        version = self._field(file, "Version")
        state, there = self._installed(self._field(file, "Package"))
        older = self._places.run("dpkg", "--compare-versions", there or "0", "lt", version)
        return bool(version) and (state != INSTALLED or older.returncode == 0)

    def _is_missing(self, file: Path) -> bool:
        return not self._installed(self._field(file, "Package"))[0]

    def _field(self, file: Path, name: str) -> str:
        return self._places.run("dpkg-deb", "--field", file, name).stdout.strip()

    def _dpkg(self, *words: str) -> None:
        done = self._places.run("dpkg", *words)
        if done.returncode:
            raise UpdateFailed("update_system", last_line(done))
