import msgspec
import pytest
from fakes.voice_bench import make_clips, prompts_of, site_config

from kiosk.hw import clips
from kiosk.hw.clips import (
    Manifest,
    faults,
    read_manifest,
    read_pcm,
    site_prompts,
    sweep,
    wav_bytes,
    write_durably,
)
from kiosk.hw.repertoire import Piece, current_mark, open_repertoire, spoken_live
from kiosk.messages import ConfigError
from kiosk.prompts import COVER, KEYS
from kiosk.words import load_catalogue

PROMPTS = prompts_of(("kk",), ("pressed", "drill"))


def test_a_manifest_is_read_back_as_it_was_written(tmp_path):
    manifest = make_clips(tmp_path, PROMPTS)
    assert read_manifest(tmp_path) == manifest
    assert manifest.clip("kk", "drill") is not None
    assert manifest.clip("ru", "drill") is None
    assert list(faults(tmp_path, manifest)) == []


def test_a_folder_without_clips_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"no clips yet; run `kiosk voice render`"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b'{"v": 2, "clips": []}', "Invalid enum value 2"),
        (b'{"v": 1, "clips": [], "joke": 1}', "unknown field `joke`"),
        (b'{"v": 1, "clips": 3}', r"Expected `array`, got `int` - at `\$.clips`"),
    ],
)
def test_a_wrong_manifest_is_refused_with_its_file_and_key(tmp_path, content, says):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"manifest.json: .*{says}"):
        read_manifest(tmp_path)


def test_a_manifest_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_manifest(tmp_path)


def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path):
    manifest = msgspec.to_builtins(make_clips(tmp_path, PROMPTS))
    manifest["clips"][0]["sentences"][0]["file"] = "../secret.wav"
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(ConfigError, match="file"):
        read_manifest(tmp_path)


def test_every_file_that_is_missing_damaged_or_out_of_limits_is_told(tmp_path):
    manifest = make_clips(tmp_path, PROMPTS)
    (tmp_path / "kk-pressed-1.wav").unlink()
    (tmp_path / "kk-pressed-2.wav").write_bytes(b"x")
    loud = [msgspec.structs.replace(s, lufs=-22.4, true_peak_dbfs=-1.9) for s in manifest.clips[1].sentences]
    drill = msgspec.structs.replace(manifest.clips[1], sentences=tuple(loud[:1]))
    told = list(faults(tmp_path, Manifest(clips=(manifest.clips[0], drill))))
    assert [text.removeprefix(f"{tmp_path}/") for text in told] == [
        "kk-pressed-1.wav: No such file or directory",
        "kk-pressed-2.wav: is damaged",
        "kk-drill-1.wav: loudness -22.4 LUFS",
        "kk-drill-1.wav: true peak -1.9 dBFS",
    ]


def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    """Pitfall 34: a cut in the middle of a write leaves the old content."""
    path = tmp_path / "manifest.json"
    write_durably(path, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(clips.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["manifest.json"]


def test_the_file_is_on_disk_before_it_takes_the_old_ones_place(tmp_path, monkeypatch):
    """Pitfall 34: fsync of the file, then rename, then fsync of the folder."""
    path, seen = tmp_path / "a", []
    monkeypatch.setattr(clips.os, "fsync", lambda fd: seen.append((fd, path.exists())))
    write_durably(path, b"new")
    assert [there for _, there in seen] == [False, True]


def test_files_that_no_kept_manifest_names_are_swept_away(tmp_path):
    manifest = make_clips(tmp_path, PROMPTS)
    (tmp_path / "old.wav").touch()
    (tmp_path / ".x.wav.part").touch()
    sweep(tmp_path, Manifest(clips=()), manifest)
    assert len(list(tmp_path.glob("*.wav"))) == 4
    sweep(tmp_path, Manifest(clips=manifest.clips[:1]))
    assert sorted(path.name for path in tmp_path.glob("*")) == [
        "kk-pressed-1.wav",
        "kk-pressed-2.wav",
        "manifest.json",
    ]


@pytest.mark.parametrize("content", [b"", b"RIFF", wav_bytes(b"ab" * 100)[:-3], wav_bytes(b"")])
def test_only_a_whole_clip_is_played(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.wav: is no"):
        read_pcm(tmp_path / "a.wav")


def test_a_clip_of_another_rate_is_not_played(tmp_path):
    (tmp_path / "a.wav").write_bytes(
        wav_bytes(b"ab" * 100).replace((48000).to_bytes(4, "little"), b"\0\x7d\0\0")
    )
    with pytest.raises(ConfigError, match="48 kHz mono s16"):
        read_pcm(tmp_path / "a.wav")


def test_a_site_says_every_prompt_in_its_languages_and_its_own_cover_phrase():
    catalogue = load_catalogue()
    cover = {"kk": "Дүкен ашық.", "ru": "Магазин открыт."}
    prompts = site_prompts(site_config(mode="cover", cover=cover), catalogue)
    assert [(p.language, p.key) for p in prompts] == [
        *((language, key) for language in ("kk", "ru") for key in KEYS),
        ("kk", COVER),
        ("ru", COVER),
    ]
    assert not [p for p in site_prompts(site_config(), catalogue) if p.key == COVER]


def test_sentences_are_matched_with_their_clips(tmp_path):
    make_clips(tmp_path, PROMPTS[:1])
    found = open_repertoire(tmp_path, PROMPTS)
    assert found.pieces["kk", "pressed"] == (
        Piece("kk pressed one.", tmp_path / "kk-pressed-1.wav"),
        Piece("kk pressed two.", tmp_path / "kk-pressed-2.wav"),
    )
    assert found.pieces["kk", "drill"] == (Piece("kk drill one.", None), Piece("kk drill two.", None))
    assert found.mark == current_mark(tmp_path)


def test_a_recording_that_could_not_be_cut_is_one_piece(tmp_path):
    manifest = make_clips(tmp_path, PROMPTS[:1])
    whole = msgspec.structs.replace(manifest.clips[0], sentences=manifest.clips[0].sentences[:1])
    clips.write_manifest(tmp_path, Manifest(clips=(whole,)))
    pieces = open_repertoire(tmp_path, PROMPTS).pieces["kk", "pressed"]
    assert pieces == (Piece(PROMPTS[0].text, tmp_path / "kk-pressed-1.wav"),)


def test_a_clip_with_another_number_of_sentences_is_not_used(tmp_path):
    manifest = make_clips(tmp_path, PROMPTS[:1])
    three = manifest.clips[0].sentences[:1] * 3
    clips.write_manifest(
        tmp_path, Manifest(clips=(msgspec.structs.replace(manifest.clips[0], sentences=three),))
    )
    assert open_repertoire(tmp_path, PROMPTS).pieces == spoken_live(PROMPTS).pieces


def test_a_file_that_vanished_is_no_reason_to_fail(tmp_path):
    make_clips(tmp_path, PROMPTS[:1])
    (tmp_path / "kk-pressed-1.wav").unlink()
    assert open_repertoire(tmp_path, PROMPTS).pieces["kk", "pressed"][0].text == "kk pressed one."
