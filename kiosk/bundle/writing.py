"""Write a bundle: whole or not at all, and the same bytes for the same content."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from kiosk.bundle import manifest as manifests
from kiosk.bundle.archive import BLOCK, header_of
from kiosk.bundle.manifest import MANIFEST, SIGNATURE, BundleRefused, Header, Manifest

RECORD = 20 * BLOCK  # GNU tar's record

Content = bytes | Path
Sign = Callable[[bytes], bytes]


def write(
    path: Path, header: Header, files: Mapping[str, Content], sign: Sign, *, durable: bool = True
) -> str:
    """Write a signed bundle of `files` (path in the bundle -> bytes or a file to copy); give its id.

    Replaces what has that name in one step. Mode 0600 for a kiosk's bundle: its token is a secret.
    `durable=False` leaves the fsync to the caller, for a thousand bundles in one go. Raises BundleRefused for
    a header or path that the format does not allow, OSError where it cannot be written.
    """
    names = sorted(files)
    for name in names:
        if fault := manifests.path_fault(name):
            raise BundleRefused(f"{path}: the path {name!r} {fault}")
    manifest = Manifest(header, {name: _digest(files[name]) for name in names})
    signed = manifests.text(manifest).encode()
    part = path.with_name(f".{path.name}.part")
    mode = 0o600 if header.kind == "kiosk" else 0o644
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as out:
            _put(out, MANIFEST, signed)
            _put(out, SIGNATURE, sign(signed))
            for name in names:
                _put(out, name, files[name])
            out.write(bytes(2 * BLOCK))
            out.write(bytes(-out.tell() % RECORD))
            out.flush()
            if durable:
                os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return hashlib.sha256(signed).hexdigest()


def _digest(content: Content) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(out: BinaryIO, name: str, content: Content) -> None:
    if isinstance(content, bytes):
        out.write(header_of(name, len(content)))
        out.write(content)
        out.write(bytes(-len(content) % BLOCK))
        return
    with content.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        out.write(header_of(name, size))
        start = out.tell()
        shutil.copyfileobj(file, out, 1 << 20)
    if out.tell() - start != size:
        raise BundleRefused(f"{content}: changed while it was copied; try again")
    out.write(bytes(-size % BLOCK))
