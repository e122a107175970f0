"""Own the reading of the package's locale files into the catalogue of words; never any other file."""

from importlib.resources import files

from kiosk.prompts import LANGUAGES, Catalogue, parse_catalogue


def load_catalogue() -> Catalogue:
    """Read every locale file of the package; ConfigError names the file and key that are wrong."""
    folder = files("kiosk") / "locales"
    return parse_catalogue(
        {language: (folder / f"{language}.toml").read_text(encoding="utf-8") for language in LANGUAGES}
    )
