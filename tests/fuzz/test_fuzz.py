"""Every target takes its seeds and some damaged ones; `make fuzz` goes on, guided by coverage."""

import random
from dataclasses import replace

import pytest

from fuzz.targets import TARGETS

TURNS = 150
SPLICES = (
    b"\xff", b"\0", b"\r\n", b"{", b"[" * 60, b'"', b"\\u0000", b"-1", b"1e999", b"9" * 30, "Қ".encode(),
)  # fmt: skip


def damaged(chance: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """Take a seed and change it here and there: bytes flipped, cut, repeated, spliced."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(data))
        match chance.randrange(5):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + chance.randint(1, 40)]
            case 2:
                data[at:at] = data[max(0, at - chance.randint(1, 200)) : at]
            case 3:
                data[at:at] = chance.choice(SPLICES)
            case _:
                data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_a_value_or_a_refusal_in_words_comes_out(name: str) -> None:
    seed = random.randrange(2**32)
    chance, target = random.Random(seed), TARGETS[name]
    seeds = target.seeds()
    for data in (b"", *seeds, *(damaged(chance, seeds) for _ in range(TURNS))):
        try:
            target.take(data)
        except Exception as error:
            raise AssertionError(f"{name}: seed {seed}, input {data!r}") from error


def test_a_planted_bug_is_found() -> None:
    """A parser that lets an exception of its library out is caught."""
    leaky = replace(TARGETS["manifest"], refuses=())
    with pytest.raises(Exception, match=r"MANIFEST|bundle"):
        leaky.take(b"pana-bundle 2")
