"""A board on which a release was laid from outside: what `provision.sh` makes of it, minutes sooner.

The same files at the same places as install-slot puts them, byte code by the twin's own Python; nothing of
arm64 runs. What provisioning itself does is proven by provisioning, not here.
"""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from deploy.board import desk, image, recipe

SLOT = "opt/pana-kiosk/slots/a"
PACKAGES = f"{SLOT}/lib/python3.13/site-packages"
VENV = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.13.5\n"
STATE = "var/lib/pana-kiosk"
PROGRAM = "#!/opt/pana-kiosk/slots/a/bin/python\nimport sys\nfrom kiosk.cli import main\nsys.exit(main())\n"
# At the site: what the kiosk's bundle brings, the certificate for the one-time token, and the daemon.
SET_UP = """
cd /media/stick
tar -xf *.pana.tar -C /run
etc=/etc/pana-kiosk
install -m 0640 -g pana-kiosk /run/site.toml /run/ca.pem "$etc"
install -m 0600 -o pana-kiosk -g pana-kiosk /run/sms.key "$etc"
install -m 0644 owner.pub "$etc"
runuser -u pana-kiosk -- kiosk enrol --token - --centre "$(cat /run/door)" --ca "$etc/ca.pem" <<<"$token"
systemctl enable --quiet --now kiosk.service
"""


def board() -> image.Image:
    """Give the image with the present release laid on it."""
    made = desk.release()
    key = recipe.key_of(Path(__file__), more=made.name + recipe.base_key())
    return image.Image(image.kept(f"laid-{key}", lambda folder: image.build(folder, made)))


def lay(root: Path, release: Path, twin: Path) -> None:
    """Put packages, application, users and clips of an unpacked release into a root tree."""
    for deb in sorted(release.glob(f"debs/{desk.TARGET}/*.deb")) + list(release.glob("deb/*.deb")):
        _unpack(deb, root)
    _application(root, release)
    _compile(root, twin)
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, timeout=60)
    shutil.copytree(release / "voice", root / SLOT / "voice")
    shutil.copytree(release / "voice", root / STATE / "voice")
    users = dict(line.split(":")[0::2][:2] for line in (root / "etc/passwd").read_text().splitlines())
    owner = int(users["pana-kiosk"])
    for path in (root / STATE, *(root / STATE).rglob("*")):
        os.chown(path, owner, owner)


def _unpack(deb: Path, root: Path) -> None:
    content = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], check=True, capture_output=True, timeout=60
    )
    command = ["tar", "-x", "--keep-directory-symlink", "-C", str(root)]
    subprocess.run(command, input=content.stdout, check=True, timeout=60)


def _application(root: Path, release: Path) -> None:
    slot = root / SLOT
    (slot / "bin").mkdir(parents=True)
    for wheel in (*release.glob(f"wheels/{desk.TARGET}/*.whl"), *release.glob("app/*.whl")):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(root / PACKAGES)
    (slot / "bin/python").symlink_to("/usr/bin/python3")
    (slot / "bin/kiosk").write_text(PROGRAM)
    (slot / "bin/kiosk").chmod(0o755)
    (slot / "pyvenv.cfg").write_text(VENV)
    manifest = (release / "MANIFEST").read_text()
    version = next(line for line in manifest.splitlines() if line.startswith("version: "))
    (slot / "VERSION").write_text(version.removeprefix("version: ") + "\n")
    (slot / "MANIFEST").write_text(manifest)
    (slot / "complete").touch()
    (root / "opt/pana-kiosk/current").symlink_to("slots/a")


def _compile(root: Path, twin: Path) -> None:
    """Write byte code with the suite's own Python, out of the amd64 twin."""
    home = root.parent / "twin"
    home.mkdir()
    wanted = ("./usr/lib/python3*", "./usr/bin/python3*", "./usr/lib/x86_64-linux-gnu/*")
    command = ["tar", "-xf", str(twin), "-C", str(home), "--wildcards", *wanted]
    subprocess.run(command, check=True, timeout=120)
    loader = home / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    command = [str(loader), "--library-path", str(home / "usr/lib/x86_64-linux-gnu")]
    command += [str(home / "usr/bin/python3.13"), "-m", "compileall", "-q", "-s", str(root), "-p", "/"]
    command += ["--invalidation-mode", "unchecked-hash", "-x", "/(tests?|scipy|numpy)/", str(root / PACKAGES)]
    subprocess.run(command, check=True, timeout=600, env={"PYTHONHOME": str(home / "usr")})
    shutil.rmtree(home)
