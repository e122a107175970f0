"""Debian packages of a foreign suite and architecture, through apt in a folder of its own.

apt checks the archive's signature by the keyring of Debian and every package by its hash. The desk's own
system is neither read nor changed, but for where its mirror is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.fleet.making import FleetError
from kiosk.fleet.release.children import run
from kiosk.fleet.release.targets import Target

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FOLDERS = (
    "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial", "var/lib/dpkg",
)  # fmt: skip
INSTALLED = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)
REQUIRED = re.compile(r"^Package: (\S+)(?=(?:\n\S.*|\n .*)*?\nPriority: required$)", re.MULTILINE)
TRIES = 4
BOOTED = (
    "systemd-sysv",
    "udev",
    "kmod",
    "dbus",
    "adduser",
)  # beside the required ones, in every image that boots


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Where Debian's archive is. Without `security` packages are those of the suite's last point release."""

    main: str
    security: str = ""


def mirrors_of_desk() -> Mirrors:
    """Take the mirrors that this machine itself uses. Raises FleetError where it is no Debian."""
    listed = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"], "apt"
    )
    addresses = [line.split()[0].rstrip("/") for line in listed.splitlines() if line.strip()]
    main = next((one for one in addresses if one.endswith("/debian")), "")
    security = next((one for one in addresses if one.endswith("/debian-security")), "")
    if not main or not security:
        raise FleetError("this machine uses no mirror of Debian; give --mirror and --security-mirror")
    return Mirrors(main, security)


@dataclass(frozen=True, slots=True)
class Archive:
    """apt for one target, below `root`."""

    target: Target
    root: Path
    mirrors: Mirrors

    def open(self) -> None:
        """Fetch and check the lists."""
        if not KEYRING.is_file():
            raise FleetError(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "var/lib/dpkg/status").touch()
        suite, by = self.target.suite, f"[signed-by={KEYRING}]"
        lines = [f"deb {by} {self.mirrors.main} {suite} main"]
        if self.mirrors.security:
            lines.append(f"deb {by} {self.mirrors.main} {suite}-updates main")
            lines.append(f"deb {by} {self.mirrors.security} {suite}-security main")
        (self.root / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
        for tries_left in range(TRIES - 1, -1, -1):
            try:
                self._run("apt-get", "--error-on=any", "update")
            except FleetError:  # a mirror in the middle of its own update
                if not tries_left:
                    raise
            else:
                return

    def closure(self, packages: Sequence[str]) -> dict[str, str]:
        """Give packages with all that they depend on, each with its version."""
        command = ("apt-get", "--simulate", "--no-install-recommends", "install", *packages)
        return dict(INSTALLED.findall(self._run(*command)))

    def required(self) -> list[str]:
        """List what every image that boots has."""
        return [*REQUIRED.findall(self._run("apt-cache", "dumpavail")), *BOOTED]

    def fetch(self, packages: Sequence[str], folder: Path) -> list[Path]:
        """Fetch packages beyond what every image has, with what they depend on, into `folder`."""
        base = self.closure(self.required())
        wanted = {name: version for name, version in self.closure(packages).items() if name not in base}
        folder.mkdir(parents=True, exist_ok=True)
        if wanted:
            self._run(
                "apt-get", "download", *(f"{name}={version}" for name, version in wanted.items()), at=folder
            )
        return _renamed(folder)

    def unpacked(self, package: str, folder: Path) -> Path:
        """Fetch one package and lay its files down, for its headers."""
        folder.mkdir(parents=True, exist_ok=True)
        self._run("apt-get", "download", package, at=folder)
        (found,) = folder.glob("*.deb")
        run(["dpkg-deb", "--extract", found, folder], f"{self.target.name}: {package}")
        return folder

    def _run(self, program: str, *words: str, at: Path | None = None) -> str:
        root = self.root.resolve()
        options = {
            "Dir": str(root),
            "Dir::State::status": f"{root}/var/lib/dpkg/status",
            "Dir::Bin::methods": "/usr/lib/apt/methods",
            "APT::Architecture": self.target.arch,
            "APT::Architectures": self.target.arch,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Debug::NoLocking": "true",
        }
        given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        return run([program, "-q", *given, *words], f"{self.target.name}: Debian packages", where=at)


def _renamed(folder: Path) -> list[Path]:
    """Take the epoch's %3a out of the names, which no bundle allows."""
    for path in folder.glob("*%3a*.deb"):
        path.rename(path.with_name(path.name.replace("%3a", "+")))
    return sorted(folder.glob("*.deb"))
