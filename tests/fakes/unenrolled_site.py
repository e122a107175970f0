"""A kiosk that was installed without Internet, beside a real centre with its CA, doors and Mosquitto."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from kiosk_site import KioskSite

from kiosk.demo import settings

WORDS = [
    f"--{what}-{language}=Дәріхана" for what in ("name", "address", "entrance") for language in ("kk", "ru")
]
MASTER = bytes.fromhex("5a" * 32)
PLACE = [*WORDS, "--lat=43.2", "--lon=76.9", "--kato=751000000", "--number=17"]


class UnenrolledSite(KioskSite):
    """The kiosk's identity is to lie in `etc`, where there is but the CA, the door and a token."""

    def __init__(self, **more: Any) -> None:
        super().__init__(beat_s=5, doors=True, **more)
        self.etc = self.folder / "etc"
        self.etc.mkdir()
        (self.etc / "ca.pem").write_bytes(self.ca.read_bytes())
        (self.etc / "door").write_text(f"localhost:{self.door_port}\n")
        self._let_the_centre_enrol()
        site = (self.folder / "site.toml").read_text()
        for old, new in (
            (self.ca, "ca.pem"), (self.kiosk.cert, "kiosk.pem"), (self.kiosk.key, "kiosk.key"),
            (self.folder / "sms.key", "sms.key"),
        ):  # fmt: skip
            site = site.replace(f'"{old}"', f'"{self.etc / new}"')
        (self.etc / "site.toml").write_text(site)

    def start_centre(self) -> "subprocess.Popen[bytes]":
        self.centre = super().start_centre()
        return self.centre

    def _let_the_centre_enrol(self) -> None:
        key = self.folder / "pki" / "ca.key"
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key.write_bytes(self.authority._key.private_bytes(serialization.Encoding.PEM, form, none))
        key.chmod(0o600)
        master = self.folder / "master.key"
        master.write_text(MASTER.hex())
        master.chmod(0o600)
        with (self.folder / "centre.toml").open("a") as file:
            file.write(
                f'\n[ca]\ncert = "{self.ca}"\nkey = "{key}"\ncrl = "{self.folder}/crl.pem"\n'
                f'\n[sms]\nmaster_key_file = "{master}"\n'
            )

    def manage(self, *arguments: str) -> str:
        """Use the centre's registry by its command line."""
        return self.cli("monitor", "registry", "--config", str(self.folder / "centre.toml"), *arguments)

    def cli(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "kiosk", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.strip()

    def hand_over_token(self) -> None:
        """Let the desk register the kiosk and the set-up leave its token."""
        self.manage("add", settings.KIOSK_ID, *PLACE)
        (self.etc / "token").write_text(self.manage("token", settings.KIOSK_ID) + "\n")

    def errands(self, *, code: int = 0) -> dict[str, str]:
        """Run `kiosk errands` once; give how each ended."""
        log = str(self.folder / "provision.log")
        said = self.cli("errands", "--json", "--config", str(self.etc / "site.toml"), "--log", log, code=code)
        return {one["errand"]: one["ended"] for one in map(json.loads, said.splitlines())}

    def shown(self) -> dict[str, Any]:
        """Give what the centre's registry knows of the kiosk."""
        view: dict[str, Any] = json.loads(self.manage("show", settings.KIOSK_ID, "--json"))
        return view

    @property
    def state_folder(self) -> Path:
        return self.folder / "kiosk"
