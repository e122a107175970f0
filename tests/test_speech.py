"""What is said of open incidents: only what holds, to the person it is about."""

from dataclasses import replace
from itertools import pairwise

from fakes.virtual_kiosk import VirtualKiosk, example_config

from kiosk.bodies import AlertId
from kiosk.effects import Say, Tell
from kiosk.kept import record
from kiosk.messages import DrillAsked, JournalLoaded, Snapshot, Token, VoiceEnded, VoiceStarted
from kiosk.speech import newest_word


def online(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().online().quiet()


def heard(virtual: VirtualKiosk, key: str, language: str = "kk") -> None:
    virtual.feed(VoiceStarted(key=key, language=language, source="clip"))  # type: ignore[arg-type]


def test_without_any_receipt_it_says_given_sending_and_trying_in_that_order() -> None:
    virtual = online().press().run(200.0)
    assert virtual.said == ["pressed", "sending", "trying", "trying", "trying"]
    assert Say("trying", cut=True) in virtual.effects


def test_trying_is_spoken_in_spoken_mode_only() -> None:
    for mode in ("cover", "off"):
        assert online(voice__mode=mode).press().run(600.0).said == ["pressed", "sending"]


def test_comfort_comes_at_most_every_45_s() -> None:
    virtual = online(voice__reassure_s=45.0).press()
    virtual.reply("received")
    times = []
    for _ in range(600):
        before = len(virtual.said)
        virtual.run(1.0)
        times += [virtual.now_s] * (len(virtual.said) - before)
    assert 10 <= len(times) <= 14
    assert min(later - sooner for sooner, later in pairwise(times)) >= 45.0


def test_nothing_comforts_by_itself_where_others_listen() -> None:
    virtual = online(voice__mode="cover").press()
    virtual.reply("received")
    assert virtual.run(600.0).said == ["pressed", "received"]


def test_a_press_in_the_turn_that_closes_an_alert_has_the_only_word() -> None:
    """Found by the simulation (781460201.5843): "closed" would be taken for an answer to the new press."""
    virtual = online().press()
    virtual.reply("received")
    virtual.edge(virtual.config.buttons[0].name, pressed=True)
    virtual.sleep(8.0)  # the process stood still: the answer waits behind the edge, and both come in one turn
    virtual.reply("closed")
    (turn,) = [
        turn for turn in virtual.turns if any(isinstance(e, Tell) and e.what == "closed" for e in turn)
    ]
    assert [effect for effect in turn if isinstance(effect, Say)] == [Say("pressed")]
    assert [e.what for e in turn if isinstance(e, Tell) and e.what in {"closed", "pressed"}] == [
        "closed",
        "pressed",
    ]


def test_a_word_that_cuts_and_is_overtaken_in_its_turn_still_cuts() -> None:
    told = Tell("closed")
    assert newest_word([Say("a", cut=True), told, Say("b"), told]) == [told, Say("b", cut=True), told]
    assert newest_word([told, Say("b")]) == [told, Say("b")]


def test_a_press_during_a_drill_cuts_its_words_off() -> None:
    """ "Help is not being called" must not go on while it is being called."""
    virtual = online()
    virtual.feed(DrillAsked(token=Token("t")))
    virtual.press()
    assert Say("pressed", cut=True) in virtual.effects
    assert virtual.said == ["drill", "pressed"]


def test_a_press_cuts_the_words_of_a_drill_that_just_ended() -> None:
    virtual = online()
    heard(virtual, "drill")
    virtual.press()
    assert Say("pressed", cut=True) in virtual.effects


def test_a_press_lets_any_other_sentence_end() -> None:
    virtual = online()
    heard(virtual, "drill")
    virtual.feed(VoiceEnded("drill"))
    heard(virtual, "cover")
    virtual.press()
    assert Say("pressed") in virtual.effects


def test_what_sounds_is_told_once_for_each_language_and_not_for_each_sentence() -> None:
    virtual = online()
    for language in ("kk", "kk", "ru", "ru"):
        heard(virtual, "pressed", language)
    virtual.feed(VoiceEnded("pressed"))
    heard(virtual, "pressed")
    assert [(told["key"], told["lang"], told["source"]) for told in virtual.tells("said")] == [
        ("pressed", "kk", "clip"),
        ("pressed", "ru", "clip"),
        ("pressed", "kk", "clip"),
    ]


def test_only_the_newest_press_speaks() -> None:
    virtual = VirtualKiosk().begin().press()
    older = replace(
        record(virtual.parts.alarm.cases.open[0].incident), alert_id=AlertId("01OLD"), stage="accepted"
    )
    virtual.feed(JournalLoaded(Snapshot(incidents=(older,))))
    assert virtual.quiet().run(300.0).said == ["trying"] * 5


def test_a_further_press_is_answered_at_once_and_puts_comfort_off() -> None:
    virtual = online().press()
    virtual.reply("received")
    virtual.run(50.0).press().reply("received")
    assert virtual.run(55.0).said == ["pressed", "received", "pressed_again"]
    assert virtual.run(10.0).said[-1] == "received"


def test_nobody_speaks_when_nothing_is_open() -> None:
    virtual = online()
    assert virtual.parts.alarm.speech.wake_s() is None
    assert virtual.parts.alarm.speech.run(virtual.now()) == []


def test_a_tampered_case_is_silent() -> None:
    virtual = online()
    virtual.parts.alarm.open("tamper", "tamper", virtual.now(), "synced")
    assert virtual.run(100.0).said == []
