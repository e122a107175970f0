"""A PDF as an independent reader sees it: poppler's commands."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

A4, A5 = (595, 842), (420, 595)  # points


@dataclass(frozen=True)
class Pdf:
    """What was found in a file."""

    text: str
    pages: int
    size: tuple[int, int]
    fonts: tuple[str, ...]
    not_embedded: tuple[str, ...]


def letters(text: str) -> str:
    """Give a text without white space, as lines are broken anywhere and words are hyphenated nowhere."""
    return re.sub(r"\s+", "", text)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def read(file: Path) -> Pdf:
    info = _run("pdfinfo", str(file))
    pages = re.search(r"^Pages: +([0-9]+)", info, re.MULTILINE)
    size = re.search(r"^Page size: +([0-9.]+) x ([0-9.]+)", info, re.MULTILINE)
    assert pages
    assert size
    fonts = [line.rsplit(maxsplit=7) for line in _run("pdffonts", str(file)).splitlines()[2:]]
    return Pdf(
        text=_run("pdftotext", "-raw", str(file), "-"),
        pages=int(pages[1]),
        size=(round(float(size[1])), round(float(size[2]))),
        fonts=tuple(row[0].split()[0] for row in fonts),
        not_embedded=tuple(row[0].split()[0] for row in fonts if row[3] != "yes"),
    )


def picture(file: Path, page: int, dpi: int = 150) -> Path:
    stem = file.with_name(f"{file.stem}-{page}")
    _run(
        "pdftoppm", "-png", "-r", str(dpi), "-f", str(page), "-l", str(page), "-singlefile",
        str(file), str(stem),
    )  # fmt: skip
    return stem.with_suffix(".png")
