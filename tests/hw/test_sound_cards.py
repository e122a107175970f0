"""A card is watched by its name alone; what was never there is no loss."""

from pathlib import Path

import pytest

from kiosk.hw.sound_cards import CardWatch


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "asound"
    monkeypatch.setattr("kiosk.hw.sound_cards.CARDS", folder)
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("device", "place"),
    [
        ("plughw:CARD=Device", "Device"),
        ("plughw:CARD=Device,DEV=0", "Device"),
        ("sysdefault:CARD=Headphones", "Headphones"),
        ("hw:Device,0", "Device"),
        ("plughw:1,0", "card1"),
    ],
)
def test_a_card_that_goes_is_told_once_each_time(cards: Path, device: str, place: str) -> None:
    watch = CardWatch(device)
    for _ in range(2):
        (cards / place).mkdir()
        assert not watch.vanished()
        assert not watch.vanished()
        (cards / place).rmdir()
        assert watch.vanished()
        assert not watch.vanished()


@pytest.mark.parametrize("device", ["default", "", "pulse", "plughw:CARD=../.."])
def test_a_device_that_names_no_card_is_never_told(cards: Path, device: str) -> None:
    watch = CardWatch(device)
    assert not watch.vanished()
    cards.rmdir()
    assert not watch.vanished()


def test_a_card_that_was_never_seen_is_no_loss(cards: Path) -> None:
    watch = CardWatch("plughw:CARD=Device")
    assert not watch.vanished()
