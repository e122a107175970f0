"""Which of two versions is the newer one. Pure and total: every text has its place.

Numbers count as numbers; what follows `~`, and `dev`, `a`, `b`, `rc`, comes before the version itself, what
follows `+` after it, as in PEP 440 and Debian's policy, as far as the two agree.
"""

import re

PART = re.compile(r"[0-9]+|[A-Za-z]+|[~+]")
BEFORE = {"~": -6, "dev": -5, "a": -4, "alpha": -4, "b": -3, "beta": -3, "c": -2, "rc": -2}
END = (0, 0, "")


def key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Give what versions are compared by."""
    parts: list[tuple[int, int, str]] = []
    for part in PART.findall(version):
        if part.isdigit():
            parts.append((2, int(part), ""))
        elif part in BEFORE:
            while parts and parts[-1] == (2, 0, ""):
                parts.pop()  # 1.0rc1 and 1.0.0rc1 are one
            parts.append((BEFORE[part], 0, ""))
        else:
            parts.append((1, 0, part))
    while parts and parts[-1] == (2, 0, ""):
        parts.pop()
    return (*parts, END)


def is_older(version: str, than: str) -> bool:
    """Tell whether a version is older than another."""
    return key(version) < key(than)
