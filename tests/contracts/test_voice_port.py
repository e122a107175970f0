"""What the core may expect of any Voice: the fake, and aplay on a simulated card."""

import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from fakes.voice import FakeVoice, Fault
from fakes.voice_bench import PATIENCE_S, VoiceBench

from kiosk.messages import KioskEvent, VoiceBroke, VoiceEnded, VoiceRecovered, VoiceStarted
from kiosk.ports import Voice
from kiosk.prompts import COVER


class Rig(Protocol):
    """A voice whose device can be made to fail, and what it posted."""

    voice: Voice

    def fault(self, fault: Fault) -> None: ...

    def sounding(self) -> None: ...

    def run(self, last: type[KioskEvent]) -> list[KioskEvent]: ...

    def close(self) -> None: ...


class FakeRig:
    def __init__(self, folder: Path, mode: Any) -> None:
        self.events: queue.SimpleQueue[KioskEvent] = queue.SimpleQueue()
        self.fake = self.voice = FakeVoice(self.events.put, mode=mode)

    def fault(self, fault: Fault) -> None:
        self.fake.fault = fault

    def sounding(self) -> None:
        assert self.fake.sounding

    def run(self, last: type[KioskEvent]) -> list[KioskEvent]:
        while self.fake.finish_sentence():
            pass
        seen = []
        while not self.events.empty():
            seen.append(self.events.get())
        assert any(isinstance(event, last) for event in seen)
        return seen

    def close(self) -> None:
        self.voice.close()


class AplayRig:
    def __init__(self, folder: Path, mode: Any) -> None:
        self._fault = folder / "fault"
        script = folder / "bin" / "aplay"
        script.parent.mkdir()
        script.write_text(
            f"#!/bin/sh\ncase $(cat {self._fault}) in\nrefuses) exit 1;;\nhangs) exec sleep 60;;\n"
            '*) exec /usr/bin/aplay "$@";;\nesac\n'
        )
        script.chmod(0o755)
        self.fault("")
        environ = {"PATH": f"{script.parent}:/usr/bin:/bin"}
        self.bench = VoiceBench(folder, mode=mode, duration_s=0.8, environ=environ)
        self.voice = self.bench.voice

    def fault(self, fault: Fault) -> None:
        self._fault.write_text(fault)

    def sounding(self) -> None:
        assert self.bench.card.take(4800)
        self.bench.events.put(self.bench.wait_for(VoiceStarted))

    def run(self, last: type[KioskEvent]) -> list[KioskEvent]:
        return self.bench.play_until(last)[1]

    def close(self) -> None:
        self.bench.close()


Make = Callable[..., Rig]


@pytest.fixture(params=[FakeRig, pytest.param(AplayRig, marks=pytest.mark.real)])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr("kiosk.hw.playlist.SENTENCE_PAUSE_S", 0.02)
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 15.0)  # a busy machine is no hung device
    rigs: list[Rig] = []

    def build(mode: str = "spoken") -> Rig:
        rigs.append(request.param(tmp_path, mode))
        return rigs[-1]

    yield build
    for rig in rigs:
        rig.close()


def heard(events: list[KioskEvent]) -> list[str]:
    """Every language that began, and every prompt that ended with a full stop, in order."""
    told = []
    for event in events:
        if isinstance(event, VoiceStarted):
            told.append(f"{event.key}/{event.language}")
        elif isinstance(event, VoiceEnded):
            told.append(f"{event.key}.")
    return told


def test_a_prompt_is_said_in_every_language_and_its_end_is_told(make: Make) -> None:
    rig = make()
    rig.voice.say("pressed")
    assert heard(rig.run(VoiceEnded)) == ["pressed/kk", "pressed/ru", "pressed."]


def test_the_newest_state_follows_the_sentence_under_way_and_stale_ones_are_dropped(make: Make) -> None:
    rig = make()
    rig.voice.say("pressed")
    rig.sounding()
    for key in ("sending", "received"):
        rig.voice.say(key)
    assert heard(rig.run(VoiceEnded))[:2] == ["pressed/kk", "pressed."]


def test_a_cut_ends_what_is_said_at_once(make: Make) -> None:
    rig = make()
    rig.voice.say("sending")
    rig.sounding()
    rig.voice.say("trying", cut=True)
    assert heard(rig.run(VoiceEnded))[:2] == ["sending/kk", "sending."]


def test_hush_ends_what_is_said_and_forgets_the_rest(make: Make) -> None:
    rig = make()
    rig.voice.say("sending")
    rig.sounding()
    rig.voice.say("received")
    rig.voice.hush()
    assert heard(rig.run(VoiceEnded)) == ["sending/kk", "sending."]


def test_cover_says_only_the_cover_phrase(make: Make) -> None:
    rig = make("cover")
    rig.voice.say("pressed")
    rig.voice.say("trying", cut=True)
    rig.voice.say("received")
    assert heard(rig.run(VoiceEnded)) == [f"{COVER}/kk", f"{COVER}/ru", f"{COVER}."]


def test_off_says_nothing_and_is_not_broken(make: Make) -> None:
    rig = make("off")
    rig.fault("refuses")
    rig.voice.say("pressed")
    rig.voice.probe()
    assert rig.run(VoiceRecovered) == [VoiceRecovered()]


def test_the_probe_tells_whether_the_device_works(make: Make) -> None:
    rig = make()
    rig.voice.probe()
    assert rig.run(VoiceRecovered) == [VoiceRecovered()]
    rig.fault("refuses")
    rig.voice.probe()
    assert [type(event) for event in rig.run(VoiceBroke)] == [VoiceBroke]


def test_a_device_that_refuses_is_told_and_nothing_is_claimed_to_be_said(make: Make) -> None:
    rig = make()
    rig.fault("refuses")
    rig.voice.say("pressed")
    assert [type(event) for event in rig.run(VoiceBroke)] == [VoiceBroke]


@pytest.mark.parametrize("fault", ["refuses", "hangs"])
def test_a_device_that_works_again_says_the_next_prompt_and_is_told(
    make: Make, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 1.5)
    rig = make()
    rig.fault(fault)
    rig.voice.say("pressed")
    events = rig.run(VoiceBroke)
    monkeypatch.setattr("kiosk.hw.speaker.MARGIN_S", 15.0)
    rig.fault("")
    rig.voice.say("received")
    events += rig.run(VoiceRecovered)
    assert heard(events)[:1] == ["received/kk"]


def test_no_method_waits_for_a_device_that_hangs(make: Make) -> None:
    rig = make()
    rig.fault("hangs")
    begun_s = time.monotonic()
    for turn in range(200):
        rig.voice.say(("pressed", "received")[turn % 2], cut=turn % 3 == 0)
        rig.voice.probe()
    rig.voice.hush()
    rig.voice.close()
    assert time.monotonic() - begun_s < PATIENCE_S  # a deadline far below what 200 hung children would take


def test_a_key_that_nobody_knows_is_ignored(make: Make) -> None:
    rig = make()
    rig.voice.say("joke")
    rig.voice.say("drill")
    assert heard(rig.run(VoiceEnded)) == ["drill/kk", "drill/ru", "drill."]


def test_closing_twice_is_harmless_and_afterwards_nothing_is_said(make: Make) -> None:
    rig = make()
    rig.voice.close()
    rig.voice.close()
    rig.voice.say("pressed")
    rig.voice.hush()
    rig.voice.probe()
