"""The owner's desk: key, release and one kiosk's bundle, made by `kiosk fleet` as a technician makes them.

The release is kept in the cache until the sources that it is made of change.
"""

import subprocess
import sys
from pathlib import Path

from deploy.board import image, recipe
from deploy.board.host import BROKER_PORT, DOOR_PORT, GATEWAY, KIOSK_ID, NUMBER, OFFICER, Host
from deploy.board.machine import HOST

TOP = Path(__file__).parents[3]
TARGET = "trixie-arm64"
BUTTON_PIN = 5
SHEET = f"""\
kiosk_id,number,name_kk,name_ru,address_kk,address_ru,entrance_kk,entrance_ru,lat,lon,accuracy_m,kato,voice,\
short_kk,short_ru,short_latin
{KIOSK_ID},{NUMBER},«Үлгі» дүкені,Магазин «Пример»,"Алматы, Абай даңғылы, 10","Алматы, проспект Абая, 10",\
Ауладан,Со двора,43.23815,76.94551,10,751110000,spoken,Абай 10,Абая 10,Abay 10
"""
FLEET = f"""\
[fleet]
ca = "ca.crt"
[[buttons]]
name = "counter"
pin = {BUTTON_PIN}
wiring = "no"
pull = "down"
[gpio]
chip = "9030000.pl061"
[lamp]
armed = true
[mqtt]
brokers = ["{HOST}:{BROKER_PORT}"]
[https]
centres = ["{HOST}:{DOOR_PORT}"]
[sms]
device = "/dev/pana-modem"
gateways = ["{GATEWAY}"]
key_file = "/etc/pana-kiosk/sms.key"
[[duty.tiers]]
people = [{{ number = "{OFFICER}", language = "ru" }}]
"""


def fleet(*arguments: str | Path, within_s: float = 900.0) -> str:
    """Run `kiosk fleet …`; gives what it prints."""
    command = [sys.executable, "-m", "kiosk", "fleet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sources() -> list[Path]:
    """List every file that a release is made of."""
    trees = ("kiosk", "systemd", "provisioning", "debian")
    found = [path for tree in trees for path in (TOP / tree).rglob("*") if path.is_file()]
    one_by_one = (
        TOP / name for name in ("pyproject.toml", "requirements/pi.txt", "requirements/pip.txt", "dev/deb.sh")
    )
    kept = [path for path in found if "__pycache__" not in path.parts and "made" not in path.parts]
    return [*kept, *one_by_one]


def release() -> Path:
    """Give the folder with `owner.key`, `owner.pub` and the release for this board."""

    def build(folder: Path) -> None:
        keys = ("--key", folder / "owner.key")
        fleet("key", "create", *keys, "--pub", folder / "owner.pub")
        fleet("release", "build", "--source", TOP, "--target", TARGET, "--out", folder, *keys)

    return image.kept(f"release-{recipe.key_of(*sources())}", build)


def bundle(host: Host, folder: Path) -> dict[str, Path]:
    """Make the kiosk's bundle; gives what a technician puts on the memory stick, by name."""
    made = release()
    folder.mkdir()
    (folder / "ca.crt").write_bytes(host.ca.read_bytes())
    (folder / "fleet.toml").write_text(FLEET)
    (folder / "sheet.csv").write_text(SHEET)
    (tar,) = made.glob("pana-release-*.tar")
    fleet(
        "make", "--csv", folder / "sheet.csv", "--fleet", folder / "fleet.toml", "--release", tar,
        "--out", folder / "out", "--key", made / "owner.key", "--centre", host.config,
    )  # fmt: skip
    (kiosk,) = (folder / "out").glob(f"{KIOSK_ID}*.tar")
    return {
        "provisioning": TOP / "provisioning", kiosk.name: kiosk, tar.name: tar,
        "owner.pub": made / "owner.pub",
    }  # fmt: skip
