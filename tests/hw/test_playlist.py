from hypothesis import given
from hypothesis import strategies as st

from kiosk.hw.playlist import (
    ANSWERS,
    SENTENCE_PAUSE_S,
    Line,
    Mode,
    Pause,
    Playlist,
    Rules,
    ask,
    drop,
    hush,
    step,
)
from kiosk.prompts import COVER, KEYS


def rules(mode: Mode = "spoken", sentences: int = 2) -> Rules:
    return Rules(
        mode=mode,
        languages=("kk", "ru"),
        gap_s=0.7,
        sentences={(language, key): sentences for language in ("kk", "ru") for key in (*KEYS, COVER)},
    )


def run(rules: Rules, playlist: Playlist, steps: int = 50) -> list[str | float]:
    """Play on until nothing is left; a line is `key/language/sentence`, a pause its seconds."""
    done: list[str | float] = []
    for _ in range(steps):
        playlist, todo = step(rules, playlist)
        match todo:
            case None:
                return done
            case Pause():
                done.append(todo.s)
            case Line():
                done.append(f"{todo.key}/{todo.language}/{todo.sentence}")
    raise AssertionError("never ends")


def asked(*keys: str, mode: Mode = "spoken") -> Playlist:
    playlist = Playlist()
    for key in keys:
        playlist, _ = ask(rules(mode), playlist, key)
    return playlist


def test_a_prompt_is_said_in_every_language_with_its_gaps() -> None:
    assert run(rules(), asked("pressed")) == [
        "pressed/kk/0",
        0.35,
        "pressed/kk/1",
        0.7,
        "pressed/ru/0",
        0.35,
        "pressed/ru/1",
        0.35,
    ]


def test_only_the_newest_of_several_states_is_said() -> None:
    said = run(rules(), asked("pressed", "sending", "received"))
    assert {str(item).split("/")[0] for item in said if isinstance(item, str)} == {"received"}


def test_a_newer_state_waits_for_the_end_of_the_sentence_and_then_the_rest_is_dropped() -> None:
    playlist, line = step(rules(), asked("pressed"))
    assert line == Line(key="pressed", language="kk", sentence=0)
    playlist, cut = ask(rules(), playlist, "received")
    assert not cut
    assert run(rules(), playlist)[:2] == [SENTENCE_PAUSE_S, "received/kk/0"]


def test_a_further_press_does_not_drop_the_news_that_somebody_heard() -> None:
    playlist, _ = step(rules(), asked("pressed"))
    for key in ("received", "pressed_again"):
        playlist, cut = ask(rules(), playlist, key)
        assert not cut
    assert run(rules(), playlist)[:2] == [SENTENCE_PAUSE_S, "received/kk/0"]


def test_a_further_press_lets_the_news_be_said_in_every_language() -> None:
    playlist, _ = step(rules(), asked("accepted"))
    playlist, _ = ask(rules(), playlist, "pressed_again")
    said = [str(item).split("/")[:2] for item in run(rules(), playlist) if isinstance(item, str)]
    assert said == [["accepted", "kk"], ["accepted", "ru"], ["accepted", "ru"]]


def test_a_further_press_is_answered_while_nothing_better_is_to_be_said() -> None:
    playlist, _ = step(rules(), asked("pressed"))
    playlist, _ = ask(rules(), playlist, "pressed_again")
    assert run(rules(), playlist)[:2] == [SENTENCE_PAUSE_S, "pressed_again/kk/0"]
    assert run(rules(), asked("received", "trying", "pressed_again"))[0] == "pressed_again/kk/0"


def test_a_newer_state_after_the_other_language_waits_for_the_longer_gap() -> None:
    playlist = asked("on_scene")
    while playlist.heard != "ru":
        playlist, _ = step(rules(sentences=1), playlist)
    playlist, _ = ask(rules(sentences=1), playlist, "closed")
    assert run(rules(sentences=1), playlist)[:2] == [0.7, "closed/kk/0"]


def test_a_gap_that_grew_while_it_ran_is_only_topped_up() -> None:
    playlist = asked("on_scene")
    while playlist.heard != "ru":
        playlist, _ = step(rules(sentences=1), playlist)
    playlist, first = step(rules(sentences=1), playlist)
    playlist, _ = ask(rules(sentences=1), playlist, "closed")
    playlist, second = step(rules(sentences=1), playlist)
    assert (first, second) == (Pause(0.35), Pause(0.35))


def test_what_is_being_said_is_not_begun_again_and_makes_what_came_between_stale() -> None:
    playlist, _ = step(rules(), asked("received"))
    playlist, _ = ask(rules(), playlist, "sending")
    playlist, cut = ask(rules(), playlist, "received", cut=True)
    assert not cut
    assert playlist.newest is None
    assert run(rules(), playlist)[1] == "received/kk/1"


def test_trying_cuts_at_once_and_begins_without_a_pause() -> None:
    playlist, _ = step(rules(), asked("sending"))
    playlist, cut = ask(rules(), playlist, "trying", cut=True)
    assert cut
    assert run(rules(), playlist)[0] == "trying/kk/0"


def test_a_cut_needs_nothing_to_stop_when_it_is_quiet() -> None:
    assert ask(rules(), Playlist(), "trying", cut=True)[1] is False


def test_hush_stops_at_once_and_forgets_everything() -> None:
    playlist, _ = step(rules(), asked("sending"))
    playlist, _ = ask(rules(), playlist, "received")
    assert hush(playlist) == (Playlist(), True)
    assert hush(Playlist()) == (Playlist(), False)


def test_trying_is_never_said_outside_spoken_mode() -> None:
    assert asked("trying", mode="cover") == Playlist()
    assert asked("trying", mode="off") == Playlist()


def test_off_says_nothing() -> None:
    assert asked("pressed", "cover", mode="off") == Playlist()


def test_cover_mode_says_the_cover_phrase_once_however_many_states_pass() -> None:
    playlist, line = step(rules("cover", 1), asked("pressed", mode="cover"))
    assert line == Line(key=COVER, language="kk", sentence=0)
    for key in ("sending", "received", "cover"):
        playlist, cut = ask(rules("cover", 1), playlist, key, cut=True)
        assert not cut
    assert run(rules("cover", 1), playlist) == [0.7, "cover/ru/0", 0.35]


def test_a_cut_never_chops_a_cover_phrase() -> None:
    playlist, cut = ask(rules("cover"), Playlist(), "received", cut=True)
    assert (playlist.newest, cut) == (COVER, False)


def test_an_unknown_key_is_not_said() -> None:
    assert asked("joke") == Playlist()


def test_what_cannot_be_played_is_given_up_and_what_came_newer_is_kept() -> None:
    playlist, _ = step(rules(), asked("pressed"))
    playlist, _ = ask(rules(), playlist, "sending")
    assert drop(playlist) == Playlist(newest="sending")


@given(
    st.lists(st.sampled_from(["step", "hush", "drop", *KEYS])), st.sampled_from(["spoken", "cover", "off"])
)
def test_whatever_happens_the_newest_state_is_what_is_said_next_and_it_ends(
    acts: list[str], mode: Mode
) -> None:
    playlist, newest = Playlist(), None
    for act in acts:
        if act == "step":
            playlist, line = step(rules(mode), playlist)
            if isinstance(line, Line) and newest is not None and line.sentence == 0 and line.language == "kk":
                assert line.key == newest
        elif act in {"hush", "drop"}:
            playlist = hush(playlist)[0] if act == "hush" else drop(playlist)
        else:
            answered = act == "pressed_again" and (playlist.newest or playlist.saying) in ANSWERS
            playlist, _ = ask(rules(mode), playlist, act, cut=act == "trying")
            if answered:
                continue
            newest = COVER if mode == "cover" else act
            if mode == "spoken":
                assert act in (playlist.newest, playlist.saying)
    said = run(rules(mode), playlist)
    assert mode != "off" or said == []
    assert mode == "spoken" or not any("trying" in str(item) for item in said)
