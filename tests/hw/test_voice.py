"""The whole way from `say` to the samples on a simulated card (acceptance item 7)."""

import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.voice_bench import PATIENCE_S, VoiceBench, make_clips, match, prompts_of, site_config

from kiosk.hw.clips import read_manifest, write_manifest
from kiosk.hw.render import render
from kiosk.hw.repertoire import current_mark
from kiosk.hw.sound_cards import CardWatch
from kiosk.hw.sources import Sources
from kiosk.hw.voice import open_voice
from kiosk.messages import (
    KioskEvent,
    VoiceBroke,
    VoiceEnded,
    VoiceRecovered,
    VoiceStarted,
)
from kiosk.prompts import COVER
from kiosk.sim.soundcard import no_card
from kiosk.words import load_catalogue

pytestmark = pytest.mark.real

SENDING = prompts_of(("kk", "ru"), ("sending", "trying", "received"))
PRESSED = prompts_of(("kk", "ru"), ("pressed", "sending", "received"))

Make = Callable[..., VoiceBench]


@pytest.fixture(autouse=True)
def _short_breaths(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests wait for events, not for calm."""
    monkeypatch.setattr("kiosk.hw.playlist.SENTENCE_PAUSE_S", 0.02)
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 15.0)  # a busy machine is no hung device
    monkeypatch.setattr("kiosk.hw.speaker.LIVE_DEADLINE_S", 15.0)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 1.5)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    benches: list[VoiceBench] = []

    def build(**settings: Any) -> VoiceBench:
        benches.append(VoiceBench(tmp_path, **settings))
        return benches[-1]

    yield build
    for bench in benches:
        bench.close()


def started(events: list[KioskEvent]) -> list[tuple[str, str, str]]:
    return [(e.key, e.language, e.source) for e in events if isinstance(e, VoiceStarted)]


def test_rendered_speech_is_played_sample_for_sample_in_both_languages(make: Make, tmp_path: Path) -> None:
    catalogue = load_catalogue()
    prompts = [catalogue.prompt(lang, key) for lang in ("kk", "ru") for key in ("pressed", "on_scene")]
    report = render(tmp_path / "clips", prompts, Sources(human=tmp_path / "human", piper={}))
    assert report.problems == ()
    bench = make(prompts=prompts, render=False)
    bench.voice.say("pressed")
    heard, events = bench.play_until(VoiceEnded)
    match(heard, bench.sounds("pressed", "kk", "ru"))
    bench.voice.say("on_scene")
    heard, later = bench.play_until(VoiceEnded)
    match(heard, bench.sounds("on_scene", "kk", "ru"))
    assert started(events + later) == [
        ("pressed", "kk", "clip"),
        ("pressed", "ru", "clip"),
        ("on_scene", "kk", "clip"),
        ("on_scene", "ru", "clip"),
    ]


def test_languages_are_said_in_the_order_of_the_site(make: Make) -> None:
    bench = make(languages=("ru", "kk"))
    bench.voice.say("received")
    heard, events = bench.play_until(VoiceEnded)
    match(heard, bench.sounds("received", "ru", "kk"))
    assert events[-1] == VoiceEnded("received")


def test_the_sentence_under_way_ends_and_then_the_newest_state_is_said(make: Make) -> None:
    bench = make(prompts=PRESSED, duration_s=1.5)
    bench.voice.say("pressed")
    first = bench.card.take(4800)
    bench.wait_for(VoiceStarted)
    bench.voice.say("sending")
    bench.voice.say("received")
    rest, events = bench.play_until(VoiceEnded, VoiceEnded)
    sentence = bench.sounds("pressed", "kk")[0]
    match(first + rest, [sentence, *bench.sounds("received", "kk", "ru")])
    assert started(events) == [("received", "kk", "clip"), ("received", "ru", "clip")]
    assert [e for e in events if isinstance(e, VoiceEnded)] == [VoiceEnded("pressed"), VoiceEnded("received")]


def test_trying_cuts_a_sentence_at_once(make: Make) -> None:
    bench = make(prompts=SENDING, duration_s=4.0)
    bench.voice.say("sending")
    first = bench.card.take(4800)
    bench.wait_for(VoiceStarted)
    bench.voice.say("trying", cut=True)
    assert bench.events.get(timeout=PATIENCE_S) == VoiceEnded("sending")  # while the card stands still
    rest, _ = bench.play_until(VoiceEnded)
    heard, sentence = first + rest, bench.sounds("sending", "kk")[0]
    cut = heard.index(bench.sounds("trying", "kk")[0])
    assert 0 < cut < len(sentence) / 2
    assert heard[:cut] == sentence[:cut]
    match(heard[cut:], bench.sounds("trying", "kk", "ru"))


def test_hush_silences_at_once_and_nothing_follows(make: Make) -> None:
    bench = make(prompts=SENDING, duration_s=12.0)  # far longer than a busy machine needs to hear of the hush
    bench.voice.say("sending")
    first = bench.card.take(4800)
    bench.wait_for(VoiceStarted)
    bench.voice.say("received")
    bench.voice.hush()
    rest, events = bench.play_until(VoiceEnded)
    sentence = bench.sounds("sending", "kk")[0]
    assert len(first + rest) < len(sentence) / 2
    assert sentence.startswith(first + rest)
    assert events[-1] == VoiceEnded("sending")


def test_the_same_prompt_said_again_after_a_hush_is_told_again(make: Make) -> None:
    bench = make(prompts=SENDING, duration_s=4.0)
    bench.voice.say("sending")
    bench.card.take(4800)
    bench.wait_for(VoiceStarted)
    bench.voice.hush()
    bench.voice.say("sending")
    _, events = bench.play_until(VoiceEnded, VoiceStarted)
    assert [type(event) for event in events] == [VoiceEnded, VoiceStarted]


def test_cover_mode_plays_the_cover_phrase_for_every_state(make: Make) -> None:
    bench = make(mode="cover")
    bench.voice.say("pressed")
    bench.voice.say("trying", cut=True)
    heard, events = bench.play_until(VoiceEnded)
    match(heard, bench.sounds(COVER, "kk", "ru"))
    assert started(events) == [(COVER, "kk", "clip"), (COVER, "ru", "clip")]


def test_off_is_silent_and_needs_no_device(make: Make, tmp_path: Path) -> None:
    bench = make(mode="off", environ=no_card(tmp_path))
    bench.voice.say("pressed")
    bench.voice.probe()
    assert bench.events.get(timeout=PATIENCE_S) == VoiceRecovered()
    bench.voice.close()
    assert bench.events.empty()
    assert bench.card.take(1, within_s=0.02) == b""


def test_without_a_card_it_is_told_and_nothing_is_claimed_to_be_said(make: Make, tmp_path: Path) -> None:
    bench = make(environ=no_card(tmp_path))
    bench.voice.say("pressed")
    event = bench.events.get(timeout=PATIENCE_S)
    assert isinstance(event, VoiceBroke)
    assert "aplay ended with 1" in event.reason
    bench.voice.probe()
    assert isinstance(bench.events.get(timeout=PATIENCE_S), VoiceBroke)
    bench.voice.close()
    assert bench.events.empty()


def test_without_aplay_it_is_told(make: Make) -> None:
    bench = make(environ={"PATH": "/nonexistent"})
    bench.voice.say("pressed")
    event = bench.events.get(timeout=PATIENCE_S)
    assert event == VoiceBroke("aplay cannot be started: No such file or directory; install it")


@pytest.mark.usefixtures("_impatient")
def test_a_device_that_hangs_never_blocks_and_is_told_once_its_time_is_over(make: Make) -> None:
    bench = make(prompts=PRESSED, duration_s=1.5)
    bench.card.stuff()  # a FIFO that nobody reads
    bench.voice.say("pressed")
    event = bench.wait_for(VoiceBroke)
    assert event == VoiceBroke("aplay was not done in its time; killed")
    closed = threading.Thread(target=bench.voice.close)
    bench.voice.say("received")
    closed.start()
    closed.join(PATIENCE_S)
    assert not closed.is_alive()
    workers = [thread for thread in threading.enumerate() if thread.name == "voice"]
    for thread in workers:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in workers)


@pytest.mark.usefixtures("_impatient")
def test_a_card_that_works_again_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make(prompts=PRESSED, duration_s=1.5)
    bench.voice.say("pressed")
    bench.wait_for(VoiceBroke)
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 15.0)
    bench.voice.say("received")
    _, events = bench.play_until(VoiceRecovered)
    assert started(events) == [("received", "kk", "clip")]
    assert events[0] == VoiceEnded("pressed")


@pytest.mark.parametrize("mode", ["spoken", "cover", "off"])
def test_a_card_that_is_pulled_out_while_nobody_speaks_is_told_without_a_sound(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    card = tmp_path / "asound" / "Device"
    card.mkdir(parents=True)
    monkeypatch.setattr("kiosk.hw.sound_cards.CARDS", card.parent)
    monkeypatch.setattr("kiosk.hw.voice.LOOK_EVERY_S", 0.01)
    looks = queue.SimpleQueue[bool]()
    look = CardWatch.vanished

    def looked(watch: CardWatch) -> bool:
        gone = look(watch)
        looks.put(watch._seen)
        return gone

    monkeypatch.setattr(CardWatch, "vanished", looked)
    bench = make(device="plughw:CARD=Device", mode=mode)
    assert looks.get(timeout=PATIENCE_S) is (mode != "off")
    for _ in range(2):  # pulled out again before anything was played: it is known already
        card.rmdir()
        while looks.get(timeout=PATIENCE_S):
            pass
        card.mkdir()
        while mode != "off" and not looks.get(timeout=PATIENCE_S):
            pass
    told = [] if mode == "off" else [VoiceBroke("the sound card of plughw:CARD=Device is gone")]
    bench.voice.close()
    assert [bench.events.get(timeout=PATIENCE_S) for _ in told] == told
    assert bench.events.empty()
    assert bench.card.drain() == b""


def test_the_probe_plays_silence_and_says_that_the_device_works(make: Make) -> None:
    bench = make()
    bench.voice.probe()
    heard, events = bench.play_until(VoiceRecovered)
    assert events == [VoiceRecovered()]
    assert len(heard) >= 9600
    assert not any(heard)


def test_a_prompt_interrupts_the_probe_which_is_done_afterwards(make: Make) -> None:
    bench = make()
    bench.card.stuff()
    bench.voice.probe()
    bench.voice.say("pressed")
    heard, events = bench.play_until(VoiceEnded, VoiceRecovered)
    match(heard.lstrip(b"\0"), bench.sounds("pressed", "kk", "ru"))
    assert events[-1] == VoiceRecovered()


def test_a_missing_clip_is_spoken_live_by_the_right_voice(make: Make) -> None:
    catalogue = load_catalogue()
    bench = make(prompts=[catalogue.prompt(language, "on_scene") for language in ("kk", "ru")], render=False)
    bench.voice.say("on_scene")
    heard, events = bench.play_until(VoiceEnded)
    assert started(events) == [("on_scene", "kk", "live"), ("on_scene", "ru", "live")]
    assert len(heard) > 22050 * 2
    assert any(heard)


def test_a_damaged_clip_is_spoken_live(make: Make) -> None:
    bench = make(languages=("ru",))
    (bench.clips / "ru-pressed-1.wav").write_bytes(b"RIFF")
    bench.voice.say("pressed")
    _, events = bench.play_until(VoiceEnded)
    assert started(events) == [("pressed", "ru", "live")]


def test_a_sentence_that_cannot_be_had_does_not_silence_the_other_language(
    make: Make, tmp_path: Path
) -> None:
    broken = tmp_path / "bin" / "espeak-ng"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no voice >&2\nexit 1\n")
    broken.chmod(0o755)
    bench = make(environ={"PATH": f"{broken.parent}:/usr/bin:/bin"})
    for number in (1, 2):
        (bench.clips / f"kk-pressed-{number}.wav").unlink()
    bench.voice.say("pressed")
    heard, events = bench.play_until(VoiceEnded)
    match(heard, bench.sounds("pressed", "ru"))
    assert [type(event) for event in events[:3]] == [VoiceBroke, VoiceBroke, VoiceStarted]
    assert events[0] == VoiceBroke("espeak-ng ended with 1: no voice")


def test_clips_that_were_rendered_anew_are_taken_up(make: Make) -> None:
    bench = make(languages=("kk",))
    bench.voice.say("pressed")
    bench.play_until(VoiceEnded)
    before = current_mark(bench.clips)
    make_clips(bench.clips, bench.prompts, duration_s=0.2)
    assert current_mark(bench.clips) != before
    bench.voice.say("pressed")
    heard, _ = bench.play_until(VoiceEnded)
    match(heard, bench.sounds("pressed", "kk"))
    assert len(heard) >= 2 * 0.2 * 96000


def test_a_stale_clip_is_not_played(make: Make) -> None:
    bench = make(languages=("kk",), render=False)
    make_clips(bench.clips, bench.prompts)
    manifest = read_manifest(bench.clips)
    stale = tuple(msgspec.structs.replace(clip, text_sha256="0" * 64) for clip in manifest.clips)
    write_manifest(bench.clips, msgspec.structs.replace(manifest, clips=stale))
    bench.voice.say("pressed")
    _, events = bench.play_until(VoiceEnded)
    assert started(events) == [("pressed", "kk", "live")]


def test_a_bug_in_the_worker_is_told_and_the_next_prompt_is_said(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make(languages=("kk",))
    with monkeypatch.context() as patch:
        patch.setattr("kiosk.hw.voice.read_pcm", lambda _: 1 / 0)
        bench.voice.say("pressed")
        broke = bench.wait_for(VoiceBroke)
    assert broke == VoiceBroke("ZeroDivisionError: division by zero")
    bench.voice.say("received")
    heard, events = bench.play_until(VoiceEnded)
    match(heard, bench.sounds("received", "kk"))
    assert VoiceRecovered() in events, "a fault that nothing clears holds up roll-outs until a restart"
    assert {type(event) for event in events} <= {VoiceStarted, VoiceEnded, VoiceRecovered}


def test_a_thousand_changes_leave_no_child_no_thread_and_the_newest_state(make: Make) -> None:
    before = children()  # of fixtures that live as long as the whole run
    bench = make(duration_s=0.5, languages=("kk",))
    for turn in range(1000):
        bench.voice.say(("pressed", "sending", "received")[turn % 3], cut=turn % 5 == 0)
    bench.voice.say("accepted", cut=True)
    heard, ended = b"", False
    while not ended:
        more, events = bench.play_until(VoiceEnded)
        heard += more
        ended = VoiceEnded("accepted") in events
    match(heard[heard.index(bench.sounds("accepted", "kk")[0]) :], bench.sounds("accepted", "kk"))
    assert [thread.name for thread in threading.enumerate()].count("voice") == 1
    assert set(children()) <= set(before)


def children() -> list[int]:
    me = Path(f"/proc/{os.getpid()}/task")
    return [int(pid) for task in me.iterdir() for pid in (task / "children").read_text().split()]


def test_a_closed_voice_ignores_everything(make: Make) -> None:
    bench = make()
    bench.voice.close()
    bench.voice.close()
    bench.voice.say("pressed")
    bench.voice.hush()
    bench.voice.probe()
    assert bench.events.empty()


def test_a_closed_voice_waits_for_children_that_were_left_behind(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = threading.Event()
    monkeypatch.setattr("kiosk.hw.speaker.Speaker.close", lambda _: waited.set())
    make().voice.close()
    assert waited.wait(PATIENCE_S)


def test_the_sites_configuration_builds_its_voice() -> None:
    events: queue.SimpleQueue[KioskEvent] = queue.SimpleQueue()
    voice = open_voice(site_config(mode="off"), load_catalogue(), events.put)
    voice.probe()
    voice.close()
    assert events.get(timeout=PATIENCE_S) == VoiceRecovered()
