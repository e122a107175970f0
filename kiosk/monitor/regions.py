"""The 20 regions of Kazakhstan by the first two digits of a KATO code, on a tile map. Pure.

Owns codes and places on the map; their names stand in the pages' words (`region_10` …).
"""

from dataclasses import dataclass

ROWS, COLUMNS = 5, 6


@dataclass(frozen=True, slots=True)
class Tile:
    """A region's tile: row from the north, column from the west, both from 1."""

    code: str
    row: int
    column: int


# A tile map has no true borders: neighbours stay neighbours, a city lies beside the oblast round it.
TILES = (
    Tile("39", 1, 3),  # Kostanay
    Tile("59", 1, 4),  # North Kazakhstan
    Tile("55", 1, 5),  # Pavlodar
    Tile("27", 2, 1),  # West Kazakhstan
    Tile("15", 2, 2),  # Aktobe
    Tile("11", 2, 3),  # Akmola
    Tile("71", 2, 4),  # Astana
    Tile("10", 2, 5),  # Abai
    Tile("63", 2, 6),  # East Kazakhstan
    Tile("23", 3, 1),  # Atyrau
    Tile("62", 3, 3),  # Ulytau
    Tile("35", 3, 4),  # Karaganda
    Tile("33", 3, 6),  # Zhetisu
    Tile("47", 4, 1),  # Mangystau
    Tile("43", 4, 2),  # Kyzylorda
    Tile("61", 4, 3),  # Turkistan
    Tile("31", 4, 4),  # Zhambyl
    Tile("19", 4, 5),  # Almaty oblast
    Tile("79", 5, 3),  # Shymkent
    Tile("75", 5, 5),  # Almaty
)
CODES = tuple(sorted(tile.code for tile in TILES))
ELSEWHERE = ""  # no such region, or a kiosk that stands in no registry


def region_of(kato: str) -> str:
    """Give the region's two digits, or ELSEWHERE."""
    return kato[:2] if kato[:2] in CODES else ELSEWHERE
