"""Clips of a version and clips of a site: each version finds its own, and the better one sounds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.voice_bench import make_clips, prompts_of

from kiosk.hw.clips import Manifest, write_manifest
from kiosk.hw.repertoire import Piece, open_repertoire
from kiosk.hw.shelves import Found, choice, open_shelves
from kiosk.prompts import Prompt

OLD = prompts_of(("kk",), ("pressed", "drill"))
NEW = [replace(OLD[0], text="Other words. And more."), OLD[1]]


def lay(folder: Path, prompts: list[Prompt], **changes: Any) -> Path:
    manifest = make_clips(folder, prompts)
    clips = tuple(msgspec.structs.replace(clip, **changes) for clip in manifest.clips)
    write_manifest(folder, Manifest(clips=clips))
    return folder


def folder_of(found: Found | None) -> str:
    return found.folder.name if found else ""


def test_each_version_finds_the_clips_of_its_own_words(tmp_path: Path) -> None:
    site = lay(tmp_path / "site", OLD)
    a, b = lay(tmp_path / "a", OLD), lay(tmp_path / "b", NEW)
    before, after = open_shelves((a, site)), open_shelves((b, site))
    assert [folder_of(choice(before, prompt)) for prompt in OLD] == ["a", "a"]
    assert [folder_of(choice(after, prompt)) for prompt in NEW] == ["b", "b"]
    assert choice(before, NEW[0]) is None


def test_a_sentence_of_the_site_s_own_is_found_beside_the_version_s(tmp_path: Path) -> None:
    cover = replace(OLD[1], key="cover", text="We are open until eight. Come in.")
    shelves = open_shelves((lay(tmp_path / "b", NEW), lay(tmp_path / "site", [cover])))
    assert folder_of(choice(shelves, cover)) == "site"


@pytest.mark.parametrize(
    ("version", "site", "sounds"),
    [
        ("pyttsx3", "human", "site"),
        ("pyttsx3", "piper", "site"),
        ("human", "piper", "b"),
        ("pyttsx3", "pyttsx3", "b"),
    ],
)
def test_the_better_source_sounds_and_among_equals_the_version_s(
    tmp_path: Path, version: str, site: str, sounds: str
) -> None:
    shelves = open_shelves(
        (lay(tmp_path / "b", NEW, source=version), lay(tmp_path / "site", NEW, source=site))
    )
    assert folder_of(choice(shelves, NEW[0])) == sounds


def test_a_folder_without_clips_is_told_and_is_no_reason_to_fail(tmp_path: Path) -> None:
    site = lay(tmp_path / "site", OLD)
    shelves = open_shelves((tmp_path / "none", site))
    assert folder_of(choice(shelves, OLD[0])) == "site"
    assert "no clips yet" in shelves[0].problem
    assert shelves[1].problem == ""


def test_what_is_played_comes_from_both_folders(tmp_path: Path) -> None:
    human = lay(tmp_path / "site", OLD[1:], source="human")
    pieces = open_repertoire(human, NEW, version=lay(tmp_path / "b", NEW, source="piper")).pieces
    assert pieces["kk", "pressed"][0] == Piece("Other words.", tmp_path / "b" / "kk-pressed-1.wav")
    assert pieces["kk", "drill"][0] == Piece("kk drill one.", tmp_path / "site" / "kk-drill-1.wav")
