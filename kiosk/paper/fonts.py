"""Which font with Kazakh letters this machine has; no font is part of the package."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.paper.record import PaperError

ROOTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
# Regular and bold; all of them have the nine Kazakh letters. Condensed first: an A5 page is small.
KNOWN = (
    ("DejaVuSansCondensed.ttf", "DejaVuSansCondensed-Bold.ttf"),
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
)


@dataclass(frozen=True, slots=True)
class Font:
    """The files of one family."""

    regular: Path
    bold: Path


def find(roots: Sequence[Path] = ROOTS) -> Font:
    """Find the first known family; PaperError says which package brings one."""
    found = {path.name: path for root in reversed(roots) if root.is_dir() for path in root.rglob("*.ttf")}
    for regular, bold in KNOWN:
        if regular in found and bold in found:
            return Font(found[regular], found[bold])
    raise PaperError("no font with Kazakh letters is installed: sudo apt-get install fonts-dejavu")
