"""The child that owns pyttsx3, and every way in which such a child has been seen to fail."""

import io
import subprocess
import sys
import textwrap
import time
import wave
from pathlib import Path

import msgspec
import pytest
from fakes.voice_bench import without_kazakh

from kiosk.hw.espeak import VOICES, is_voice_of, live_command
from kiosk.hw.tts import Order, frames_in, synthesise
from kiosk.messages import VoiceFailed

pytestmark = pytest.mark.real

TEXTS = {"kk": "Сигнал берілді.", "ru": "Сигнал подан.", "en": "Your signal is given."}
PATIENCE_S = 20.0


def child(tmp_path: Path, body: str) -> tuple[str, ...]:
    """Write a child of our own making; `order` is what it was asked."""
    program = tmp_path / "child.py"
    begin = "import json, os, signal, subprocess, sys, time\norder = json.load(sys.stdin)\n"
    program.write_text(begin + textwrap.dedent(body))
    return (sys.executable, str(program))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_a_text_becomes_a_whole_file_in_every_language(tmp_path, language):
    path = tmp_path / "a.wav"
    synthesise(TEXTS[language], language, path)
    assert frames_in(path) > 22050 // 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_the_child_speaks_with_the_same_figures_as_the_live_voice(tmp_path, language):
    """Voice, rate, pitch and gap all change the length or the samples; both ways must agree.

    In a process of its own, as a site renders: what espeak-ng spoke before sounds on in the first samples.
    """
    path = tmp_path / "a.wav"
    program = "import pathlib, sys; from kiosk.hw import tts; "
    program += "tts.synthesise(*sys.argv[1:3], pathlib.Path(sys.argv[3]))"
    subprocess.run([sys.executable, "-c", program, TEXTS[language], language, path], check=True, timeout=60)
    live = subprocess.run(
        live_command(language), input=TEXTS[language].encode(), capture_output=True, check=True, timeout=20
    ).stdout
    samples = live[live.index(b"data") + 8 :]
    with wave.open(str(path)) as sound:
        assert sound.readframes(sound.getnframes()) == samples


def test_only_a_languages_very_own_voice_may_read_it():
    assert is_voice_of("kk", "trk/kk")
    assert is_voice_of("ru", "zle/ru")
    assert not is_voice_of("kk", "zle/ru")
    assert not is_voice_of("kk", "None")
    assert not is_voice_of("ru", "zle/ru-lv")
    assert all(is_voice_of(language, f"x/{voice.name}") for language, voice in VOICES.items())


@pytest.mark.parametrize("language", ["kk", "ru"])
def test_without_a_kazakh_voice_no_other_voice_reads_kazakh(tmp_path, monkeypatch, language):
    """An unknown voice raises nothing in pyttsx3 and leaves the old one in place."""
    for name, value in without_kazakh(tmp_path).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "a.wav"
    if language == "ru":
        synthesise(TEXTS["ru"], "ru", path)
        return
    with pytest.raises(VoiceFailed, match="would read kk text"):
        synthesise(TEXTS["kk"], "kk", path)
    assert not path.exists()


def test_the_reason_is_told_whatever_the_driver_prints_beside_it(tmp_path):
    """A callback of espeak-ng may outlive the driver's object and print a traceback after the reason."""
    noisy = child(
        tmp_path,
        """
        sys.stdout.write("voice zle/ru would read kk text")
        sys.stdout.flush()
        sys.stderr.write("ReferenceError: weakly-referenced object no longer exists" * 20)
        sys.exit(1)
        """,
    )
    with pytest.raises(VoiceFailed, match=r"a\.wav: voice zle/ru would read kk text$"):
        synthesise("x", "kk", tmp_path / "a.wav", child=noisy)


def test_a_child_that_hangs_is_killed_with_its_own_children(tmp_path):
    pids = tmp_path / "pids"
    hanging = child(
        tmp_path,
        f"""
        grandchild = subprocess.Popen(["sleep", "60"])
        with open({str(pids)!r} + ".new", "w") as file:
            file.write(f"{{os.getpid()}} {{grandchild.pid}}")
        os.rename({str(pids)!r} + ".new", {str(pids)!r})
        open(order["path"], "wb").write(b"half")
        time.sleep(60)
        """,
    )
    for deadline_s in (2, 20):  # a busy machine may need more than two seconds to get so far
        with pytest.raises(VoiceFailed, match=rf"no file after {deadline_s} s for a\.wav; killed"):
            synthesise("x", "kk", tmp_path / "a.wav", deadline_s=deadline_s, child=hanging)
        if pids.exists():
            break
    end_s = time.monotonic() + PATIENCE_S
    ours = [int(pid) for pid in pids.read_text().split()]
    while any(alive(pid) for pid in ours) and time.monotonic() < end_s:
        time.sleep(0.01)
    assert not any(alive(pid) for pid in ours)
    assert not list(tmp_path.glob("*.wav*"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pass", "is no complete WAV file: .*No such file"),
        ("open(order['path'], 'wb').write(b'RIFF')", "is no complete WAV file"),
        ("sys.exit('no espeak-ng here')", "pyttsx3: a.wav: no espeak-ng here"),
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "exit code -11"),
    ],
)
def test_a_child_that_lies_or_dies_leaves_no_file(tmp_path, body, says):
    with pytest.raises(VoiceFailed, match=says):
        synthesise("x", "kk", tmp_path / "a.wav", child=child(tmp_path, body))
    assert not list(tmp_path.glob("*.wav*"))


@pytest.mark.parametrize("frames", [0, 50])
def test_a_file_that_is_cut_short_or_empty_is_no_sound(tmp_path, frames):
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setparams((1, 2, 22050, 0, "NONE", ""))
        sound.writeframes(bytes(2 * frames))
    (tmp_path / "a.wav").write_bytes(content.getvalue()[: -20 if frames else None])
    with pytest.raises(VoiceFailed, match=r"a\.wav holds (0 of 0|40 of 50) frames"):
        frames_in(tmp_path / "a.wav")


def test_a_child_whose_engine_keeps_its_own_rate_leaves_no_file(tmp_path):
    """The driver's 200 words a minute is no calm voice; about one file in forty was spoken so."""
    program = """
from pyttsx3.drivers import _espeak
from kiosk.hw import tts
honest = _espeak.SetParameter
_espeak.SetParameter = lambda figure, value, relative: honest(
    figure, 200 if figure == _espeak.RATE else value, relative
)
tts.main()
"""
    with pytest.raises(VoiceFailed, match="did not take rate, pitch and gap"):
        synthesise(TEXTS["kk"], "kk", tmp_path / "a.wav", child=(sys.executable, "-c", program))
    assert not list(tmp_path.glob("*.wav*"))


def test_a_look_at_the_voice_that_fails_is_no_look(tmp_path):
    """pyttsx3 swallows what a callback raises."""
    program = "from kiosk.hw import tts; tts.is_voice_of = None; tts.main()"
    with pytest.raises(VoiceFailed, match="nobody looked at which voice speaks"):
        synthesise(TEXTS["kk"], "kk", tmp_path / "a.wav", child=(sys.executable, "-c", program))


def test_a_child_without_its_engine_tells_why(tmp_path):
    program = "import sys; sys.modules['pyttsx3'] = None; from kiosk.hw.tts import main; main()"
    with pytest.raises(VoiceFailed, match=r"pyttsx3: a\.wav: .*Error"):
        synthesise("x", "kk", tmp_path / "a.wav", child=(sys.executable, "-c", program))


def test_a_child_whose_parent_is_gone_ends_by_itself(tmp_path):
    program = "import kiosk.hw.tts as t, time; t.render_order = lambda _: time.sleep(60); t.main()"
    wanted = msgspec.json.encode(msgspec.structs.replace(order(tmp_path), deadline_s=0.1))
    done = subprocess.run(
        [sys.executable, "-c", program], input=wanted, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == -14


def test_the_parent_never_loads_the_driver():
    program = (
        "import sys, kiosk.hw.tts, kiosk.hw.voice; print([m for m in sys.modules if 'pyttsx3' in m or m in "
    )
    program += "('numpy', 'scipy', 'pyloudnorm', 'kiosk.hw.mastering')])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout.strip() == b"[]"


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    """pyttsx3 leaves its temporary WAV behind when it is killed while it speaks; the child only saves."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    synthesise(TEXTS["kk"], "kk", tmp_path / "a.wav")
    assert list(scratch.iterdir()) == []


def order(tmp_path: Path) -> Order:
    return Order(text=TEXTS["kk"], language="kk", path=str(tmp_path / "a.wav"), deadline_s=10)
