import fcntl
import os
from pathlib import Path

import numpy as np
import pytest
from fakes.voice_bench import site_config
from scipy.io import wavfile

from kiosk.hw import clips, piper
from kiosk.hw.clips import faults, read_manifest, text_sha256
from kiosk.hw.render import Progress, render, render_site
from kiosk.hw.sources import Sources
from kiosk.messages import VoiceFailed
from kiosk.prompts import KEYS, Prompt
from kiosk.words import load_catalogue

RATE_HZ = 22050


def sound(duration_s=0.6, rate_hz=RATE_HZ):
    time_s = np.arange(int(duration_s * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * 150 * n * time_s) / n for n in range(1, 15))
    return (6000 * tone * (0.2 + np.abs(np.sin(2 * np.pi * 2 * time_s)))).astype("i2")


def prompt(key="pressed", language="kk", text="Бір. Екі үш.", *, approved=False):
    return Prompt(key=key, language=language, text=text, approved=approved)


class Speaker:
    """Speaks like pyttsx3 would, and counts; refuses the texts in `mute`."""

    def __init__(self):
        self.said = []
        self.mute = set()

    def __call__(self, text, language, path):
        self.said.append((language, text))
        if text in self.mute:
            raise VoiceFailed("pyttsx3: no voice today")
        wavfile.write(path, RATE_HZ, sound(0.4 + len(text) / 50))


@pytest.fixture
def speaker():
    return Speaker()


@pytest.fixture
def sources(tmp_path, speaker):
    return Sources(human=tmp_path / "human", piper={}, speak=speaker)


def record(sources, name, samples=None, rate_hz=44100):
    path = sources.human / name
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate_hz, sound(1.0, rate_hz) if samples is None else samples)
    return path


@pytest.fixture
def piper_command(tmp_path, monkeypatch):
    """Install a `piper` that copies a sound, and give a model for Kazakh."""
    folder = tmp_path / "bin"
    folder.mkdir()
    wavfile.write(tmp_path / "piper.wav", RATE_HZ, sound())
    script = folder / "piper"
    script.write_text(
        f'#!/bin/sh\ncat > {tmp_path}/piper.text\necho "$@" > {tmp_path}/piper.args\n'
        f'while [ "$1" != --output_file ]; do shift; done\n. {tmp_path}/piper.do\n'
    )
    script.chmod(0o755)
    (tmp_path / "piper.do").write_text(f'cp {tmp_path}/piper.wav "$2"')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    model = tmp_path / "kk.onnx"
    model.write_bytes(b"model")
    model.with_name("kk.onnx.json").write_text('{"espeak": {"voice": "kk"}, "other": 1}')
    return model


def test_every_sentence_becomes_a_file_within_limits(tmp_path, sources, speaker):
    folder = tmp_path / "clips"
    report = render(folder, [prompt(), prompt(language="ru", text="Раз.")], sources)
    assert (report.rendered, report.kept, report.problems) == (2, 0, ())
    assert speaker.said == [("kk", "Бір."), ("kk", "Екі үш."), ("ru", "Раз.")]
    manifest = read_manifest(folder)
    assert manifest == report.manifest
    assert list(faults(folder, manifest)) == []
    clip = manifest.clip("kk", "pressed")
    assert clip is not None
    assert (clip.source, clip.voice, clip.approved) == ("pyttsx3", "espeak-ng/kk", False)
    assert clip.text_sha256 == text_sha256("Бір. Екі үш.")
    first, second = clip.sentences
    assert first.end_s == first.duration_s
    assert second.end_s == pytest.approx(first.end_s + 0.35 + second.duration_s)
    for part in clip.sentences:
        assert len(clips.read_pcm(folder / part.file)) == pytest.approx(part.duration_s * 96000, abs=96)


def test_what_is_unchanged_is_kept(tmp_path, sources, speaker):
    folder = tmp_path / "clips"
    render(folder, [prompt(), prompt("drill")], sources)
    before = (folder / "manifest.json").stat()
    speaker.said.clear()
    report = render(folder, [prompt(), prompt("drill")], sources)
    assert (report.rendered, report.kept, speaker.said) == (0, 2, [])
    assert (folder / "manifest.json").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("harm", ["text", "file", "missing", "manifest"])
def test_what_changed_or_was_damaged_is_rendered_again(tmp_path, sources, speaker, harm):
    folder = tmp_path / "clips"
    render(folder, [prompt(), prompt("drill")], sources)
    speaker.said.clear()
    texts = {"text": "Басқа."}
    match harm:
        case "file":
            next(folder.glob("kk-pressed-1-*.wav")).write_bytes(b"torn")
        case "missing":
            next(folder.glob("kk-pressed-2-*.wav")).unlink()
        case "manifest":
            (folder / "manifest.json").write_bytes(b"torn")
    report = render(folder, [prompt(text=texts.get(harm, "Бір. Екі үш.")), prompt("drill")], sources)
    assert report.rendered == (2 if harm == "manifest" else 1)
    assert list(faults(folder, read_manifest(folder))) == []


def test_an_approval_is_noted_without_rendering(tmp_path, sources, speaker):
    folder = tmp_path / "clips"
    render(folder, [prompt()], sources)
    speaker.said.clear()
    report = render(folder, [prompt(approved=True)], sources)
    assert (report.kept, speaker.said) == (1, [])
    assert [clip.approved for clip in read_manifest(folder).clips] == [True]


def test_clips_that_a_daemon_may_be_playing_stay_until_the_next_rendering(tmp_path, sources):
    folder = tmp_path / "clips"
    render(folder, [prompt()], sources)
    old = set(folder.glob("*.wav"))
    render(folder, [prompt(text="Басқа.")], sources)
    assert old < set(folder.glob("*.wav"))
    render(folder, [prompt(text="Басқа.")], sources)
    assert len(list(folder.glob("*.wav"))) == 1


def test_a_human_recording_wins_over_piper_and_pyttsx3(tmp_path, sources, speaker, piper_command):
    pause = np.zeros(44100 // 2, "i2")
    record(sources, "kk/pressed.wav", np.concatenate([sound(1, 44100), pause, sound(1.2, 44100)]))
    with_piper = Sources(human=sources.human, piper={"kk": piper_command}, speak=speaker)
    manifest = render(
        tmp_path / "clips", [prompt(), prompt("drill"), prompt(language="ru")], with_piper
    ).manifest
    assert [(c.source, len(c.sentences)) for c in manifest.clips] == [
        ("human", 2),
        ("piper", 2),
        ("pyttsx3", 2),
    ]
    assert all(
        -23.5 <= s.lufs <= -22.5 and s.true_peak_dbfs <= -2 for c in manifest.clips for s in c.sentences
    )
    assert (tmp_path / "piper.text").read_text() == "Екі үш."
    assert f"--model {piper_command}" in (tmp_path / "piper.args").read_text()


def test_a_human_recording_that_changes_is_taken_anew(tmp_path, sources):
    folder = tmp_path / "clips"
    record(sources, "kk/pressed.wav")
    assert render(folder, [prompt()], sources).rendered == 1
    assert render(folder, [prompt()], sources).kept == 1
    record(sources, "kk/pressed.wav", sound(1.4, 44100))
    assert render(folder, [prompt()], sources).rendered == 1
    (sources.human / "kk/pressed.wav").unlink()
    assert render(folder, [prompt()], sources).manifest.clips[0].source == "pyttsx3"


def test_a_damaged_recording_is_told_by_name_and_everything_is_still_rendered(tmp_path, sources):
    path = record(sources, "kk/pressed.wav")
    path.write_bytes(b"ID3 this is no sound")
    report = render(tmp_path / "clips", [prompt(), prompt("drill")], sources)
    assert report.rendered == 2
    assert len(report.problems) == 1
    assert str(path) in report.problems[0]
    assert "allowed: WAV" in report.problems[0]
    assert [clip.source for clip in report.manifest.clips] == ["pyttsx3", "pyttsx3"]


def test_a_recording_that_is_no_file_is_told(tmp_path, sources):
    (sources.human / "kk/pressed.wav").mkdir(parents=True)
    report = render(tmp_path / "clips", [prompt()], sources)
    assert "pressed.wav: cannot be read as sound" in report.problems[0]


def test_a_prompt_that_cannot_be_rendered_is_told_and_the_others_are(tmp_path, sources, speaker):
    folder = tmp_path / "clips"
    speaker.mute.add("Екі үш.")
    report = render(folder, [prompt(), prompt("drill", text="Бір.")], sources)
    assert report.problems == ("kk pressed: pyttsx3: no voice today",)
    assert [clip.key for clip in read_manifest(folder).clips] == ["drill"]


def test_a_better_source_that_fails_leaves_the_old_clip(tmp_path, sources, speaker):
    folder = tmp_path / "clips"
    record(sources, "kk/pressed.wav")
    render(folder, [prompt()], sources)
    (sources.human / "kk/pressed.wav").write_bytes(b"torn")
    speaker.mute |= {"Бір.", "Екі үш."}
    report = render(folder, [prompt()], sources)
    assert len(report.problems) == 2
    assert [clip.source for clip in report.manifest.clips] == ["human"]


def test_progress_is_told_for_every_prompt(tmp_path, sources, speaker):
    seen: list[Progress] = []
    speaker.mute.add("Үн.")
    folder = tmp_path / "clips"
    render(folder, [prompt()], sources)
    wanted = [prompt(), prompt("drill"), prompt("closed", text="Үн.")]
    render(folder, wanted, sources, progress=seen.append)
    assert [(p.done, p.total, p.prompt.key, p.outcome) for p in seen] == [
        (1, 3, "pressed", "kept"),
        (2, 3, "drill", "rendered"),
        (3, 3, "closed", "failed"),
    ]


def test_two_renderings_never_share_a_folder(tmp_path, sources):
    folder = tmp_path / "clips"
    render(folder, [], sources)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(VoiceFailed, match="another rendering is under way"):
            render(folder, [prompt()], sources)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, sources, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(VoiceFailed, match="clips cannot be written: "):
        render(tmp_path / "file" / "clips", [prompt()], sources)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(clips.os, "fsync", full)
    with pytest.raises(VoiceFailed, match="clips cannot be written: No space left on device"):
        render(tmp_path / "clips", [prompt()], sources)
    assert not list((tmp_path / "clips").glob("*.wav"))


def test_a_model_of_another_language_never_reads_kazakh(tmp_path, sources, speaker, piper_command):
    piper_command.with_name("kk.onnx.json").write_text('{"espeak": {"voice": "ru"}}')
    with_piper = Sources(human=sources.human, piper={"kk": piper_command}, speak=speaker)
    report = render(tmp_path / "clips", [prompt()], with_piper)
    assert "speaks ru, not kk" in report.problems[0]
    assert report.manifest.clips[0].source == "pyttsx3"


@pytest.mark.parametrize("card", [None, "{", "{}"])
def test_a_model_without_its_card_is_not_used(tmp_path, sources, speaker, piper_command, card):
    path = piper_command.with_name("kk.onnx.json")
    path.unlink()
    if card is not None:
        path.write_text(card)
    with_piper = Sources(human=sources.human, piper={"kk": piper_command}, speak=speaker)
    assert "needed beside the model" in render(tmp_path / "clips", [prompt()], with_piper).problems[0]


def test_a_model_that_is_missing_is_told_by_piper(tmp_path, sources, speaker, piper_command):
    (tmp_path / "piper.do").write_text("echo no model >&2; exit 1")
    piper_command.unlink()
    with_piper = Sources(human=sources.human, piper={"kk": piper_command}, speak=speaker)
    report = render(tmp_path / "clips", [prompt()], with_piper)
    assert report.problems == ("kk pressed: piper: no model",)


@pytest.mark.real
@pytest.mark.parametrize(
    ("does", "deadline_s", "says"),
    [("exit 0", 20.0, "exit code 0"), ("sleep 60", 0.5, "no answer in 0.5 s; killed")],
)
def test_a_piper_that_lies_or_hangs_leaves_no_file(tmp_path, piper_command, does, deadline_s, says):
    (tmp_path / "piper.do").write_text(does)
    with pytest.raises(VoiceFailed, match=says):
        piper.synthesise("x", piper_command, tmp_path / "out.wav", deadline_s=deadline_s)
    assert not (tmp_path / "out.wav").exists()


def test_without_the_command_a_model_is_ignored(tmp_path, sources, speaker, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with_piper = Sources(human=sources.human, piper={"kk": tmp_path / "kk.onnx"}, speak=speaker)
    assert render(tmp_path / "clips", [prompt()], with_piper).problems == ()


@pytest.mark.real
def test_kazakh_prompts_are_rendered_by_pyttsx3_within_limits(tmp_path):
    catalogue = load_catalogue()
    prompts = [catalogue.prompt("kk", key) for key in KEYS[:4]]
    folder = tmp_path / "clips"
    report = render(folder, prompts, Sources(human=tmp_path, piper={}))
    assert report.problems == ()
    assert report.rendered == len(prompts)
    assert list(faults(folder, read_manifest(folder))) == []
    assert not list(Path(folder).glob("*.part"))


def test_a_sites_configuration_names_its_folders_prompts_and_models(tmp_path, monkeypatch):
    seen = []

    def spy(folder, prompts, sources, **_):
        seen.append((folder, len(prompts), sources.human, sources.piper))

    monkeypatch.setattr("kiosk.hw.render.render", spy)
    cover = {"kk": "Дүкен ашық.", "ru": "Магазин открыт."}
    config = site_config(mode="cover", clips="/c", human="/h", piper={"kk": "/m.onnx"}, cover=cover)
    render_site(config, load_catalogue())
    assert seen == [(Path("/c"), 2 * len(KEYS) + 2, Path("/h"), {"kk": Path("/m.onnx")})]
