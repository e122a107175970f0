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

        A machine without the package (an installation by hand) is left as it is. The system part works with
        the application before it, too, so it is never taken back.
        """
        state, _ = self._installed(PACKAGE)
        if not state.startswith("i"):
            return
        if state != INSTALLED:
            self._dpkg("--configure", "--pending")
        due = [file for file in sorted(release.glob("debs/*/*.deb")) if self._is_missing(file)]
        due += [file for file in sorted(release.glob("deb/*.deb")) if self._is_newer(file)]
        if due:
            self._dpkg("--install", "--force-confold", *map(str, due))

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
