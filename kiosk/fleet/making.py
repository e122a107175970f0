"""A batch: rows to plans with their secrets, plans to signed bundles. One bad row never stops another."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography import x509

from kiosk import bundle
from kiosk.fleet import covers
from kiosk.fleet.plan import Plan, Unfit, plan
from kiosk.fleet.sheet import Fault, Sheet
from kiosk.fleet.sources import Secrets, Source
from kiosk.fleet.template import Template
from kiosk.hw.clips import MANIFEST, Manifest
from kiosk.messages import ConfigError, KioskError
from kiosk.prompts import Catalogue

ENDING = ".pana.tar"
OWNER_PUB = "owner.pub"


class FleetError(KioskError):
    """The desk cannot do what it was asked; the message says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Ready:
    """One kiosk whose bundle can be written."""

    plan: Plan
    secrets: Secrets = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One bundle that was written."""

    kiosk: str
    number: int
    file: str
    id: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What all bundles of a run share."""

    release: bundle.Verified
    voice: Manifest  # of the release
    ca: bytes
    door: str
    out: Path
    made_at: str
    sign: Callable[[bytes], bytes]
    words: Catalogue
    whole: bool = False
    sounds: Mapping[covers.Phrase, covers.Sound] = field(default_factory=dict)


def ready(
    sheet: Sheet, template: Template, source: Source, words: Catalogue
) -> tuple[list[Ready], list[Fault]]:
    """Judge every row; a row that is unfit leaves nothing behind."""
    good: list[Ready] = []
    faults: list[Fault] = list(sheet.faults)
    for row in sheet.rows:
        try:
            whole = source.complete(sheet, row)
            planned = plan(sheet, whole, template, words)
            sms = planned.config.sms is not None
            good.append(Ready(planned, source.secrets(sheet, whole, sms=sms)))
        except Unfit as unfit:
            faults += unfit.faults
    return good, sorted(faults, key=lambda fault: fault.line)


def lay_beside(batch: Batch, owner_pub: bytes, pub: Path) -> None:
    """Put owner.pub and, unless it goes into each bundle, the release into the folder of the bundles."""
    try:
        batch.out.mkdir(parents=True, exist_ok=True)
        pub.write_bytes(owner_pub)
        beside = batch.out / f"pana-release-{batch.release.header.version}.tar"
        if batch.whole or bundle.file_id(beside) == batch.release.id:
            return
        part = beside.with_name(f".{beside.name}.part")
        shutil.copyfile(batch.release.path, part)
        part.replace(beside)
    except OSError as error:
        raise FleetError(f"{batch.out}: cannot be written: {error.strerror}") from error


def read_ca(path: Path) -> bytes:
    """Read the project's CA: certificates only, never a key. Raises ConfigError."""
    try:
        pem = path.read_bytes()
        found = x509.load_pem_x509_certificates(pem)
    except OSError as error:
        raise ConfigError(f"{path}: fleet.ca: {error.strerror}; copy the centre's ca.crt there") from error
    except ValueError as error:
        raise ConfigError(f"{path}: fleet.ca: holds no certificate in PEM") from error
    if b"PRIVATE KEY" in pem:
        raise ConfigError(f"{path}: fleet.ca: holds a private key; it must never go to a kiosk: take it out")
    if not all(one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca for one in found):
        raise ConfigError(f"{path}: fleet.ca: is no certificate of a CA")
    return pem


def voice_of(release: bundle.Verified) -> Manifest:
    """Read which clips a release holds; none when it has no voice."""
    name = f"voice/{MANIFEST}"
    if name not in release.members:
        return Manifest(clips=())
    return msgspec.json.decode(bundle.content(release, name), type=Manifest)


def write_all(batch: Batch, good: Sequence[Ready], jobs: int) -> Iterator[Made]:
    """Write every bundle, several at a time; gives each as it is done. All are on disk at the end."""
    with ThreadPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(write_one, batch, one) for one in good]):
            yield future.result()
    os.sync()  # once, not a thousand times


def write_one(batch: Batch, one: Ready) -> Made:
    """Write one kiosk's bundle."""
    config = one.plan.config
    path = batch.out / f"{one.plan.kiosk}{ENDING}"
    header = bundle.Header(
        kind="kiosk",
        version=batch.release.header.version,
        made_at=batch.made_at,
        kiosk=config.kiosk.id,
        number=config.kiosk.number,
        release=batch.release.id,
    )
    try:
        made = bundle.write(path, header, _files(batch, one), batch.sign, durable=False)
        return Made(
            kiosk=one.plan.kiosk, number=header.number, file=str(path), id=made, size=path.stat().st_size
        )
    except OSError as error:
        raise FleetError(
            f"{path}: cannot be written: {error.strerror}; make room and run it again"
        ) from error


def _files(batch: Batch, one: Ready) -> dict[str, bytes | Path]:
    files: dict[str, bytes | Path] = {
        "site.toml": one.plan.toml.encode(),
        "ca.pem": batch.ca,
        "door": f"{batch.door}\n".encode(),
        "token": f"{one.secrets.token}\n".encode(),
        "options.toml": one.plan.options_toml.encode(),
        "options.env": one.plan.options_env.encode(),
    }
    if one.secrets.sms_key:
        files["sms.key"] = f"{one.secrets.sms_key}\n".encode()
    if batch.whole:
        files["release.tar"] = batch.release.path
    prompts = covers.phrases_of(one.plan.config, batch.words)
    own = [batch.sounds[prompt.language, prompt.text] for prompt in prompts]
    for sound in own:
        files |= {f"voice/{name}": content for name, content in sound.files.items()}
    if own:
        manifest = covers.merged(batch.voice, (sound.clip for sound in own))
        files[f"voice/{MANIFEST}"] = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return files
