"""A storm of edges is thinned out, and the core's debounce cannot tell the difference."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk import config, press
from kiosk.hw.edges_limit import FREE, REST_NS, SPACING_NS, EdgeLimiter
from kiosk.press import Press
from kiosk.wiring import Rules

MS = 1_000_000
S = 1000 * MS
ROUNDING_NS = MS  # epoll wakes up to that much later than it is asked to
MOST_A_S = 3 * S // SPACING_NS


@dataclass(frozen=True)
class Edge:
    timestamp_ns: int
    event_type: bool


def edges(gaps_ns: Iterable[int], *, since_ns: int = S) -> list[Edge]:
    times = itertools.accumulate(gaps_ns, initial=since_ns)
    return [Edge(at_ns, index % 2 == 1) for index, at_ns in enumerate(times)]


def storm(hz: int, seconds: float, *, since_ns: int = S) -> list[Edge]:
    """Give a square wave of so many periods a second, which ends released."""
    return edges([S // (2 * hz)] * int(seconds * 2 * hz - 1), since_ns=since_ns)


class Judge:
    """The core's debounce, to which time passes as it does to the core."""

    def __init__(self, rules: Rules) -> None:
        self.press = Press(rules=rules)
        self.said: list[press.Verdict] = []
        self.see(True, 0)

    def see(self, high: bool, at_ns: int) -> None:
        self.press, verdicts = press.observe(self.press, high=high, at_s=at_ns / S)
        self.said += verdicts

    def wait(self, until_ns: int) -> None:
        self.press, verdicts = press.advance(self.press, until_ns / S)
        self.said += verdicts


def raw(judge: Judge, stream: Sequence[Edge], until_ns: int) -> None:
    for edge in stream:
        judge.see(edge.event_type, edge.timestamp_ns)
    judge.wait(until_ns)


def limited(judge: Judge, stream: Sequence[Edge], until_ns: int) -> list[tuple[int, Edge]]:
    """Read as the reader does, as late as it may; give when each edge passed. The core is never late."""
    limiter: EdgeLimiter[Edge] = EdgeLimiter()
    passed: list[tuple[int, Edge]] = []
    waiting = list(stream)
    wake_ns: int | None = None
    while waiting or wake_ns is not None:
        now_ns = wake_ns + ROUNDING_NS if wake_ns is not None else waiting[0].timestamp_ns
        batch = [edge for edge in waiting if edge.timestamp_ns <= now_ns]
        del waiting[: len(batch)]
        judge.wait(now_ns - 1)
        for edge in limiter.take(batch, now_ns):
            judge.see(edge.event_type, edge.timestamp_ns)
            passed.append((now_ns, edge))
        wake_ns = limiter.wake_ns(now_ns)
    judge.wait(until_ns)
    return passed


def test_no_shorter_rest_counts_anywhere() -> None:
    """What is thinned out are levels that rest for less."""
    schema = msgspec.json.schema(config.Button)["$defs"]["Button"]["properties"]
    assert schema["stable_ms"]["minimum"] * MS == REST_NS
    assert Rules().stable_s * S >= REST_NS
    assert SPACING_NS + ROUNDING_NS < REST_NS


def test_an_ordinary_press_with_every_bounce_passes_at_once() -> None:
    limiter: EdgeLimiter[Edge] = EdgeLimiter()
    for edge in edges([200_000] * (FREE - 1)):
        assert limiter.take([edge], edge.timestamp_ns) == [edge]
        assert limiter.wake_ns(edge.timestamp_ns) is None  # and the line is read at its next edge


def test_slow_noise_passes_as_it_is() -> None:
    hum = storm(50, 20)
    assert [edge for _, edge in limited(Judge(Rules()), hum, 30 * S)] == hum


@pytest.mark.parametrize("hz", [60, 150, 385, 1000, 2000, 20_000])
def test_a_storm_passes_a_bounded_number_of_edges_a_second(hz: int) -> None:
    passed = limited(Judge(Rules()), storm(hz, 3), 30 * S)
    assert len(passed) <= FREE + 3 * MOST_A_S
    if hz >= 2000:
        assert len(passed) <= FREE + 3 * 340
    assert passed[-1][1] == storm(hz, 3)[-1]


@pytest.mark.parametrize(
    "pattern_ns",
    [
        (100_000, 1 * MS),
        (100_000, 2_900_000),
        (100_000, 4 * MS),
        pytest.param((285_000, 44_000, 2_675_000), id="the dearest that a search found"),
    ],
    ids=str,
)
def test_a_storm_of_spikes_passes_a_bounded_number_too(pattern_ns: tuple[int, ...]) -> None:
    passed = limited(Judge(Rules()), edges(pattern_ns * 500), 30 * S)
    span_s = passed[-1][0] / S - 1
    assert len(passed) <= FREE + 3 + span_s * MOST_A_S


@pytest.mark.parametrize("stable_s", [0.005, 0.015, 0.04])
def test_a_storm_is_noise_and_never_a_press(stable_s: float) -> None:
    judge = Judge(Rules(stable_s=stable_s))
    limited(judge, storm(2000, 12), 14 * S)
    assert judge.said == ["noisy", "quiet"]


def test_a_press_right_after_a_storm_is_seen_in_time() -> None:
    noise = storm(2000, 2)
    hand = edges([30 * MS], since_ns=noise[-1].timestamp_ns + 6 * MS)
    judge = Judge(Rules())
    passed = limited(judge, [*noise, *hand], 5 * S)
    assert judge.said == ["pressed"]
    assert [(at_ns - edge.timestamp_ns) for at_ns, edge in passed[-2:]] == [0, 0]


gaps = st.lists(
    st.one_of(
        st.integers(10_000, 900_000),
        st.integers(900_000, 6 * MS),
        st.sampled_from([4_999_999, 5 * MS, 5_000_001, 2_999_999, 3 * MS]),
        st.integers(6 * MS, 60 * MS),
    ),
    max_size=120,
)


@given(gaps, st.sampled_from([0.005, 0.006, 0.015]), st.sampled_from(["single", "hold", "double"]))
@example([100_000] * 80 + [5 * MS] * 3 + [100_000] * 9, 0.005, "single")
def test_the_core_judges_a_limited_stream_as_the_whole_one(
    after_ns: list[int], stable_s: float, guard: str
) -> None:
    rules = Rules(stable_s=stable_s, guard=guard, hold_s=0.2, stuck_s=5.0)  # type: ignore[arg-type]
    stream = [*edges([100_000] * (FREE - 1)), *edges(after_ns, since_ns=S + FREE * 100_000)]
    whole, thinned = Judge(rules), Judge(rules)
    raw(whole, stream, 20 * S)
    passed = limited(thinned, stream, 20 * S)
    assert thinned.said == whole.said
    assert thinned.press == whole.press
    order = [edge.timestamp_ns for _, edge in passed]
    assert order == sorted(set(order))
    assert passed[-1][1] == stream[-1]


@given(gaps)
def test_no_edge_is_held_for_longer_than_the_shortest_rest(after_ns: list[int]) -> None:
    stream = edges([100_000] * FREE + after_ns)
    for at_ns, edge in limited(Judge(Rules()), stream, 20 * S):
        assert at_ns - edge.timestamp_ns < REST_NS


def test_what_is_held_passes_when_nothing_follows_whatever_clock_stamps_the_edges() -> None:
    limiter: EdgeLimiter[Edge] = EdgeLimiter()
    stream = storm(2000, 1, since_ns=900 * S)
    passed = limiter.take(stream, S)
    assert limiter.wake_ns(S) == S + SPACING_NS
    assert [*passed, *limiter.take([], S)][-1] is stream[-1]
    assert limiter.take([], S) == []


def test_a_level_told_twice_after_lost_edges_hides_no_other() -> None:
    limiter: EdgeLimiter[Edge] = EdgeLimiter()
    limiter.take(edges([1000] * (FREE - 1)), S)
    at_ns = S + FREE * 1000
    again = [Edge(at_ns, True), Edge(at_ns + 1000, False), Edge(at_ns + 2000, True)]  # the last was True, too
    assert limiter.take(again, at_ns + 3000) == []
    assert limiter.take([], at_ns + 4000) == again[1:]


def test_edges_of_one_direction_are_only_spaced() -> None:
    limiter: EdgeLimiter[Edge] = EdgeLimiter()
    rising = [Edge(S + index * 500_000, True) for index in range(1000)]
    passed = limiter.take(rising, rising[-1].timestamp_ns)
    assert FREE + 100 < len(passed) <= FREE + MOST_A_S
