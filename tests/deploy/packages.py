"""The Debian packages as tests meet them: built once, looked into, installed into an empty tree."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAIN = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def run(*command: str | Path, **more: str) -> str:
    """Run a program to its good end; gives what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**PLAIN, **more},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(sources: Path, to: Path, *, umask: int = 0o022, **environ: str) -> dict[str, Path]:
    """Build both packages; gives their files by name."""
    python = ROOT / ".venv" / "bin" / "python"
    command = f'umask {umask:o}; exec "$0" "$1"'
    run("/bin/bash", "-c", command, sources / "dev" / "deb.sh", to, PYTHON=str(python), **environ)
    return {path.name.partition("_")[0]: path for path in to.glob("*.deb")}


def members(package: Path) -> dict[str, tuple[str, str]]:
    """Give mode and owner of each file in a package, by its path."""
    listed = [line.split(maxsplit=5) for line in run("dpkg-deb", "--contents", package).splitlines()]
    return {name.removeprefix("."): (mode, owner) for mode, owner, _, _, _, name in listed if mode[0] != "d"}


class Tree:
    """An empty system that knows nothing but dpkg's lists: scripts run outside of it, by DPKG_ROOT."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("etc", "usr", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
            (root / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()

    def dpkg(self, *words: str | Path) -> str:
        """Run dpkg on this tree; what the package depends on is not there."""
        here = f"--root={self.root}", "--log=/dev/null", "--force-script-chrootless", "--force-depends"
        return run("dpkg", *here, *words, PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin")

    def files(self) -> set[str]:
        """Name every file and link, but dpkg's own."""
        found = (path for path in self.root.rglob("*") if path.is_symlink() or not path.is_dir())
        names = {"/" + str(path.relative_to(self.root)) for path in found}
        return {name for name in names if not name.startswith("/var/lib/dpkg/")}

    def ids(self, name: str) -> tuple[int, int]:
        """Give a user's and its group's number."""
        users = (line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines())
        uid, gid = next(fields[2:4] for fields in users if fields[0] == name)
        return int(uid), int(gid)
