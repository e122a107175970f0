"""Judge a finished bundle as the device will: signature, every byte, and that the kiosk's files are whole."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kiosk import bundle
from kiosk.config import Config
from kiosk.config_text import decode
from kiosk.site_check import demand_sound
from kiosk.words import load_catalogue

NEEDED = ("ca.pem", "door", "options.env", "options.toml", "site.toml", "token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A bundle that a kiosk would take."""

    file: str
    kind: str
    version: str
    made_at: str
    id: str
    files: int
    kiosk: str = ""
    number: int = 0
    release: str = ""  # the file beside it, "inside", or "" where it is not here
    targets: tuple[str, ...] = ()

    def text(self) -> str:
        """Say it in one line."""
        what = f"{self.file}: ok: {self.kind} {self.version}, {self.files} files, made {self.made_at}"
        if self.kind == "release":
            return f"{what}, for {', '.join(self.targets)}"
        return f"{what}, {self.kiosk} number {self.number}, release {self.release or 'is not beside it'}"


def judge(path: Path, key: Ed25519PublicKey) -> Judged:
    """Verify one bundle; raises BundleRefused or ConfigError."""
    try:
        seen = bundle.verify(path, key, kind="kiosk")
    except bundle.WrongKind:
        return _release(bundle.verify(path, key, kind="release"))
    for name in NEEDED:
        bundle.content(seen, name)
    config = decode(Config, bundle.content(seen, "site.toml").decode(), f"{path}: site.toml")
    demand_sound(config, Path(f"{path}: site.toml"), load_catalogue())
    header = seen.header
    if (config.kiosk.id, config.kiosk.number) != (header.kiosk, header.number):
        raise bundle.BundleRefused(f"{path}: site.toml is of {config.kiosk.id}, the bundle of {header.kiosk}")
    if (config.sms is not None) != ("sms.key" in seen.digests):
        raise bundle.BundleRefused(f"{path}: sms.key is missing, or there is one without [sms]; make it anew")
    release = "inside" if "release.tar" in seen.digests else ""
    if not release and (beside := bundle.release_beside(seen)) is not None:
        bundle.verify(beside, key, kind="release", release=header.release)
        release = beside.name
    return Judged(
        file=str(path),
        kind="kiosk",
        version=header.version,
        made_at=header.made_at,
        id=seen.id,
        files=len(seen.names),
        kiosk=header.kiosk,
        number=header.number,
        release=release,
    )


def _release(seen: bundle.Verified) -> Judged:
    targets = [
        name.removeprefix("requirements/").removesuffix(".txt")
        for name in seen.names
        if name.startswith("requirements/")
    ]
    header = seen.header
    return Judged(
        file=str(seen.path),
        kind="release",
        version=header.version,
        made_at=header.made_at,
        id=seen.id,
        files=len(seen.names),
        targets=tuple(targets),
    )
