"""Make the pictures of card and sheet in docs/screenshots from what the commands print today."""

import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fakes.paper_record import sheets  # noqa: E402 - lives with the tests
from fakes.pdf import picture  # noqa: E402

from kiosk.messages import Language  # noqa: E402
from kiosk.paper import card, sheet  # noqa: E402
from kiosk.paper.point import point_of  # noqa: E402
from kiosk.site_files import load_config  # noqa: E402
from kiosk.words import load_catalogue  # noqa: E402

LANGUAGES: tuple[Language, ...] = ("kk", "ru")
DPI = {"card": 110, "sheet": 80}
COLOURS = 48  # of print; a picture in docs/ stays small


def main() -> None:
    site, _ = load_config(ROOT / "provisioning" / "site.example.toml")
    with tempfile.TemporaryDirectory() as folder:
        for name, made in {
            "card": card.to_pdf(point_of(site), LANGUAGES, load_catalogue()),
            "sheet": sheet.to_pdf(sheets(LANGUAGES)),
        }.items():
            file = Path(folder) / f"{name}.pdf"
            file.write_bytes(made)
            for number, language in enumerate(LANGUAGES, start=1):
                out = ROOT / "docs" / "screenshots" / f"{name}-{language}.png"
                with Image.open(picture(file, number, DPI[name])) as drawn:
                    drawn.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS).save(
                        out, optimize=True
                    )
                print(out.relative_to(ROOT), out.stat().st_size)


if __name__ == "__main__":
    main()
