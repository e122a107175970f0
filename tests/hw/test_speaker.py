import array
import fcntl
import os
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.voice_bench import match, noise, without_kazakh

from kiosk.hw import speaker
from kiosk.hw.bell import Bell
from kiosk.hw.speaker import Pcm, Speaker, Stop
from kiosk.messages import VoiceFailed
from kiosk.sim.soundcard import SoundCard

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no hung device; who tests one sets its own margin."""
    monkeypatch.setattr(speaker, "MARGIN_S", 15.0)
    monkeypatch.setattr(speaker, "LIVE_DEADLINE_S", 15.0)


@pytest.fixture
def bell() -> Iterator[Bell]:
    bell = Bell()
    yield bell
    bell.close()


@pytest.fixture
def card(tmp_path: Path) -> Iterator[SoundCard]:
    card = SoundCard(tmp_path)
    yield card
    card.close()


def never(bell: Bell) -> Stop:
    return Stop(bell.fd, lambda: False)


def program(tmp_path: Path, name: str, body: str) -> dict[str, str]:
    path = tmp_path / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:/usr/bin:/bin"}


def test_a_gain_lowers_every_sample_and_is_never_above_zero(card, bell):
    samples = noise("a", 0.3)
    for gain_db, factor in ((-6.0206, 0.5), (12.0, 1.0)):
        ended = Speaker("default", gain_db=gain_db, environ=card.environ).play(
            Pcm(samples, 48000), never(bell)
        )
        assert ended == "ended"
        expected = array.array("h", [int(value * factor) for value in array.array("h", samples)])
        heard = array.array("h", card.take(len(samples)))
        assert max(abs(a - b) for a, b in zip(heard, expected, strict=True)) <= 1
        card.drain()


def test_a_short_sound_is_told_to_have_begun(card, bell):
    begun = []
    Speaker("default", environ=card.environ).play(
        Pcm(bytes(960), 48000), never(bell), lambda: begun.append(1)
    )
    assert begun == [1]


def test_a_long_sound_is_told_to_have_begun_once(card, bell):
    begun, samples = threading.Event(), noise("a", 1.5)
    count = []

    def on_begun() -> None:
        count.append(1)
        begun.set()

    player = Speaker("default", environ=card.environ)
    thread = threading.Thread(target=player.play, args=(Pcm(samples, 48000), never(bell), on_begun))
    thread.start()
    first = card.take(4800)
    assert begun.wait(20)
    rest = b""
    while thread.is_alive():
        rest += card.take(1 << 16, within_s=0.01)
    match(first + rest + card.drain(), [samples])
    assert count == [1]


def test_a_sound_is_told_to_have_begun_although_the_pipe_was_never_full(tmp_path, bell, monkeypatch):
    """On a busy machine aplay can be the faster one: it takes each piece before the next is handed over."""
    write, begun, over = os.write, threading.Event(), threading.Event()

    def slowly(fd: int, piece: bytes) -> int:
        count = write(fd, piece)
        while array.array("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]:
            pass
        return count

    environ = program(tmp_path, "aplay", "cat >/dev/null; sleep 60")
    player, stop = Speaker("x", environ=environ), Stop(bell.fd, over.is_set)
    monkeypatch.setattr(speaker.os, "write", slowly)
    thread = threading.Thread(target=player.play, args=(Pcm(noise("a", 1.5), 48000), stop, begun.set))
    thread.start()
    told = begun.wait(20)
    monkeypatch.undo()
    over.set()
    bell.ring()
    thread.join(20)
    assert told
    assert not thread.is_alive()


def test_a_process_that_is_killed_falls_silent_by_itself(card, tmp_path):
    """A kill -9 of the daemon leaves aplay behind, with no more than the pipe's 0.7 s to play."""
    play = """
import os, sys
from kiosk.hw.speaker import Pcm, Speaker, Stop
Speaker("default").play(Pcm(b"\\x01\\x02" * 48000 * 20, 48000), Stop(os.pipe()[0], lambda: False))
"""
    process = subprocess.Popen([sys.executable, "-c", play], env={**os.environ, **card.environ})
    heard = card.take(4800, within_s=20)
    process.kill()
    process.wait(20)
    while more := card.take(1 << 16, within_s=1.0):
        heard += more
    assert 4800 <= len(heard) < 48000 * 2 * 5


def test_a_device_that_refuses_is_told_with_its_words(tmp_path, bell):
    environ = program(tmp_path, "aplay", "head -c 100 >/dev/null; echo device   is\\\\nbusy >&2; exit 4")
    begun = []
    with pytest.raises(VoiceFailed, match="aplay ended with 4: device is"):
        Speaker("x", environ=environ).play(Pcm(bytes(960), 48000), never(bell), lambda: begun.append(1))
    assert begun == []


def test_a_device_that_refuses_a_long_sound_never_claims_that_it_began(tmp_path, bell):
    """The sound does not fit into the pipe, and then nobody is there to take the rest."""
    begun, sound = [], Pcm(bytes(1 << 20), 48000)
    environ = program(tmp_path, "aplay", "sleep 0.2; exit 1")
    with pytest.raises(VoiceFailed, match="no reason given"):
        Speaker("x", environ=environ).play(sound, never(bell), lambda: begun.append(1))
    assert begun == []


def test_a_child_that_closes_its_ends_and_stays_is_killed(tmp_path, bell, monkeypatch):
    monkeypatch.setattr(speaker, "MARGIN_S", 0.3)
    environ = program(tmp_path, "aplay", "exec <&- >&- 2>&-; sleep 60")
    with pytest.raises(VoiceFailed, match="not done in its time; killed"):
        Speaker("x", environ=environ).play(Pcm(bytes(96), 48000), never(bell))


def test_a_flood_of_complaints_is_read_and_cut(tmp_path, bell):
    environ = program(tmp_path, "aplay", "yes complaint | head -c 20000000 >&2; exit 1")
    with pytest.raises(VoiceFailed, match="complaint") as caught:
        Speaker("x", environ=environ).play(Pcm(bytes(2_000_000), 48000), never(bell))
    assert len(str(caught.value)) < 300


def test_a_ring_that_asks_for_nothing_does_not_end_the_sound(card, bell):
    bell.ring()
    heard = []

    def asked() -> bool:
        bell.heard()
        heard.append(1)
        return False

    ended = Speaker("default", environ=card.environ).play(Pcm(bytes(960), 48000), Stop(bell.fd, asked))
    assert (ended, heard) == ("ended", [1])


def test_a_stop_ends_the_live_voice_too(tmp_path, bell):
    environ = program(tmp_path, "espeak-ng", "sleep 60")
    bell.ring()
    assert Speaker("x", environ=environ).speak("Бір.", "kk", Stop(bell.fd, lambda: True)) is None


@pytest.mark.parametrize("body", ["exit 0", "echo rubbish", "printf 'RIFF....WAVEdata'"])
def test_a_live_voice_without_sound_is_told(tmp_path, bell, body):
    with pytest.raises(VoiceFailed, match="espeak-ng gave no sound"):
        Speaker("x", environ=program(tmp_path, "espeak-ng", body)).speak("Бір.", "kk", never(bell))


def test_the_live_voice_never_reads_kazakh_with_another_voice(tmp_path, bell):
    player = Speaker("x", environ=without_kazakh(tmp_path))
    with pytest.raises(VoiceFailed, match="voice does not exist"):
        player.speak("Көмек келді.", "kk", never(bell))
    russian = player.speak("Помощь прибыла.", "ru", never(bell))
    assert russian is not None
    assert (russian.rate_hz, russian.duration_s > 0.5) == (22050, True)


def test_children_that_cannot_be_killed_are_left_behind_but_not_heaped_up(tmp_path, bell, monkeypatch):
    """A driver stuck in the kernel ignores SIGKILL; here the signal is withheld."""
    monkeypatch.setattr(speaker, "MARGIN_S", 0.0)
    monkeypatch.setattr(speaker, "_KILLED_S", 0.01)
    withheld: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(speaker.os, "killpg", lambda pid, _: withheld.append(pid))
        player = Speaker("x", environ=program(tmp_path, "aplay", "sleep 30"))
        for _ in range(2):
            with pytest.raises(VoiceFailed, match="not done in its time"):
                player.play(Pcm(bytes(96), 48000), never(bell))
        with pytest.raises(VoiceFailed, match="hangs in the kernel"):
            player.play(Pcm(bytes(96), 48000), never(bell))
    assert len(withheld) == 2
    stuck = player._stuck
    for process in stuck:
        speaker.os.killpg(process.pid, 9)
        process.wait(20)
    monkeypatch.setattr(speaker, "_KILLED_S", 20.0)
    with pytest.raises(VoiceFailed, match="not done in its time"):
        player.play(Pcm(bytes(96), 48000), never(bell))


def test_a_child_that_was_left_behind_is_waited_for_at_the_end_but_not_for_ever(tmp_path, bell, monkeypatch):
    """A busy machine may need longer than a sound can wait to bury what was killed."""
    monkeypatch.setattr(speaker, "MARGIN_S", 0.0)
    monkeypatch.setattr(speaker, "_KILLED_S", 0.01)
    monkeypatch.setattr(speaker, "_REAP_S", 0.01)
    player = Speaker("x", environ=program(tmp_path, "aplay", "sleep 30"))
    with monkeypatch.context() as patch:
        patch.setattr(speaker.os, "killpg", lambda *_: None)
        with pytest.raises(VoiceFailed, match="not done in its time"):
            player.play(Pcm(bytes(96), 48000), never(bell))
    (process,) = player._stuck
    player.close()
    assert process.returncode is None
    speaker.os.killpg(process.pid, 9)
    monkeypatch.setattr(speaker, "_REAP_S", 20.0)
    player.close()
    assert process.returncode == -9


def test_a_bell_rings_across_threads_and_never_blocks():
    bell = Bell()
    for _ in range(70_000):
        bell.ring()
    bell.listen(0)
    bell.heard()
    ringer = threading.Thread(target=bell.ring)
    ringer.start()
    bell.listen(20)
    ringer.join()
    bell.close()
    bell.ring()
