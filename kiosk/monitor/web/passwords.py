"""Passwords: hashed with argon2id, checked in constant time, at most a few at once.

Never logs, keeps or returns one. 32 MiB and 2 passes cost about 80 ms of a core.
"""

import threading
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 10, 200  # letters
AT_ONCE = 2  # a flood of sign-ins must not take the machine's memory
MEMORY_KIB, PASSES, LANES = 32_768, 2, 1


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a password was right, and the hash to keep instead where the parameters have changed."""

    right: bool
    renewed: str = ""


@dataclass(frozen=True, slots=True)
class Passwords:
    """Makes and checks hashes; slow on purpose, so only in the threadpool."""

    hasher: PasswordHasher = field(
        default_factory=lambda: PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
    )
    _gate: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _nobody: list[str] = field(default_factory=list)

    def hash(self, password: str) -> str:
        """Hash a password."""
        with self._gate:
            return self.hasher.hash(password)

    def check(self, kept: str, password: str) -> Checked:
        """Compare a password with a hash; an empty hash takes as long and is never right."""
        if not self._nobody:
            self._nobody.append(self.hash("nobody has this password"))
        with self._gate:
            try:
                self.hasher.verify(kept or self._nobody[0], password)
            except (VerificationError, InvalidHashError):
                return Checked(right=False)
        if not kept:
            return Checked(right=False)
        return Checked(
            right=True, renewed=self.hash(password) if self.hasher.check_needs_rehash(kept) else ""
        )


def is_fit(password: str) -> bool:
    """Tell whether a password is long enough and not absurdly long."""
    return SHORTEST <= len(password) <= LONGEST
