"""One measured figure with its goal and its peer, and how a table of them is printed."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`ok` is None where a figure has no goal of its own; `peer` says what stands beside it."""

    what: str
    value: float
    unit: str
    goal: str = ""
    ok: bool | None = None
    peer: str = ""
    peer_value: float | None = None


def at_most(
    what: str, value: float, unit: str, limit: float, *, peer: str = "", peer_value: float | None = None
) -> Row:
    return Row(
        what=what, value=value, unit=unit, goal=f"≤ {limit:g} {unit}", ok=value <= limit, peer=peer,
        peer_value=peer_value,
    )  # fmt: skip


def at_least(
    what: str, value: float, unit: str, limit: float, *, peer: str = "", peer_value: float | None = None
) -> Row:
    return Row(
        what=what, value=value, unit=unit, goal=f"≥ {limit:g} {unit}", ok=value >= limit, peer=peer,
        peer_value=peer_value,
    )  # fmt: skip


def times_peer(what: str, value: float, unit: str, factor: float, *, peer: str, peer_value: float) -> Row:
    return Row(
        what=what, value=value, unit=unit, goal=f"≤ {factor:g} × peer", ok=value <= factor * peer_value,
        peer=peer, peer_value=peer_value,
    )  # fmt: skip


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def show(rows: list[Row]) -> str:
    lines = [f"{'figure':<58} {'value':>12} {'goal':>16}  {'':4} peer"]
    for row in rows:
        mark = {True: "ok", False: "MISS", None: ""}[row.ok]
        peer = f"{row.peer}: {row.peer_value:.3f} {row.unit}" if row.peer_value is not None else row.peer
        lines.append(f"{row.what:<58} {row.value:>9.3f} {row.unit:<3} {row.goal:>15}  {mark:4} {peer}")
    return "\n".join(lines)
