"""Bundles for tests: a signing key, honest bundles, and a hand to spoil them with."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk import bundle
from kiosk.bundle.manifest import Manifest, text

RELEASE = bundle.Header(kind="release", version="0.1.0", made_at="2026-11-27T01:00:00Z")
KIOSK = bundle.Header(
    kind="kiosk",
    version="0.1.0",
    made_at="2026-11-27T01:00:00Z",
    kiosk="kz-ala-0001",
    number=17,
    release="0" * 64,
)
FILES: Mapping[str, bytes] = {"site.toml": b"[kiosk]\n", "voice/kk/cover.wav": b"RIFF" * 700, "ca.pem": b""}


@dataclass(frozen=True)
class Owner:
    """Whoever signs."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def write(
        self, path: Path, files: Mapping[str, bytes | Path] = FILES, header: bundle.Header = KIOSK
    ) -> Path:
        bundle.write(path, header, files, self.key.sign)
        return path

    def signed(self, files: Mapping[str, bytes] = FILES, header: bundle.Header = KIOSK) -> "Spoilt":
        """Give the parts of an honest bundle, to put together dishonestly."""
        manifest = text(
            Manifest(header, {n: hashlib.sha256(c).hexdigest() for n, c in files.items()})
        ).encode()
        parts = [("MANIFEST", manifest), ("MANIFEST.sig", self.key.sign(manifest)), *files.items()]
        return Spoilt([(tarfile.TarInfo(name), content) for name, content in parts])

    def verify(self, path: Path, **more: str) -> bundle.Verified:
        return bundle.verify(path, self.key.public_key(), **({"kind": "kiosk"} | more))  # type: ignore[arg-type]


@dataclass
class Spoilt:
    """A tar member by member; may hold what no desk would write."""

    parts: list[tuple[tarfile.TarInfo, bytes]]

    def write(self, path: Path, form: int = tarfile.USTAR_FORMAT) -> Path:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as tar:
            for info, content in self.parts:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        path.write_bytes(out.getvalue())
        return path
