"""A thousand kiosks out of a sheet into signed bundles; beside a shell loop with tar, sha256sum and openssl.

The shell signs the very same files, unpacked before the clock starts: it judges no row and makes no file. All
bundles are searched for private keys afterwards, and verified as a kiosk would.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pki import Authority

from bench.rows import Row, at_most, times_peer
from kiosk import bundle
from kiosk.demo.settings import MONITOR_ID

KIOSKS = 1000
MB = 1e6
ROOT = Path(__file__).parents[1]
# PEM, and DER of EC, RSA and Ed25519 keys.
KEYS = re.compile(
    rb"PRIVATE KEY|\x06\x07\x2a\x86\x48\xce\x3d\x02\x01.{0,20}\x04[\x61\x6d\x81]"
    rb"|\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70|\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d",
    re.DOTALL,
)
SHELL = r"""
set -euo pipefail
cd "$1"
for folder in */; do
  cd "$folder"
  { printf 'pana-bundle 1\nkind: kiosk\n\n'; sha256sum -- $(ls | grep -v MANIFEST); } >MANIFEST
  openssl pkeyutl -sign -rawin -inkey "$2" -in MANIFEST -out MANIFEST.sig
  tar --format=ustar -cf "../${folder%/}.pana.tar" MANIFEST MANIFEST.sig $(ls | grep -v MANIFEST)
  cd ..
done
sync
"""


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="pana-bench-") as name:
        folder = Path(name)
        _desk(folder)
        command = [sys.executable, "-m", "kiosk", "fleet", "make", "--csv", "kiosks.csv", "--out", "out"]
        command += ["--release", "pana-release-0.1.0.tar", "--centre", "monitor.toml"]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        began = time.monotonic()
        subprocess.run(command, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
        made_s = time.monotonic() - began
        made = sorted((folder / "out").glob("*.pana.tar"))
        size = sum(path.stat().st_size for path in made)
        key = bundle.load_public_key(folder / "owner.pub")
        began = time.monotonic()
        seen = [bundle.verify(path, key, kind="kiosk") for path in made]
        verified_s = time.monotonic() - began
        found = sum(bool(KEYS.search(path.read_bytes())) for path in made)
        peer_s = _peer(folder, seen)
    if len(seen) != KIOSKS or not KEYS.search(_a_key()):
        raise RuntimeError(f"{len(seen)} bundles, or the search finds no key where there is one")
    return [
        times_peer(f"{KIOSKS} kiosks: sheet, registry, tokens, checks, signed bundles", made_s, "s", 1.0,
                   peer="tar, sha256sum and openssl in a shell loop, files ready", peer_value=peer_s),
        at_most(f"{KIOSKS} kiosks' bundles together", size / MB, "MB", 100.0),
        at_most("one bundle verified to the last byte", verified_s / KIOSKS * 1000, "ms", 10.0),
        at_most("private keys in all of them", float(found), "", 0.0),
    ]  # fmt: skip


def _desk(folder: Path) -> None:
    """Lay down a desk beside a centre's empty store."""
    key = bundle.create_signing_key(folder / "owner.key")
    (folder / "owner.pub").write_bytes(bundle.public_pem(key.public_key()))
    header = bundle.Header(kind="release", version="0.1.0", made_at="2026-11-27T01:00:00Z")
    bundle.write(folder / "pana-release-0.1.0.tar", header, {"targets": b"none\n"}, key.sign)
    shutil.copyfile(Authority(folder / "pki").ca, folder / "ca.crt")
    shutil.copyfile(ROOT / "provisioning/fleet.example.toml", folder / "fleet.toml")
    (folder / "master.key").write_text("ab" * 32)
    (folder / "master.key").chmod(0o600)
    (folder / "monitor.toml").write_text(
        f'[monitor]\nid = "{MONITOR_ID}"\n[mqtt]\nbrokers = ["127.0.0.1:1883"]\n'
        f'[paths]\nstate = "{folder}"\nrun = "{folder}/run"\n[sms]\nmaster_key_file = "{folder}/master.key"\n'
    )
    with (ROOT / "provisioning/fleet.example.csv").open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    rows = [first | {"kiosk_id": f"kz-ala-{n:05}", "number": str(n)} for n in range(1, KIOSKS + 1)]
    with (folder / "kiosks.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerows(rows)


def _peer(folder: Path, seen: list[bundle.Verified]) -> float:
    peer = folder / "peer"
    for one in seen:
        (peer / one.header.kiosk).mkdir(parents=True)
        for name in one.names:
            (peer / one.header.kiosk / name).write_bytes(bundle.content(one, name))
    began = time.monotonic()
    subprocess.run(["bash", "-c", SHELL, "-", str(peer), str(folder / "owner.key")], check=True)
    return time.monotonic() - began


def _a_key() -> bytes:
    """Give a private key in DER, as no bundle may hold one."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
