"""The board's own parts that need no emulator: what it hears, and the archive that it boots from."""

import numpy as np
from deploy.board import hearing, initramfs, recipe

RATE = hearing.RATE_HZ


def voice(seed: int, seconds: float = 2.0) -> hearing.Samples:
    noise = np.random.default_rng(seed).normal(0, 0.3, int(RATE * seconds))
    return np.convolve(noise, np.ones(8) / 8, "same").astype(np.float32)


def silence(seconds: float) -> hearing.Samples:
    return np.zeros(int(RATE * seconds), np.float32)


CLIPS = {"sending": voice(1), "received": voice(2), "closed": voice(3)}


def test_clips_are_heard_in_the_order_in_which_they_were_said() -> None:
    sound = np.concatenate([silence(1.3), CLIPS["sending"], silence(0.7), CLIPS["received"] * 0.5])
    verdict = hearing.judge(sound, ["sending", "received"], CLIPS)
    assert [round(one.share, 1) for one in verdict.clips] == [1.0, 1.0]
    assert abs(verdict.clips[0].at_s - 1.3) < 0.01
    assert verdict.strange_s < 0.1


def test_clips_in_another_order_are_not_what_was_expected() -> None:
    sound = np.concatenate([CLIPS["received"], silence(0.7), CLIPS["sending"]])
    verdict = hearing.judge(sound, ["sending", "received"], CLIPS)
    assert min(one.share for one in verdict.clips) < 0.3


def test_a_stumble_of_the_card_hides_one_piece_and_another_sentence_is_strange() -> None:
    whole = CLIPS["closed"]
    sound = np.concatenate([whole[:4000], silence(0.02), whole[4000:], silence(1.0), voice(9)])
    verdict = hearing.judge(sound, ["closed"], CLIPS)
    assert verdict.clips[0].share > 0.8
    assert 1.5 < verdict.strange_s < 2.5


def test_a_sentence_is_found_wherever_it_was_said() -> None:
    sound = np.concatenate([voice(9, 20.0), silence(1.0), CLIPS["closed"], silence(1.0)])
    assert hearing.share_of(sound, "closed", CLIPS) > 0.8
    assert hearing.share_of(sound, "received", CLIPS) < 0.3
    assert hearing.share_of(silence(0.0), "received", CLIPS) == 0


def test_nothing_is_heard_in_an_empty_recording() -> None:
    assert hearing.judge(silence(0.0), ["closed"], CLIPS).clips[0].share == 0
    assert hearing.judge(silence(1.0), [], CLIPS).loud_s == 0


def test_the_archive_names_every_file_and_ends_as_cpio_does() -> None:
    archive = initramfs.archive([("init", 0o100755, b"#!/bin/sh\n"), ("modules", 0o040755, b"")])
    assert archive.startswith(b"070701")
    assert len(archive) % 4 == 0
    assert b"TRAILER!!!\0" in archive
    assert archive.count(b"070701") == 3


def test_another_recipe_has_another_key() -> None:
    assert recipe.key_of(more="a") != recipe.key_of(more="b")
    assert recipe.base_key() == recipe.base_key()
