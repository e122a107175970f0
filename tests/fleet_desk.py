"""A desk for tests: a key, a small release, fleet.toml, a CA, and a centre's store where one is wanted."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from bundle_files import RELEASE, Owner
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pki import Authority

from kiosk import bundle
from kiosk.commands.fleet import fleet
from kiosk.hw.clips import Manifest

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / "provisioning/fleet.example.toml").read_text(encoding="utf-8")
EXAMPLE_CSV = (ROOT / "provisioning/fleet.example.csv").read_text(encoding="utf-8")
TOKEN = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567-ABCD-EFGH-IJKL-MNO"
PLACE = {
    "name_kk": "Дәріхана", "name_ru": "Аптека", "address_kk": "Абай 10", "address_ru": "Абая 10",
    "entrance_kk": "Көшеден", "entrance_ru": "С улицы", "lat": "43.23815", "lon": "76,94551",
    "accuracy_m": "10", "kato": "751110000",
}  # fmt: skip


def rows(count: int, **more: str) -> list[dict[str, str]]:
    """Give whole rows of kiosks kz-ala-0001 and so on."""
    return [
        {"kiosk_id": f"kz-ala-{n:04}", "number": str(n), **PLACE, "voice": "off"} | more
        for n in range(1, count + 1)
    ]


def sheet(table: list[dict[str, str]]) -> str:
    """Write rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in table for name in row)), restval="")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


@dataclass
class Desk:
    """A folder with everything that `kiosk fleet make` needs."""

    folder: Path

    def __post_init__(self) -> None:
        self.owner = Owner()
        pem = self.owner.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key = self.folder / "owner.key"
        key.touch(0o600)
        key.write_bytes(pem)
        (self.folder / "owner.pub").write_bytes(bundle.public_pem(self.owner.key.public_key()))
        self.authority = Authority(self.folder / "pki")
        (self.folder / "ca.crt").write_bytes(Path(self.authority.ca).read_bytes())
        (self.folder / "fleet.toml").write_text(EXAMPLE, encoding="utf-8")
        self.release = self.folder / "pana-release-0.1.0.tar"
        voice = msgspec.json.encode(Manifest(clips=()))
        lists = {"requirements/trixie-arm64.txt": b"# none\n", "voice/manifest.json": voice}
        self.owner.write(self.release, lists, RELEASE)
        self.out = self.folder / "out"

    def centre(self, *, sms: bool = True) -> Path:
        """Configure a centre with an empty store."""
        master = self.folder / "master.key"
        master.write_text("ab" * 32)
        master.chmod(0o600)
        text = f"""
            [monitor]
            id = "monitor-1"
            [mqtt]
            brokers = ["127.0.0.1:1883"]
            [paths]
            state = "{self.folder}"
            run = "{self.folder}/run"
        """
        if sms:
            text += f'[sms]\nmaster_key_file = "{master}"\n'
        (self.folder / "monitor.toml").write_text(text)
        return self.folder / "monitor.toml"

    def run(self, *args: str) -> Result:
        """Run `kiosk fleet …` with paths of this desk."""
        return CliRunner().invoke(fleet, args)

    def make(self, table: list[dict[str, str]] | None, *args: str) -> Result:
        """Run `kiosk fleet make`."""
        given = ["--fleet", str(self.folder / "fleet.toml"), "--release", str(self.release)]
        given += ["--out", str(self.out), "--key", str(self.folder / "owner.key")]
        if table is not None:
            (self.folder / "kiosks.csv").write_text(sheet(table), encoding="utf-8")
            given += ["--csv", str(self.folder / "kiosks.csv")]
        return self.run("make", *given, *args)

    def verified(self, kiosk: str) -> bundle.Verified:
        """Verify one bundle that was made."""
        return self.owner.verify(self.out / f"{kiosk}.pana.tar", kiosk=kiosk)

    def file(self, kiosk: str, name: str) -> str:
        """Read one file of a bundle."""
        return bundle.content(self.verified(kiosk), name).decode()


def told(result: Result) -> list[Mapping[str, Any]]:
    """Read what --json printed."""
    return [json.loads(line) for line in result.stdout.splitlines()]
