"""Stand-in for chroot: does to a tree what apt, dpkg, install-slot and the kiosk would do in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
STATUS = ROOT / "var/lib/dpkg/status"


def below(path: str) -> Path:
    return ROOT / path.lstrip("/")


def said(*words: str | Path) -> str:
    return subprocess.run(["dpkg-deb", *map(str, words)], check=True, capture_output=True, text=True).stdout


def install(debs: list[str]) -> None:
    for file in map(below, debs):
        subprocess.run(["dpkg-deb", "-x", str(file), str(ROOT)], check=True)
        show = ["dpkg-deb", "-W", "--showformat=${Package}|${Version}|${Architecture}", str(file)]
        name, version, arch = subprocess.run(show, check=True, capture_output=True, text=True).stdout.split(
            "|"
        )
        listed = subprocess.run(
            ["dpkg-deb", "-c", str(file)], check=True, capture_output=True, text=True
        ).stdout
        paths = re.findall(r"^-.* \./(\S+)$", listed, re.MULTILINE)
        forget(name)
        (ROOT / f"var/lib/dpkg/info/{name}.list").write_text("".join(f"/{path}\n" for path in paths))
        stanza = (
            f"Package: {name}\nStatus: install ok installed\nArchitecture: {arch}\nVersion: {version}\n\n"
        )
        STATUS.write_text(STATUS.read_text() + stanza)
        if name == "pana-kiosk" and "pana-kiosk" not in (ROOT / "etc/passwd").read_text():
            uid, gid = (ROOT / "etc/passwd").read_text().split(":")[2:4]
            with (ROOT / "etc/passwd").open("a") as file_out:
                file_out.write(f"pana-kiosk:x:{uid}:{gid}:::\n")
            with (ROOT / "etc/group").open("a") as file_out:
                file_out.write(f"pana-kiosk:x:{gid}:\n")


def forget(name: str) -> None:
    stanzas = [text for text in STATUS.read_text().split("\n\n") if text.strip()]
    kept = [text for text in stanzas if text.strip().split("\n")[0] != f"Package: {name}"]
    STATUS.write_text("".join(f"{text.strip()}\n\n" for text in kept))


def purge(names: list[str]) -> None:
    for name in names:
        listed = ROOT / f"var/lib/dpkg/info/{name}.list"
        for path in listed.read_text().split():
            below(path).unlink(missing_ok=True)
            folder = below(path).parent
            while folder != ROOT and not any(folder.iterdir()):
                folder.rmdir()
                folder = folder.parent
        listed.unlink()
        forget(name)
        if name == "pana-kiosk":  # Debian keeps the user; a test that compares trees does not
            for file in (ROOT / "etc/passwd", ROOT / "etc/group"):
                file.write_text(re.sub("^pana-kiosk:.*\n", "", file.read_text(), flags=re.MULTILINE))


def install_slot(slot: str, release: str) -> None:
    folder = ROOT / "opt/pana-kiosk/slots" / slot
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(below(release) / "MANIFEST", folder / "MANIFEST")
    version = re.search(r"^version: (.*)$", (folder / "MANIFEST").read_text(), re.MULTILINE)
    (folder / "VERSION").write_text(f"{version[1] if version else ''}\n")
    (folder / "complete").touch()


def main(words: list[str]) -> int:
    with (Path(os.environ["TMPDIR"]) / "inside.log").open("a") as log:
        log.write(" ".join(words) + "\n")
    if words[0] == os.environ.get("FAILS"):
        sys.stderr.write("E: it was told to fail\n")
        return 100
    match words:
        case ["apt-get", "install", *rest]:
            install([word for word in rest if word.endswith(".deb")])
        case ["dpkg", "--purge", *names]:
            purge(names)
        case ["sh", "/usr/lib/pana-kiosk/install-slot", slot, release, _]:
            install_slot(slot, release)
        case ["/usr/bin/kiosk", "config", "check", "--config", file]:
            command = [sys.executable, "-m", "kiosk", "config", "check", "--config", str(below(file))]
            return subprocess.run(command, check=False).returncode
        case ["dpkg", "--configure", "-a"]:
            pass
        case _:
            return 127
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
