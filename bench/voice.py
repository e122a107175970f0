"""Decision to speak -> first audible sample, beside a bare aplay of the same clip."""

from bench.first_sound import LIMIT_P99_MS, measure
from bench.rows import Row, at_most, percentile


def run(rounds: int = 150) -> list[Row]:
    figures = measure(rounds)
    return [
        at_most("decision to speak → first sample p99", percentile(figures.ours_ms, 99), "ms", LIMIT_P99_MS,
                peer="bare aplay p99", peer_value=percentile(figures.bare_ms, 99)),
    ]  # fmt: skip
