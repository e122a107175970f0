"""Put a release together out of the sources, and sign it."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from kiosk import bundle
from kiosk.fleet.making import FleetError
from kiosk.fleet.release import debs, wheels
from kiosk.fleet.release.children import run
from kiosk.fleet.release.targets import Target
from kiosk.hw.clips import MANIFEST, Manifest, read_manifest
from kiosk.hw.render import Progress, Sources, render
from kiosk.prompts import KEYS, LANGUAGES, Catalogue

LOCK = "requirements/pi.txt"
PIP_LOCK = "requirements/pip.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a release is made of. Without `mirrors` it holds no Debian packages."""

    source: Path
    targets: Sequence[Target]
    version: str
    made_at: str
    sign: Callable[[bytes], bytes]
    words: Catalogue
    voice_cache: Path
    mirrors: debs.Mirrors | None
    packages: Sequence[str] = ()  # further Debian packages
    deb: Path | None = None  # the package of the system's part, where it is built already
    human: Path | None = None  # recordings, which win over rendered voices
    piper: Mapping[str, Path] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda _: None


def build(recipe: Recipe, out: Path) -> Path:
    """Build the whole release; give its path. Raises FleetError; nothing is left half-made under its name."""
    if not (recipe.source / LOCK).is_file():
        raise FleetError(f"{recipe.source}: holds no {LOCK}; name the sources of the kiosk by --source")
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"pana-release-{recipe.version}.tar"
    with TemporaryDirectory(prefix="pana-release-") as name:
        scratch = Path(name)
        tree = scratch / "release"
        _common(recipe, tree, scratch)
        told = [_target(recipe, target, tree, scratch) for target in recipe.targets]
        (tree / "targets").write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
        files = {str(one.relative_to(tree)): one for one in sorted(tree.rglob("*")) if one.is_file()}
        header = bundle.Header(kind="release", version=recipe.version, made_at=recipe.made_at)
        bundle.write(path, header, files, recipe.sign)
    return path


def _common(recipe: Recipe, tree: Path, scratch: Path) -> None:
    recipe.tell("application")
    wheels.build_app(recipe.source, tree / "app")
    wheels.fetch_pip(recipe.source / PIP_LOCK, tree / "pip")
    recipe.tell("system's part")
    deb = recipe.deb or _built_deb(recipe.source, scratch / "deb")
    (tree / "deb").mkdir()
    shutil.copyfile(deb, tree / "deb" / deb.name)
    recipe.tell("voice")
    _voice(recipe, tree / "voice")


def _target(recipe: Recipe, target: Target, tree: Path, scratch: Path) -> str:
    recipe.tell(target.name)
    mirrors = recipe.mirrors or debs.Mirrors("", "")
    archive = debs.Archive(target, scratch / f"apt-{target.name}", mirrors)
    if recipe.mirrors is not None:
        archive.open()
    elif target.built_here:
        raise FleetError(f"{target.name}: needs Debian's headers; leave --no-debs out, or the target")
    count = wheels.gather(archive, recipe.source / LOCK, tree)
    packages = (
        archive.fetch((*target.debian, *recipe.packages), tree / "debs" / target.name)
        if recipe.mirrors
        else []
    )
    return f"{target.name}: Python {target.python}, {count} wheels, {len(packages)} Debian packages"


def _built_deb(source: Path, folder: Path) -> Path:
    folder.mkdir()
    run(["dev/deb.sh", folder.resolve()], "the Debian package", where=source)
    found = sorted(folder.glob("pana-kiosk_*_all.deb"))
    if len(found) != 1:
        raise FleetError(
            f"{folder}: dev/deb.sh made {len(found)} packages called pana-kiosk, one is expected"
        )
    return found[0]


def _voice(recipe: Recipe, folder: Path) -> None:
    """Render every prompt in every language as a kiosk would; unchanged clips come from the cache."""
    prompts = [recipe.words.prompt(language, key) for language in LANGUAGES for key in KEYS]
    cache = recipe.voice_cache
    sources = Sources(human=recipe.human or cache / "none", piper=recipe.piper)

    def told(step: Progress) -> None:
        recipe.tell(f"voice {step.done}/{step.total}")

    report = render(cache, prompts, sources, progress=told)
    missing = [prompt for prompt in prompts if report.manifest.clip(prompt.language, prompt.key) is None]
    if missing:
        raise FleetError(f"{len(missing)} prompts have no clip: {'; '.join(report.problems[:3])}")
    folder.mkdir(parents=True)
    manifest: Manifest = read_manifest(cache)
    for clip in manifest.clips:
        for sentence in clip.sentences:
            shutil.copyfile(cache / sentence.file, folder / sentence.file)
    shutil.copyfile(cache / MANIFEST, folder / MANIFEST)
