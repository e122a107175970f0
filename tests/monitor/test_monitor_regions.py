from kiosk.monitor import regions


def test_there_are_twenty_regions_each_on_a_tile_of_its_own() -> None:
    assert len(regions.TILES) == len(set(regions.CODES)) == 20
    places = {(tile.row, tile.column) for tile in regions.TILES}
    assert len(places) == 20
    assert max(row for row, _ in places) == regions.ROWS
    assert max(column for _, column in places) == regions.COLUMNS


def test_the_north_lies_above_the_south_and_the_west_left_of_the_east() -> None:
    tiles = {tile.code: tile for tile in regions.TILES}
    assert tiles["59"].row < tiles["71"].row < tiles["35"].row < tiles["31"].row
    assert tiles["47"].column < tiles["43"].column < tiles["61"].column < tiles["19"].column


def test_a_code_of_no_region_is_elsewhere() -> None:
    assert regions.region_of("750000000") == "75"
    assert regions.region_of("990000000") == regions.region_of("") == regions.ELSEWHERE
